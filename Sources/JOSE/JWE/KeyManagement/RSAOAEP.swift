// Family: RSAES-OAEP (RFC 7518 §4.3, RFC 8017 §7.1), the label always empty. The checks of the key itself (size,
// exponent, weak primes) are those of RSA signing keys.

internal import Crypto
internal import CryptoExtras

/// The hash of OAEP and of its mask.
enum RSAOAEPHash: Sendable {
    case sha1
    case sha256

    fileprivate var padding: _RSA.Encryption.Padding {
        switch self {
        case .sha1: .PKCS1_OAEP
        case .sha256: .PKCS1_OAEP_SHA256
        }
    }
}

/// A key of swift-crypto that several tasks use.
///
/// It marks its RSA signing keys as safe to share; the encryption keys hold the same immutable key objects, which are
/// marked, and only the wrapping around them is not.
private struct Shared<Key>: @unchecked Sendable {
    let key: Key
}

struct RSAOAEPPublicKey: Sendable {
    private let hash: RSAOAEPHash
    private let shared: Shared<_RSA.Encryption.PublicKey>

    init(_ jwk: JWK, hash: RSAOAEPHash) throws(JOSEError) {
        // RFC 7518 §4.3: "A key of size 2048 bits or larger MUST be used with these algorithms."
        _ = try RSAPublicKey(jwk, scheme: .pkcs1, hash: .sha256)
        self.hash = hash
        let modulus = try jwk.unsignedInteger("n")
        let exponent = try jwk.unsignedInteger("e")
        do {
            shared = Shared(key: try _RSA.Encryption.PublicKey(n: modulus, e: exponent))
        } catch {
            throw JOSEError(.keyInvalid, reason: "not an RSA public key")
        }
    }

    func encrypt(_ contentKey: SymmetricKey) throws(JOSEError) -> [UInt8] {
        do {
            return Array(try shared.key.encrypt(contentKey.bytes, padding: hash.padding))
        } catch {
            throw JOSEError(.encryptionFailed, reason: "the RSA key refused to encrypt")
        }
    }
}

struct RSAOAEPPrivateKey: Sendable {
    let publicKey: RSAOAEPPublicKey
    /// The numbers of the private key, checked against each other.
    let members: JSONObject
    private let hash: RSAOAEPHash
    private let shared: Shared<_RSA.Encryption.PrivateKey>

    init(_ jwk: JWK, hash: RSAOAEPHash) throws(JOSEError) {
        members = try RSAPrivateKey(jwk, scheme: .pkcs1, hash: .sha256).members
        publicKey = try RSAOAEPPublicKey(jwk, hash: hash)
        self.hash = hash
        let (n, e, d) = (try jwk.unsignedInteger("n"), try jwk.unsignedInteger("e"), try jwk.unsignedInteger("d"))
        let (p, q) = (try jwk.unsignedInteger("p"), try jwk.unsignedInteger("q"))
        do {
            shared = Shared(key: try _RSA.Encryption.PrivateKey(n: n, e: e, d: d, p: p, q: q))
        } catch {
            throw JOSEError(.keyInvalid, reason: "the numbers do not make an RSA private key")
        }
    }

    static func generatedMembers() throws(JOSEError) -> JSONObject {
        try RSAPrivateKey.generatedMembers(hash: .sha256)
    }

    /// What was encrypted, or nothing for whatever reason.
    func decrypt(_ encrypted: [UInt8]) -> [UInt8]? {
        (try? shared.key.decrypt(encrypted, padding: hash.padding)).map { Array($0) }
    }
}
