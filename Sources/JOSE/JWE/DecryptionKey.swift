internal import Crypto

/// A key that decrypts what was encrypted to it with one key management algorithm.
///
/// It is parsed once and can be used from many tasks. Neither its description nor its mirror shows the secret.
public struct DecryptionKey: Sendable {
    /// The key's `kid`, by which a token names it.
    public let keyID: String?
    /// The one algorithm of this key.
    ///
    /// A token whose header names another is refused.
    public let algorithm: KeyManagementAlgorithm
    /// The content encryption that the key is bound to, which only a key for `dir` may be.
    public let contentEncryption: ContentEncryptionAlgorithm?
    /// The whole key with `kid`, `alg` and `use`, to be stored under encryption.
    public let privateJWK: JWK
    /// The key for encrypting to this key.
    public let encryptionKey: EncryptionKey
    private let material: DecryptionMaterial

    /// Draws a new key: 2048 bits for RSA, for the others what their algorithm says.
    ///
    /// The randomness is swift-crypto's own, which is the system's.
    ///
    /// - Parameters:
    ///   - curve: the curve of a key for the ECDH-ES algorithms; the others have none.
    ///   - contentEncryption: what a key for `dir` is bound to, which it needs; the others are bound to none.
    ///   - keyID: the `kid`; without one, the RFC 7638 thumbprint.
    /// - Throws: `keyUnfit` for `dir` without a content encryption; `encryptionFailed` if the primitive cannot make a
    ///   key.
    public static func generate(
        _ algorithm: KeyManagementAlgorithm,
        curve: KeyAgreementCurve = .p256,
        contentEncryption: ContentEncryptionAlgorithm? = nil,
        keyID: String? = nil
    ) throws(JOSEError) -> DecryptionKey {
        var members: JSONObject
        var name = algorithm.name
        switch algorithm.family {
        case .rsaOAEP:
            members = try RSAOAEPPrivateKey.generatedMembers()
            members["kty"] = .string(KeyType.rsa.rawValue)
        case .agreement:
            members = AgreementPrivateKey(generatedOn: curve).members
        case .keyWrap(let bytes):
            members = octets(SymmetricKey(size: SymmetricKeySize(bitCount: bytes * 8)))
        case .direct:
            guard let contentEncryption else {
                throw JOSEError(.keyUnfit, claim: "enc", reason: "a key for dir is for one content encryption")
            }
            members = octets(contentEncryption.newKey())
            name = contentEncryption.name
        }
        members["use"] = "enc"
        members["alg"] = .string(name)
        let jwk = try JWK(members)
        return try DecryptionKey(jwk.setting("kid", to: keyID ?? jwk.thumbprint()))
    }

    private static func octets(_ key: SymmetricKey) -> JSONObject {
        ["kty": .string(KeyType.octets.rawValue), "k": .string(Base64URL.encode(key.bytes))]
    }

    /// Makes a decryption key from a private or symmetric JWK.
    ///
    /// - Parameter algorithm: must agree with the JWK's `alg`, and must be given if the JWK has none.
    /// - Throws: `keyInvalid` for a public, damaged or weak key, `keyUnfit` for one that is not meant to decrypt with
    ///   this algorithm, `keyUnsupported` for one of an unknown kind.
    public init(_ jwk: JWK, algorithm: KeyManagementAlgorithm? = nil) throws(JOSEError) {
        let purpose = try jwk.encryptionPurpose(for: .decrypting, requested: algorithm)
        material = try DecryptionMaterial(jwk, purpose: purpose)
        var members = JSONObject()
        members["kty"] = .string(jwk.keyType.rawValue)
        members["kid"] = jwk.keyID.map(JSON.string)
        members["use"] = "enc"
        members["alg"] = .string(purpose.contentEncryption?.name ?? purpose.algorithm.name)
        for (name, value) in material.members { members[name] = value }
        keyID = jwk.keyID
        self.algorithm = purpose.algorithm
        contentEncryption = purpose.contentEncryption
        privateJWK = try JWK(members)
        encryptionKey = EncryptionKey(keyID: jwk.keyID, purpose: purpose, material: material.encryptionMaterial)
    }

    /// The public half with `kid`, `alg` and `use`, to be published.
    ///
    /// See ``JWK/publicJWK`` for symmetric keys.
    public var publicJWK: JWK { privateJWK.publicJWK }

    /// Whether the key is for tokens whose header names `algorithm`.
    func serves(_ algorithm: KeyManagementAlgorithm) -> Bool { algorithm == self.algorithm }

    /// The content encryption key of a message, or nothing for whatever reason in the encrypted key.
    ///
    /// - Throws: for what the header says only: a content encryption that the key is not for, a bad ephemeral key.
    func contentKey(
        from encrypted: [UInt8],
        for encryption: ContentEncryptionAlgorithm,
        header: JSONObject
    ) throws(JOSEError) -> SymmetricKey? {
        switch material {
        case .rsaOAEP(let key):
            return key.decrypt(encrypted).map { SymmetricKey(data: $0) }
        case .keyWrap(let key):
            return AESKeyWrap.unwrap(encrypted, by: key, expecting: encryption.keyBytes)
        case .agreement(let key):
            let context = try AgreementContext(algorithm: algorithm, encryption: encryption, header: header)
            let agreed = context.agreedKey(key, try ephemeralKey(in: header, on: key.publicKey.curve))
            guard context.wraps else { return encrypted.isEmpty ? agreed : nil }
            return agreed.flatMap { AESKeyWrap.unwrap(encrypted, by: $0, expecting: encryption.keyBytes) }
        case .direct(let key):
            guard contentEncryption == nil || contentEncryption == encryption,
                key.bitCount == encryption.keyBytes * 8
            else { throw JOSEError(.algorithmRefused, claim: "enc", reason: "\(self) is not for \(encryption)") }
            // RFC 7516 §5.2: "verify that the JWE Encrypted Key value is an empty octet sequence"
            return encrypted.isEmpty ? key : nil
        }
    }

    /// The sender's ephemeral public key, which must be a point of our own curve (FIELD F20: invalid curves).
    private func ephemeralKey(
        in header: JSONObject,
        on curve: KeyAgreementCurve
    ) throws(JOSEError) -> AgreementPublicKey {
        guard let members = header["epk"]?.objectValue else {
            throw JOSEError(.malformed, claim: "epk", reason: "\(algorithm) needs an ephemeral public key")
        }
        // RFC 7518 §4.6.1.1: "It MUST contain only public key parameters"
        guard members["d"] == nil else {
            throw JOSEError(.malformed, claim: "epk", reason: "holds a private key")
        }
        do throws(JOSEError) {
            let jwk = try JWK(members)
            guard try KeyAgreementCurve(jwk) == curve else {
                throw JOSEError(.malformed, reason: "expected a key of \(curve)")
            }
            return try AgreementPublicKey(jwk)
        } catch {
            throw JOSEError(.malformed, claim: "epk", reason: error.reason)
        }
    }

    /// What RSA decrypts, for tests of published vectors.
    package func rsaDecrypted(_ ciphertext: [UInt8]) -> [UInt8]? {
        if case .rsaOAEP(let key) = material { key.decrypt(ciphertext) } else { nil }
    }

    /// The secret that is agreed with a public key, for tests of published vectors.
    package func agreedSecret(with jwk: JWK) throws(JOSEError) -> [UInt8]? {
        guard case .agreement(let key) = material else { return nil }
        let secret = key.secret(with: try AgreementPublicKey(jwk))
        return secret.map { unsafe $0.withUnsafeBytes { unsafe Array($0) } }
    }
}

extension DecryptionKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// What may be shown of the key.
    public var description: String { "decryption key \(keyID.map(quoted) ?? "without kid") for \(algorithm)" }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// What may be shown of the key, so that `dump` shows no more.
    public var customMirror: Mirror { Mirror(self, children: ["keyID": keyID ?? "", "algorithm": algorithm.name]) }
}

/// The parsed secret of a decryption key.
private enum DecryptionMaterial: Sendable {
    case rsaOAEP(RSAOAEPPrivateKey)
    case agreement(AgreementPrivateKey)
    case keyWrap(SymmetricKey)
    case direct(SymmetricKey)

    init(_ jwk: JWK, purpose: EncryptionPurpose) throws(JOSEError) {
        switch purpose.algorithm.family {
        case .rsaOAEP(let hash): self = .rsaOAEP(try RSAOAEPPrivateKey(jwk, hash: hash))
        case .agreement: self = .agreement(try AgreementPrivateKey(jwk))
        case .keyWrap(let bytes): self = .keyWrap(SymmetricKey(data: try jwk.secret(bytes: [bytes])))
        case .direct: self = .direct(SymmetricKey(data: try jwk.secret(bytes: purpose.directKeyBytes)))
        }
    }

    var encryptionMaterial: EncryptionMaterial {
        switch self {
        case .rsaOAEP(let key): .rsaOAEP(key.publicKey)
        case .agreement(let key): .agreement(key.publicKey)
        case .keyWrap(let key): .keyWrap(key)
        case .direct(let key): .direct(key)
        }
    }

    /// The members of the private JWK that make the key.
    var members: JSONObject {
        switch self {
        case .rsaOAEP(let key): key.members
        case .agreement(let key): key.members
        case .keyWrap(let key), .direct(let key): ["k": .string(Base64URL.encode(key.bytes))]
        }
    }
}
