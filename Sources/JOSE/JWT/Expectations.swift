/// What a value must be.
///
/// Skipping a check is spelled ``unchecked``, so that a reader of the call sees it.
public struct Expected<Value: Hashable & Sendable>: Sendable {
    /// The values of which one must come; nil where nothing is expected.
    let values: [Value]?

    /// The value must come.
    public static func exactly(_ value: Value) -> Expected { Expected(values: [value]) }

    /// One of the values must come; an empty list refuses everything.
    public static func anyOf(_ values: [Value]) -> Expected { Expected(values: values) }

    /// Anything may come, or nothing.
    public static var unchecked: Expected { Expected(values: nil) }
}

/// Whether a token must not have expired.
public struct ExpiryRule: Hashable, Sendable {
    private let isRequired: Bool

    /// `exp` must be there and lie in the future.
    public static let required = ExpiryRule(isRequired: true)
    /// `exp` may be absent or past, as in an `id_token_hint` (OIDC RP-Initiated Logout §4).
    public static let unchecked = ExpiryRule(isRequired: false)
}

/// What a caller demands of a token besides a good signature.
///
/// Nothing is assumed: issuer, audience, type, algorithms and the moment have to be given.
public struct Expectations: Sendable {
    /// The `iss` (RFC 7519 §4.1.1), compared by code points.
    public var issuer: Expected<String>
    /// The `aud`: at least one of the token's audiences must be expected (RFC 7519 §4.1.3).
    public var audience: Expected<String>
    /// The `typ` (RFC 8725 §3.11), compared as RFC 7515 §4.1.9 says.
    public var type: Expected<String>
    /// The algorithms that may come.
    ///
    /// What each key is for is checked besides.
    public var algorithms: [SignatureAlgorithm]
    /// The moment for which the token is judged.
    public var now: Instant
    /// How far the issuer's clock may be off, either way (RFC 7519 §4.1.4: "usually no more than a few minutes").
    public var leeway: Duration
    /// How long ago `iat` may lie; it is then required.
    public var maximumAge: Duration?
    /// Claims that must be there, whatever their value.
    public var requiredClaims: Set<String> {
        didSet { requiredNames = requiredClaims.sorted() }
    }
    /// The same in an order, for whoever looks at all of them.
    private(set) var requiredNames: [String]
    /// Whether `exp` is required and enforced.
    public var expiry: ExpiryRule

    /// Sets the expectations.
    public init(
        issuer: Expected<String>,
        audience: Expected<String>,
        type: Expected<String>,
        algorithms: [SignatureAlgorithm],
        now: Instant,
        leeway: Duration = .zero,
        maximumAge: Duration? = nil,
        requiredClaims: Set<String> = [],
        expiry: ExpiryRule = .required
    ) {
        self.issuer = issuer
        self.audience = audience
        self.type = type
        self.algorithms = algorithms
        self.now = now
        self.leeway = leeway
        self.maximumAge = maximumAge
        self.requiredClaims = requiredClaims
        requiredNames = requiredClaims.sorted()
        self.expiry = expiry
    }
}

extension Expectations {
    /// - Parameter type: the node of the header's `typ`, if it has one.
    func checkType(_ type: Int?, in index: JSONIndex) throws(JOSEError) {
        guard let expected = self.type.values else { return }
        guard let type else {
            throw JOSEError(.typeInvalid, claim: "typ", reason: "expected \(Self.listed(expected)), got no typ")
        }
        if expected.contains(where: { index.isText(type, $0) }) { return }
        let got = index.text(type) ?? ""
        guard expected.contains(where: { isSameText(Self.mediaType($0), Self.mediaType(got)) }) else {
            let reason = "expected \(Self.listed(expected)), got \(quoted(got))"
            throw JOSEError(.typeInvalid, claim: "typ", reason: reason)
        }
    }

    /// - Parameter object: the node of the claims.
    func check(_ claims: ClaimIndex, of object: Int, in index: JSONIndex) throws(JOSEError) {
        try check("iss", claims.issuer, against: issuer, in: index)
        try check("aud", claims.audience, against: audience, in: index)
        try checkTimes(claims)
        for name in requiredNames where index.member(name, of: object) == nil {
            throw JOSEError(.claimMissing, claim: name, reason: "the claim is required")
        }
    }

    /// - Parameter node: a string or an array of strings, one of which must be expected.
    private func check(
        _ name: String,
        _ node: Int?,
        against expected: Expected<String>,
        in index: JSONIndex
    ) throws(JOSEError) {
        guard let expected = expected.values else { return }
        func isExpected(_ node: Int) -> Bool { expected.contains { index.isText(node, $0) } }
        if let node, isExpected(node) { return }
        let values = node.map { index.isText($0) ? [$0] : index.elements(of: $0) } ?? []
        if values.contains(where: isExpected) { return }
        guard !values.isEmpty else {
            throw JOSEError(.claimMissing, claim: name, reason: "expected \(Self.listed(expected)), got none")
        }
        let got = values.prefix(4).map { quoted(index.text($0) ?? "") }.joined(separator: ", ")
        throw JOSEError(.claimInvalid, claim: name, reason: "expected \(Self.listed(expected)), got \(got)")
    }

    private static func listed(_ expected: [String]) -> String {
        expected.map(quoted).joined(separator: " or ")
    }

    private func checkTimes(_ claims: ClaimIndex) throws(JOSEError) {
        if expiry == .required {
            guard let expiresAt = claims.expiresAt else {
                throw JOSEError(.claimMissing, claim: "exp", reason: "the token must say when it expires")
            }
            // RFC 7519 §4.1.4: "the expiration time on or after which the JWT MUST NOT be accepted for processing"
            guard now < expiresAt + leeway else {
                throw JOSEError(.tokenExpired, claim: "exp", reason: "expired \(now - expiresAt) ago")
            }
        }
        try checkReached("nbf", claims.notBefore)
        try checkReached("iat", claims.issuedAt)
        guard let maximumAge else { return }
        guard let issuedAt = claims.issuedAt else {
            throw JOSEError(.claimMissing, claim: "iat", reason: "the token must say when it was issued")
        }
        guard now <= issuedAt + maximumAge + leeway else {
            throw JOSEError(.tokenTooOld, claim: "iat", reason: "issued \(now - issuedAt) ago, allowed \(maximumAge)")
        }
    }

    private func checkReached(_ name: String, _ instant: Instant?) throws(JOSEError) {
        // RFC 7519 §4.1.5: "the time before which the JWT MUST NOT be accepted for processing"
        guard let instant, instant > now + leeway else { return }
        throw JOSEError(.tokenNotYetValid, claim: name, reason: "lies \(instant - now) ahead")
    }

    /// The media type that a `typ` stands for.
    ///
    /// RFC 7515 §4.1.9: "A recipient using the media type value MUST treat it as if "application/" were prepended to any
    /// "typ" value not containing a '/'."; media types are compared without regard to case (RFC 2045 §5.1).
    private static func mediaType(_ type: String) -> String {
        let folded = String(decoding: type.utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
        return folded.utf8.contains(UInt8(ascii: "/")) ? folded : "application/" + folded
    }
}
