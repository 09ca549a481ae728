// An API that verifies access tokens by itself and yet refuses a revoked one at once: it follows the issuer's feed.

import Hummingbird
import IssuerConnection
import Logging
import ResourceServer
import ResourceServerHummingbird

@main
struct OrdersAPI {
    static func main() async throws {
        let settings = try Settings()
        let transport = CountingTransport()

        var configuration = VerifierConfiguration(revocation: .feed(settings.credentials))
        configuration.metadata = ProtectedResourceMetadata(
            resource: settings.audience,
            authorizationServers: [settings.issuer],
            scopes: ["orders:read"],
            name: "Orders"
        )
        let verifier = TokenVerifier(
            issuer: settings.issuer,
            audience: settings.audience,
            configuration: configuration,
            transport: transport,
            logger: settings.logger
        )

        let router = Router(context: BearerContext.self)
        // Before everything else: it answers preflights, which carry no token.
        if let origin = settings.pageOrigin {
            router.add(
                middleware: CORSMiddleware(
                    allowOrigin: .custom(origin),
                    allowHeaders: [.authorization],
                    allowMethods: [.get]
                )
            )
        }
        if let metadata = configuration.metadata { router.addMetadata(metadata) }
        router.group().add(middleware: Decisions(verifier: verifier, transport: transport, logger: settings.logger))
            .protected("orders", by: verifier, for: .scope("orders:read"))
            .get { _, context in Orders(of: context.accessToken.subject) }

        let application = Application(
            router: router,
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: settings.port)),
            services: [verifier],
            logger: settings.quietLogger
        )
        settings.logger.info("\(settings.audience) follows \(settings.issuer)")
        try await application.runService()
    }
}

/// What the API answers.
struct Orders: ResponseEncodable {
    struct Order: Codable {
        var id: String
        var item: String
    }

    var subject: String
    var orders = [
        Order(id: "A-1001", item: "Sealing wax, vermilion"), Order(id: "A-1002", item: "Signet ring, brass"),
    ]

    init(of subject: String) { self.subject = subject }
}
