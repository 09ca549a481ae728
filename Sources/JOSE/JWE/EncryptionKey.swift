internal import Crypto

/// A key to which content is encrypted, with one key management algorithm.
///
/// It is parsed once and can be used from many tasks. A symmetric key decrypts as well; neither its description nor its
/// mirror shows it.
public struct EncryptionKey: Sendable {
    /// The key's `kid`, which tokens encrypted to it carry.
    public let keyID: String?
    /// The one algorithm of this key.
    public let algorithm: KeyManagementAlgorithm
    /// The content encryption that the key is bound to, which only a key for `dir` may be.
    public let contentEncryption: ContentEncryptionAlgorithm?
    private let material: EncryptionMaterial

    /// Makes an encryption key from a JWK; of a private key, the public half is used.
    ///
    /// - Parameter algorithm: must agree with the JWK's `alg`, and must be given if the JWK has none.
    /// - Throws: `keyInvalid` for a damaged or weak key, `keyUnfit` for one that is not meant to encrypt with this
    ///   algorithm, `keyUnsupported` for one of an unknown kind.
    public init(_ jwk: JWK, algorithm: KeyManagementAlgorithm? = nil) throws(JOSEError) {
        let purpose = try jwk.encryptionPurpose(for: .encrypting, requested: algorithm)
        self.init(keyID: jwk.keyID, purpose: purpose, material: try EncryptionMaterial(jwk, purpose: purpose))
    }

    init(keyID: String?, purpose: EncryptionPurpose, material: EncryptionMaterial) {
        self.keyID = keyID
        self.algorithm = purpose.algorithm
        self.contentEncryption = purpose.contentEncryption
        self.material = material
    }

    /// A content encryption key for one message, in the two forms in which sender and recipient have it.
    ///
    /// - Parameter header: gets the ephemeral key of an agreement.
    func newContentKey(
        for encryption: ContentEncryptionAlgorithm,
        header: inout JSONObject
    ) throws(JOSEError) -> (key: SymmetricKey, encrypted: [UInt8]) {
        switch material {
        case .rsaOAEP(let key):
            let contentKey = encryption.newKey()
            return (contentKey, try key.encrypt(contentKey))
        case .keyWrap(let key):
            let contentKey = encryption.newKey()
            return (contentKey, try AESKeyWrap.wrap(contentKey, by: key))
        case .agreement(let peer):
            return try agree(with: peer, for: encryption, header: &header)
        case .direct(let key):
            guard contentEncryption == nil || contentEncryption == encryption,
                key.bitCount == encryption.keyBytes * 8
            else { throw JOSEError(.keyUnfit, claim: "enc", reason: "\(self) does not fit \(encryption)") }
            return (key, [])
        }
    }

    private func agree(
        with peer: AgreementPublicKey,
        for encryption: ContentEncryptionAlgorithm,
        header: inout JSONObject
    ) throws(JOSEError) -> (key: SymmetricKey, encrypted: [UInt8]) {
        // RFC 7518 §4.6: "A new ephemeral public key value MUST be generated for each key agreement operation."
        let ephemeral = AgreementPrivateKey(generatedOn: peer.curve)
        header["epk"] = .object(ephemeral.publicKey.members)
        let context = try AgreementContext(algorithm: algorithm, encryption: encryption, header: header)
        guard let agreed = context.agreedKey(ephemeral, peer) else {
            throw JOSEError(.keyInvalid, claim: "x", reason: "the key agrees on the same secret with everybody")
        }
        guard context.wraps else { return (agreed, []) }
        let contentKey = encryption.newKey()
        return (contentKey, try AESKeyWrap.wrap(contentKey, by: agreed))
    }
}

extension EncryptionKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// What may be shown of the key.
    public var description: String { "encryption key \(keyID.map(quoted) ?? "without kid") for \(algorithm)" }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// What may be shown of the key, so that `dump` shows no more.
    public var customMirror: Mirror { Mirror(self, children: ["keyID": keyID ?? "", "algorithm": algorithm.name]) }
}

/// The parsed key of an encryption key.
enum EncryptionMaterial: Sendable {
    case rsaOAEP(RSAOAEPPublicKey)
    case agreement(AgreementPublicKey)
    case keyWrap(SymmetricKey)
    case direct(SymmetricKey)

    init(_ jwk: JWK, purpose: EncryptionPurpose) throws(JOSEError) {
        switch purpose.algorithm.family {
        case .rsaOAEP(let hash): self = .rsaOAEP(try RSAOAEPPublicKey(jwk, hash: hash))
        case .agreement: self = .agreement(try AgreementPublicKey(jwk))
        case .keyWrap(let bytes): self = .keyWrap(SymmetricKey(data: try jwk.secret(bytes: [bytes])))
        case .direct: self = .direct(SymmetricKey(data: try jwk.secret(bytes: purpose.directKeyBytes)))
        }
    }
}
