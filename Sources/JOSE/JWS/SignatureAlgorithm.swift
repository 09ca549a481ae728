/// A signature or MAC algorithm by its registered name (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864, RFC 9964).
///
/// `none` is not among them.
public struct SignatureAlgorithm: Sendable, CustomStringConvertible {
    /// The `alg` value.
    public let name: String
    /// The bytes of the name in one number, the first lowest, under their count: names are compared at once.
    private let packedName: UInt128
    let family: SignatureFamily
    private let definition: StaticString

    private init(_ name: String, _ family: SignatureFamily, _ definition: StaticString) {
        self.name = name
        packedName = Self.packed(name) ?? 0
        self.family = family
        self.definition = definition
    }

    /// HMAC with SHA-256.
    public static let hs256 = SignatureAlgorithm("HS256", .hmac(.sha256), "RFC 7518 §3.2")
    /// HMAC with SHA-384.
    public static let hs384 = SignatureAlgorithm("HS384", .hmac(.sha384), "RFC 7518 §3.2")
    /// HMAC with SHA-512.
    public static let hs512 = SignatureAlgorithm("HS512", .hmac(.sha512), "RFC 7518 §3.2")
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    public static let rs256 = SignatureAlgorithm("RS256", .rsa(.pkcs1, .sha256), "RFC 7518 §3.3")
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    public static let rs384 = SignatureAlgorithm("RS384", .rsa(.pkcs1, .sha384), "RFC 7518 §3.3")
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    public static let rs512 = SignatureAlgorithm("RS512", .rsa(.pkcs1, .sha512), "RFC 7518 §3.3")
    /// RSASSA-PSS with SHA-256.
    public static let ps256 = SignatureAlgorithm("PS256", .rsa(.pss, .sha256), "RFC 7518 §3.5")
    /// RSASSA-PSS with SHA-384.
    public static let ps384 = SignatureAlgorithm("PS384", .rsa(.pss, .sha384), "RFC 7518 §3.5")
    /// RSASSA-PSS with SHA-512.
    public static let ps512 = SignatureAlgorithm("PS512", .rsa(.pss, .sha512), "RFC 7518 §3.5")
    /// ECDSA with P-256 and SHA-256.
    public static let es256 = SignatureAlgorithm("ES256", .ecdsa(.p256, .sha256), "RFC 7518 §3.4")
    /// ECDSA with P-384 and SHA-384.
    public static let es384 = SignatureAlgorithm("ES384", .ecdsa(.p384, .sha384), "RFC 7518 §3.4")
    /// ECDSA with P-521 and SHA-512.
    public static let es512 = SignatureAlgorithm("ES512", .ecdsa(.p521, .sha512), "RFC 7518 §3.4")
    /// Edwards-curve signatures, here always Ed25519; the name is deprecated in favour of the next (RFC 9864 §4.1.2).
    public static let edDSA = SignatureAlgorithm("EdDSA", .edDSA, "RFC 8037 §3.1")
    /// Ed25519 under its exact name.
    public static let ed25519 = SignatureAlgorithm("Ed25519", .edDSA, "RFC 9864 §2.2")
    /// ML-DSA-65, a signature that a quantum computer does not forge.
    public static let mlDSA65 = SignatureAlgorithm("ML-DSA-65", .mlDSA(.mlDSA65), "RFC 9964")
    /// ML-DSA-87, a signature that a quantum computer does not forge.
    public static let mlDSA87 = SignatureAlgorithm("ML-DSA-87", .mlDSA(.mlDSA87), "RFC 9964")

    /// The table: every algorithm that this module signs and verifies with.
    ///
    /// The first row that fits a key without `alg` is the one that this key serves.
    public static let all: [SignatureAlgorithm] = [
        hs256, hs384, hs512, rs256, rs384, rs512, ps256, ps384, ps512, es256, es384, es512, edDSA, ed25519, mlDSA65,
        mlDSA87,
    ]

    /// The algorithm of this registered name, if it is in the table.
    ///
    /// Names are case-sensitive (RFC 7515 §4.1.1).
    public init?(name: String) {
        guard let packed = Self.packed(name), let row = Self.all.first(where: { $0.packedName == packed }) else {
            return nil
        }
        self = row
    }

    /// Where the algorithm is specified.
    public var specification: String { definition.description }

    /// The registered name.
    public var description: String { name }

    /// Whether signer and verifier share one secret, so that whoever can verify can sign.
    public var isSymmetric: Bool { keyType == .octets }

    /// The `kty` that the key must have.
    var keyType: KeyType {
        switch family {
        case .hmac: .octets
        case .rsa: .rsa
        case .ecdsa: .ellipticCurve
        case .edDSA: .octetKeyPair
        case .mlDSA: .algorithmKeyPair
        }
    }

    /// The `crv` that the key must have, where its type has one.
    var curve: String? {
        switch family {
        case .ecdsa(let curve, _): curve.rawValue
        case .edDSA: "Ed25519"
        case .hmac, .rsa, .mlDSA: nil
        }
    }

    private static func packed(_ name: String) -> UInt128? {
        let count = name.utf8.count
        guard count < 16 else { return nil }
        // The count keeps zero bytes at the end apart from no bytes.
        var packed = UInt128(count) << 120
        for (index, byte) in name.utf8.enumerated() { packed |= UInt128(byte) << (8 * index) }
        return packed
    }
}

extension SignatureAlgorithm: Hashable {
    /// Whether both have the same name.
    public static func == (left: SignatureAlgorithm, right: SignatureAlgorithm) -> Bool {
        left.packedName == right.packedName
    }

    /// Feeds the name to the hasher.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(packedName)
    }
}

/// The primitives behind the table; one folder of `Algorithms` a family.
enum SignatureFamily: Hashable, Sendable {
    case hmac(SignatureHash)
    case rsa(RSAScheme, SignatureHash)
    case ecdsa(NISTCurve, SignatureHash)
    case edDSA
    case mlDSA(MLDSAParameters)
}

/// The hashes of RFC 7518 §3.
enum SignatureHash: Hashable, Sendable {
    case sha256
    case sha384
    case sha512

    /// The length of a digest.
    var byteCount: Int {
        switch self {
        case .sha256: 32
        case .sha384: 48
        case .sha512: 64
        }
    }
}

/// How a digest becomes an RSA signature (RFC 8017 §8).
enum RSAScheme: Hashable, Sendable {
    case pkcs1
    case pss
}

/// The curves of ECDSA (RFC 7518 §6.2.1.1).
enum NISTCurve: String, Sendable {
    case p256 = "P-256"
    case p384 = "P-384"
    case p521 = "P-521"

    /// The full size of a coordinate, and of the private number.
    var coordinateBytes: Int {
        switch self {
        case .p256: 32
        case .p384: 48
        case .p521: 66
        }
    }
}

/// The parameter sets of ML-DSA (FIPS 204 §4) that swift-crypto offers.
enum MLDSAParameters: Hashable, Sendable {
    case mlDSA65
    case mlDSA87
}
