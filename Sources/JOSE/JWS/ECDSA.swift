// Family: ECDSA with P-256 and SHA-256 (RFC 7518 §3.4). Signatures are r and s side by side, 32 bytes each, never DER.

internal import Crypto

struct ECDSAPublicKey: Sendable {
    fileprivate static let coordinateBytes = 32

    private let key: P256.Signing.PublicKey

    init(_ jwk: JWK) throws(JOSEError) {
        let x = try jwk.bytes("x", count: Self.coordinateBytes)
        let y = try jwk.bytes("y", count: Self.coordinateBytes)
        do {
            key = try P256.Signing.PublicKey(rawRepresentation: x + y)
        } catch {
            throw JOSEError(.keyInvalid, reason: "x and y are not a point of P-256")
        }
    }

    fileprivate init(_ key: P256.Signing.PublicKey) {
        self.key = key
    }

    func isValid(_ signature: [UInt8], for message: ArraySlice<UInt8>) -> Bool {
        // RFC 7518 §3.4: "If it is not a 64-octet sequence, the validation has failed."
        guard signature.count == 2 * Self.coordinateBytes,
            let signature = try? P256.Signing.ECDSASignature(rawRepresentation: signature)
        else { return false }
        return key.isValidSignature(signature, for: message)
    }
}

struct ECDSAPrivateKey: Sendable {
    let publicKey: ECDSAPublicKey
    private let key: P256.Signing.PrivateKey

    init(_ jwk: JWK) throws(JOSEError) {
        let secret = try jwk.bytes("d", count: ECDSAPublicKey.coordinateBytes)
        do {
            key = try P256.Signing.PrivateKey(rawRepresentation: secret)
        } catch {
            throw JOSEError(.keyInvalid, claim: "d", reason: "not a private key of P-256")
        }
        publicKey = ECDSAPublicKey(key.publicKey)
        for name in ["x", "y"] where jwk.members[name] != members[name] {
            throw JOSEError(.keyInvalid, claim: name, reason: "does not belong to the private key")
        }
    }

    static func generatedMembers() -> JSONObject {
        members(of: P256.Signing.PrivateKey())
    }

    var members: JSONObject { Self.members(of: key) }

    func sign(_ message: [UInt8]) throws(JOSEError) -> [UInt8] {
        do {
            return Array(try key.signature(for: message).rawRepresentation)
        } catch {
            throw JOSEError(.signingFailed, reason: "the P-256 key refused to sign")
        }
    }

    private static func members(of key: P256.Signing.PrivateKey) -> JSONObject {
        let point = Array(key.publicKey.rawRepresentation)
        return [
            "x": .string(Base64URL.encode(point.prefix(ECDSAPublicKey.coordinateBytes))),
            "y": .string(Base64URL.encode(point.suffix(ECDSAPublicKey.coordinateBytes))),
            "d": .string(Base64URL.encode(Array(key.rawRepresentation))),
        ]
    }
}
