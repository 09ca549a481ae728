// Family: ML-DSA-65 and ML-DSA-87 (RFC 9964, FIPS 204): pure ML-DSA with an empty context. Keys are of type AKP and
// always say their algorithm; the private key is the seed.

internal import Crypto

enum MLDSAPublicKey: Sendable {
    case mlDSA65(MLDSA65.PublicKey)
    case mlDSA87(MLDSA87.PublicKey)

    init(_ jwk: JWK, parameters: MLDSAParameters) throws(JOSEError) {
        switch parameters {
        case .mlDSA65: self = .mlDSA65(try Self.key(jwk))
        case .mlDSA87: self = .mlDSA87(try Self.key(jwk))
        }
    }

    func isValid(_ signature: Span<UInt8>, for message: Span<UInt8>) -> Bool {
        switch self {
        case .mlDSA65(let key): key.isValid(signature, for: message)
        case .mlDSA87(let key): key.isValid(signature, for: message)
        }
    }

    fileprivate static func key<Key: LatticePublicKey>(_ jwk: JWK) throws(JOSEError) -> Key {
        let bytes = try jwk.bytes("pub")
        do {
            return try Key(rawRepresentation: bytes)
        } catch {
            throw JOSEError(.keyInvalid, claim: "pub", reason: "not a public key of its alg, got \(bytes.count) bytes")
        }
    }
}

enum MLDSAPrivateKey: Sendable {
    private static var seedBytes: Int { 32 }

    case mlDSA65(MLDSA65.PrivateKey)
    case mlDSA87(MLDSA87.PrivateKey)

    init(_ jwk: JWK, parameters: MLDSAParameters) throws(JOSEError) {
        switch parameters {
        case .mlDSA65: self = .mlDSA65(try Self.key(jwk))
        case .mlDSA87: self = .mlDSA87(try Self.key(jwk))
        }
    }

    static func generatedMembers(parameters: MLDSAParameters) throws(JOSEError) -> JSONObject {
        do {
            return switch parameters {
            case .mlDSA65: members(of: try MLDSA65.PrivateKey())
            case .mlDSA87: members(of: try MLDSA87.PrivateKey())
            }
        } catch {
            throw JOSEError(.signingFailed, reason: "no ML-DSA key could be made")
        }
    }

    var publicKey: MLDSAPublicKey {
        switch self {
        case .mlDSA65(let key): .mlDSA65(key.publicKey)
        case .mlDSA87(let key): .mlDSA87(key.publicKey)
        }
    }

    var members: JSONObject {
        switch self {
        case .mlDSA65(let key): Self.members(of: key)
        case .mlDSA87(let key): Self.members(of: key)
        }
    }

    func sign(_ message: Span<UInt8>) throws(JOSEError) -> [UInt8] {
        do {
            return switch self {
            case .mlDSA65(let key): try key.sign(message)
            case .mlDSA87(let key): try key.sign(message)
            }
        } catch {
            throw JOSEError(.signingFailed, reason: "the ML-DSA key refused to sign")
        }
    }

    private static func key<Key: LatticePrivateKey>(_ jwk: JWK) throws(JOSEError) -> Key {
        let given: Key.PublicKey = try MLDSAPublicKey.key(jwk)
        let seed = try jwk.bytes("priv", count: seedBytes)
        let key: Key
        do {
            key = try Key(seedRepresentation: seed, publicKey: nil)
        } catch {
            throw JOSEError(.keyInvalid, claim: "priv", reason: "not a seed of ML-DSA")
        }
        guard key.publicKey.bytes == given.bytes else {
            throw JOSEError(.keyInvalid, claim: "pub", reason: "does not belong to the private key")
        }
        return key
    }

    private static func members(of key: some LatticePrivateKey) -> JSONObject {
        ["pub": .string(Base64URL.encode(key.publicKey.bytes)), "priv": .string(Base64URL.encode(key.seed))]
    }
}
