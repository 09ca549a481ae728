import Hummingbird
import IssuerConnection
import Logging
import ResourceServer
import ResourceServerHummingbird
import Synchronization

/// Prints each decision: how fresh the knowledge of revocations was, and how often the issuer had been asked so far.
struct Decisions: RouterMiddleware {
    let verifier: TokenVerifier
    let transport: CountingTransport
    let logger: Logger

    func handle(
        _ request: Request,
        context: BearerContext,
        next: (Request, BearerContext) async throws -> Response
    ) async throws -> Response {
        let before = transport.requests
        let response = try await next(request, context)
        let staleness = verifier.statistics.staleness.map { "\(Int($0 / .milliseconds(1))) ms" } ?? "unknown"
        logger.info(
            "\(response.status.code) \(verdict(response))",
            metadata: [
                "staleness of the feed": "\(staleness)",
                "requests to the issuer": "\(transport.requests - before) now, \(transport.requests) since the start",
            ]
        )
        return response
    }

    /// What was decided: of a refusal the error_description of its challenge.
    private func verdict(_ response: Response) -> String {
        if response.status.code < 400 { return "accepted" }
        guard let challenge = response.headers[.wwwAuthenticate] else { return "not judged: too little is known" }
        guard let start = challenge.firstRange(of: "error_description=\"") else { return "no token" }
        return "refused: \(challenge[start.upperBound...].prefix { $0 != "\"" })"
    }
}

/// The way to the issuer, with a count of what went there besides the feed, which is one stream that stays open.
final class CountingTransport: HTTPTransport {
    private let count = Mutex(0)

    /// Every request to the issuer so far, the streams of the feed not among them.
    var requests: Int { count.withLock(\.self) }

    func send(_ request: TransportRequest) async throws(TransportError) -> TransportResponse {
        count.withLock { $0 += 1 }
        return try await HTTPClientTransport.shared.send(request)
    }

    func stream(
        _ request: TransportRequest,
        idleTimeout: Duration,
        onHead: (TransportResponse) throws -> Void,
        onBytes: ([UInt8]) throws -> Void
    ) async throws(TransportError) {
        try await HTTPClientTransport.shared.stream(
            request,
            idleTimeout: idleTimeout,
            onHead: onHead,
            onBytes: onBytes
        )
    }
}

/// What the API is told by its environment.
struct Settings {
    var issuer: String
    var audience: String
    var credentials: APICredentials
    var port: Int
    var pageOrigin: String?
    var logger: Logger

    init() throws {
        let environment = Environment()
        issuer = try environment.require("ISSUER")
        audience = try environment.require("API_AUDIENCE")
        credentials = APICredentials(
            clientID: try environment.require("API_CREDENTIAL_ID"),
            secret: try environment.require("API_SECRET")
        )
        port = try environment.require("API_PORT", as: Int.self)
        pageOrigin = environment.get("PAGE_ORIGIN")
        logger = Logger(label: "orders-api")
    }

    /// For Hummingbird, whose lines would stand between the decisions.
    var quietLogger: Logger {
        var quiet = logger
        quiet.logLevel = .warning
        return quiet
    }
}
