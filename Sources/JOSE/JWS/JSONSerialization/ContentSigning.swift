/// Where the payload goes and how it is signed.
public struct PayloadForm: Hashable, Sendable {
    let isEncoded: Bool
    let isAttached: Bool

    /// In the JWS, base64url: what every reader knows.
    public static let attached = PayloadForm(isEncoded: true, isAttached: true)
    /// Sent apart, signed in base64url (RFC 7515 Appendix F).
    public static let detached = PayloadForm(isEncoded: true, isAttached: false)
    /// In the JWS and signed as it is, a UTF-8 text (`b64` false, RFC 7797 §5.3).
    public static let unencoded = PayloadForm(isEncoded: false, isAttached: true)
    /// Sent apart and signed as it is (`b64` false, RFC 7797 §5.1), without a copy in base64url.
    public static let detachedUnencoded = PayloadForm(isEncoded: false, isAttached: false)
}

/// A key and the header parameters of its signature.
public struct ContentSigner: Sendable {
    /// The key that signs.
    public var key: SigningKey
    /// Parameters to sign besides `alg` and `kid`.
    public var protectedHeader: JSONObject
    /// Parameters that anybody on the way may change; a `kid` here is left out of the protected header.
    public var unprotectedHeader: JSONObject

    /// Names the key and its parameters.
    public init(_ key: SigningKey, protectedHeader: JSONObject = [:], unprotectedHeader: JSONObject = [:]) {
        self.key = key
        self.protectedHeader = protectedHeader
        self.unprotectedHeader = unprotectedHeader
    }

    /// The protected header: `alg`, the caller's, `b64` and `crit` if they are needed, `kid`.
    fileprivate func header(for form: PayloadForm) throws(JOSEError) -> JSONObject {
        for (name, _) in protectedHeader {
            try Self.checkCallersOwn(name)
            guard unprotectedHeader[name] == nil else {
                throw JOSEError(.malformed, claim: name, reason: "the parameter is in both headers")
            }
        }
        for (name, value) in unprotectedHeader {
            guard !Self.own.contains(name) || name == "kid" && value == .string(key.keyID) else {
                throw JOSEError(.malformed, claim: name, reason: "the signer writes the parameter, and protects it")
            }
        }
        var header: JSONObject = ["alg": .string(key.algorithm.name)]
        for (name, value) in protectedHeader { header[name] = value }
        if !form.isEncoded {
            header["b64"] = false
            header["crit"] = ["b64"]
        }
        if unprotectedHeader["kid"] == nil { header["kid"] = .string(key.keyID) }
        return header
    }

    /// The base64url of the protected header, and that of the signature.
    fileprivate func signed(
        _ payloadInput: [UInt8],
        form: PayloadForm
    ) throws(JOSEError) -> (header: String, signature: String) {
        let header = Base64URL.encode(try header(for: form).serialized())
        let signature = try key.sign(Array(header.utf8) + [UInt8(ascii: ".")] + payloadInput)
        return (header, Base64URL.encode(signature))
    }

    /// Checks that the header parameter `name` is not one that the signer writes itself.
    static func checkCallersOwn(_ name: String) throws(JOSEError) {
        guard !own.contains(name) else {
            throw JOSEError(.malformed, claim: name, reason: "the signer writes the parameter")
        }
    }

    private static let own: Set<String> = ["alg", "kid", "b64", "crit"]
}

extension JWS {
    /// Signs content with one key, in flattened JSON serialization (RFC 7515 §7.2.2).
    ///
    /// - Returns: the JWS, whose ``JSONObject/serialized()`` is to be sent.
    /// - Throws: `malformed` for parameters that the signer writes itself or that are in both headers, and for a payload
    ///   to be attached unencoded that is no UTF-8 text; `signingFailed` if the primitive refuses.
    public static func flattened(
        _ payload: [UInt8],
        as form: PayloadForm = .attached,
        by signer: ContentSigner
    ) throws(JOSEError) -> JSONObject {
        let (payloadInput, member) = try inputs(payload, form)
        var object = JSONObject()
        object["payload"] = member
        for (name, value) in try entry(signer, payloadInput, form) { object[name] = value }
        return object
    }

    /// Signs content with several keys, in general JSON serialization (RFC 7515 §7.2.1).
    ///
    /// - Throws: what ``flattened(_:as:by:)`` throws, and `malformed` without any signer or with one key twice.
    public static func general(
        _ payload: [UInt8],
        as form: PayloadForm = .attached,
        by signers: [ContentSigner]
    ) throws(JOSEError) -> JSONObject {
        let (payloadInput, member) = try inputs(payload, form)
        guard !signers.isEmpty, signers.count <= UnverifiedSignedContent.maximumSignatures else {
            throw JOSEError(
                .malformed,
                claim: "signatures",
                reason: "expected 1 to \(UnverifiedSignedContent.maximumSignatures) signers, got \(signers.count)"
            )
        }
        var entries: [JSON] = []
        for (index, signer) in signers.enumerated() {
            let isDoubled = signers[..<index].contains {
                isSameText($0.key.keyID, signer.key.keyID) && $0.key.algorithm == signer.key.algorithm
            }
            guard !isDoubled else {
                throw JOSEError(.malformed, claim: "signatures", reason: "\(signer.key) is to sign twice")
            }
            entries.append(.object(try entry(signer, payloadInput, form)))
        }
        var object = JSONObject()
        object["payload"] = member
        object["signatures"] = .array(entries)
        return object
    }

    /// Signs content that is sent apart, in compact serialization with nothing between the dots (RFC 7515 Appendix F).
    ///
    /// - Parameters:
    ///   - parameters: more header parameters; not `alg`, `kid`, `b64` and `crit`, which are written here.
    ///   - form: ``PayloadForm/detached`` or ``PayloadForm/detachedUnencoded``.
    /// - Throws: `malformed` for other parameters or an attached form; `signingFailed` if the primitive refuses.
    public static func detached(
        _ payload: [UInt8],
        as form: PayloadForm = .detached,
        parameters: JSONObject = [:],
        by key: SigningKey
    ) throws(JOSEError) -> String {
        guard !form.isAttached else {
            throw JOSEError(.malformed, claim: "payload", reason: "expected a detached form, got an attached one")
        }
        let (payloadInput, _) = try inputs(payload, form)
        let signer = ContentSigner(key, protectedHeader: parameters)
        let (header, signature) = try signer.signed(payloadInput, form: form)
        return header + ".." + signature
    }

    /// What is signed of the payload, and the member that carries it.
    private static func inputs(
        _ payload: [UInt8],
        _ form: PayloadForm
    ) throws(JOSEError) -> (input: [UInt8], member: JSON?) {
        let input = form.isEncoded ? Base64URL.encodedBytes(payload) : payload
        guard form.isAttached else { return (input, nil) }
        guard let text = String(validating: input, as: UTF8.self) else {
            throw JOSEError(.malformed, claim: "payload", reason: "an unencoded payload in JSON must be UTF-8")
        }
        return (input, .string(text))
    }

    private static func entry(
        _ signer: ContentSigner,
        _ payloadInput: [UInt8],
        _ form: PayloadForm
    ) throws(JOSEError) -> JSONObject {
        let (header, signature) = try signer.signed(payloadInput, form: form)
        var entry: JSONObject = ["protected": .string(header)]
        if !signer.unprotectedHeader.isEmpty { entry["header"] = .object(signer.unprotectedHeader) }
        entry["signature"] = .string(signature)
        return entry
    }
}
