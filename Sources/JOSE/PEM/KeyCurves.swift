internal import Crypto
internal import SwiftASN1

/// The curves of RFC 7518 §6.2.1.1, with the primitive that knows their points.
struct NamedCurve: Sendable {
    /// The `crv`.
    let name: String
    let identifier: ASN1ObjectIdentifier
    let coordinateBytes: Int
    /// Whether an uncompressed point lies on the curve.
    private let isPoint: @Sendable ([UInt8]) -> Bool
    /// The uncompressed point of a private key; nil for a number out of range.
    private let point: @Sendable ([UInt8]) -> [UInt8]?

    static let all = [
        NamedCurve(
            name: "P-256",
            identifier: [1, 2, 840, 10045, 3, 1, 7],
            coordinateBytes: 32,
            isPoint: { (try? P256.Signing.PublicKey(x963Representation: $0)) != nil },
            point: {
                (try? P256.Signing.PrivateKey(rawRepresentation: $0)).map { Array($0.publicKey.x963Representation) }
            }
        ),
        NamedCurve(
            name: "P-384",
            identifier: [1, 3, 132, 0, 34],
            coordinateBytes: 48,
            isPoint: { (try? P384.Signing.PublicKey(x963Representation: $0)) != nil },
            point: {
                (try? P384.Signing.PrivateKey(rawRepresentation: $0)).map { Array($0.publicKey.x963Representation) }
            }
        ),
        NamedCurve(
            name: "P-521",
            identifier: [1, 3, 132, 0, 35],
            coordinateBytes: 66,
            isPoint: { (try? P521.Signing.PublicKey(x963Representation: $0)) != nil },
            point: {
                (try? P521.Signing.PrivateKey(rawRepresentation: $0)).map { Array($0.publicKey.x963Representation) }
            }
        ),
    ]

    /// `x` and `y` of an uncompressed point (RFC 5480 §2.2).
    func coordinates(of point: [UInt8]) throws(JOSEError) -> (x: [UInt8], y: [UInt8]) {
        guard let form = point.first, form == 4 || form == 2 || form == 3 else {
            throw JOSEError(.keyInvalid, reason: "the public key is no point of \(name)")
        }
        guard form == 4 else {
            throw JOSEError(
                .keyUnsupported,
                reason: "a compressed point; convert the key: openssl ec -in FILE -conv_form uncompressed -out NEWFILE"
            )
        }
        guard point.count == 1 + 2 * coordinateBytes, isPoint(point) else {
            throw JOSEError(.keyInvalid, reason: "the public key is no point of \(name)")
        }
        return (Array(point[1...coordinateBytes]), Array(point.suffix(coordinateBytes)))
    }

    /// The public point of a private key.
    func publicPoint(of secret: [UInt8]) throws(JOSEError) -> [UInt8] {
        // RFC 5915 §3: the private key has as many octets as the order of the curve.
        guard secret.count == coordinateBytes, let point = point(secret) else {
            throw JOSEError(.keyInvalid, claim: "d", reason: "not a private key of \(name)")
        }
        return point
    }
}

/// The pairs of RFC 8410 that have a JWK (RFC 8037 §2).
enum OctetKeyPair {
    static let bytes = 32

    /// The public half of a private key; nil for a curve that is not used here.
    static func publicKey(of secret: [UInt8], curve: String) -> [UInt8]? {
        switch curve {
        case "Ed25519":
            (try? Curve25519.Signing.PrivateKey(rawRepresentation: secret)).map {
                Array($0.publicKey.rawRepresentation)
            }
        case "X25519":
            (try? Curve25519.KeyAgreement.PrivateKey(rawRepresentation: secret)).map {
                Array($0.publicKey.rawRepresentation)
            }
        default: nil
        }
    }
}

/// The parameter sets of ML-DSA that have a JWK here (RFC 9881 §2), by their `alg`.
struct MLDSAParameterSet: Sendable {
    let name: String
    let identifier: ASN1ObjectIdentifier
    let publicBytes: Int
    let expandedBytes: Int
    private let publicKey: @Sendable ([UInt8]) -> [UInt8]?

    static let seedBytes = 32

    static let all = [
        MLDSAParameterSet(
            name: "ML-DSA-65",
            identifier: [2, 16, 840, 1, 101, 3, 4, 3, 18],
            publicBytes: 1952,
            expandedBytes: 4032,
            publicKey: { seed in
                (try? MLDSA65.PrivateKey(seedRepresentation: seed, publicKey: nil)).map {
                    Array($0.publicKey.rawRepresentation)
                }
            }
        ),
        MLDSAParameterSet(
            name: "ML-DSA-87",
            identifier: [2, 16, 840, 1, 101, 3, 4, 3, 19],
            publicBytes: 2592,
            expandedBytes: 4896,
            publicKey: { seed in
                (try? MLDSA87.PrivateKey(seedRepresentation: seed, publicKey: nil)).map {
                    Array($0.publicKey.rawRepresentation)
                }
            }
        ),
    ]

    /// The public key that grows from a seed.
    func publicKey(of seed: [UInt8]) throws(JOSEError) -> [UInt8] {
        guard seed.count == Self.seedBytes, let publicKey = publicKey(seed) else {
            throw JOSEError(.keyInvalid, claim: "priv", reason: "not a seed of \(name)")
        }
        return publicKey
    }

    /// The seed in an ML-DSA-PrivateKey (RFC 9881 §6).
    ///
    /// Of a key that has both the seed and the expanded key, the seed is taken; the expanded one must begin as the seed's
    /// would, with the public `rho`. The rest of it is not looked at, since it is not used.
    func seed(inPrivateKey bytes: [UInt8]) throws -> [UInt8] {
        let node = try DER.parse(bytes)
        switch node.identifier {
        case ASN1Identifier(tagWithNumber: 0, tagClass: .contextSpecific):
            return try Array(ASN1OctetString(derEncoded: node, withIdentifier: node.identifier).bytes)
        case .sequence:
            let (seed, expanded) = try DER.sequence(node, identifier: .sequence) { fields in
                (
                    try Array(ASN1OctetString(derEncoded: &fields).bytes),
                    try Array(ASN1OctetString(derEncoded: &fields).bytes)
                )
            }
            guard expanded.count == expandedBytes, try publicKey(of: seed).prefix(32) == expanded.prefix(32) else {
                throw JOSEError(.keyInvalid, reason: "the expanded key is not that of the seed")
            }
            return seed
        case .octetString:
            throw JOSEError(
                .keyUnsupported,
                reason:
                    "an expanded \(name) key without its seed, which a JWK needs and which cannot be computed from it"
            )
        default: throw ASN1Error.unexpectedFieldType(node.identifier)
        }
    }

    /// The seed alone as an ML-DSA-PrivateKey.
    static func privateKey(seed: [UInt8]) throws -> [UInt8] {
        var serializer = DER.Serializer()
        let tag = ASN1Identifier(tagWithNumber: 0, tagClass: .contextSpecific)
        try ASN1OctetString(contentBytes: seed[...]).serialize(into: &serializer, withIdentifier: tag)
        return serializer.serializedBytes
    }
}
