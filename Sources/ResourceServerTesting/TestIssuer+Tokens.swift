public import Instants
public import JOSE
internal import RevocationFeed
internal import Synchronization

/// What a test token says; every member has a default.
public struct TestClaims: Sendable {
    /// `sub`.
    public var subject = "person-1"
    /// `client_id`.
    public var clientID = "client-1"
    /// `scope`.
    public var scope = ""
    /// `aud`; nil for the issuer's.
    public var audience: [String]?
    /// How long the token lives.
    public var lifetime: Duration = .seconds(300)
    /// `auth_time`; nil for none.
    public var authenticatedAt: Instant?
    /// `acr`; nil for none.
    public var authenticationContext: String?
    /// `amr`; empty for none.
    public var authenticationMethods: [String] = []
    /// `sid`; nil for none.
    public var sessionID: String?
    /// More claims; one of these names takes the place of what the issuer would say.
    public var others: JSONObject = [:]

    /// The defaults.
    public init() {}
}

extension TestIssuer {
    /// A token that is good.
    ///
    /// - Parameters:
    ///   - scope: with spaces between, as in `orders:read orders:write`.
    ///   - change: changes what the token says.
    /// - Throws: `signingFailed` if the primitive refuses.
    public func token(
        scope: String = "",
        _ change: (inout TestClaims) -> Void = { _ in }
    ) throws -> String {
        let claims = claims(scope: scope, change)
        let key = state.withLock { $0.signingKeys[0] }
        let token = try JWT.signed(claims, type: "at+jwt", by: key)
        state.withLock { $0.minted[token] = MintedToken(claims: claims, keyID: key.keyID) }
        return token
    }

    /// A token that must be refused, and that differs from a good one in nothing else.
    ///
    /// - Throws: `signingFailed` if the primitive refuses.
    public func token(
        scope: String = "",
        with flaw: TokenFlaw,
        _ change: (inout TestClaims) -> Void = { _ in }
    ) throws -> String {
        let key = state.withLock { $0.signingKeys[0] }
        var draft = TokenDraft(
            header: ["alg": .string(key.algorithm.name), "typ": "at+jwt", "kid": .string(key.keyID)],
            claims: claims(scope: scope, change),
            signer: key,
            published: key,
            foreign: foreignKey,
            now: clock.now
        )
        try flaw.apply(&draft)
        return try draft.written()
    }

    /// A token that says nothing: the verifier has to ask about it.
    public func opaqueToken(scope: String = "", _ change: (inout TestClaims) -> Void = { _ in }) -> String {
        let claims = claims(scope: scope, change)
        let token = "test_at_" + Base64URL.encode(Array((claims["jti"]?.stringValue ?? "").utf8))
        state.withLock { $0.minted[token] = MintedToken(claims: claims, keyID: "") }
        return token
    }

    private func claims(scope: String, _ change: (inout TestClaims) -> Void) -> JSONObject {
        var wanted = TestClaims()
        wanted.scope = scope
        change(&wanted)
        let name = state.withLock { state in
            state.tokenCount += 1
            return "token-\(state.tokenCount)"
        }
        let now = clock.now
        let audiences = wanted.audience ?? [audience]
        var claims: JSONObject = ["iss": .string(issuer), "sub": .string(wanted.subject)]
        claims["aud"] = audiences.count == 1 ? .string(audiences[0]) : .array(audiences.map { .string($0) })
        claims["client_id"] = .string(wanted.clientID)
        if !wanted.scope.isEmpty { claims["scope"] = .string(wanted.scope) }
        claims["iat"] = .integer(now.secondsSinceEpoch)
        claims["exp"] = .integer((now + wanted.lifetime).secondsSinceEpoch)
        claims["jti"] = .string(name)
        claims["auth_time"] = wanted.authenticatedAt.map { .integer($0.secondsSinceEpoch) }
        claims["acr"] = wanted.authenticationContext.map { .string($0) }
        let methods = wanted.authenticationMethods
        claims["amr"] = methods.isEmpty ? nil : .array(methods.map { .string($0) })
        claims["sid"] = wanted.sessionID.map { .string($0) }
        var handles = [
            Self.handle("token", name), Self.handle("subject", wanted.subject), Self.handle("client", wanted.clientID),
        ]
        if let session = wanted.sessionID { handles.append(Self.handle("session", session)) }
        claims[RevocationClaim.name] = .string(RevocationClaim(issuedAt: steadyNow, handles: handles).text)
        for (name, value) in wanted.others { claims[name] = value }
        return claims
    }
}

/// A token before it is written: what a ``TokenFlaw`` changes.
public struct TokenDraft: Sendable {
    /// The header.
    public var header: JSONObject
    /// The claims.
    public var claims: JSONObject
    /// Who signs; nil for nobody.
    public var signer: SigningKey?
    /// What becomes of the text in the end.
    public var finish: @Sendable (String) -> String = { $0 }
    /// The issuer's key, as it is published.
    public let published: SigningKey
    /// A key that the issuer does not have.
    public let foreign: SigningKey
    /// The moment.
    public let now: Instant

    init(
        header: JSONObject,
        claims: JSONObject,
        signer: SigningKey,
        published: SigningKey,
        foreign: SigningKey,
        now: Instant
    ) {
        self.header = header
        self.claims = claims
        self.signer = signer
        self.published = published
        self.foreign = foreign
        self.now = now
    }

    func written() throws(JOSEError) -> String {
        let input = Base64URL.encode(header.serialized()) + "." + Base64URL.encode(claims.serialized())
        let signature = try signer?.sign(Array(input.utf8)) ?? []
        return finish(input + "." + Base64URL.encode(signature))
    }
}
