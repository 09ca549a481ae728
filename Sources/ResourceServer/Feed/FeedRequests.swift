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
        let pairs = FormEncoding.encode(query.map { (name: $0, value: $1) })
        let credentials = BasicCredentials(name: subscription.clientID, secret: subscription.secret)
        return TransportRequest(
            url: "\(endpoints.feed)/\(resource)?\(pairs)",
            headers: [
                ("Accept", type), ("Authorization", credentials.authorization),
                ("Cache-Control", "no-store"),
            ],
            timeout: timeout
        )
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
