// Family: HMAC with SHA-256 (RFC 7518 §3.2). The same key signs and verifies.

internal import Crypto

struct HMACKey: Sendable {
    // RFC 7518 §3.2: "A key of the same size as the hash output (for instance, 256 bits for "HS256") or larger MUST be
    // used with this algorithm."
    private static let minimumBytes = 32
    /// No hash gains from a longer key; the limit bounds what a foreign JWK can make us keep.
    private static let maximumBytes = 1024

    private let secret: [UInt8]
    /// The MAC after the key's own block: each message starts from a copy of it.
    private let keyed: HMAC<SHA256>

    init(_ jwk: JWK) throws(JOSEError) {
        secret = try jwk.bytes("k")
        guard secret.count >= Self.minimumBytes, secret.count <= Self.maximumBytes else {
            throw JOSEError(
                .keyInvalid,
                claim: "k",
                reason: "expected \(Self.minimumBytes) to \(Self.maximumBytes) bytes, got \(secret.count)"
            )
        }
        keyed = HMAC(key: SymmetricKey(data: secret))
    }

    static func generatedMembers() -> JSONObject {
        let secret = unsafe SymmetricKey(size: .bits256).withUnsafeBytes { unsafe Array($0) }
        return ["k": .string(Base64URL.encode(secret))]
    }

    var members: JSONObject { ["k": .string(Base64URL.encode(secret))] }

    func sign(_ message: [UInt8]) -> [UInt8] {
        code(for: message[...])
    }

    func isValid(_ signature: [UInt8], for message: ArraySlice<UInt8>) -> Bool {
        ConstantTime.equal(code(for: message), signature)
    }

    private func code(for message: ArraySlice<UInt8>) -> [UInt8] {
        var mac = keyed
        mac.update(data: message)
        return Array(mac.finalize())
    }
}
