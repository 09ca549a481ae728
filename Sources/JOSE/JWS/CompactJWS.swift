// Room: JWS in compact serialization (RFC 7515 §3.1): three base64url parts, a signature over the first two as they
// came. Owns the table of algorithms (RFC 7518 §3, RFC 8037 §3.1), one file for each family of primitives.

/// How much token is accepted.
public struct TokenLimits: Sendable {
    /// The longest token, in bytes.
    public var maximumBytes: Int
    /// How deep the JSON of header and claims may nest.
    public var maximumDepth: Int

    /// Sets both limits.
    public init(maximumBytes: Int, maximumDepth: Int) {
        self.maximumBytes = maximumBytes
        self.maximumDepth = maximumDepth
    }

    /// 16 KiB, 16 deep.
    public static let `default` = TokenLimits(maximumBytes: 16 * 1024, maximumDepth: 16)
}

/// A compact JWS, parsed strictly.
///
/// Nothing of it is true yet.
public struct UnverifiedJWS: Sendable {
    /// The protected header, as the sender wrote it.
    public let header: JSONObject
    /// The payload, as the sender wrote it.
    public let unverifiedPayload: [UInt8]
    private let signature: [UInt8]
    /// The first two parts and the dot between them, in the sender's own bytes.
    private let signingInput: ArraySlice<UInt8>

    /// Parses a compact JWS.
    ///
    /// - Throws: `tooLarge` beyond the limits; `malformed` for anything that RFC 7515 §5.2 refuses before the signature.
    public init(_ text: String, limits: TokenLimits = .default) throws(JOSEError) {
        guard text.utf8.count <= limits.maximumBytes else {
            throw JOSEError(.tooLarge, reason: "token: \(text.utf8.count) bytes, the limit is \(limits.maximumBytes)")
        }
        let bytes = Array(text.utf8)
        let dot = UInt8(ascii: ".")
        // CVE-2025-30204, CVE-2025-27144: looks for three dots at most, whatever comes after them.
        guard let first = bytes.firstIndex(of: dot), let second = bytes[(first + 1)...].firstIndex(of: dot),
            !bytes[(second + 1)...].contains(dot)
        else { throw JOSEError(.malformed, reason: "token: expected three parts with a dot between them") }
        header = try JSONObject(
            parsing: Base64URL.decode(bytes[..<first]),
            limits: ParsingLimits(maximumBytes: limits.maximumBytes, maximumDepth: limits.maximumDepth)
        )
        unverifiedPayload = try Base64URL.decode(bytes[(first + 1)..<second])
        signature = try Base64URL.decode(bytes[(second + 1)...])
        signingInput = bytes[..<second]
    }

    /// Checks the header and the signature.
    ///
    /// Keys that the header itself brings along (`jwk`, `jku`, `x5c`, `x5u`) are not looked at.
    ///
    /// - Throws: `algorithmRefused`, `criticalUnsupported`, `keyUnknown`, `keyAmbiguous` or `signatureInvalid`.
    public func verified(by keys: KeySet, algorithms: [SignatureAlgorithm]) throws(JOSEError) -> VerifiedJWS {
        guard let name = header["alg"]?.stringValue else {
            throw JOSEError(.malformed, claim: "alg", reason: "the header needs an alg")
        }
        // RFC 8725 §3.1: "Libraries MUST enable the caller to specify a supported set of algorithms and MUST NOT use any
        // other algorithms". `none` is in no set.
        guard let algorithm = SignatureAlgorithm(name: name), algorithms.contains(algorithm) else {
            let allowed = algorithms.map(\.name).joined(separator: ", ")
            throw JOSEError(.algorithmRefused, claim: "alg", reason: "expected \(allowed), got \(quoted(name))")
        }
        try checkExtensions()
        let keyID = try headerText("kid")
        let key = try keys.key(named: keyID, for: algorithm)
        guard key.isValid(signature, for: signingInput) else {
            throw JOSEError(.signatureInvalid, reason: "the signature is not that of \(key)")
        }
        return VerifiedJWS(header: header, payload: unverifiedPayload, algorithm: algorithm, keyID: key.keyID)
    }

    /// The header parameter `name`, which must be a text if it is there.
    func headerText(_ name: String) throws(JOSEError) -> String? {
        guard let value = header[name] else { return nil }
        guard let text = value.stringValue else {
            throw JOSEError(.malformed, claim: name, reason: "the header parameter must be a text")
        }
        return text
    }

    private func checkExtensions() throws(JOSEError) {
        // RFC 7515 §4.1.11: "If any of the listed extension Header Parameters are not understood and supported by the
        // recipient, then the JWS is invalid." None is understood here, and an empty list is forbidden.
        if let critical = header["crit"] {
            let names = critical.arrayValue?.map { $0.stringValue.map(quoted) ?? "no text" }.joined(separator: ", ")
            throw JOSEError(.criticalUnsupported, claim: "crit", reason: "not understood: \(names ?? "no array")")
        }
        // RFC 7797 §6 has `b64` listed in `crit`; a sender that forgot to would have us check other bytes than it meant.
        guard header["b64"] == nil || header["b64"] == true else {
            throw JOSEError(.criticalUnsupported, claim: "b64", reason: "unencoded payloads are not understood")
        }
    }
}

/// A JWS whose signature is that of a trusted key.
///
/// Only ``UnverifiedJWS/verified(by:algorithms:)`` makes one.
public struct VerifiedJWS: Sendable {
    /// The protected header.
    public let header: JSONObject
    /// The bytes that were signed.
    public let payload: [UInt8]
    /// The algorithm of the key that signed.
    public let algorithm: SignatureAlgorithm
    /// The `kid` of the key that signed.
    public let keyID: String?
}

/// Makes compact JWS.
public enum JWS {
    /// Signs a payload: the header is `alg`, the given parameters in their order, and `kid`.
    ///
    /// - Parameter parameters: more header parameters; `alg` and `kid` among them are replaced by the key's.
    /// - Throws: `signingFailed` if the primitive refuses.
    public static func signed(
        _ payload: [UInt8],
        parameters: JSONObject = [:],
        by key: SigningKey
    ) throws(JOSEError) -> String {
        var header: JSONObject = ["alg": .string(key.algorithm.name)]
        for (name, value) in parameters where name != "alg" && name != "kid" { header[name] = value }
        header["kid"] = .string(key.keyID)
        var token = Base64URL.encodedBytes(header.serialized())
        token.append(UInt8(ascii: "."))
        token += Base64URL.encodedBytes(payload)
        let signature = try key.sign(token)
        token.append(UInt8(ascii: "."))
        token += Base64URL.encodedBytes(signature)
        return String(decoding: token, as: UTF8.self)
    }
}
