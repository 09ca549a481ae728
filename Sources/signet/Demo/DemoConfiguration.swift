// Demo: the single-page app and the API that `serve --dev` starts beside the provider, each on its own port and origin.
// They stand for outsiders: a public client (RFC 8252, RFC 9700) and a resource server (RFC 6750, RFC 9068) built on our own
// SDK. They share nothing with the provider but its public addresses and the API's credentials, and store nothing.

import Pages

/// What the demo application and the demo API need to know; all of it public.
struct DemoConfiguration: Sendable {
    /// The scope that the demo API asks for.
    static let ordersScope = "orders:read"

    /// The issuer's URL, exactly as it stands in its tokens.
    var issuer: String
    /// The demo application's client identifier.
    var clientID: String
    /// The name under which both servers are reached, such as "localhost".
    var host: String
    /// The port of the application.
    var applicationPort: Int
    /// The port of the API.
    var apiPort: Int
    /// The audience of the API: the `resource` that the application asks for (RFC 8707) and the `aud` that the API accepts.
    var audience: String
    /// The scopes that the application asks for.
    var scopes: [String]

    /// The origin of the application.
    var applicationOrigin: String { origin(applicationPort) }
    /// The origin of the API.
    var apiOrigin: String { origin(apiPort) }
    /// The redirect URI that the client has to be registered with.
    var redirectURI: String { "\(applicationOrigin)/callback" }
    /// The address after signing out that the client has to be registered with.
    var postLogoutRedirectURI: String { "\(applicationOrigin)/signed-out" }
    /// The address to listen on: "localhost" means the IPv4 loopback, which every machine has.
    var bindHost: String { host == "localhost" ? "127.0.0.1" : host }

    /// The origin of the issuer, as a source for `connect-src`.
    var issuerSource: String? { FormAction.source(for: issuer) }

    private func origin(_ port: Int) -> String {
        host.contains(":") ? "http://[\(host)]:\(port)" : "http://\(host):\(port)"
    }
}
