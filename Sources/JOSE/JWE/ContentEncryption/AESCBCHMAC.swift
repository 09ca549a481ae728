// Family: AES-CBC with HMAC-SHA-2 (RFC 7518 §5.2): encrypt, then authenticate. The padding is looked at only after the
// tag was found good, so that it tells nothing (FIELD F21).

internal import Crypto
internal import CryptoExtras

struct AESCBCHMAC: Sendable {
    enum Hash: Sendable {
        case sha256
        case sha512
    }

    static let initializationVectorBytes = 16

    private let hash: Hash

    init(_ hash: Hash) {
        self.hash = hash
    }

    /// Half the output of the hash (RFC 7518 §5.2.3, §5.2.5), which is also the length of each half of the key.
    private var tagBytes: Int {
        switch hash {
        case .sha256: 16
        case .sha512: 32
        }
    }

    func seal(
        _ plaintext: [UInt8],
        with key: SymmetricKey,
        initializationVector: [UInt8],
        authenticating data: [UInt8]
    ) -> SealedContent? {
        guard let keys = split(key),
            let vector = try? AES._CBC.IV(ivBytes: initializationVector),
            let ciphertext = try? AES._CBC.encrypt(plaintext, using: keys.encryption, iv: vector)
        else { return nil }
        var sealed = SealedContent(initializationVector: initializationVector, ciphertext: Array(ciphertext), tag: [])
        sealed.tag = tag(of: sealed, with: keys.authentication, authenticating: data)
        return sealed
    }

    func open(_ sealed: SealedContent, with key: SymmetricKey, authenticating data: [UInt8]) -> [UInt8]? {
        // The MAC does not tell where the initialization vector ends and the ciphertext begins: its length does.
        guard sealed.initializationVector.count == Self.initializationVectorBytes, let keys = split(key) else {
            return nil
        }
        let expected = tag(of: sealed, with: keys.authentication, authenticating: data)
        // RFC 7518 §5.2.2.2: "If those values are identical, then A and E are considered valid, and processing is
        // continued. Otherwise, all of the data used in the MAC validation are discarded"
        guard ConstantTime.equal(expected, sealed.tag) else { return nil }
        guard let vector = try? AES._CBC.IV(ivBytes: sealed.initializationVector),
            let plaintext = try? AES._CBC.decrypt(sealed.ciphertext, using: keys.encryption, iv: vector)
        else { return nil }
        return Array(plaintext)
    }

    /// MAC_KEY is the first half, ENC_KEY the second (RFC 7518 §5.2.2.1).
    private func split(_ key: SymmetricKey) -> (authentication: SymmetricKey, encryption: SymmetricKey)? {
        guard key.bitCount == 2 * tagBytes * 8 else { return nil }
        return unsafe key.withUnsafeBytes { bytes in
            unsafe (SymmetricKey(data: bytes.prefix(tagBytes)), SymmetricKey(data: bytes.suffix(tagBytes)))
        }
    }

    private func tag(
        of sealed: SealedContent,
        with key: SymmetricKey,
        authenticating data: [UInt8]
    ) -> [UInt8] {
        switch hash {
        case .sha256: code(SHA256.self, of: sealed, with: key, authenticating: data)
        case .sha512: code(SHA512.self, of: sealed, with: key, authenticating: data)
        }
    }

    private func code<H: HashFunction>(
        _: H.Type,
        of sealed: SealedContent,
        with key: SymmetricKey,
        authenticating data: [UInt8]
    ) -> [UInt8] {
        var mac = HMAC<H>(key: key)
        mac.update(data: data)
        mac.update(data: sealed.initializationVector)
        mac.update(data: sealed.ciphertext)
        // RFC 7518 §5.2.2.1: "The octet string AL is equal to the number of bits in the Additional Authenticated Data A
        // expressed as a 64-bit unsigned big-endian integer."
        let bits = UInt64(data.count) * 8
        mac.update(data: stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: bits >> $0) })
        return Array(mac.finalize().prefix(tagBytes))
    }
}
