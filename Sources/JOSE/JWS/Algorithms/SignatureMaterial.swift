/// The parsed secret of a signing key.
enum SigningMaterial: Sendable {
    case hmac(HMACKey)
    case rsa(RSAPrivateKey)
    case ecdsa(ECDSAPrivateKey)
    case edDSA(EdDSAPrivateKey)
    case mlDSA(MLDSAPrivateKey)

    init(_ jwk: JWK, algorithm: SignatureAlgorithm) throws(JOSEError) {
        switch algorithm.family {
        case .hmac(let hash): self = .hmac(try HMACKey(jwk, hash: hash))
        case .rsa(let scheme, let hash): self = .rsa(try RSAPrivateKey(jwk, scheme: scheme, hash: hash))
        case .ecdsa(let curve, _): self = .ecdsa(try ECDSAPrivateKey(jwk, curve: curve))
        case .edDSA: self = .edDSA(try EdDSAPrivateKey(jwk))
        case .mlDSA(let parameters): self = .mlDSA(try MLDSAPrivateKey(jwk, parameters: parameters))
        }
    }

    /// The members of the JWK of a new key.
    static func generatedMembers(for algorithm: SignatureAlgorithm) throws(JOSEError) -> JSONObject {
        var members: JSONObject =
            switch algorithm.family {
            case .hmac(let hash): HMACKey.generatedMembers(hash: hash)
            case .rsa(_, let hash): try RSAPrivateKey.generatedMembers(hash: hash)
            case .ecdsa(let curve, _): ECDSAPrivateKey.generatedMembers(curve: curve)
            case .edDSA: EdDSAPrivateKey.generatedMembers()
            case .mlDSA(let parameters): try MLDSAPrivateKey.generatedMembers(parameters: parameters)
            }
        members["kty"] = .string(algorithm.keyType.rawValue)
        members["crv"] = algorithm.curve.map { .string($0) }
        members["alg"] = .string(algorithm.name)
        return members
    }

    /// The members of the private JWK that hold bytes.
    var members: JSONObject {
        switch self {
        case .hmac(let key): key.members
        case .rsa(let key): key.members
        case .ecdsa(let key): key.members
        case .edDSA(let key): key.members
        case .mlDSA(let key): key.members
        }
    }

    var verificationMaterial: VerificationMaterial {
        switch self {
        case .hmac(let key): .hmac(key)
        case .rsa(let key): .rsa(key.publicKey)
        case .ecdsa(let key): .ecdsa(key.publicKey)
        case .edDSA(let key): .edDSA(key.publicKey)
        case .mlDSA(let key): .mlDSA(key.publicKey)
        }
    }

    func sign(_ message: Span<UInt8>) throws(JOSEError) -> [UInt8] {
        switch self {
        case .hmac(let key): key.sign(message)
        case .rsa(let key): try key.sign(message)
        case .ecdsa(let key): try key.sign(message)
        case .edDSA(let key): try key.sign(message)
        case .mlDSA(let key): try key.sign(message)
        }
    }
}

/// The parsed key of a verification key.
enum VerificationMaterial: Sendable {
    case hmac(HMACKey)
    case rsa(RSAPublicKey)
    case ecdsa(ECDSAPublicKey)
    case edDSA(EdDSAPublicKey)
    case mlDSA(MLDSAPublicKey)

    init(_ jwk: JWK, algorithm: SignatureAlgorithm) throws(JOSEError) {
        switch algorithm.family {
        case .hmac(let hash): self = .hmac(try HMACKey(jwk, hash: hash))
        case .rsa(let scheme, let hash): self = .rsa(try RSAPublicKey(jwk, scheme: scheme, hash: hash))
        case .ecdsa(let curve, _): self = .ecdsa(try ECDSAPublicKey(jwk, curve: curve))
        case .edDSA: self = .edDSA(try EdDSAPublicKey(jwk))
        case .mlDSA(let parameters): self = .mlDSA(try MLDSAPublicKey(jwk, parameters: parameters))
        }
    }

    func isValid(_ signature: Span<UInt8>, for message: Span<UInt8>) -> Bool {
        switch self {
        case .hmac(let key): key.isValid(signature, for: message)
        case .rsa(let key): key.isValid(signature, for: message)
        case .ecdsa(let key): key.isValid(signature, for: message)
        case .edDSA(let key): key.isValid(signature, for: message)
        case .mlDSA(let key): key.isValid(signature, for: message)
        }
    }
}
