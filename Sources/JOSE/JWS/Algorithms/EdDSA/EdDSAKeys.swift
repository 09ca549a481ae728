// Family: EdDSA with Ed25519 (RFC 8037 §3.1, RFC 8032 §5.1), under its first name EdDSA and its exact one, Ed25519
// (RFC 9864 §2.2).

internal import Crypto

struct EdDSAPublicKey: Sendable {
    fileprivate static let keyBytes = 32

    private let key: Curve25519.Signing.PublicKey

    init(_ jwk: JWK) throws(JOSEError) {
        let point = try jwk.bytes("x", count: Self.keyBytes)
        // RFC 8032 §5.1.3: "If the resulting value is >= p, decoding fails."
        guard !EdwardsPoint.isBeyondField(point) else {
            throw JOSEError(.keyInvalid, claim: "x", reason: "expected a coordinate below 2^255 - 19")
        }
        // Anybody can sign for such a key: with the neutral element, one signature fits every message.
        guard !EdwardsPoint.hasSmallOrder(point) else {
            throw JOSEError(.keyInvalid, claim: "x", reason: "the point is of small order")
        }
        do {
            key = try Curve25519.Signing.PublicKey(rawRepresentation: point)
        } catch {
            throw JOSEError(.keyInvalid, claim: "x", reason: "not a public key of Ed25519")
        }
    }

    fileprivate init(_ key: Curve25519.Signing.PublicKey) {
        self.key = key
    }

    func isValid(_ signature: Span<UInt8>, for message: Span<UInt8>) -> Bool {
        key.isValid(signature, for: message)
    }
}

struct EdDSAPrivateKey: Sendable {
    let publicKey: EdDSAPublicKey
    private let key: Curve25519.Signing.PrivateKey

    init(_ jwk: JWK) throws(JOSEError) {
        let secret = try jwk.bytes("d", count: EdDSAPublicKey.keyBytes)
        do {
            key = try Curve25519.Signing.PrivateKey(rawRepresentation: secret)
        } catch {
            throw JOSEError(.keyInvalid, claim: "d", reason: "not a private key of Ed25519")
        }
        publicKey = EdDSAPublicKey(key.publicKey)
        guard jwk.members["x"] == members["x"] else {
            throw JOSEError(.keyInvalid, claim: "x", reason: "does not belong to the private key")
        }
    }

    static func generatedMembers() -> JSONObject {
        members(of: Curve25519.Signing.PrivateKey())
    }

    var members: JSONObject { Self.members(of: key) }

    func sign(_ message: Span<UInt8>) throws(JOSEError) -> [UInt8] {
        do {
            return try key.sign(message)
        } catch {
            throw JOSEError(.signingFailed, reason: "the Ed25519 key refused to sign")
        }
    }

    private static func members(of key: Curve25519.Signing.PrivateKey) -> JSONObject {
        [
            "x": .string(Base64URL.encode(Array(key.publicKey.rawRepresentation))),
            "d": .string(Base64URL.encode(Array(key.rawRepresentation))),
        ]
    }
}
