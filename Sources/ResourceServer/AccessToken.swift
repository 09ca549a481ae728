public import JOSE

/// An access token that passed every check: who calls, for whom, with which scope.
///
/// Only a ``TokenVerifier`` makes one. A JWT (RFC 9068 §2.2) and the answer about an opaque token (RFC 7662 §2.2) read
/// the same.
public struct AccessToken: Sendable {
    /// Where the claims stand.
    enum Source: Sendable {
        case token(VerifiedToken)
        case introspected(JSONObject)
    }

    private let source: Source
    /// `sub`: the person, or the client where it acts for itself.
    public let subject: String
    /// `client_id`: the client that the token was issued to.
    public let clientID: String

    /// The token of these claims.
    ///
    /// - Throws: ``TokenRefusal`` where `sub` or `client_id` is missing or no text, or the token is bound to a key.
    init(_ source: Source) throws(TokenRefusal) {
        self.source = source
        guard let subject = Self.claim("sub", of: source)?.stringValue,
            let clientID = Self.claim("client_id", of: source)?.stringValue
        else { throw TokenRefusal(.tokenMalformed, detail: "sub and client_id must be texts") }
        // FIELD H27, RFC 7800 §3: whoever stole a token that is bound to a key would use it without the key, as a bearer.
        guard Self.claim("cnf", of: source) == nil else {
            throw TokenRefusal(.tokenBound, detail: "the token has a cnf, and no proof of possession is checked here")
        }
        self.subject = subject
        self.clientID = clientID
    }

    private static func claim(_ name: String, of source: Source) -> JSON? {
        switch source {
        case .token(let token): token[name]
        case .introspected(let claims): claims[name]
        }
    }

    /// The key that signed it; `nil` if the issuer was asked about it.
    var keyID: String? {
        guard case .token(let token) = source else { return nil }
        return token.keyID
    }

    /// The claim `name`, if it is there.
    public subscript(claim name: String) -> JSON? { Self.claim(name, of: source) }

    /// All claims.
    public var claims: JSONObject {
        switch source {
        case .token(let token): token.claims
        case .introspected(let claims): claims
        }
    }

    /// All claims as a type of the caller's; claims that the type does not know are ignored.
    ///
    /// - Throws: `claimMissing` or `claimInvalid` with the path of the claim, such as `address.country`.
    public func claims<Claims: Decodable>(as type: Claims.Type) throws(JOSEError) -> Claims {
        switch source {
        case .token(let token): try token.claims(as: type)
        case .introspected(let claims): try claims.decoded(as: type)
        }
    }

    /// `iss`.
    public var issuer: String? { self[claim: "iss"]?.stringValue }
    /// `scope` (RFC 6749 §3.3), in the order of the token; empty if it has none.
    public var scopes: [String] {
        self[claim: "scope"]?.stringValue.map { $0.split(separator: " ").map(String.init) } ?? []
    }
    /// `aud`, one or many.
    public var audience: [String] {
        guard let value = self[claim: "aud"] else { return [] }
        return value.stringValue.map { [$0] } ?? value.arrayValue?.compactMap(\.stringValue) ?? []
    }
    /// `exp`: when the token expires.
    public var expiresAt: Instant? { moment("exp") }
    /// `iat`: when the token was issued.
    public var issuedAt: Instant? { moment("iat") }
    /// `jti`: the token's own name.
    public var tokenID: String? { self[claim: "jti"]?.stringValue }
    /// `auth_time`: when the person proved who they are (RFC 9068 §2.2.1); nil where no person is involved.
    public var authenticatedAt: Instant? { moment("auth_time") }
    /// `acr`: how strongly they did (RFC 9068 §2.2.1).
    public var authenticationContext: String? { self[claim: "acr"]?.stringValue }
    /// `amr`: by which means (RFC 8176 §2).
    public var authenticationMethods: [String] {
        self[claim: "amr"]?.arrayValue?.compactMap(\.stringValue) ?? []
    }
    /// `sid`: the person's session at the issuer.
    public var sessionID: String? { self[claim: "sid"]?.stringValue }

    private func moment(_ name: String) -> Instant? {
        self[claim: name]?.integerValue.map(Instant.init(secondsSinceEpoch:))
    }
}

extension AccessToken: CustomStringConvertible, CustomReflectable {
    /// Subject and client; never the token.
    public var description: String { "access token of \(subject) through \(clientID)" }
    /// What may be shown, so that `dump` shows no more.
    public var customMirror: Mirror { Mirror(self, children: ["subject": subject, "clientID": clientID]) }
}
