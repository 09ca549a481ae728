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
        // Header and claims are written one behind the other.
        var writer = JSONWriter(expectedBytes: 1024)
        writer.writeMember("alg", .string(key.algorithm.name), isFirst: true)
        writer.writeMember("typ", .string(type))
        writer.writeMember("kid", .string(key.keyID))
        writer.endObject()
        let headerEnd = writer.output.count
        writer.write(claims)
        let output = writer.output.span
        return try JWS.signed(
            header: output.extracting(..<headerEnd),
            payload: output.extracting(headerEnd...),
            by: key
        )
    }
}

/// A JWT, parsed strictly.
///
/// Nothing of it is true yet.
public struct UnverifiedToken: Sendable {
    private let jws: UnverifiedJWS
    /// The node of the claims.
    private let claimsNode: Int

    /// The protected header, as the sender wrote it.
    public var header: JSONObject { jws.header }
    /// The claims, as the sender wrote them: good for finding the issuer's keys, for nothing else.
    public var unverifiedClaims: JSONObject { jws.index.object(claimsNode) }

    /// Parses a JWT.
    ///
    /// - Throws: `tooLarge` beyond the limits; `malformed` for anything that is not a compact JWS over a JSON object.
    public init(_ text: String, limits: TokenLimits = .default) throws(JOSEError) {
        jws = try UnverifiedJWS(text, limits: limits, readingClaims: true)
        guard let node = jws.payloadNode else { throw JOSEError(.malformed, reason: "token: expected claims") }
        claimsNode = node
    }

    /// Checks signature, type and claims, in this order.
    ///
    /// - Throws: what ``UnverifiedJWS/verified(by:algorithms:)`` throws; `typeInvalid`, `claimMissing`, `claimInvalid`,
    ///   `tokenExpired`, `tokenNotYetValid` or `tokenTooOld` for what is not as expected.
    public func verified(
        by keys: KeySet,
        expecting expectations: Expectations
    ) throws(JOSEError) -> VerifiedToken {
        let signer = try jws.signer(among: keys, algorithms: expectations.algorithms)
        try expectations.checkType(try jws.headerText("typ"), in: jws.index)
        let registered = try ClaimIndex(jws.index, object: claimsNode)
        try expectations.check(registered, of: claimsNode, in: jws.index)
        let keyID = keys.keys[signer.position].keyID
        return VerifiedToken(
            jws: jws,
            claimsNode: claimsNode,
            algorithm: signer.algorithm,
            keyID: keyID,
            registered: registered
        )
    }
}

/// A JWT whose signature and claims were checked.
///
/// Only ``UnverifiedToken/verified(by:expecting:)`` makes one. It keeps the token's bytes and where its claims stand in
/// them; a claim becomes a value when it is asked for.
public struct VerifiedToken: Sendable {
    let jws: UnverifiedJWS
    /// The algorithm of the signature.
    public let algorithm: SignatureAlgorithm
    /// The `kid` of the key that signed.
    public let keyID: String?
    private let claimsNode: Int
    private let registered: ClaimIndex
    /// For whoever verifies it.
    package let annotation = TokenAnnotation()

    fileprivate init(
        jws: UnverifiedJWS,
        claimsNode: Int,
        algorithm: SignatureAlgorithm,
        keyID: String?,
        registered: ClaimIndex
    ) {
        self.jws = jws
        self.claimsNode = claimsNode
        self.algorithm = algorithm
        self.keyID = keyID
        self.registered = registered
    }

    /// The protected header.
    public var header: JSONObject { jws.header }
    /// All claims.
    public var claims: JSONObject { jws.index.object(claimsNode) }

    /// All claims, as the issuer wrote them: the text of a JSON object.
    package var claimsText: [UInt8] { jws.unverifiedPayload }

    /// The claim `name`, if it is there; cheaper than one of ``claims``.
    public subscript(name: String) -> JSON? {
        jws.index.member(name, of: claimsNode).map(jws.index.value)
    }

    /// The registered claims, typed.
    public var registeredClaims: RegisteredClaims { RegisteredClaims(registered, in: jws.index) }

    /// `iss` (RFC 7519 §4.1.1).
    public var issuer: String? { registered.issuer.flatMap(jws.index.text) }
    /// `sub` (RFC 7519 §4.1.2).
    public var subject: String? { registered.subject.flatMap(jws.index.text) }
    /// `aud` (RFC 7519 §4.1.3), one or many; empty if absent.
    public var audience: [String] { registeredClaims.audience }
    /// `exp` (RFC 7519 §4.1.4).
    public var expiresAt: Instant? { registered.expiresAt }
    /// `nbf` (RFC 7519 §4.1.5).
    public var notBefore: Instant? { registered.notBefore }
    /// `iat` (RFC 7519 §4.1.6).
    public var issuedAt: Instant? { registered.issuedAt }
    /// `jti` (RFC 7519 §4.1.7).
    public var tokenID: String? { registered.tokenID.flatMap(jws.index.text) }
}
