// Family: EdDSA with Ed25519 (RFC 8037 §3.1, RFC 8032 §5.1).

internal import Crypto

struct EdDSAPublicKey: Sendable {
    fileprivate static let keyBytes = 32
    private static let signatureBytes = 64

    private let key: Curve25519.Signing.PublicKey

    init(_ jwk: JWK) throws(JOSEError) {
        do {
            key = try Curve25519.Signing.PublicKey(rawRepresentation: jwk.bytes("x", count: Self.keyBytes))
        } catch let error as JOSEError {
            throw error
        } catch {
            throw JOSEError(.keyInvalid, claim: "x", reason: "not a public key of Ed25519")
        }
    }

    fileprivate init(_ key: Curve25519.Signing.PublicKey) {
        self.key = key
    }

    func isValid(_ signature: [UInt8], for message: ArraySlice<UInt8>) -> Bool {
        signature.count == Self.signatureBytes && key.isValidSignature(signature, for: message)
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

    func sign(_ message: [UInt8]) throws(JOSEError) -> [UInt8] {
        do {
            return Array(try key.signature(for: message))
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
