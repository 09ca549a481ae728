internal import Hummingbird
internal import ResourceServer
internal import ResourceServerHummingbird

/// The routes, all with the same answer: they differ in what is asked before it.
enum Contenders {
    typealias Context = BearerContext

    private static let answer = "{\"orders\":[]}"

    /// Nobody is asked for anything.
    static func open(on router: Router<Context>) {
        router.get("/open") { _, _ in answer }
    }

    /// Signet's middleware: the token is verified (and remembered), the feed is followed.
    static func signet(on router: Router<Context>, _ verifier: TokenVerifier) {
        router.protected("/signet", by: verifier).get { _, _ in answer }
    }

    /// The issuer is asked about the token at every request (RFC 7662).
    static func introspection(on router: Router<Context>, _ introspection: Introspection) {
        router.get("/introspection") { request, _ in
            guard try await introspection.isActive(bearer(request)) else { throw HTTPError(.unauthorized) }
            return answer
        }
    }

    /// The token is verified (and remembered) as in `signet`, without the feed; Redis is asked for its `jti` each time.
    static func redis(on router: Router<Context>, _ verifier: TokenVerifier, _ denied: DenyList) {
        router.protected("/redis", by: verifier).get { _, context in
            guard let name = context.accessToken.tokenID, try await !denied.contains(name) else {
                throw HTTPError(.unauthorized)
            }
            return answer
        }
    }

    /// The token's signature and claims are verified at every request; nobody knows whether it was revoked.
    static func jwtKit(on router: Router<Context>, _ verification: JWTKitVerification) {
        router.get("/jwt-kit") { request, _ in
            guard await verification.accepts(bearer(request)) else { throw HTTPError(.unauthorized) }
            return answer
        }
    }

    private static func bearer(_ request: Request) -> String {
        String(request.headers[.authorization]?.dropFirst("Bearer ".count) ?? "")
    }
}
