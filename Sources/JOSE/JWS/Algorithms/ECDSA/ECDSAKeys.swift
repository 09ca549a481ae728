// Family: ECDSA with P-256, P-384 or P-521, each with the hash of its size (RFC 7518 §3.4). Signatures are r and s side by
// side in the full size of a coordinate, never DER.

internal import Crypto

enum ECDSAPublicKey: Sendable {
    case p256(P256.Signing.PublicKey)
    case p384(P384.Signing.PublicKey)
    case p521(P521.Signing.PublicKey)

    init(_ jwk: JWK, curve: NISTCurve) throws(JOSEError) {
        switch curve {
        case .p256: self = .p256(try Self.key(jwk, on: .p256))
        case .p384: self = .p384(try Self.key(jwk, on: .p384))
        case .p521: self = .p521(try Self.key(jwk, on: .p521))
        }
    }

    func isValid(_ signature: Span<UInt8>, for message: Span<UInt8>) -> Bool {
        // RFC 7518 §3.4: "If it is not a 64-octet sequence, the validation has failed." swift-crypto checks the length.
        switch self {
        case .p256(let key): key.isValid(signature, for: message, hash: SHA256.self)
        case .p384(let key): key.isValid(signature, for: message, hash: SHA384.self)
        case .p521(let key): key.isValid(signature, for: message, hash: SHA512.self)
        }
    }

    private static func key<Key: NISTPublicKey>(_ jwk: JWK, on curve: NISTCurve) throws(JOSEError) -> Key {
        // RFC 7518 §6.2.1.2: "The length of this octet string MUST be the full size of a coordinate for the curve"
        let x = try jwk.bytes("x", count: curve.coordinateBytes)
        let y = try jwk.bytes("y", count: curve.coordinateBytes)
        do {
            return try Key(rawRepresentation: x + y)
        } catch {
            throw JOSEError(.keyInvalid, reason: "x and y are not a point of \(curve.rawValue)")
        }
    }
}

enum ECDSAPrivateKey: Sendable {
    case p256(P256.Signing.PrivateKey)
    case p384(P384.Signing.PrivateKey)
    case p521(P521.Signing.PrivateKey)

    init(_ jwk: JWK, curve: NISTCurve) throws(JOSEError) {
        switch curve {
        case .p256: self = .p256(try Self.key(jwk, on: .p256))
        case .p384: self = .p384(try Self.key(jwk, on: .p384))
        case .p521: self = .p521(try Self.key(jwk, on: .p521))
        }
    }

    static func generatedMembers(curve: NISTCurve) -> JSONObject {
        switch curve {
        case .p256: members(of: P256.Signing.PrivateKey())
        case .p384: members(of: P384.Signing.PrivateKey())
        case .p521: members(of: P521.Signing.PrivateKey())
        }
    }

    var publicKey: ECDSAPublicKey {
        switch self {
        case .p256(let key): .p256(key.publicKey)
        case .p384(let key): .p384(key.publicKey)
        case .p521(let key): .p521(key.publicKey)
        }
    }

    var members: JSONObject {
        switch self {
        case .p256(let key): Self.members(of: key)
        case .p384(let key): Self.members(of: key)
        case .p521(let key): Self.members(of: key)
        }
    }

    func sign(_ message: Span<UInt8>) throws(JOSEError) -> [UInt8] {
        do {
            return switch self {
            case .p256(let key): try key.sign(message, hash: SHA256.self)
            case .p384(let key): try key.sign(message, hash: SHA384.self)
            case .p521(let key): try key.sign(message, hash: SHA512.self)
            }
        } catch {
            throw JOSEError(.signingFailed, reason: "the elliptic curve key refused to sign")
        }
    }

    private static func key<Key: NISTPrivateKey>(_ jwk: JWK, on curve: NISTCurve) throws(JOSEError) -> Key {
        // RFC 7518 §6.2.2.1: "The length of this octet string MUST be ceiling(log-base-2(n)/8) octets"
        let secret = try jwk.bytes("d", count: curve.coordinateBytes)
        let key: Key
        do {
            key = try Key(rawRepresentation: secret)
        } catch {
            throw JOSEError(.keyInvalid, claim: "d", reason: "not a private key of \(curve.rawValue)")
        }
        let members = members(of: key)
        for name in ["x", "y"] where jwk.members[name] != members[name] {
            throw JOSEError(.keyInvalid, claim: name, reason: "does not belong to the private key")
        }
        return key
    }

    private static func members(of key: some NISTPrivateKey) -> JSONObject {
        let point = key.publicKey.point
        return [
            "x": .string(Base64URL.encode(point.prefix(point.count / 2))),
            "y": .string(Base64URL.encode(point.suffix(point.count / 2))),
            "d": .string(Base64URL.encode(key.secret)),
        ]
    }
}
