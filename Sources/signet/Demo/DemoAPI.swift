import AuthorizationServer
import HTTPTypes
import Hummingbird
import JOSE
import Logging
import ServiceLifecycle

/// A small protected API: it knows the issuer's address, verifies access tokens by its published keys, and nothing else.
struct DemoAPI: Service {
    static let realm = "demo-orders"

    let configuration: DemoConfiguration
    let logger: Logger
    private let time: any TimeSource
    private let random: any RandomSource
    private let keys: IssuerKeys
    private let check: BearerCheck

    init(
        configuration: DemoConfiguration,
        logger: Logger,
        documents: any DocumentSource = HTTPDocumentSource(),
        time: any TimeSource = SystemTimeSource(),
        random: any RandomSource = SystemRandomSource()
    ) {
        self.configuration = configuration
        self.logger = logger
        self.time = time
        self.random = random
        keys = IssuerKeys(issuer: configuration.issuer, documents: documents, time: time)
        check = BearerCheck(
            issuer: configuration.issuer,
            audience: configuration.audience,
            scope: DemoConfiguration.ordersScope
        )
    }

    func run() async throws {
        let application = Application(
            router: router(),
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.bindHost, port: configuration.apiPort)
            ),
            logger: logger
        )
        try await application.run()
    }

    func router() -> Router<BasicRequestContext> {
        let router = Router()
        router.add(middleware: FixedHeaders(headers: headers))
        router.add(middleware: DemoOrigin(origin: configuration.applicationOrigin))
        router.get("/orders") { request, _ -> Response in
            do {
                let token = try await verified(request)
                return .bytes(Self.orders(of: token), type: "application/json")
            } catch let refusal as BearerRefusal {
                return answer(refusal, traceID: random.text(12))
            }
        }
        return router
    }

    private var headers: HTTPFields {
        var headers = HTTPFields()
        headers[.contentSecurityPolicy] = "default-src 'none'; frame-ancestors 'none'"
        headers[.xContentTypeOptions] = "nosniff"
        return headers
    }

    private func verified(_ request: Request) async throws -> VerifiedToken {
        let token = try check.token(in: request.headers[values: .authorization])
        let keySet: KeySet
        do {
            keySet = try await keys.keySet(with: token.header["kid"]?.stringValue)
        } catch {
            throw BearerRefusal.unavailable(detail: "\(error)")
        }
        return try check.verified(token, by: keySet, now: time.moment().wall)
    }

    private func answer(_ refusal: BearerRefusal, traceID: String) -> Response {
        logger.info(
            "demo API refused a request",
            metadata: ["trace": "\(traceID)", "error": "\(refusal.code ?? "none")", "reason": "\(refusal.detail)"]
        )
        var body: JSONObject = ["error_description": .string(refusal.description), "trace_id": .string(traceID)]
        if let code = refusal.code { body["error"] = .string(code) }
        var response = Response.bytes(
            body.serialized(),
            type: "application/json",
            status: HTTPResponse.Status(code: refusal.status)
        )
        response.headers[.wwwAuthenticate] = refusal.challenge(realm: Self.realm)
        if case .unavailable = refusal { response.headers[.retryAfter] = "1" }
        return response
    }

    /// Invented orders; the same for everybody, since what matters is who may see them.
    private static func orders(of token: VerifiedToken) -> [UInt8] {
        let body: JSONObject = [
            "subject": .string(token.subject ?? ""),
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
