/// One signature over content, with the headers that came with it.
///
/// Nothing of it is true yet.
public struct UnverifiedSignature: Sendable {
    /// The header that the signature covers; empty if there is none.
    public let protectedHeader: JSONObject
    /// The header that nobody signed: anybody may have written it.
    public let unprotectedHeader: JSONObject
    /// Whether the payload is signed in base64url, as RFC 7797 §3 has it unless `b64` is false.
    let isPayloadEncoded: Bool
    /// The protected header in the sender's own bytes.
    private let protectedInput: ArraySlice<UInt8>
    private let signature: [UInt8]

    /// Reads an element of `signatures`, or a flattened JWS.
    init(_ entry: JSONObject, limits: ParsingLimits) throws(JOSEError) {
        guard let signature = try entry.text("signature") else {
            throw JOSEError(.malformed, claim: "signature", reason: "expected signatures or a signature, got none")
        }
        let protected = try entry.text("protected")
        // RFC 7515 §7.2.1: "when the JWS Protected Header value is non-empty; otherwise, it MUST be absent"
        guard protected?.isEmpty != true else {
            throw JOSEError(.malformed, claim: "protected", reason: "a header without members must be absent")
        }
        var unprotected = JSONObject()
        if let header = entry["header"] {
            guard let members = header.objectValue else {
                throw JOSEError(.malformed, claim: "header", reason: "expected an object")
            }
            unprotected = members
        }
        try self.init(
            protected: protected.map { Array($0.utf8)[...] },
            unprotected: unprotected,
            signature: Array(signature.utf8)[...],
            limits: limits
        )
    }

    init(
        protected: ArraySlice<UInt8>?,
        unprotected: JSONObject,
        signature: ArraySlice<UInt8>,
        limits: ParsingLimits
    ) throws(JOSEError) {
        protectedInput = protected ?? []
        protectedHeader =
            try protected.map { text throws(JOSEError) in
                try JSONObject(parsing: Base64URL.decode(text), limits: limits)
            } ?? [:]
        unprotectedHeader = unprotected
        self.signature = try Base64URL.decode(signature)
        for (name, _) in unprotected {
            // RFC 7515 §4: "The Header Parameter names within the JOSE Header MUST be unique"; the JOSE header is the
            // union of both.
            guard protectedHeader[name] == nil else {
                throw JOSEError(.malformed, claim: name, reason: "the parameter is in both headers")
            }
            // RFC 7797 §3: "this Header Parameter MUST be integrity protected"; RFC 7515 §4.1.11 says the same of `crit`.
            guard name != "crit", name != "b64" else {
                throw JOSEError(.criticalUnsupported, claim: name, reason: "the parameter must be protected")
            }
        }
        isPayloadEncoded = try Self.encodesPayload(protectedHeader)
    }

    /// Checks the headers and the signature over `payloadInput`.
    func verified(
        over payloadInput: [UInt8],
        by keys: KeySet,
        algorithms: [SignatureAlgorithm]
    ) throws(JOSEError) -> VerifiedSignature {
        guard let name = try protectedHeader.text("alg") else {
            // RFC 7515 §10.7 lets `alg` go unprotected; whoever changes it would then choose how the signature is read.
            throw JOSEError(.algorithmRefused, claim: "alg", reason: "expected alg in the protected header, got none")
        }
        // RFC 8725 §3.1: "Libraries MUST enable the caller to specify a supported set of algorithms and MUST NOT use any
        // other algorithms"
        guard let algorithm = SignatureAlgorithm(name: name), algorithms.contains(algorithm) else {
            let allowed = algorithms.map(\.name).joined(separator: ", ")
            throw JOSEError(.algorithmRefused, claim: "alg", reason: "expected \(allowed), got \(quoted(name))")
        }
        var keyID = try protectedHeader.text("kid")
        if keyID == nil { keyID = try unprotectedHeader.text("kid") }
        let key = try keys.key(named: keyID, for: algorithm)
        let signingInput: [UInt8] = Array(protectedInput) + [UInt8(ascii: ".")] + payloadInput
        guard key.isValid(signature.span, for: signingInput.span) else {
            throw JOSEError(.signatureInvalid, reason: "the signature is not that of \(key)")
        }
        return VerifiedSignature(
            protectedHeader: protectedHeader,
            unprotectedHeader: unprotectedHeader,
            key: key,
            algorithm: algorithm
        )
    }

    // MARK: Extensions

    /// Parameters that RFC 7515 §4.1, RFC 7516 §4.1 and RFC 7518 §4 define: no extensions, so nothing to list in `crit`.
    private static let registered: Set<String> = [
        "alg", "jku", "jwk", "kid", "x5u", "x5c", "x5t", "x5t#S256", "typ", "cty", "crit", "enc", "zip", "epk", "apu",
        "apv", "iv", "tag", "p2s", "p2c",
    ]

    /// Reads `crit` and the one extension that is understood here, `b64`.
    private static func encodesPayload(_ header: JSONObject) throws(JOSEError) -> Bool {
        let names = try criticalNames(header)
        guard let value = header["b64"] else { return true }
        guard let isEncoded = value.boolValue else {
            throw JOSEError(.malformed, claim: "b64", reason: "expected true or false")
        }
        // RFC 7797 §6: "The "crit" Header Parameter MUST be included with "b64" in its set of values when using the "b64"
        // Header Parameter"
        guard names.contains("b64") else {
            throw JOSEError(.criticalUnsupported, claim: "b64", reason: "expected b64 in crit")
        }
        return isEncoded
    }

    private static func criticalNames(_ header: JSONObject) throws(JOSEError) -> [String] {
        guard let value = header["crit"] else { return [] }
        // RFC 7515 §4.1.11: "Producers MUST NOT use the empty list "[]" as the "crit" value."
        guard let elements = value.arrayValue, !elements.isEmpty else {
            throw JOSEError(
                .criticalUnsupported,
                claim: "crit",
                reason: "expected an array of names, got another value"
            )
        }
        var names: [String] = []
        for element in elements {
            guard let name = element.stringValue else {
                throw JOSEError(.criticalUnsupported, claim: "crit", reason: "expected an array of names")
            }
            // The same section: "Producers MUST NOT include Header Parameter names defined by this specification or
            // [JWA] for use with JWS, duplicate names, or names that do not occur as Header Parameter names within the
            // JOSE Header in the "crit" list."
            guard !registered.contains(name), !names.contains(name), header[name] != nil else {
                throw JOSEError(
                    .criticalUnsupported,
                    claim: "crit",
                    reason: "\(quoted(name)) is no extension, listed twice, or not in the header"
                )
            }
            guard name == "b64" else {
                throw JOSEError(.criticalUnsupported, claim: "crit", reason: "not understood: \(quoted(name))")
            }
            names.append(name)
        }
        return names
    }
}
