// Room: JWT (RFC 7519, with the practices of RFC 8725): claims in a signed token. Unverified and verified are different
// types, and the way from one to the other takes the caller's expectations.

/// Makes JWTs.
public enum JWT {
    /// Signs claims as a JWT in compact serialization; the header is `alg`, `typ`, `kid`.
    ///
    /// - Parameter type: the `typ`, such as `at+jwt` (RFC 9068 §2.1): it keeps tokens of different kinds apart
    ///   (RFC 8725 §3.11).
    /// - Throws: `signingFailed` if the primitive refuses.
    public static func signed(
        _ claims: JSONObject,
        type: String,
        by key: SigningKey
    ) throws(JOSEError) -> String {
        try JWS.signed(claims.serialized(), parameters: ["typ": .string(type)], by: key)
    }
}

/// A JWT, parsed strictly.
///
/// Nothing of it is true yet.
public struct UnverifiedToken: Sendable {
    /// The protected header, as the sender wrote it.
    public var header: JSONObject { jws.header }
    /// The claims, as the sender wrote them: good for finding the issuer's keys, for nothing else.
    public let unverifiedClaims: JSONObject
    private let jws: UnverifiedJWS

    /// Parses a JWT.
    ///
    /// - Throws: `tooLarge` beyond the limits; `malformed` for anything that is not a compact JWS over a JSON object.
    public init(_ text: String, limits: TokenLimits = .default) throws(JOSEError) {
        jws = try UnverifiedJWS(text, limits: limits)
        unverifiedClaims = try JSONObject(
            parsing: jws.unverifiedPayload,
            limits: ParsingLimits(maximumBytes: limits.maximumBytes, maximumDepth: limits.maximumDepth)
        )
    }

    /// Checks signature, type and claims, in this order.
    ///
    /// - Throws: what ``UnverifiedJWS/verified(by:algorithms:)`` throws; `typeInvalid`, `claimMissing`, `claimInvalid`,
    ///   `tokenExpired`, `tokenNotYetValid` or `tokenTooOld` for what is not as expected.
    public func verified(
        by keys: KeySet,
        expecting expectations: Expectations
    ) throws(JOSEError) -> VerifiedToken {
        let signed = try jws.verified(by: keys, algorithms: expectations.algorithms)
        try expectations.checkType(try jws.headerText("typ"))
        let registered = try RegisteredClaims(unverifiedClaims)
        try expectations.check(registered, of: unverifiedClaims)
        return VerifiedToken(
            header: signed.header,
            claims: unverifiedClaims,
            algorithm: signed.algorithm,
            keyID: signed.keyID,
            registered: registered
        )
    }
}

/// A JWT whose signature and claims were checked.
///
/// Only ``UnverifiedToken/verified(by:expecting:)`` makes one.
public struct VerifiedToken: Sendable {
    /// The protected header.
    public let header: JSONObject
    /// All claims.
    public let claims: JSONObject
    /// The algorithm of the key that signed.
    public let algorithm: SignatureAlgorithm
    /// The `kid` of the key that signed.
    public let keyID: String?
    let registered: RegisteredClaims

    /// `iss` (RFC 7519 §4.1.1).
    public var issuer: String? { registered.issuer }
    /// `sub` (RFC 7519 §4.1.2).
    public var subject: String? { registered.subject }
    /// `aud` (RFC 7519 §4.1.3), one or many; empty if absent.
    public var audience: [String] { registered.audience }
    /// `exp` (RFC 7519 §4.1.4).
    public var expiresAt: Instant? { registered.expiresAt }
    /// `nbf` (RFC 7519 §4.1.5).
    public var notBefore: Instant? { registered.notBefore }
    /// `iat` (RFC 7519 §4.1.6).
    public var issuedAt: Instant? { registered.issuedAt }
    /// `jti` (RFC 7519 §4.1.7).
    public var tokenID: String? { registered.tokenID }
}
