/// The registered claims (RFC 7519 §4.1), each of the type that the RFC gives it.
public struct RegisteredClaims: Hashable, Sendable {
    /// `iss` (RFC 7519 §4.1.1).
    public var issuer: String?
    /// `sub` (RFC 7519 §4.1.2).
    public var subject: String?
    /// `jti` (RFC 7519 §4.1.7).
    public var tokenID: String?
    /// `aud` (RFC 7519 §4.1.3), one or many; empty if absent.
    public var audience: [String]
    /// `exp` (RFC 7519 §4.1.4).
    public var expiresAt: Instant?
    /// `nbf` (RFC 7519 §4.1.5).
    public var notBefore: Instant?
    /// `iat` (RFC 7519 §4.1.6).
    public var issuedAt: Instant?

    /// Reads the claims.
    ///
    /// - Throws: `claimInvalid` for a registered claim of another JSON type, or a time out of range.
    init(_ claims: JSONObject) throws(JOSEError) {
        let limits = ParsingLimits(maximumBytes: .max, maximumDepth: .max)
        let index = try JSONIndex(scanning: claims.serialized(), limits: limits)
        self.init(try ClaimIndex(index, object: 0), in: index)
    }

    init(_ found: ClaimIndex, in index: JSONIndex) {
        issuer = found.issuer.flatMap(index.text)
        subject = found.subject.flatMap(index.text)
        tokenID = found.tokenID.flatMap(index.text)
        audience =
            found.audience.map { node in
                index.text(node).map { [$0] } ?? index.elements(of: node).compactMap(index.text)
            } ?? []
        expiresAt = found.expiresAt
        notBefore = found.notBefore
        issuedAt = found.issuedAt
    }
}

extension RegisteredClaims {
    /// Sets the claims to sign; what is nil or empty is left out.
    public init(
        issuer: String? = nil,
        subject: String? = nil,
        audience: [String] = [],
        expiresAt: Instant? = nil,
        notBefore: Instant? = nil,
        issuedAt: Instant? = nil,
        tokenID: String? = nil
    ) {
        self.issuer = issuer
        self.subject = subject
        self.audience = audience
        self.expiresAt = expiresAt
        self.notBefore = notBefore
        self.issuedAt = issuedAt
        self.tokenID = tokenID
    }

    /// The claims that are there, by their names.
    public var members: JSONObject {
        var members = JSONObject()
        members["iss"] = issuer.map(JSON.string)
        members["sub"] = subject.map(JSON.string)
        // RFC 7519 §4.1.3: "In the special case when the JWT has one audience, the "aud" value MAY be a single
        // case-sensitive string"
        if audience.count > 1 {
            members["aud"] = .array(audience.map(JSON.string))
        } else {
            members["aud"] = audience.first.map(JSON.string)
        }
        members["exp"] = expiresAt.map(NumericDate.json)
        members["nbf"] = notBefore.map(NumericDate.json)
        members["iat"] = issuedAt.map(NumericDate.json)
        members["jti"] = tokenID.map(JSON.string)
        return members
    }
}
