internal import Instants
internal import IssuerConnection
internal import JOSE
internal import RevocationFeed

/// An issuer in this process whose feed has as many entries as are asked for: what a verifier reads of it is signed,
/// verified and kept as if it came from a server.
struct SetIssuer: HTTPTransport {
    static let name = "http://127.0.0.1:1"
    static let audience = "https://orders.example"

    private let tokenKey: SigningKey
    private let feedKey: SigningKey
    private let entries: [UInt8]
    private let position: FeedPosition

    /// An issuer that has ended `count` things, all of which still matter for an hour.
    init(entries count: Int) throws {
        tokenKey = try SigningKey.generate(.es256, keyID: "token")
        feedKey = try SigningKey.generate(FeedMessage.algorithm, keyID: "feed")
        var random = Sequence64(seed: 7)
        let now = SystemClientClock().now
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count * FeedEntry.byteCount)
        for _ in 0..<count {
            bytes += SetIssuer.entry(at: now, using: &random).bytes
        }
        entries = bytes
        position = FeedPosition(
            epoch: "bench",
            sequence: UInt64(count),
            hash: [UInt8](repeating: 0, count: FeedPosition.hashLength)
        )
    }

    /// One more thing that ended.
    static func entry(at now: Instant, using random: inout Sequence64) -> FeedEntry {
        FeedEntry(
            kind: .handle,
            notBefore: now,
            expiresAt: now + .seconds(3600),
            handle: RevocationHandle(high: random.next(), low: random.next())
        )
    }

    /// Access tokens with five handles each, none of which has ended.
    func tokens(_ count: Int) throws -> [String] {
        var random = Sequence64(seed: 99)
        let now = SystemClientClock().now
        return try (0..<count).map { number in
            let handles = (0..<5).map { _ in RevocationHandle(high: random.next(), low: random.next()) }
            let seconds = now.millisecondsSinceEpoch / 1000
            let claims: JSONObject = [
                "iss": .string(Self.name), "sub": .string("5ba552d6-7f0e-4c2b-93c4-5c1c0bb2f3aa"),
                "aud": .string(Self.audience), "exp": .integer(seconds + 3600), "iat": .integer(seconds),
                "jti": .string("bench-\(number)"), "client_id": .string("s6BhdRkqt3"),
                "scope": .string("orders:read orders:write"),
                RevocationClaim.name: .string(RevocationClaim(issuedAt: now, handles: handles).text),
            ]
            return try JWT.signed(claims, type: "at+jwt", by: tokenKey)
        }
    }

    // MARK: - What it answers

    private var metadata: String {
        """
        {"issuer":"\(Self.name)","jwks_uri":"\(Self.name)/jwks","token_endpoint":"\(Self.name)/token",\
        "introspection_endpoint":"\(Self.name)/introspect","revocation_feed_endpoint":"\(Self.name)/revocations",\
        "revocation_feed_jwks_uri":"\(Self.name)/revocations/jwks"}
        """
    }

    private var tokenKeys: [UInt8] { Self.keySet(of: tokenKey) }

    private static func keySet(of key: SigningKey) -> [UInt8] {
        let document: JSONObject = ["keys": .array([.object(key.publicJWK.members)])]
        return document.serialized()
    }

    private func message(_ content: FeedMessage.Content) throws -> String {
        try FeedMessage(
            issuer: Self.name,
            audience: Self.audience,
            asOf: SystemClientClock().now,
            position: position,
            keySetDigest: FeedMessage.digest(ofKeySet: tokenKeys),
            content: content
        ).signed(by: feedKey)
    }

    func send(_ request: TransportRequest) async throws(TransportError) -> TransportResponse {
        let body: [UInt8]
        switch request.url {
        case "\(Self.name)/jwks": body = tokenKeys
        case "\(Self.name)/revocations/jwks": body = Self.keySet(of: feedKey)
        case let url where url.contains("/.well-known/"): body = Array(metadata.utf8)
        default: return TransportResponse(status: 404)
        }
        return TransportResponse(status: 200, headers: [("Content-Type", "application/json")], body: body)
    }

    func stream(
        _ request: TransportRequest,
        idleTimeout: Duration,
        onHead: (TransportResponse) throws -> Void,
        onBytes: ([UInt8]) throws -> Void
    ) async throws(TransportError) {
        let nonce = request.url.split(separator: "nonce=").last?.prefix { $0 != "&" } ?? ""
        do {
            if request.url.contains("/snapshot?") {
                try onHead(Self.head("application/vnd.signet.revocation-snapshot"))
                let content = FeedMessage.Content.snapshot(
                    nonce: String(nonce),
                    count: entries.count / FeedEntry.byteCount,
                    digest: FeedMessage.digest(ofSnapshot: entries)
                )
                try onBytes(Array((message(content) + "\n").utf8))
                for start in stride(from: 0, to: entries.count, by: 64 * 1024) {
                    try onBytes(Array(entries[start..<min(entries.count, start + 64 * 1024)]))
                }
                return
            }
            try onHead(Self.head("text/event-stream"))
            try onBytes(event("hello", .hello(nonce: String(nonce))))
            while true {
                try await Task.sleep(for: .milliseconds(250))
                try onBytes(event("heartbeat", .heartbeat))
            }
        } catch {
            throw TransportError(Task.isCancelled ? .cancelled : .stopped, reason: "\(error)")
        }
    }

    private static func head(_ type: String) -> TransportResponse {
        TransportResponse(status: 200, headers: [("Content-Type", type)])
    }

    private func event(_ name: String, _ content: FeedMessage.Content) throws -> [UInt8] {
        Array("event: \(name)\nid: \(position.sequence)\ndata: \(try message(content))\n\n".utf8)
    }
}
