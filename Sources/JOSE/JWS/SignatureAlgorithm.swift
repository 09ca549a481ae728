/// A signature or MAC algorithm by its registered name (RFC 7518 §3.1, RFC 8037 §3.1).
///
/// `none` is not among them.
public struct SignatureAlgorithm: Sendable, CustomStringConvertible {
    /// The `alg` value.
    public let name: String
    let family: SignatureFamily
    let keyType: KeyType
    /// The `crv` that the key must have, where the algorithm has one.
    let curve: String?

    private init(_ name: String, _ family: SignatureFamily, _ keyType: KeyType, curve: String? = nil) {
        self.name = name
        self.family = family
        self.keyType = keyType
        self.curve = curve
    }

    /// HMAC with SHA-256 (RFC 7518 §3.2).
    public static let hs256 = SignatureAlgorithm("HS256", .hmac, .octets)
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
    public static let rs256 = SignatureAlgorithm("RS256", .rsa, .rsa)
    /// ECDSA with P-256 and SHA-256 (RFC 7518 §3.4).
    public static let es256 = SignatureAlgorithm("ES256", .ecdsa, .ellipticCurve, curve: "P-256")
    /// Edwards-curve signatures, here always Ed25519 (RFC 8037 §3.1).
    public static let edDSA = SignatureAlgorithm("EdDSA", .edDSA, .octetKeyPair, curve: "Ed25519")

    /// The table: every algorithm that this module signs and verifies with.
    public static let all: [SignatureAlgorithm] = [hs256, rs256, es256, edDSA]

    /// The algorithm of this registered name, if it is in the table.
    ///
    /// Names are case-sensitive (RFC 7515 §4.1.1).
    public init?(name: String) {
        guard let row = Self.all.first(where: { isSameText($0.name, name) }) else { return nil }
        self = row
    }

    /// The registered name.
    public var description: String { name }
}

extension SignatureAlgorithm: Hashable {
    /// Whether both have the same name.
    public static func == (left: SignatureAlgorithm, right: SignatureAlgorithm) -> Bool {
        left.name == right.name
    }

    /// Feeds the name to the hasher.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(name)
    }
}

/// The primitives behind the table; one file a family.
enum SignatureFamily: Sendable {
    case hmac
    case rsa
    case ecdsa
    case edDSA
}

/// The parsed secret of a signing key.
enum SigningMaterial: Sendable {
    case hmac(HMACKey)
    case rsa(RSAPrivateKey)
    case ecdsa(ECDSAPrivateKey)
    case edDSA(EdDSAPrivateKey)

    init(_ jwk: JWK, algorithm: SignatureAlgorithm) throws(JOSEError) {
        switch algorithm.family {
        case .hmac: self = .hmac(try HMACKey(jwk))
        case .rsa: self = .rsa(try RSAPrivateKey(jwk))
        case .ecdsa: self = .ecdsa(try ECDSAPrivateKey(jwk))
        case .edDSA: self = .edDSA(try EdDSAPrivateKey(jwk))
        }
    }

    /// The members of the JWK of a new key.
    static func generatedMembers(for algorithm: SignatureAlgorithm) throws(JOSEError) -> JSONObject {
        var members: JSONObject =
            switch algorithm.family {
            case .hmac: HMACKey.generatedMembers()
            case .rsa: try RSAPrivateKey.generatedMembers()
            case .ecdsa: ECDSAPrivateKey.generatedMembers()
            case .edDSA: EdDSAPrivateKey.generatedMembers()
            }
        members["kty"] = .string(algorithm.keyType.rawValue)
        if let curve = algorithm.curve { members["crv"] = .string(curve) }
        return members
    }

    /// The members of the private JWK that hold bytes.
    var members: JSONObject {
        switch self {
        case .hmac(let key): key.members
        case .rsa(let key): key.members
        case .ecdsa(let key): key.members
        case .edDSA(let key): key.members
        }
    }

    var verificationMaterial: VerificationMaterial {
        switch self {
        case .hmac(let key): .hmac(key)
        case .rsa(let key): .rsa(key.publicKey)
        case .ecdsa(let key): .ecdsa(key.publicKey)
        case .edDSA(let key): .edDSA(key.publicKey)
        }
    }

    func sign(_ message: [UInt8]) throws(JOSEError) -> [UInt8] {
        switch self {
        case .hmac(let key): key.sign(message)
        case .rsa(let key): try key.sign(message)
        case .ecdsa(let key): try key.sign(message)
        case .edDSA(let key): try key.sign(message)
        }
    }
}

/// The parsed key of a verification key.
enum VerificationMaterial: Sendable {
    case hmac(HMACKey)
    case rsa(RSAPublicKey)
    case ecdsa(ECDSAPublicKey)
    case edDSA(EdDSAPublicKey)

    init(_ jwk: JWK, algorithm: SignatureAlgorithm) throws(JOSEError) {
        switch algorithm.family {
        case .hmac: self = .hmac(try HMACKey(jwk))
        case .rsa: self = .rsa(try RSAPublicKey(jwk))
        case .ecdsa: self = .ecdsa(try ECDSAPublicKey(jwk))
        case .edDSA: self = .edDSA(try EdDSAPublicKey(jwk))
        }
    }

    func isValid(_ signature: [UInt8], for message: ArraySlice<UInt8>) -> Bool {
        switch self {
        case .hmac(let key): key.isValid(signature, for: message)
        case .rsa(let key): key.isValid(signature, for: message)
        case .ecdsa(let key): key.isValid(signature, for: message)
        case .edDSA(let key): key.isValid(signature, for: message)
        }
    }
}
