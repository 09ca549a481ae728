import JOSE
import OAuthVocabulary

/// A request below `/session`: JSON or a form, of a client that keeps its sign-in in a cookie.
struct SessionRequest: Sendable {
    /// The longest body, in bytes: a password of the longest kind fits.
    static let longestBody = 16 * 1024

    let request: EndpointRequest
    let client: Stored<RegisteredClient>
    private let members: JSONObject?

    var id: ClientID { client.content.id }

    init(_ request: EndpointRequest, _ services: Services) async throws(OAuthError) {
        var members: JSONObject?
        if let json = request.json {
            guard let object = json.objectValue else {
                throw .invalidRequest("the body must be a JSON object")
            }
            members = object
        }
        self.request = request
        self.members = members
        guard let text = try Self.text("client_id", members, request) else {
            throw .invalidRequest("a required parameter is missing", detail: "missing: client_id")
        }
        let reader = Reader(services, now: services.time.moment().steady)
        guard let id = ClientID(text), let client = try await reader.client(id), client.content.isEnabled,
            client.content.usesCookies
        else {
            // Who is registered is no secret, and what for is the operator's to say: one answer for all.
            throw OAuthError(
                .unauthorizedClient,
                "this client does not keep a sign-in in browsers",
                detail: "unknown, disabled, or registered neither for browser sessions nor for cookies"
            )
        }
        self.client = client
    }

    /// A member of the JSON or a field of the form; empty counts as absent (RFC 6749 §3.1).
    func text(_ name: String) throws(OAuthError) -> String? { try Self.text(name, members, request) }

    func required(_ name: StaticString) throws(OAuthError) -> String {
        guard let value = try text("\(name)") else {
            throw .invalidRequest("a required parameter is missing", detail: "missing: \(name)")
        }
        return value
    }

    /// `scope` and `resource`, as the token endpoint would have them.
    func access() throws(OAuthError) -> [(name: String, value: String)] {
        var pairs: [(name: String, value: String)] = []
        for name in ["scope", "resource"] {
            if let value = try text(name) { pairs.append((name, value)) }
        }
        return pairs
    }

    private static func text(
        _ name: String,
        _ members: JSONObject?,
        _ request: EndpointRequest
    ) throws(OAuthError) -> String? {
        guard let members else { return request.parameters[name] }
        guard let value = members[name] else { return nil }
        guard let text = value.stringValue else {
            throw .invalidRequest("a member of the JSON object is not a string", detail: "not a string: \(name)")
        }
        return text.isEmpty ? nil : text
    }

    /// The address that the browser of a form is sent to, if one was named.
    ///
    /// One that the client registered, byte for byte (FIELD A6); scripts go where they want by themselves.
    func target(_ name: StaticString, among registered: [RedirectURI]) throws(OAuthError) -> RedirectURI? {
        guard request.provenance.content == .form, let named = try text("\(name)") else { return nil }
        guard let target = registered.first(where: { $0.value == named }) else {
            throw OAuthError(
                .invalidRequest,
                "the address to return to is not registered for this client",
                detail: "\(name) is not registered"
            )
        }
        return target
    }
}
