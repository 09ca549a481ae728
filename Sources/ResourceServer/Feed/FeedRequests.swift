import FoundationEssentials
import Instants
import IssuerConnection
import OAuthVocabulary
import RevocationFeed

/// Where the issuer serves its feed.
struct FeedEndpoints: Hashable, Sendable {
    let feed: String
    let keys: String

    init(_ metadata: IssuerMetadata) throws(FeedFault) {
        guard let feed = metadata.revocationFeedEndpoint, let keys = metadata.revocationFeedKeysURI else {
            throw FeedFault(.discovery, "the issuer has no revocation feed")
        }
        self.feed = feed
        self.keys = keys
    }
}

/// The requests of the reader.
struct FeedRequests: Sendable {
    static let snapshotType = "application/vnd.signet.revocation-snapshot"
    static let eventsType = "text/event-stream"
    static let pollType = "application/json"
    static let maximumPollBytes = 4 * 1024 * 1024

    let endpoints: FeedEndpoints
    let subscription: FeedSubscription
    let limits: FeedLimits

    func snapshot(nonce: String) -> TransportRequest {
        authenticated("snapshot", [("nonce", nonce)], Self.snapshotType, within: limits.helloTimeout)
    }

    func events(nonce: String, after position: FeedPosition) -> TransportRequest {
        authenticated("events", place(nonce, position), Self.eventsType, within: limits.helloTimeout)
    }

    func poll(nonce: String, after position: FeedPosition) -> TransportRequest {
        var request = authenticated(
            "poll",
            place(nonce, position) + [("wait", String(limits.pollingWait))],
            Self.pollType,
            within: limits.helloTimeout + .seconds(limits.pollingWait)
        )
        request.maximumBytes = Self.maximumPollBytes
        return request
    }

    var keys: TransportRequest {
        TransportRequest(url: endpoints.keys, headers: [("Accept", "application/json")], timeout: limits.helloTimeout)
    }

    private func place(_ nonce: String, _ position: FeedPosition) -> [(String, String)] {
        [("nonce", nonce), ("epoch", position.epoch), ("after", String(position.sequence))]
    }

    private func authenticated(
        _ resource: String,
        _ query: [(String, String)],
        _ type: String,
        within timeout: Duration
    ) -> TransportRequest {
        let pairs = query.map { "\($0)=\(Self.encoded($1))" }.joined(separator: "&")
        // RFC 6749 §2.3.1 has both halves form-encoded before they are joined.
        let credential = "\(Self.encoded(subscription.clientID)):\(Self.encoded(subscription.secret.exposed))"
        return TransportRequest(
            url: "\(endpoints.feed)/\(resource)?\(pairs)",
            headers: [
                ("Accept", type), ("Authorization", "Basic \(Data(credential.utf8).base64EncodedString())"),
                ("Cache-Control", "no-store"),
            ],
            timeout: timeout
        )
    }

    /// Every octet but letters, digits and `-._~` as `%XX`.
    private static func encoded(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return encoded
    }

    /// Whether the response is what was asked for.
    static func check(_ head: TransportResponse, is type: String, now: Instant) throws(FeedFault) {
        switch head.status {
        case 200:
            let given = (head.header("Content-Type") ?? "").lowercased()
            guard given.prefix(while: { $0 != ";" && $0 != " " }) == type else {
                throw FeedFault(.format, "another content type than \(type)")
            }
        case 410:
            throw FeedFault(.snapshotRequired, "the position is no longer served", remedy: .snapshot)
        default:
            let wait = head.header("Retry-After").flatMap { RetryAfter.read($0, now: now) }
            throw FeedFault(.status, "status \(head.status)", retryAfter: wait)
        }
    }
}
