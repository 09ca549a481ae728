import HTTPTypes
import Hummingbird
import JOSE
import Logging
import NIOCore
import Pages
import ServiceLifecycle

/// Serves the single-page demo application on a port, and so on an origin, of its own.
struct DemoApplication: Service {
    let configuration: DemoConfiguration
    let logger: Logger

    init(configuration: DemoConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    func run() async throws {
        let application = Application(
            router: router(),
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.bindHost, port: configuration.applicationPort)
            ),
            logger: logger
        )
        try await application.run()
    }

    func router() -> Router<BasicRequestContext> {
        let router = Router()
        router.add(middleware: FixedHeaders(headers: headers))
        let page: @Sendable (Request, BasicRequestContext) -> Response = { _, _ in Self.file("demo.html", for: nil) }
        router.get("/", use: page)
        router.get("/callback", use: page)
        router.get("/signed-out", use: page)
        let settings = settings
        router.get("/config.json") { _, _ in
            Response.bytes(settings, type: "application/json")
        }
        for name in DemoAssets.names where name != "demo.html" {
            router.get("/\(name)") { request, _ in Self.file(name, for: request) }
        }
        return router
    }

    /// What the page learns from its own origin before it talks to the provider.
    var settings: [UInt8] {
        let settings: JSONObject = [
            "issuer": .string(configuration.issuer),
            "clientID": .string(configuration.clientID),
            "apiURL": .string(configuration.apiOrigin),
            "redirectURI": .string(configuration.redirectURI),
            "postLogoutRedirectURI": .string(configuration.postLogoutRedirectURI),
            "scope": .string(configuration.scopes.joined(separator: " ")),
            "resource": .string(configuration.audience),
        ]
        return settings.serialized()
    }

    private var headers: HTTPFields {
        var headers = HTTPFields()
        let sources = ["'self'", configuration.issuerSource, configuration.apiOrigin].compactMap(\.self)
        headers[.contentSecurityPolicy] = [
            "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'",
            "connect-src \(sources.joined(separator: " "))", "base-uri 'none'", "form-action 'none'",
            "frame-ancestors 'none'", "require-trusted-types-for 'script'",
        ].joined(separator: "; ")
        headers[.xContentTypeOptions] = "nosniff"
        headers.set("Referrer-Policy", "no-referrer")
        headers.set("Cross-Origin-Opener-Policy", "same-origin")
        headers.set("Cross-Origin-Resource-Policy", "same-origin")
        return headers
    }

    /// A file of the demo; with a request it may be answered from the browser's cache (RFC 9110 §13.1.2).
    private static func file(_ name: String, for request: Request?) -> Response {
        guard let asset = DemoAssets.asset(named: name) else { return Response(status: .notFound) }
        guard let request else { return .bytes(asset.bytes, type: asset.contentType) }
        let isKnown = request.headers[.ifNoneMatch] == asset.entityTag
        var response =
            isKnown ? Response(status: .notModified) : .bytes(asset.bytes, type: asset.contentType)
        response.headers[.eTag] = asset.entityTag
        // Checked at every load: the file changes with the server and its name does not.
        response.headers[.cacheControl] = "no-cache"
        return response
    }
}

/// Sets headers on every answer, errors of the router included.
struct FixedHeaders<Context: RequestContext>: RouterMiddleware {
    let headers: HTTPFields

    func handle(
        _ request: Request,
        context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        var response: Response
        do {
            response = try await next(request, context)
        } catch let error as any HTTPResponseError {
            response = try error.response(from: request, context: context)
        }
        for field in headers { response.headers[field.name] = field.value }
        return response
    }
}

extension Response {
    /// An answer that no cache keeps, unless the caller says otherwise.
    static func bytes(_ bytes: [UInt8], type: String, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status,
            headers: [.contentType: type, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
        )
    }
}

extension HTTPFields {
    /// Sets a field whose name the HTTP library does not know.
    mutating func set(_ name: String, _ value: String) {
        guard let name = HTTPField.Name(name) else { return }
        self[name] = value
    }
}
