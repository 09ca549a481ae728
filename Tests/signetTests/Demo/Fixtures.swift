import AuthorizationServer
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Instants
import Logging
import ResourceServerHummingbird
import ResourceServerTesting
import Synchronization

@testable import signet

/// A moment that stands still until a test moves it.
final class FixedTime: TimeSource {
    private let now: Mutex<Instant>

    init(_ now: Instant) { self.now = Mutex(now) }

    func moment() -> Moment { Moment(now.withLock(\.self)) }

    func advance(by duration: Duration) { now.withLock { $0 = $0 + duration } }
}

/// An issuer, and the demo that trusts it.
struct DemoFixture {
    typealias API = Application<RouterResponder<BearerContext>>

    let configuration = DemoConfiguration(
        issuer: "http://localhost:8080",
        clientID: "demo",
        host: "localhost",
        applicationPort: 8081,
        apiPort: 8082,
        audience: "http://localhost:8082",
        scopes: ["openid", "orders:read"]
    )
    let issuer: TestIssuer
    let logger: Logger

    init() throws {
        // A handler that keeps metadata, where the name of a request lies, and says nothing.
        var logger = Logger(label: "demo", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = .critical
        self.logger = logger
        issuer = try TestIssuer(issuer: configuration.issuer, audience: configuration.audience)
    }

    /// Runs the demo API for a test; it follows the issuer's revocation feed.
    func withAPI(_ body: @Sendable (API) async throws -> Void) async throws {
        try await issuer.withVerifier(configured: DemoAPI.verification(issuer.credentials)) { verifier in
            let demo = DemoAPI(configuration: configuration, verifier: verifier, logger: logger)
            try await body(Application(router: demo.router(), logger: logger))
        }
    }

    /// An access token that differs from a good one only in what the caller changes.
    func token(_ change: (inout TestClaims) -> Void = { _ in }) throws -> String {
        try issuer.token(scope: "openid orders:read", change)
    }
}

/// Asks for the demo's orders, or for something else.
func get(
    _ path: String,
    _ headers: HTTPFields,
    from application: some ApplicationProtocol
) async throws -> TestResponse {
    try await application.test(.router) { client in
        try await client.executeRequest(uri: path, method: .get, headers: headers, body: nil)
    }
}
