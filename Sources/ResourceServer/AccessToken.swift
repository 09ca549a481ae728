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
    /// What is asked of it at every sight.
    let reading: TokenReading

    /// The token of these claims.
    ///
    /// - Throws: ``TokenRefusal`` where `sub` or `client_id` is missing or no text, or the token is bound to a key.
    init(_ source: Source) throws(TokenRefusal) {
        self.source = source
        switch source {
        case .token(let token):
            reading = try token.annotation.value(taking: \.footprint) { () throws(TokenRefusal) in
                try TokenReading(expiresAt: token.expiresAt, issuedAt: token.issuedAt) { token[$0] }
            }
        case .introspected(let claims):
            reading = try TokenReading(expiresAt: claims.moment("exp"), issuedAt: claims.moment("iat")) { claims[$0] }
        }
    }

    /// `sub`: the person, or the client where it acts for itself.
    public var subject: String { reading.subject }
    /// `client_id`: the client that the token was issued to.
    public var clientID: String { reading.clientID }

    /// The key that signed it; `nil` if the issuer was asked about it.
    var keyID: String? {
        guard case .token(let token) = source else { return nil }
        return token.keyID
    }

    /// The claim `name`, if it is there.
    public subscript(claim name: String) -> JSON? {
        switch source {
        case .token(let token): token[name]
        case .introspected(let claims): claims[name]
        }
    }

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
    public var scopes: [String] { reading.scopes }
    /// `aud`, one or many.
    public var audience: [String] { reading.audience }
    /// `exp`: when the token expires.
    public var expiresAt: Instant? { reading.expiresAt }
    /// `iat`: when the token was issued.
    public var issuedAt: Instant? { reading.issuedAt }
    /// `jti`: the token's own name.
    public var tokenID: String? { self[claim: "jti"]?.stringValue }
    /// `auth_time`: when the person proved who they are (RFC 9068 §2.2.1); nil where no person is involved.
    public var authenticatedAt: Instant? {
        self[claim: "auth_time"]?.integerValue.map(Instant.init(secondsSinceEpoch:))
    }
    /// `acr`: how strongly they did (RFC 9068 §2.2.1).
    public var authenticationContext: String? { self[claim: "acr"]?.stringValue }
    /// `amr`: by which means (RFC 8176 §2).
    public var authenticationMethods: [String] {
        self[claim: "amr"]?.arrayValue?.compactMap(\.stringValue) ?? []
    }
    /// `sid`: the person's session at the issuer.
    public var sessionID: String? { self[claim: "sid"]?.stringValue }
}

extension JSONObject {
    fileprivate func moment(_ name: String) -> Instant? {
        self[name]?.integerValue.map(Instant.init(secondsSinceEpoch:))
    }
}

extension AccessToken: CustomStringConvertible, CustomReflectable {
    /// Subject and client; never the token.
    public var description: String { "access token of \(subject) through \(clientID)" }
    /// What may be shown, so that `dump` shows no more.
    public var customMirror: Mirror { Mirror(self, children: ["subject": subject, "clientID": clientID]) }
}
