// Nested JWTs (RFC 7519 §5.2, §11.2): first signed, then encrypted, exactly once each.

extension JWT {
    /// Encrypts a signed JWT; the header says `cty: JWT`.
    ///
    /// The signature, which is inside, says who speaks; the encryption says who may read.
    ///
    /// - Parameters:
    ///   - token: what ``JWT/signed(_:type:by:)`` made.
    ///   - parameters: more header parameters, which are not encrypted; `cty` among them is replaced.
    /// - Throws: `malformed` if `token` is not a signed JWT; what
    ///   ``JWE/encrypted(_:parameters:to:encryption:limits:)`` throws.
    public static func encrypted(
        signed token: String,
        parameters: JSONObject = [:],
        to key: EncryptionKey,
        encryption: ContentEncryptionAlgorithm,
        limits: TokenLimits = .default
    ) throws(JOSEError) -> String {
        _ = try UnverifiedToken(token, limits: limits)
        var parameters = parameters
        parameters["cty"] = "JWT"
        return try JWE.encrypted(
            Array(token.utf8),
            parameters: parameters,
            to: key,
            encryption: encryption,
            limits: limits
        )
    }
}

/// A nested JWT, parsed strictly and not opened yet.
public struct UnopenedToken: Sendable {
    /// The protected header of the encryption, as the sender wrote it.
    public var header: JSONObject { jwe.header }
    private let jwe: UnopenedJWE
    private let limits: TokenLimits

    /// Parses a nested JWT.
    ///
    /// - Throws: what ``UnopenedJWE/init(_:limits:)`` throws; `typeInvalid` if the `cty` is not `JWT`.
    public init(_ text: String, limits: TokenLimits = .default) throws(JOSEError) {
        jwe = try UnopenedJWE(text, limits: limits)
        self.limits = limits
        let contentType = try jwe.header.text("cty")
        // RFC 7519 §5.2: "In the case that nested signing or encryption is employed, this Header Parameter MUST be
        // present; in this case, the value of this Header Parameter MUST be "JWT""; upper case is recommended only.
        guard let contentType, contentType.lowercased() == "jwt" else {
            let got = contentType.map(quoted) ?? "no cty"
            throw JOSEError(.typeInvalid, claim: "cty", reason: "expected 'JWT', got \(got)")
        }
    }

    /// Opens the encryption.
    ///
    /// What comes out is a signed JWT that nobody has verified yet, whoever encrypted it. Anything else inside, another
    /// encryption or bare claims, is refused.
    ///
    /// - Throws: what ``UnopenedJWE/opened(by:keyManagement:contentEncryption:)`` throws; `malformed` or `tooLarge` if
    ///   the content is not a signed JWT; `claimInvalid` if a claim that the header repeats differs.
    public func opened(
        by keys: DecryptionKeySet,
        keyManagement: [KeyManagementAlgorithm],
        contentEncryption: [ContentEncryptionAlgorithm]
    ) throws(JOSEError) -> UnverifiedToken {
        let opened = try jwe.opened(by: keys, keyManagement: keyManagement, contentEncryption: contentEncryption)
        // Bytes that are not ASCII become characters that no part of a token can hold.
        let token = try UnverifiedToken(String(decoding: opened.plaintext, as: UTF8.self), limits: limits)
        for name in ["iss", "sub", "aud"] {
            // RFC 7519 §5.3: "If such replicated Claims are present, the application receiving them SHOULD verify that
            // their values are identical"
            guard let repeated = header[name], repeated != token.unverifiedClaims[name] else { continue }
            throw JOSEError(.claimInvalid, claim: name, reason: "the header repeats the claim with another value")
        }
        return token
    }
}
