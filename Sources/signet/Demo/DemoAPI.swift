import HTTPTypes
import Hummingbird
import IssuerConnection
import JOSE
import Logging
import ResourceServer
import ResourceServerHummingbird
import ServiceLifecycle

/// A small protected API: it knows the issuer's address, verifies access tokens by its published keys, and follows its
/// revocation feed.
struct DemoAPI: Service {
    static let realm = "demo-orders"

    let configuration: DemoConfiguration
    let logger: Logger
    let verifier: TokenVerifier

    /// - Parameter credentials: what the API is registered with; without them it hears of no revocation.
    init(configuration: DemoConfiguration, credentials: APICredentials?, logger: Logger) {
        var verifying = Self.verification(credentials)
        // The issuer is a neighbor that starts at the same moment.
        verifying.keys.timeout = .seconds(2)
        self.init(
            configuration: configuration,
            verifier: TokenVerifier(
                issuer: configuration.issuer,
                audience: configuration.audience,
                configuration: verifying,
                logger: logger
            ),
            logger: logger
        )
    }

    init(configuration: DemoConfiguration, verifier: TokenVerifier, logger: Logger) {
        self.configuration = configuration
        self.verifier = verifier
        self.logger = logger
    }

    /// How the API verifies.
    static func verification(_ credentials: APICredentials?) -> VerifierConfiguration {
        var verifying = VerifierConfiguration(revocation: credentials.map { .feed($0) } ?? .none)
        verifying.realm = realm
        return verifying
    }

    func run() async throws {
        let application = Application(
            router: router(),
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.bindHost, port: configuration.apiPort)
            ),
            services: [verifier],
            logger: logger
        )
        try await application.run()
    }

    func router() -> Router<BearerContext> {
        let router = Router(context: BearerContext.self)
        router.add(middleware: FixedHeaders(headers: headers))
        router.add(middleware: DemoOrigin(origin: configuration.applicationOrigin))
        router.protected("orders", by: verifier, for: .scope(DemoConfiguration.ordersScope)).get { _, context in
            Response.bytes(Self.orders(of: context.accessToken), type: "application/json")
        }
        return router
    }

    private var headers: HTTPFields {
        var headers = HTTPFields()
        headers[.contentSecurityPolicy] = "default-src 'none'; frame-ancestors 'none'"
        headers[.xContentTypeOptions] = "nosniff"
        return headers
    }

    /// Invented orders; the same for everybody, since what matters is who may see them.
    private static func orders(of token: AccessToken) -> [UInt8] {
        let body: JSONObject = [
            "subject": .string(token.subject),
            "orders": [
                ["id": "A-1001", "item": "Sealing wax, vermilion", "quantity": 2],
                ["id": "A-1002", "item": "Signet ring, brass", "quantity": 1],
                ["id": "A-1003", "item": "Laid paper, 50 sheets", "quantity": 3],
            ],
        ]
        return body.serialized()
    }
}

/// Lets the demo application's origin, and no other, read the answers (Fetch standard, CORS).
struct DemoOrigin<Context: RequestContext>: RouterMiddleware {
    let origin: String

    func handle(
        _ request: Request,
        context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let isDemo = request.headers[.origin] == origin
        let isPreflight = request.method == .options && request.headers[.accessControlRequestMethod] != nil
        var response = isPreflight ? Response(status: .noContent) : try await next(request, context)
        response.headers[.vary] = "Origin"
        guard isDemo else { return response }
        response.headers[.accessControlAllowOrigin] = origin
        response.headers[.accessControlExposeHeaders] = "WWW-Authenticate"
        if isPreflight {
            response.headers[.accessControlAllowMethods] = "GET"
            response.headers[.accessControlAllowHeaders] = "Authorization"
            response.headers[.accessControlMaxAge] = "600"
        }
        return response
    }
}
