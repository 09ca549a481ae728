public import JOSE
internal import OAuthVocabulary

/// What an authorization server publishes about itself (RFC 8414 §2, OpenID Connect Discovery §3), checked.
///
/// The issuer is exactly the one that was asked for, and every endpoint named here is https, or http on loopback where
/// the issuer is that itself.
public struct IssuerMetadata: Sendable {
    /// The issuer identifier, byte for byte as it was asked for.
    public let issuer: String
    /// The whole document.
    public let document: JSONObject

    /// The endpoints that are checked before anything is sent to any of them.
    static let endpoints = [
        "authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint", "end_session_endpoint",
        "introspection_endpoint", "revocation_endpoint", "device_authorization_endpoint",
        "pushed_authorization_request_endpoint", "registration_endpoint", "revocation_feed_endpoint",
        "revocation_feed_jwks_uri",
    ]

    /// Checks a document that came from the issuer.
    ///
    /// - Throws: ``DiscoveryError`` with `issuer-mismatch`, `endpoint-invalid` or `issuer-invalid`.
    public init(_ document: JSONObject, from issuer: String) throws(DiscoveryError) {
        try self.init(document, from: issuer, claiming: issuer)
    }

    /// - Parameter name: what the document calls itself: the issuer, but for those that speak for many tenants.
    package init(
        _ document: JSONObject,
        from issuer: String,
        claiming name: String
    ) throws(DiscoveryError) {
        let identifier = try IssuerIdentifier(issuer)
        // RFC 8414 §3.3: "The "issuer" value returned MUST be identical to the authorization server's issuer identifier
        // value into which the well-known URI string was inserted"
        guard let claimed = document["issuer"]?.stringValue, claimed.utf8.elementsEqual(name.utf8) else {
            throw DiscoveryError(.issuerMismatch, reason: "the document is another issuer's")
        }
        for name in Self.endpoints {
            guard let value = document[name], value != .null else { continue }
            guard let text = value.stringValue, identifier.mayName(text) else {
                throw DiscoveryError(.endpointInvalid, reason: "\(name) is no https URL")
            }
        }
        self.issuer = issuer
        self.document = document
    }

    /// A member of the document.
    public subscript(name: String) -> JSON? { document[name] }

    /// Where people are sent (RFC 6749 §3.1).
    public var authorizationEndpoint: String? { text("authorization_endpoint") }
    /// Where tokens are issued (RFC 6749 §3.2).
    public var tokenEndpoint: String? { text("token_endpoint") }
    /// Where the keys of its tokens are.
    public var jwksURI: String? { text("jwks_uri") }
    /// OpenID Connect Core §5.3.
    public var userInfoEndpoint: String? { text("userinfo_endpoint") }
    /// OpenID Connect RP-Initiated Logout §2.1.
    public var endSessionEndpoint: String? { text("end_session_endpoint") }
    /// RFC 7662 §2.
    public var introspectionEndpoint: String? { text("introspection_endpoint") }
    /// RFC 7009 §2.
    public var revocationEndpoint: String? { text("revocation_endpoint") }
    /// RFC 8628 §4.
    public var deviceAuthorizationEndpoint: String? { text("device_authorization_endpoint") }
    /// Where Signet's revocation feed is.
    public var revocationFeedEndpoint: String? { text("revocation_feed_endpoint") }
    /// Where the keys of the revocation feed are, which sign no tokens.
    public var revocationFeedKeysURI: String? { text("revocation_feed_jwks_uri") }
    /// Whether an authorization response must carry `iss` (RFC 9207 §3).
    public var sendsIssuerInResponse: Bool {
        document["authorization_response_iss_parameter_supported"]?.boolValue ?? false
    }

    private func text(_ name: String) -> String? { document[name]?.stringValue }
}

/// An issuer identifier, taken apart only to be judged and to find the metadata.
struct IssuerIdentifier: Sendable {
    let text: String
    let parts: URIParts

    init(_ text: String) throws(DiscoveryError) {
        // RFC 8414 §2: "a URL that uses the "https" scheme and has no query or fragment components"
        guard let parts = URIParts(text), parts.hostAndPort != nil, parts.query == nil, parts.fragment == nil,
            parts.scheme == "https" || parts.scheme == "http" && parts.isLoopback
        else {
            throw DiscoveryError(.issuerInvalid, reason: "an issuer is an https URL without query and fragment")
        }
        self.text = text
        self.parts = parts
    }

    /// Whether this issuer may send us there: https, and plain http only where it is itself on loopback.
    func mayName(_ endpoint: String) -> Bool {
        guard let named = URIParts(endpoint), named.hostAndPort != nil, named.fragment == nil else { return false }
        return named.scheme == "https" || parts.scheme == "http" && named.scheme == "http" && named.isLoopback
    }

    /// Where its metadata may be, in the order in which to look.
    var metadataURLs: [String] {
        // RFC 8414 §3.1: "any terminating "/" MUST be removed before inserting "/.well-known/" and the well-known URI
        // suffix between the host component and the path component"
        let path = parts.path.hasSuffix("/") ? String(parts.path.dropLast()) : parts.path
        let root = text.dropLast(parts.path.utf8.count)
        return [
            "\(root)/.well-known/oauth-authorization-server\(path)",
            "\(root)\(path)/.well-known/openid-configuration",
        ]
    }
}
