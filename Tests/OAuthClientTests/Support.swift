// The issuer of these tests: a script behind the transport, with real keys, that counts what it was asked.

import Foundation
import Instants
import IssuerConnection
import JOSE
import OAuthClient
import Synchronization
import Testing

/// A clock that stands until somebody sleeps on it: then it moves on by that much, at once.
final class SetClock: ClientClock {
    private let state: Mutex<(now: Instant, uptime: Duration, waits: [Duration])>

    init(now: Instant = Instant(secondsSinceEpoch: 1_800_000_000)) {
        state = Mutex((now, .seconds(1000), []))
    }

    var now: Instant { state.withLock { $0.now } }
    var uptime: Duration { state.withLock { $0.uptime } }
    /// How long was slept, in order.
    var waits: [Duration] { state.withLock { $0.waits } }

    func advance(by duration: Duration) {
        state.withLock { state in
            state.now = state.now + duration
            state.uptime += duration
        }
    }

    func sleep(for duration: Duration) async throws {
        try Task.checkCancellation()
        state.withLock { $0.waits.append(duration) }
        advance(by: duration)
        await Task.yield()
    }
}

/// A request as the issuer sees it.
struct Received: Sendable {
    let method: String
    let path: String
    let form: [String: String]
    /// Every value of a field, in order.
    let all: [(name: String, value: String)]
    let headers: [(String, String)]

    func header(_ name: String) -> String? { headers.first { $0.0 == name }?.1 }

    init(_ request: TransportRequest) {
        method = request.method
        let url = URLComponents(string: request.url)
        path = url?.path ?? ""
        headers = request.headers
        all = Received.fields(String(decoding: request.body, as: UTF8.self))
        form = Dictionary(all.map { ($0.name, $0.value) }) { first, _ in first }
    }

    static func fields(_ text: String) -> [(name: String, value: String)] {
        var components = URLComponents()
        components.percentEncodedQuery = text.replacingOccurrences(of: "+", with: "%20")
        return text.isEmpty ? [] : (components.queryItems ?? []).map { ($0.name, $0.value ?? "") }
    }

    /// The query of a URL that the client made.
    static func query(of url: String) -> [String: String] {
        let text = url.split(separator: "?", maxSplits: 1).last.map(String.init) ?? ""
        return Dictionary(fields(text).map { ($0.name, $0.value) }) { first, _ in first }
    }
}

/// An issuer without a network.
final class FakeIssuer: HTTPTransport {
    typealias Handler = @Sendable (Received) async throws(TransportError) -> TransportResponse

    static let url = "https://issuer.example"
    static let key = try? SigningKey.generate(.es256, keyID: "k1")

    let url: String
    private let handlers = Mutex<[String: Handler]>([:])
    private let log = Mutex<[Received]>([])

    init(_ url: String = FakeIssuer.url, metadata: JSONObject = [:]) throws {
        self.url = url
        let key = try #require(Self.key)
        var document: JSONObject = [
            "issuer": .string(url), "authorization_endpoint": .string("\(url)/authorize"),
            "token_endpoint": .string("\(url)/token"), "jwks_uri": .string("\(url)/jwks"),
            "userinfo_endpoint": .string("\(url)/userinfo"), "end_session_endpoint": .string("\(url)/logout"),
            "revocation_endpoint": .string("\(url)/revoke"), "device_authorization_endpoint": .string("\(url)/device"),
            "authorization_response_iss_parameter_supported": true,
        ]
        for (name, value) in metadata { document[name] = value }
        let served = document
        on("/.well-known/oauth-authorization-server") { _ in .json(.object(served)) }
        on("/jwks") { _ in .json(["keys": [.object(key.publicJWK.members)]]) }
    }

    func on(_ path: String, _ handler: @escaping Handler) { handlers.withLock { $0[path] = handler } }

    /// What was asked at a path.
    func received(_ path: String) -> [Received] { log.withLock { $0.filter { $0.path == path } } }

    func send(_ request: TransportRequest) async throws(TransportError) -> TransportResponse {
        let received = Received(request)
        log.withLock { $0.append(received) }
        guard let handler = handlers.withLock({ $0[received.path] }) else { return .json([:], status: 404) }
        return try await handler(received)
    }

    func stream(
        _ request: TransportRequest,
        idleTimeout: Duration,
        onHead: (TransportResponse) throws -> Void,
        onBytes: ([UInt8]) throws -> Void
    ) async throws(TransportError) {
        throw TransportError(.unreachable, reason: "nothing is streamed here")
    }

    func idToken(_ claims: JSONObject, by key: SigningKey? = FakeIssuer.key, type: String = "JWT") throws -> String {
        try JWT.signed(claims, type: type, by: try #require(key))
    }
}

extension TransportResponse {
    static func json(
        _ value: JSON,
        status: Int = 200,
        _ headers: [(name: String, value: String)] = []
    ) -> TransportResponse {
        TransportResponse(
            status: status,
            headers: [(name: "Content-Type", value: "application/json")] + headers,
            body: value.serialized()
        )
    }

    static func tokens(_ token: String, _ expiresIn: Int64? = 600, _ more: JSONObject = [:]) -> TransportResponse {
        var members: JSONObject = ["access_token": .string(token), "token_type": "Bearer"]
        members["expires_in"] = expiresIn.map(JSON.integer)
        for (name, value) in more { members[name] = value }
        return .json(.object(members))
    }

    static func refusal(_ error: String, status: Int = 400) -> TransportResponse {
        .json(
            ["error": .string(error), "error_description": "as scripted"],
            status: status,
            [(name: "Signet-Trace-Id", value: "trace-1")]
        )
    }
}

/// Counts from many tasks.
final class Counter: Sendable {
    private let value = Mutex(0)

    var count: Int { value.withLock { $0 } }

    @discardableResult
    func add() -> Int {
        value.withLock { value in
            value += 1
            return value
        }
    }
}

/// Holds tasks until it is opened.
struct Gate: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stream, continuation) = AsyncStream<Void>.makeStream() }

    func open() { continuation.finish() }

    func wait() async { for await _ in stream {} }
}

extension ClientEnvironment {
    static func test(_ transport: any HTTPTransport, clock: SetClock, retries: RetryPolicy = .standard) -> Self {
        ClientEnvironment(transport: transport, retries: retries, clock: clock)
    }
}

/// What a statement throws, if it is an `OAuthClientError`.
func refusal(_ statement: () async throws -> Void) async -> OAuthClientError? {
    do {
        try await statement()
        return nil
    } catch {
        return error as? OAuthClientError
    }
}

extension JSONObject {
    func setting(_ name: String, _ value: JSON?) -> JSONObject {
        var copy = self
        copy[name] = value
        return copy
    }
}
