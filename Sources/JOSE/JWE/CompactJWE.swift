// Room: JWE in compact serialization (RFC 7516 §3.1): five base64url parts, the content encrypted under a key that
// reaches the recipient with it. Owns the keys for encrypting and decrypting and what they may be used for; the
// algorithms are in KeyManagement (RFC 7518 §4) and ContentEncryption (RFC 7518 §5).

internal import Crypto

/// A compact JWE, parsed strictly.
///
/// Nothing of it is true yet, and nobody has opened it.
public struct UnopenedJWE: Sendable {
    /// The protected header, as the sender wrote it.
    public let header: JSONObject
    private let encryptedKey: [UInt8]
    private let content: SealedContent
    /// The first part in the sender's own bytes, which the tag covers.
    private let authenticatedData: [UInt8]

    /// Parses a compact JWE.
    ///
    /// - Throws: `tooLarge` beyond the limits; `malformed` for anything that RFC 7516 §5.2 refuses before decryption.
    public init(_ text: String, limits: TokenLimits = .default) throws(JOSEError) {
        try limits.check(text)
        // CVE-2025-30204, CVE-2025-27144: looks for five dots at most, whatever comes after them.
        let parts = Array(text.utf8).split(separator: UInt8(ascii: "."), maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 5 else {
            throw JOSEError(.malformed, reason: "token: expected five parts with a dot between them")
        }
        var decoded: [[UInt8]] = []
        for part in parts { decoded.append(try Base64URL.decode(part)) }
        header = try JSONObject(parsing: decoded[0], limits: limits.parsing)
        encryptedKey = decoded[1]
        content = SealedContent(initializationVector: decoded[2], ciphertext: decoded[3], tag: decoded[4])
        authenticatedData = Array(parts[0])
    }

    /// Decrypts the content and checks that it is what was encrypted.
    ///
    /// Encryption does not tell who encrypted: with a public key anybody can. Only a signature inside does, see
    /// ``UnopenedToken``.
    ///
    /// Keys that the header itself brings along (`jwk`, `jku`, `x5c`, `x5u`) are not looked at.
    ///
    /// - Parameters:
    ///   - keyManagement: the `alg` values that may come.
    ///   - contentEncryption: the `enc` values that may come.
    /// - Throws: for what the header says, `malformed`, `algorithmRefused`, `criticalUnsupported`, `keyUnknown` or
    ///   `keyAmbiguous`; for everything else always the same `decryptionFailed`.
    public func opened(
        by keys: DecryptionKeySet,
        keyManagement: [KeyManagementAlgorithm],
        contentEncryption: [ContentEncryptionAlgorithm]
    ) throws(JOSEError) -> OpenedJWE {
        let algorithm = try KeyManagementAlgorithm.allowed(try headerText("alg"), among: keyManagement)
        let encryption = try ContentEncryptionAlgorithm.allowed(try headerText("enc"), among: contentEncryption)
        try checkExtensions()
        let key = try keys.keys.key(named: try header.text("kid"), for: algorithm)
        // RFC 7516 §11.5: "the recipient MUST NOT distinguish between format, padding, and length errors of encrypted
        // keys. It is strongly recommended, in the event of receiving an improperly formatted key, that the recipient
        // substitute a randomly generated CEK and proceed to the next step, to mitigate timing attacks."
        let substitute = encryption.newKey()
        let received = try key.contentKey(from: encryptedKey, for: encryption, header: header)
        let contentKey = received?.bitCount == substitute.bitCount ? received ?? substitute : substitute
        guard let plaintext = encryption.open(content, with: contentKey, authenticating: authenticatedData) else {
            throw JOSEError(.decryptionFailed, reason: "not encrypted to this key, or changed since")
        }
        return OpenedJWE(
            header: header,
            plaintext: plaintext,
            keyManagement: algorithm,
            contentEncryption: encryption,
            keyID: key.keyID
        )
    }

    private func headerText(_ name: String) throws(JOSEError) -> String {
        guard let text = try header.text(name) else {
            throw JOSEError(.malformed, claim: name, reason: "the header needs an \(name)")
        }
        return text
    }

    private func checkExtensions() throws(JOSEError) {
        // RFC 7516 §4.1.13: "This parameter has the same meaning, syntax, and processing rules as the "crit" Header
        // Parameter defined in Section 4.1.11 of [JWS]". No extension is understood here, and an empty list is forbidden.
        if let critical = header["crit"] { throw JOSEError(notUnderstood: critical) }
        try header.checkUncompressed()
    }
}

/// A JWE whose content was decrypted and is what was encrypted.
///
/// With a public key anybody can encrypt: it says nothing about the sender unless the key management algorithm is one
/// of shared keys (`A128KW`, `A256KW`, `dir`). Only ``UnopenedJWE/opened(by:keyManagement:contentEncryption:)`` makes
/// one.
public struct OpenedJWE: Sendable {
    /// The protected header.
    public let header: JSONObject
    /// The bytes that were encrypted.
    public let plaintext: [UInt8]
    /// The algorithm of the key to which the content was encrypted.
    public let keyManagement: KeyManagementAlgorithm
    /// The algorithm that encrypted the content.
    public let contentEncryption: ContentEncryptionAlgorithm
    /// The `kid` of the key to which the content was encrypted.
    public let keyID: String?
}

/// Makes compact JWE.
public enum JWE {
    /// Encrypts a plaintext: the header is `alg`, `enc`, the given parameters in their order, `kid` and `epk`.
    ///
    /// The key and the initialization vector are new for each call. This does not say who encrypts: sign first, see
    /// ``JWT/encrypted(signed:parameters:to:encryption:limits:)``.
    ///
    /// - Parameters:
    ///   - parameters: more header parameters; not `alg`, `enc`, `kid` and `epk`, which are the key's. They are not
    ///     encrypted.
    ///   - limits: how long the token may become, so that its reader's limits admit it.
    /// - Throws: `tooLarge` beyond the limits; `malformed` for parameters that are the key's; `algorithmRefused` or
    ///   `criticalUnsupported` for the parameters `zip` and `crit`; `keyUnfit` for a key that is not for this content
    ///   encryption; `encryptionFailed` if a primitive refuses.
    public static func encrypted(
        _ plaintext: [UInt8],
        parameters: JSONObject = [:],
        to key: EncryptionKey,
        encryption: ContentEncryptionAlgorithm,
        limits: TokenLimits = .default
    ) throws(JOSEError) -> String {
        guard plaintext.count <= limits.maximumBytes else {
            let reason = "plaintext: \(plaintext.count) bytes, the limit of the token is \(limits.maximumBytes)"
            throw JOSEError(.tooLarge, reason: reason)
        }
        try parameters.checkUncompressed()
        guard parameters["crit"] == nil else {
            throw JOSEError(.criticalUnsupported, claim: "crit", reason: "no extension is implemented")
        }
        var header: JSONObject = ["alg": .string(key.algorithm.name), "enc": .string(encryption.name)]
        for (name, value) in parameters {
            guard !["alg", "enc", "kid", "epk"].contains(name) else {
                throw JOSEError(.malformed, claim: name, reason: "the key decides the parameter")
            }
            header[name] = value
        }
        header["kid"] = key.keyID.map(JSON.string)
        let contentKey = try key.newContentKey(for: encryption, header: &header)
        let authenticated = Base64URL.encode(header.serialized())
        let sealed = try encryption.seal(plaintext, with: contentKey.key, authenticating: Array(authenticated.utf8))
        let parts = [contentKey.encrypted, sealed.initializationVector, sealed.ciphertext, sealed.tag]
        let token = ([authenticated] + parts.map(Base64URL.encode)).joined(separator: ".")
        try limits.check(token)
        return token
    }
}

extension JSONObject {
    fileprivate func checkUncompressed() throws(JOSEError) {
        // CVE-2024-33664, CVE-2024-28122, CVE-2024-29371 (FIELD F21): a token of some kilobytes inflates to gigabytes.
        // RFC 8725 §3.6: "Compression of data SHOULD NOT be done before encryption, because such compressed data often
        // reveals information about the plaintext."
        guard self["zip"] == nil else {
            throw JOSEError(.algorithmRefused, claim: "zip", reason: "compressed content is never read or written")
        }
    }
}

extension ContentEncryptionAlgorithm {
    /// The algorithm that a header names, if it is in the caller's list.
    fileprivate static func allowed(_ name: String, among list: [Self]) throws(JOSEError) -> Self {
        guard let algorithm = Self(name: name), list.contains(algorithm) else {
            let wanted = list.map(\.name).joined(separator: ", ")
            throw JOSEError(.algorithmRefused, claim: "enc", reason: "expected \(wanted), got \(quoted(name))")
        }
        return algorithm
    }
}
