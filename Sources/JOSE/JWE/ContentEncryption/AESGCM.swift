// Family: AES-GCM (RFC 7518 §5.3) with 96-bit vectors and 128-bit tags, nothing else.

internal import Crypto

enum AESGCM {
    // RFC 7518 §5.3: "Use of an Initialization Vector (IV) of size 96 bits is REQUIRED with this algorithm."
    static let initializationVectorBytes = 12
    // RFC 7518 §5.3: "The requested size of the Authentication Tag output MUST be 128 bits, regardless of the key size."
    private static let tagBytes = 16

    static func seal(
        _ plaintext: [UInt8],
        with key: SymmetricKey,
        initializationVector: [UInt8],
        authenticating data: [UInt8]
    ) -> SealedContent? {
        guard initializationVector.count == initializationVectorBytes,
            let nonce = try? AES.GCM.Nonce(data: initializationVector),
            let box = try? AES.GCM.seal(plaintext, using: key, nonce: nonce, authenticating: data)
        else { return nil }
        return SealedContent(
            initializationVector: initializationVector,
            ciphertext: Array(box.ciphertext),
            tag: Array(box.tag)
        )
    }

    static func open(_ sealed: SealedContent, with key: SymmetricKey, authenticating data: [UInt8]) -> [UInt8]? {
        guard sealed.initializationVector.count == initializationVectorBytes, sealed.tag.count == tagBytes,
            let nonce = try? AES.GCM.Nonce(data: sealed.initializationVector),
            let box = try? AES.GCM.SealedBox(nonce: nonce, ciphertext: sealed.ciphertext, tag: sealed.tag),
            let plaintext = try? AES.GCM.open(box, using: key, authenticating: data)
        else { return nil }
        return Array(plaintext)
    }
}
