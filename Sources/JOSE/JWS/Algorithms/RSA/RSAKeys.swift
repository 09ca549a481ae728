// Family: RSASSA-PKCS1-v1_5 and RSASSA-PSS with SHA-256, SHA-384 or SHA-512 (RFC 7518 §3.3 and §3.5, RFC 8017 §8). A key
// serves one scheme with one hash.

internal import Crypto
internal import CryptoExtras

struct RSAPublicKey: Sendable {
    // RFC 7518 §3.3: "A key of size 2048 bits or larger MUST be used with these algorithms."
    private static let minimumBits = 2048
    /// Verification time grows with the square of the modulus: a foreign JWK must not choose it freely.
    private static let maximumBits = 8192

    private let key: _RSA.Signing.PublicKey
    private let scheme: RSAScheme
    private let hash: SignatureHash

    init(_ jwk: JWK, scheme: RSAScheme, hash: SignatureHash) throws(JOSEError) {
        self.scheme = scheme
        self.hash = hash
        let modulus = try jwk.unsignedInteger("n")
        let exponent = try jwk.unsignedInteger("e")
        let bits = modulus.count * 8 - (modulus.first?.leadingZeroBitCount ?? 0)
        guard bits >= Self.minimumBits, bits <= Self.maximumBits else {
            throw JOSEError(
                .keyInvalid,
                claim: "n",
                reason: "expected \(Self.minimumBits) to \(Self.maximumBits) bits, got \(bits)"
            )
        }
        // FIPS 186-5 §5.1: "The public exponent e shall be an odd positive integer such that 2^16 < e". The upper limit
        // of four bytes is that of common libraries.
        guard exponent.count >= 3, exponent.count <= 4, exponent.last.map({ $0 & 1 == 1 }) == true else {
            throw JOSEError(.keyInvalid, claim: "e", reason: "expected an odd exponent of 65537 or more, up to 32 bits")
        }
        guard !hasWeakPrimes(modulus: modulus) else {
            throw JOSEError(.keyInvalid, claim: "n", reason: "made by the weak generator of CVE-2017-15361 (ROCA)")
        }
        do {
            key = try _RSA.Signing.PublicKey(n: modulus, e: exponent)
        } catch {
            throw JOSEError(.keyInvalid, reason: "not an RSA public key")
        }
    }

    func isValid(_ signature: Span<UInt8>, for message: Span<UInt8>) -> Bool {
        switch hash {
        case .sha256: key.isValid(signature, for: message, hash: SHA256.self, padding: scheme.padding)
        case .sha384: key.isValid(signature, for: message, hash: SHA384.self, padding: scheme.padding)
        case .sha512: key.isValid(signature, for: message, hash: SHA512.self, padding: scheme.padding)
        }
    }
}

extension RSAScheme {
    /// The scheme as swift-crypto names it.
    ///
    /// Its PSS takes and makes salts as long as the digest and no others, as RFC 7518 §3.5 demands, and masks with the
    /// hash of the message. PKCS #1 v1.5 is called insecure there for what it is in encryption.
    fileprivate var padding: _RSA.Signing.Padding {
        switch self {
        case .pkcs1: .insecurePKCS1v1_5
        case .pss: .PSS
        }
    }
}

struct RSAPrivateKey: Sendable {
    /// The JWK members of the eight numbers, in the order of an RSAPrivateKey (RFC 8017 §A.1.2) after its version.
    static let memberNames = ["n", "e", "d", "p", "q", "dp", "dq", "qi"]

    let publicKey: RSAPublicKey
    let members: JSONObject
    private let key: _RSA.Signing.PrivateKey
    private let scheme: RSAScheme
    private let hash: SignatureHash
    /// Who signs in place of swift-crypto.
    private var signer: (any RSASigner)?

    init(_ jwk: JWK, scheme: RSAScheme, hash: SignatureHash) throws(JOSEError) {
        publicKey = try RSAPublicKey(jwk, scheme: scheme, hash: hash)
        self.scheme = scheme
        self.hash = hash
        // RFC 7518 §6.3.2.7: a consumer that does not support more than two primes "MUST NOT use the key".
        guard jwk.members["oth"] == nil else {
            throw JOSEError(.keyUnsupported, claim: "oth", reason: "a key of more than two primes")
        }
        var numbers: [String: [UInt8]] = [:]
        for name in ["n", "e", "d", "p", "q"] { numbers[name] = try jwk.unsignedInteger(name) }
        do {
            key = try _RSA.Signing.PrivateKey(
                n: numbers["n", default: []],
                e: numbers["e", default: []],
                d: numbers["d", default: []],
                p: numbers["p", default: []],
                q: numbers["q", default: []]
            )
        } catch {
            throw JOSEError(.keyInvalid, reason: "the numbers do not make an RSA private key")
        }
        members = try Self.members(of: key)
        for name in Self.memberNames {
            guard let given = jwk.members[name] else { continue }
            guard given == members[name] else {
                throw JOSEError(.keyInvalid, claim: name, reason: "does not belong to the other numbers of the key")
            }
        }
    }

    /// Draws a key of 2048 bits for SHA-256 and of 3072 bits for the longer hashes.
    ///
    /// The first is the size that every peer takes. Who asks for the longer hashes wants more than the least, and 3072
    /// bits have the strength of 128 bits with which the rest of the table begins (NIST SP 800-57 part 1, table 2). 4096
    /// bits would double the time of a signature for little.
    static func generatedMembers(hash: SignatureHash) throws(JOSEError) -> JSONObject {
        do {
            return switch hash {
            case .sha256: try members(of: _RSA.Signing.PrivateKey(keySize: .bits2048))
            case .sha384, .sha512: try members(of: _RSA.Signing.PrivateKey(keySize: .bits3072))
            }
        } catch {
            throw JOSEError(.signingFailed, reason: "no RSA key could be made")
        }
    }

    func sign(_ message: Span<UInt8>) throws(JOSEError) -> [UInt8] {
        if let signer, let signature = signature(by: signer, for: message) { return signature }
        do {
            return switch hash {
            case .sha256: try key.sign(message, hash: SHA256.self, padding: scheme.padding)
            case .sha384: try key.sign(message, hash: SHA384.self, padding: scheme.padding)
            case .sha512: try key.sign(message, hash: SHA512.self, padding: scheme.padding)
            }
        } catch {
            throw JOSEError(.signingFailed, reason: "the RSA key refused to sign")
        }
    }

    /// The same key, with its signatures made by a signer of the provider's.
    func signing(as algorithm: SignatureAlgorithm, through provider: some RSASignerProvider) throws -> RSAPrivateKey {
        var copy = self
        copy.signer = try key.withDER { der in try provider.signer(for: algorithm, privateKey: der) }
        return copy
    }

    private static func members(of key: _RSA.Signing.PrivateKey) throws(JOSEError) -> JSONObject {
        // swift-crypto exports the numbers of a private key only inside this DER.
        let numbers = try PKCS1.integers(inPrivateKey: Array(key.derRepresentation))
        guard numbers.count == memberNames.count else {
            throw JOSEError(.keyInvalid, reason: "the exported RSA key has \(numbers.count) numbers")
        }
        var members = JSONObject()
        for (name, number) in zip(memberNames, numbers) { members[name] = .string(Base64URL.encode(number)) }
        return members
    }
}

/// Whether the modulus has the fingerprint of CVE-2017-15361 (ROCA): modulo each of these primes it is a power of 65537,
/// which happens to a sound modulus about once in 2^27.
func hasWeakPrimes(modulus: [UInt8]) -> Bool {
    let primes = [
        3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
        113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
    ]
    return primes.allSatisfy { prime in
        let residue = modulus.reduce(0) { ($0 << 8 | Int($1)) % prime }
        var power = 1
        repeat {
            if power == residue { return true }
            power = power * 65537 % prime
        } while power != 1
        return false
    }
}
