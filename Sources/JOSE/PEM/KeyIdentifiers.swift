internal import SwiftASN1

/// The object identifiers of keys that have a JWK.
enum KeyIdentifier {
    /// RFC 8017 §A.1.
    static let rsaEncryption: ASN1ObjectIdentifier = [1, 2, 840, 113549, 1, 1, 1]
    /// RFC 8017 §A.2.3.
    static let rsassaPSS: ASN1ObjectIdentifier = [1, 2, 840, 113549, 1, 1, 10]
    /// RFC 8017 §A.2.1.
    static let mgf1: ASN1ObjectIdentifier = [1, 2, 840, 113549, 1, 1, 8]
    /// RFC 5480 §2.1.1.
    static let ellipticCurve: ASN1ObjectIdentifier = [1, 2, 840, 10045, 2, 1]
    /// RFC 8410 §3, by `crv`.
    static let octetKeyPairs: [(curve: String, identifier: ASN1ObjectIdentifier)] = [
        ("X25519", [1, 3, 101, 110]), ("Ed25519", [1, 3, 101, 112]),
    ]

    /// What some identifiers stand for that are known and not used here.
    static let known: [ASN1ObjectIdentifier: String] = [
        [1, 3, 101, 111]: "X448", [1, 3, 101, 113]: "Ed448", [1, 2, 840, 10040, 4, 1]: "DSA",
        [1, 2, 840, 113549, 1, 1, 7]: "RSAES-OAEP", [1, 3, 132, 0, 10]: "secp256k1",
        [2, 16, 840, 1, 101, 3, 4, 3, 17]: "ML-DSA-44",
    ]

    static func words(_ identifier: ASN1ObjectIdentifier) -> String {
        known[identifier].map { "\($0) (\(identifier))" } ?? "\(identifier)"
    }
}

/// The parameters that tie an RSA key to RSASSA-PSS with one hash (RFC 8017 §A.2.3).
struct PSSParameters {
    /// The algorithms of RFC 7518 §3.5, whose salt is as long as the hash.
    static let algorithms: [(name: String, digest: ASN1ObjectIdentifier, saltBytes: Int)] = [
        ("PS256", [2, 16, 840, 1, 101, 3, 4, 2, 1], 32), ("PS384", [2, 16, 840, 1, 101, 3, 4, 2, 2], 48),
        ("PS512", [2, 16, 840, 1, 101, 3, 4, 2, 3], 64),
    ]

    /// The `alg` that the parameters allow.
    let algorithm: String

    init(_ parameters: ASN1Any?) throws {
        guard let parameters else {
            throw JOSEError(
                .keyUnsupported,
                reason:
                    "an id-RSASSA-PSS key without parameters does not say which of PS256, PS384 and PS512 it is for; "
                    + "give it as a JWK with alg"
            )
        }
        var serializer = DER.Serializer()
        try serializer.serialize(parameters)
        let (hash, maskHash, saltBytes) = try DER.sequence(
            DER.parse(serializer.serializedBytes),
            identifier: .sequence
        ) { fields in
            let hash = try Self.tagged(&fields, 0) { try AlgorithmIdentifier(derEncoded: $0) }
            let mask = try Self.tagged(&fields, 1) { try AlgorithmIdentifier(derEncoded: $0) }
            let salt = try Self.tagged(&fields, 2) { try Int(derEncoded: $0) }
            guard mask?.algorithm == KeyIdentifier.mgf1, let inner = mask?.parameters else {
                return (hash, AlgorithmIdentifier?.none, salt)
            }
            return (hash, try AlgorithmIdentifier(asn1Any: inner), salt)
        }
        guard let hash, let row = Self.algorithms.first(where: { $0.digest == hash.algorithm }),
            maskHash?.algorithm == hash.algorithm, saltBytes == row.saltBytes,
            Self.isBare(hash), maskHash.map(Self.isBare) == true
        else {
            throw JOSEError(
                .keyUnsupported,
                reason: "expected RSASSA-PSS as PS256, PS384 or PS512 have it (RFC 7518 §3.5): one hash of SHA-2 for "
                    + "message and mask, and a salt of its length"
            )
        }
        algorithm = row.name
    }

    private static func tagged<Value>(
        _ fields: inout ASN1NodeCollection.Iterator,
        _ tag: UInt,
        _ read: (ASN1Node) throws -> Value
    ) throws -> Value? {
        try DER.optionalExplicitlyTagged(&fields, tagNumber: tag, tagClass: .contextSpecific, read)
    }

    /// Whether a hash comes with NULL or nothing (RFC 4055 §2.1).
    private static func isBare(_ hash: AlgorithmIdentifier) -> Bool {
        hash.parameters.map { (try? ASN1Null(asn1Any: $0)) != nil } ?? true
    }
}
