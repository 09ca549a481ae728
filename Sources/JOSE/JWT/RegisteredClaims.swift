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
        issuer = try Self.text("iss", in: claims)
        subject = try Self.text("sub", in: claims)
        tokenID = try Self.text("jti", in: claims)
        audience = try Self.audience(in: claims)
        expiresAt = try Self.instant("exp", in: claims)
        notBefore = try Self.instant("nbf", in: claims)
        issuedAt = try Self.instant("iat", in: claims)
    }

    private static func text(_ name: String, in claims: JSONObject) throws(JOSEError) -> String? {
        guard let value = claims[name] else { return nil }
        guard let text = value.stringValue else {
            throw JOSEError(.claimInvalid, claim: name, reason: "expected a text")
        }
        return text
    }

    private static func audience(in claims: JSONObject) throws(JOSEError) -> [String] {
        guard let value = claims["aud"] else { return [] }
        if let single = value.stringValue { return [single] }
        // RFC 7519 §4.1.3: "the "aud" value is an array of case-sensitive strings"
        guard let elements = value.arrayValue else {
            throw JOSEError(.claimInvalid, claim: "aud", reason: "expected a text or an array of texts")
        }
        var audience: [String] = []
        for element in elements {
            guard let text = element.stringValue else {
                throw JOSEError(.claimInvalid, claim: "aud", reason: "expected a text or an array of texts")
            }
            audience.append(text)
        }
        return audience
    }

    private static func instant(_ name: String, in claims: JSONObject) throws(JOSEError) -> Instant? {
        guard let value = claims[name] else { return nil }
        // RFC 7519 §2: "A JSON numeric value representing the number of seconds from 1970-01-01T00:00:00Z UTC …
        // non-integer values can be represented."
        switch value {
        case .integer(let seconds):
            let (milliseconds, overflow) = seconds.multipliedReportingOverflow(by: 1000)
            if !overflow { return Instant(millisecondsSinceEpoch: milliseconds) }
        case .number(let seconds):
            if let milliseconds = Int64(exactly: (seconds * 1000).rounded(.towardZero)) {
                return Instant(millisecondsSinceEpoch: milliseconds)
            }
        default:
            throw JOSEError(.claimInvalid, claim: name, reason: "expected a number of seconds")
        }
        throw JOSEError(.claimInvalid, claim: name, reason: "the time is out of range")
    }
}
