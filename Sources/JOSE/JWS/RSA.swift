// Family: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3, RFC 8017 §8.2).

internal import Crypto
internal import CryptoExtras

struct RSAPublicKey: Sendable {
    // RFC 7518 §3.3: "A key of size 2048 bits or larger MUST be used with these algorithms."
    private static let minimumBits = 2048
    /// Verification time grows with the square of the modulus: a foreign JWK must not choose it freely.
    private static let maximumBits = 8192

    private let key: _RSA.Signing.PublicKey

    init(_ jwk: JWK) throws(JOSEError) {
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

    func isValid(_ signature: [UInt8], for message: ArraySlice<UInt8>) -> Bool {
        key.isValidSignature(
            _RSA.Signing.RSASignature(rawRepresentation: signature),
            for: SHA256.hash(data: message),
            padding: .insecurePKCS1v1_5
        )
    }
}

struct RSAPrivateKey: Sendable {
    /// The JWK members of the eight numbers, in the order of an RSAPrivateKey (RFC 8017 §A.1.2) after its version.
    private static let memberNames = ["n", "e", "d", "p", "q", "dp", "dq", "qi"]

    let publicKey: RSAPublicKey
    let members: JSONObject
    private let key: _RSA.Signing.PrivateKey

    init(_ jwk: JWK) throws(JOSEError) {
        publicKey = try RSAPublicKey(jwk)
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

    static func generatedMembers() throws(JOSEError) -> JSONObject {
        do {
            return try members(of: _RSA.Signing.PrivateKey(keySize: .bits2048))
        } catch {
            throw JOSEError(.signingFailed, reason: "no RSA key could be made")
        }
    }

    func sign(_ message: [UInt8]) throws(JOSEError) -> [UInt8] {
        do {
            let signature = try key.signature(for: SHA256.hash(data: message), padding: .insecurePKCS1v1_5)
            return Array(signature.rawRepresentation)
        } catch {
            throw JOSEError(.signingFailed, reason: "the RSA key refused to sign")
        }
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
