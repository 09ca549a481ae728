// The code of the guide "Protect an API". It runs from top to bottom: what is hidden checks what the guide says.

import Hummingbird
import JOSE
import ResourceServer
import ResourceServerHummingbird
import ResourceServerTesting

// snippet.api
func ordersAPI(credentials: APICredentials) -> some ApplicationProtocol {
    let verifier = TokenVerifier(
        issuer: "https://id.example.com",
        audience: "https://orders.example.com",
        configuration: VerifierConfiguration(revocation: .feed(credentials))
    )
    let router = Router(context: BearerContext.self)
    router.protected("orders", by: verifier, for: .scope("orders:read"))
        .get { _, context in "the orders of \(context.accessToken.subject)" }
    return Application(router: router, services: [verifier])
}
// snippet.end

// snippet.policies
/// Everybody who may read orders.
let reading = RoutePolicy.scope("orders:read")
/// Only who signed in within five minutes, and whose right is known to stand as of a second ago.
let deleting = RoutePolicy(
    .scopes(allOf: ["orders:write"]),
    .claim("roles", contains: "clerk"),
    .authenticated(within: .seconds(300)),
    freshness: .strict(maxStaleness: .seconds(1))
)
/// A page that may be seen with a token that ended while the issuer could not be reached.
let browsing = RoutePolicy.scope("catalogue:read").when(stale: .accept)
// snippet.end

// snippet.metadata
let metadata = ProtectedResourceMetadata(
    resource: "https://orders.example.com",
    authorizationServers: ["https://id.example.com"],
    scopes: ["orders:read", "orders:write"]
)
// snippet.end

// snippet.framework
/// In any other framework: hand in every `Authorization` line, and answer with what comes back.
func answer(
    _ authorization: [String],
    _ verifier: TokenVerifier
) async -> (status: Int, headers: [(name: String, value: String)], body: String) {
    let credentials = PresentedCredentials(authorization: authorization)
    switch await verifier.authorize(credentials, for: reading) {
    case .success(let token): return (200, [], "the orders of \(token.subject)")
    case .failure(let refusal): return (refusal.status, verifier.headers(for: refusal), "")
    }
}
// snippet.end

// snippet.hide
func expect(_ condition: Bool, line: UInt = #line) { precondition(condition, "line \(line)") }
// snippet.show

// snippet.test
let issuer = try TestIssuer(audience: "https://orders.example.com")
try await issuer.withVerifier { verifier in
    let token = try issuer.token(scope: "orders:read")
    expect(await answer(["Bearer \(token)"], verifier).status == 200)

    // A token with each flaw that there is, and none of them passes.
    for flaw in TokenFlaw.all {
        let broken = try issuer.token(scope: "orders:read", with: flaw)
        expect(await answer(["Bearer \(broken)"], verifier).status == 401)
    }

    await issuer.revoke(token)
    expect(await answer(["Bearer \(token)"], verifier).status == 401)
}
// snippet.end

// snippet.hide
let credentials = APICredentials(clientID: "orders-api", secret: "example")
_ = ordersAPI(credentials: credentials)
try await issuer.withVerifier { verifier in
    let old = try issuer.token(scope: "orders:write") { claims in
        claims.others = ["roles": ["clerk"]]
        claims.authenticatedAt = issuer.clock.now - .seconds(600)
    }
    let recent = try issuer.token(scope: "orders:write") { claims in
        claims.others = ["roles": ["clerk"]]
        claims.authenticatedAt = issuer.clock.now - .seconds(60)
    }
    let credentials = { (token: String) in PresentedCredentials(authorization: ["Bearer \(token)"]) }
    if case .success = await verifier.authorize(credentials(old), for: deleting) { preconditionFailure("too long ago") }
    guard case .success = await verifier.authorize(credentials(recent), for: deleting) else {
        preconditionFailure("everything is as it should be")
    }
    expect(await answer([], verifier).headers.contains { $0.name == "WWW-Authenticate" })
    expect(browsing.freshness == .accept)
    expect(metadata?.url.hasSuffix("/.well-known/oauth-protected-resource") == true)
}
