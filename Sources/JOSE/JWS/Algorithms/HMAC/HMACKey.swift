// Family: HMAC with SHA-256, SHA-384 or SHA-512 (RFC 7518 §3.2). The same key signs and verifies; its two keyed hash
// states are made once and each message starts from a copy of them.

internal import Crypto

enum HMACKey: Sendable {
    case sha256(KeyedMAC<SHA256>)
    case sha384(KeyedMAC<SHA384>)
    case sha512(KeyedMAC<SHA512>)

    init(_ jwk: JWK, hash: SignatureHash) throws(JOSEError) {
        switch hash {
        case .sha256: self = .sha256(try KeyedMAC(jwk))
        case .sha384: self = .sha384(try KeyedMAC(jwk))
        case .sha512: self = .sha512(try KeyedMAC(jwk))
        }
    }

    /// A new key is as long as the output of its hash: RFC 7518 §3.2 asks for no less, and more adds no strength.
    static func generatedMembers(hash: SignatureHash) -> JSONObject {
        let key = SymmetricKey(size: SymmetricKeySize(bitCount: hash.byteCount * 8))
        return ["k": .string(Base64URL.encode(key.bytes))]
    }

    var members: JSONObject {
        let secret =
            switch self {
            case .sha256(let key): key.secret
            case .sha384(let key): key.secret
            case .sha512(let key): key.secret
            }
        return ["k": .string(Base64URL.encode(secret))]
    }

    func sign(_ message: Span<UInt8>) -> [UInt8] {
        switch self {
        case .sha256(let key): key.keyed.code(for: message).bytes
        case .sha384(let key): key.keyed.code(for: message).bytes
        case .sha512(let key): key.keyed.code(for: message).bytes
        }
    }

    func isValid(_ signature: Span<UInt8>, for message: Span<UInt8>) -> Bool {
        switch self {
        case .sha256(let key): key.keyed.code(for: message).isEqual(to: signature)
        case .sha384(let key): key.keyed.code(for: message).isEqual(to: signature)
        case .sha512(let key): key.keyed.code(for: message).isEqual(to: signature)
        }
    }
}

/// A secret and the MAC state after the key's own blocks.
struct KeyedMAC<Hash: HashFunction>: Sendable {
    /// No hash gains from a longer key; the limit bounds what a foreign JWK can make us keep.
    private static var maximumBytes: Int { 1024 }

    let secret: [UInt8]
    let keyed: HMAC<Hash>

    init(_ jwk: JWK) throws(JOSEError) {
        secret = try jwk.bytes("k")
        // RFC 7518 §3.2: "A key of the same size as the hash output (for instance, 256 bits for "HS256") or larger MUST
        // be used with this algorithm."
        guard secret.count >= Hash.Digest.byteCount, secret.count <= Self.maximumBytes else {
            throw JOSEError(
                .keyInvalid,
                claim: "k",
                reason: "expected \(Hash.Digest.byteCount) to \(Self.maximumBytes) bytes, got \(secret.count)"
            )
        }
        keyed = HMAC(key: SymmetricKey(data: secret))
    }
}
