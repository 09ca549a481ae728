// The code of the guide "Call an API from a service". Nothing here is called: a token endpoint would have to answer. What it
// does is tested in Tests/OAuthClientTests, and run by Examples/orders.

import IssuerConnection
import JOSE
import OAuthClient

// snippet.service
func orders(clientID: String, secret: String) async throws -> [UInt8] {
    // One for the life of the process: it is the cache.
    let tokens = ServiceTokens(
        ClientRegistration(
            issuer: "https://id.example.com",
            clientID: clientID,
            authentication: .secretBasic(secret)
        )
    )
    let api = AuthorizedTransport(
        to: "https://orders.example.com",
        with: tokens.source(scopes: ["orders:read"])
    )
    let response = try await api.send(TransportRequest(method: "GET", url: "https://orders.example.com/orders"))
    return response.body
}
// snippet.end

// snippet.token
/// Where another HTTP client makes the call.
func authorization(_ tokens: ServiceTokens) async throws -> String {
    try await "Bearer " + tokens.token(scopes: ["orders:read"]).accessToken
}
// snippet.end

// snippet.key
/// The registration of a client that proves itself with a key instead of a secret.
func registration(_ key: SigningKey) -> ClientRegistration {
    ClientRegistration(
        issuer: "https://id.example.com",
        clientID: "billing",
        authentication: .privateKeyJWT(key)
    )
}
// snippet.end

// snippet.hide
let key = try SigningKey.generate(.es256)
precondition("\(registration(key))" == "<ClientRegistration>")
