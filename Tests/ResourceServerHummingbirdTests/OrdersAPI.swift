import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JOSE
import Logging
import ResourceServer
import ResourceServerHummingbird
import ResourceServerTesting
import Synchronization
import Testing

/// A small API behind the middleware, and an issuer in the same process.
struct OrdersAPI {
    let issuer: TestIssuer
    let log = CapturedLog()

    init() throws { issuer = try TestIssuer(audience: "https://api.test/orders") }

    static let metadata = ProtectedResourceMetadata(
        resource: "https://api.test/orders",
        authorizationServers: ["https://issuer.test"],
        scopes: ["orders:read", "orders:write"],
        name: "Orders"
    )

    /// Runs the API for a test.
    func open(_ body: @Sendable @escaping (Caller) async throws -> Void) async throws {
        let metadata = try #require(Self.metadata)
        var configuration = VerifierConfiguration(revocation: .feed(issuer.credentials))
        configuration.metadata = metadata
        try await issuer.withVerifier(configured: configuration) { verifier in
            let application = Application(router: router(verifier, metadata), logger: logger)
            try await application.test(.router) { client in try await body(Caller(client: client)) }
        }
    }

    private var logger: Logger {
        let log = log
        var logger = Logger(label: "orders", factory: { _ in log })
        logger.logLevel = .trace
        return logger
    }

    private func router(_ verifier: TokenVerifier, _ metadata: ProtectedResourceMetadata) -> Router<BearerContext> {
        let router = Router(context: BearerContext.self)
        router.addMetadata(metadata)
        router.protected("orders", by: verifier, for: .scope("orders:read"))
            .get { _, context in "the orders of \(context.accessToken.subject)" }
        router.group("orders/new")
            .add(middleware: BearerAuthentication(verifier, .scope("orders:read")))
            .add(middleware: BearerAuthentication(verifier, .scope("orders:write")))
            .post { _, context in "made by \(context.accessToken?.clientID ?? "nobody")" }
        router.group("price").add(middleware: BearerAuthentication(verifier, .anyToken, .optional))
            .get { _, context in "the price for \(context.accessToken?.subject ?? "everybody")" }
        router.protected("accounts", by: verifier, for: RoutePolicy(.acr(anyOf: ["urn:example:mfa"])))
            .get { _, _ in "accounts" }
        router.protected("audit", by: verifier, for: .anyToken.when(stale: .strict())).get { _, _ in "audit" }
        router.group("forgotten", context: AuthorizedContext<BearerContext>.self).get { _, _ in "open" }
        return router
    }
}

/// Somebody who calls the API.
struct Caller: Sendable {
    let client: any TestClientProtocol

    func send(
        _ method: HTTPRequest.Method = .get,
        _ path: String = "/orders",
        token: String? = nil,
        _ headers: HTTPFields = [:]
    ) async throws -> Answer {
        var headers = headers
        if let token { headers.append(HTTPField(name: .authorization, value: "Bearer \(token)")) }
        return Answer(try await client.executeRequest(uri: path, method: method, headers: headers, body: nil))
    }
}

/// What an answer is made of, as far as it is the middleware's.
struct Answer: Equatable, CustomStringConvertible {
    var status: Int
    var challenge: String?
    var retryAfter: String?
    var body: String

    init(_ status: Int, _ body: String) { self.init(status, nil, body) }

    init(_ status: Int, _ challenge: String?, retryAfter: String? = nil, _ body: String) {
        self.status = status
        self.challenge = challenge
        self.retryAfter = retryAfter
        self.body = body
    }

    init(_ response: TestResponse) {
        status = response.status.code
        challenge = response.headers[.wwwAuthenticate]
        retryAfter = response.headers[.retryAfter]
        body = String(buffer: response.body)
        // The name of the request in the log is another in every run.
        if let object = try? JSONObject(parsing: Array(body.utf8)), let traceID = object["trace_id"]?.stringValue {
            body = body.replacing(traceID, with: "TRACE")
        }
        if status >= 400,
            response.headers[.cacheControl] != "no-store" || response.headers[.contentType] != "application/json"
        {
            body = "not uncached JSON: " + body
        }
    }

    var description: String { "\(status) \(challenge ?? "-") \(retryAfter ?? "-") \(body)" }
}

/// Everything that was logged, in one text.
final class CapturedLog: LogHandler {
    private let lines = Mutex<[String]>([])

    var text: String { lines.withLock { $0.joined(separator: "\n") } }

    func log(event: LogEvent) {
        lines.withLock { $0.append("\(event.level) \(event.message) \(event.metadata ?? [:])") }
    }

    subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { key == "hb.request.id" ? "request-1" : nil }
        set {}
    }
    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }
}
