// Family: AES Key Wrap (RFC 7518 §4.4, RFC 3394 §2.2 with its default initial value). The same key wraps and unwraps.

internal import Crypto

enum AESKeyWrap {
    /// What wrapping adds to a key: one block of 64 bits.
    private static let overheadBytes = 8

    static func wrap(_ contentKey: SymmetricKey, by key: SymmetricKey) throws(JOSEError) -> [UInt8] {
        do {
            return Array(try AES.KeyWrap.wrap(contentKey, using: key))
        } catch {
            throw JOSEError(.encryptionFailed, reason: "the content encryption key could not be wrapped")
        }
    }

    /// The key that was wrapped, or nothing for whatever reason.
    static func unwrap(_ wrapped: [UInt8], by key: SymmetricKey, expecting bytes: Int) -> SymmetricKey? {
        guard wrapped.count == bytes + overheadBytes else { return nil }
        return try? AES.KeyWrap.unwrap(wrapped, using: key)
    }
}
