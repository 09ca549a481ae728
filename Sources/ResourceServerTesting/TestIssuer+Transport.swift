internal import Instants
public import IssuerConnection
internal import JOSE
internal import OAuthVocabulary
internal import RevocationFeed
internal import Synchronization

extension TestIssuer {
    /// Answers a request as an issuer would.
    public func send(_ request: TransportRequest) async throws(TransportError) -> TransportResponse {
        let target = try await admit(request)
        switch (request.method, target.path) {
        case ("GET", "/.well-known/oauth-authorization-server"), ("GET", "/.well-known/openid-configuration"):
            return Self.json(.object(metadata))
        case ("GET", "/jwks"):
            return TransportResponse(status: 200, headers: [("Content-Type", "application/jwk-set+json")], body: keySet)
        case ("GET", "/revocations/jwks"):
            return Self.json(["keys": [.object(feedKey.publicJWK.members)]])
        case ("POST", "/introspect"):
            guard isCredential(request) else { return Self.refused }
            return Self.json(.object(introspected(Self.form(request.body)["token"] ?? "")))
        case ("GET", "/revocations/snapshot"):
            guard isCredential(request) else { return Self.refused }
            return TransportResponse(
                status: 200,
                headers: [("Content-Type", "application/vnd.signet.revocation-snapshot")],
                body: snapshot(nonce: target.query["nonce"] ?? "")
            )
        case ("GET", "/revocations/poll"):
            guard isCredential(request) else { return Self.refused }
            let found = messages(
                after: target.query["after"].flatMap { UInt64($0) } ?? 0,
                epoch: target.query["epoch"] ?? "",
                nonce: target.query["nonce"] ?? ""
            )
            guard let found else { return Self.snapshotRequired }
            return Self.json(["messages": .array(found.texts.map { .string($0.text) })])
        default:
            return TransportResponse(status: 404)
        }
    }

    /// Streams the revocation feed.
    public func stream(
        _ request: TransportRequest,
        idleTimeout: Duration,
        onHead: (TransportResponse) throws -> Void,
        onBytes: ([UInt8]) throws -> Void
    ) async throws(TransportError) {
        guard request.url.hasPrefix(issuer + "/revocations/events") else {
            // Everything else that is read as a stream has an end: a snapshot.
            let response = try await send(request)
            try Self.hand(to: onHead, TransportResponse(status: response.status, headers: response.headers))
            if !response.body.isEmpty { try Self.hand(to: onBytes, response.body) }
            return
        }
        let target = try await admit(request)
        guard isCredential(request) else { return try Self.hand(to: onHead, Self.refused) }
        let line = open(
            after: target.query["after"].flatMap { UInt64($0) } ?? 0,
            epoch: target.query["epoch"] ?? "",
            nonce: target.query["nonce"] ?? ""
        )
        guard let line else { return try Self.hand(to: onHead, Self.snapshotRequired) }
        defer { close(line) }
        try Self.hand(
            to: onHead,
            TransportResponse(
                status: 200,
                headers: [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store")]
            )
        )
        while let parcel = await line.next() {
            defer { parcel.receipt?.resume() }
            try Self.hand(to: onBytes, parcel.bytes)
        }
        if Task.isCancelled { throw TransportError(.cancelled, reason: "cancelled") }
        guard state.withLock({ $0.isUp }) else {
            throw TransportError(.connectionLost, reason: "the test issuer is down")
        }
    }

    private static func hand<Value>(to callback: (Value) throws -> Void, _ value: Value) throws(TransportError) {
        do {
            try callback(value)
        } catch {
            throw TransportError(.stopped, reason: "\(error)")
        }
    }

    // MARK: - Requests

    private struct Target {
        let path: String
        let query: [String: String]
    }

    /// Notes a request, keeps it waiting if everybody is, and takes its address apart.
    private func admit(_ request: TransportRequest) async throws(TransportError) -> Target {
        guard request.url.hasPrefix(issuer) else {
            throw TransportError(.unreachable, reason: "the test issuer is \(issuer) and nothing else")
        }
        let parts = request.url.dropFirst(issuer.count).split(separator: "?", maxSplits: 1).map(String.init)
        let path = parts.first ?? ""
        let isHeld = state.withLock { state in
            state.requests.append("\(request.method) \(path)")
            return state.isHeld
        }
        if isHeld { await keepWaiting() }
        guard state.withLock({ $0.isUp }) else {
            throw TransportError(.unreachable, reason: "the test issuer is down")
        }
        return Target(path: path, query: parts.count > 1 ? Self.form(Array(parts[1].utf8)) : [:])
    }

    private func keepWaiting() async {
        await withCheckedContinuation { continuation in
            let isHeld = state.withLock { state in
                if state.isHeld { state.held.append(continuation) }
                return state.isHeld
            }
            if !isHeld { continuation.resume() }
        }
    }

    private func isCredential(_ request: TransportRequest) -> Bool {
        Secret(request.header("Authorization") ?? "") == Secret(Self.authorization)
    }

    /// `test-api:test-secret` (RFC 7617 §2).
    private static let authorization = "Basic dGVzdC1hcGk6dGVzdC1zZWNyZXQ="

    /// The fields of a form or a query.
    private static func form(_ bytes: [UInt8]) -> [String: String] {
        var fields: [String: String] = [:]
        for field in bytes.split(separator: UInt8(ascii: "&")) {
            let pair = field.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            fields[decoded(pair[0])] = pair.count > 1 ? decoded(pair[1]) : ""
        }
        return fields
    }

    private static func decoded(_ bytes: ArraySlice<UInt8>) -> String {
        var result: [UInt8] = []
        var rest = bytes
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let code = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) {
                result.append(code)
                rest = rest.dropFirst(2)
            } else {
                result.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    // MARK: - Answers

    private static let refused = TransportResponse(status: 401, headers: [("WWW-Authenticate", "Basic")])
    private static let snapshotRequired = TransportResponse(
        status: 410,
        headers: [("Content-Type", "application/json")],
        body: Array("{\"error\":\"snapshot_required\"}".utf8)
    )

    private static func json(_ value: JSON) -> TransportResponse {
        TransportResponse(status: 200, headers: [("Content-Type", "application/json")], body: value.serialized())
    }

    private var metadata: JSONObject {
        [
            "issuer": .string(issuer), "jwks_uri": .string(issuer + "/jwks"),
            "introspection_endpoint": .string(issuer + "/introspect"),
            "revocation_feed_endpoint": .string(issuer + "/revocations"),
            "revocation_feed_jwks_uri": .string(issuer + "/revocations/jwks"),
        ]
    }

    /// RFC 7662 §2.2: a token that is not its own, has expired or was revoked is not active, and nothing more is said.
    private func introspected(_ token: String) -> JSONObject {
        guard let minted = state.withLock({ $0.minted[token] }),
            let expiry = minted.claims["exp"]?.integerValue, clock.now < Instant(secondsSinceEpoch: expiry),
            !isRevoked(minted)
        else { return ["active": false] }
        var answer: JSONObject = ["active": true, "token_type": "Bearer"]
        for (name, value) in minted.claims { answer[name] = value }
        return answer
    }
}
