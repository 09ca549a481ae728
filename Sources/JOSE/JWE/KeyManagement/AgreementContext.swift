internal import Crypto

/// What both sides of ECDH-ES derive their key from, besides the two keys (RFC 7518 §4.6.2).
struct AgreementContext {
    private let derivation: ConcatKDF.Context
    /// Whether the agreed key wraps the content encryption key, rather than being it.
    let wraps: Bool

    /// - Throws: `malformed` if `apu` or `apv` is not base64url.
    init(
        algorithm: KeyManagementAlgorithm,
        encryption: ContentEncryptionAlgorithm,
        header: JSONObject
    ) throws(JOSEError) {
        var wrappingKeyBytes: Int?
        if case .agreement(let bytes) = algorithm.family { wrappingKeyBytes = bytes }
        wraps = wrappingKeyBytes != nil
        derivation = ConcatKDF.Context(
            // RFC 7518 §4.6.2: "In the Direct Key Agreement case, Data is set to the octets of the ASCII representation
            // of the "enc" Header Parameter value."
            algorithm: wraps ? algorithm.name : encryption.name,
            partyUInfo: try Self.partyInfo("apu", in: header),
            partyVInfo: try Self.partyInfo("apv", in: header),
            keyBytes: wrappingKeyBytes ?? encryption.keyBytes
        )
    }

    /// The agreed key, or nothing if the curves differ or the secret is zero.
    func agreedKey(_ own: AgreementPrivateKey, _ peer: AgreementPublicKey) -> SymmetricKey? {
        guard let secret = own.secret(with: peer) else { return nil }
        return unsafe secret.withUnsafeBytes { unsafe ConcatKDF.key(from: $0, context: derivation) }
    }

    private static func partyInfo(_ name: String, in header: JSONObject) throws(JOSEError) -> [UInt8] {
        guard let text = try header.text(name) else { return [] }
        do {
            return try Base64URL.decode(text)
        } catch {
            throw JOSEError(.malformed, claim: name, reason: error.reason)
        }
    }
}
