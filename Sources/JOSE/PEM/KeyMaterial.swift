internal import SwiftASN1

/// The bytes of an asymmetric JWK, proven to be a key: points on their curve, halves that belong together, RSA numbers
/// that are strong enough.
struct KeyMaterial {
    /// The members that make the key, complete: what may be left out of an RSA private key is computed; and the `alg`
    /// where the JWK has one.
    let members: JSONObject
    private let bytes: [String: [UInt8]]
    private let keyType: KeyType

    /// Proves the JWK.
    ///
    /// - Throws: `keyUnsupported` for a symmetric key or an unknown curve, `keyInvalid` for what is no key.
    init(_ jwk: JWK) throws(JOSEError) {
        keyType = jwk.keyType
        var members = try Self.checkedMembers(of: jwk)
        var bytes: [String: [UInt8]] = [:]
        for (name, value) in members where !["kty", "crv", "alg"].contains(name) {
            bytes[name] = try Base64URL.decode(value.stringValue ?? "")
        }
        if let algorithm = jwk.members["alg"] { members["alg"] = algorithm }
        self.members = members
        self.bytes = bytes
    }

    private static func checkedMembers(of jwk: JWK) throws(JOSEError) -> JSONObject {
        switch jwk.keyType {
        case .rsa: try rsa(jwk)
        case .ellipticCurve: try ellipticCurve(jwk)
        case .octetKeyPair: try octetKeyPair(jwk)
        case .algorithmKeyPair: try algorithmKeyPair(jwk)
        case .octets:
            throw JOSEError(
                .keyUnsupported,
                claim: "kty",
                reason: "a symmetric key has no PEM or DER form; keep it as a JWK"
            )
        }
    }

    private static func rsa(_ jwk: JWK) throws(JOSEError) -> JSONObject {
        // Judged by its numbers alone: an encryption key goes into PEM as a signature key does.
        guard jwk.isPrivate else {
            _ = try RSAPublicKey(jwk, scheme: .pkcs1, hash: .sha256)
            return jwk.members.keeping(["kty", "n", "e"])
        }
        var members: JSONObject = ["kty": "RSA"]
        for (name, value) in try RSAPrivateKey(jwk, scheme: .pkcs1, hash: .sha256).members { members[name] = value }
        return members
    }

    private static func ellipticCurve(_ jwk: JWK) throws(JOSEError) -> JSONObject {
        let curve = try namedCurve(jwk)
        let x = try jwk.bytes("x", count: curve.coordinateBytes)
        let y = try jwk.bytes("y", count: curve.coordinateBytes)
        let point = [4] + x + y
        if jwk.isPrivate {
            guard try curve.publicPoint(of: jwk.bytes("d", count: curve.coordinateBytes)) == point else {
                throw JOSEError(.keyInvalid, reason: "the public key does not belong to the private key")
            }
        } else {
            _ = try curve.coordinates(of: point)
        }
        return jwk.members.keeping(["kty", "crv", "x", "y", "d"])
    }

    private static func octetKeyPair(_ jwk: JWK) throws(JOSEError) -> JSONObject {
        let curve = jwk.members["crv"]?.stringValue ?? ""
        guard KeyIdentifier.octetKeyPairs.contains(where: { $0.curve == curve }) else {
            throw JOSEError(.keyUnsupported, claim: "crv", reason: "expected Ed25519 or X25519, got \(quoted(curve))")
        }
        let publicKey = try jwk.bytes("x", count: OctetKeyPair.bytes)
        if jwk.isPrivate {
            let secret = try jwk.bytes("d", count: OctetKeyPair.bytes)
            guard OctetKeyPair.publicKey(of: secret, curve: curve) == publicKey else {
                throw JOSEError(.keyInvalid, claim: "x", reason: "does not belong to the private key")
            }
        }
        return jwk.members.keeping(["kty", "crv", "x", "d"])
    }

    private static func algorithmKeyPair(_ jwk: JWK) throws(JOSEError) -> JSONObject {
        let parameterSet = try parameterSet(jwk)
        let publicKey = try jwk.bytes("pub", count: parameterSet.publicBytes)
        if jwk.isPrivate {
            let seed = try jwk.bytes("priv", count: MLDSAParameterSet.seedBytes)
            guard try parameterSet.publicKey(of: seed) == publicKey else {
                throw JOSEError(.keyInvalid, claim: "pub", reason: "does not belong to the private key")
            }
        }
        return jwk.members.keeping(["kty", "alg", "pub", "priv"])
    }

    private static func namedCurve(_ jwk: JWK) throws(JOSEError) -> NamedCurve {
        let name = jwk.members["crv"]?.stringValue ?? ""
        guard let curve = NamedCurve.all.first(where: { isSameText($0.name, name) }) else {
            throw JOSEError(
                .keyUnsupported,
                claim: "crv",
                reason: "expected P-256, P-384 or P-521, got \(quoted(name))"
            )
        }
        return curve
    }

    private static func parameterSet(_ jwk: JWK) throws(JOSEError) -> MLDSAParameterSet {
        let name = jwk.members["alg"]?.stringValue ?? ""
        guard let row = MLDSAParameterSet.all.first(where: { isSameText($0.name, name) }) else {
            throw JOSEError(
                .keyUnsupported,
                claim: "alg",
                reason: "expected ML-DSA-65 or ML-DSA-87, got \(quoted(name))"
            )
        }
        return row
    }
}

extension KeyMaterial {
    private func value(_ name: String) -> [UInt8] { bytes[name, default: []] }
    private func text(_ name: String) -> String { members[name]?.stringValue ?? "" }

    /// The algorithm as DER names it; an RSA key is always rsaEncryption, which every reader knows.
    func algorithm() throws -> AlgorithmIdentifier {
        switch keyType {
        case .rsa:
            return AlgorithmIdentifier(KeyIdentifier.rsaEncryption, parameters: try ASN1Any(erasing: ASN1Null()))
        case .ellipticCurve:
            let curve = NamedCurve.all.first { $0.name == text("crv") }?.identifier
            return AlgorithmIdentifier(
                KeyIdentifier.ellipticCurve,
                parameters: try curve.map { try ASN1Any(erasing: $0) }
            )
        default:
            let rows =
                KeyIdentifier.octetKeyPairs.filter { $0.curve == text("crv") }.map(\.identifier)
                + MLDSAParameterSet.all.filter { keyType == .algorithmKeyPair && $0.name == text("alg") }
                .map(\.identifier)
            guard let identifier = rows.first else {
                throw JOSEError(.keyUnsupported, reason: "no DER form is known for this key")
            }
            return AlgorithmIdentifier(identifier)
        }
    }

    /// The contents of the BIT STRING of a SubjectPublicKeyInfo.
    func publicKey() throws -> [UInt8] {
        switch keyType {
        case .rsa:
            let numbers = ["n", "e"].map { PositiveInteger(bytes: value($0)) }
            return try serialized(RSAPublicKeyStructure(numbers: numbers))
        case .ellipticCurve: return [4] + value("x") + value("y")
        case .octetKeyPair: return value("x")
        default: return value("pub")
        }
    }

    /// The contents of the OCTET STRING of a PKCS#8; nil for a public key.
    func privateKey() throws -> [UInt8]? {
        switch keyType {
        case .rsa:
            guard bytes["d"] != nil else { return nil }
            let numbers = RSAPrivateKey.memberNames.map { PositiveInteger(bytes: value($0)) }
            return try serialized(RSAPrivateKeyStructure(numbers: numbers))
        case .ellipticCurve:
            guard let secret = bytes["d"] else { return nil }
            return try serialized(ECPrivateKeyStructure(privateKey: secret, curve: nil, publicKey: publicKey()))
        case .octetKeyPair:
            guard let secret = bytes["d"] else { return nil }
            return try serialized(ASN1OctetString(contentBytes: secret[...]))
        default: return try bytes["priv"].map { try MLDSAParameterSet.privateKey(seed: $0) }
        }
    }

    private func serialized(_ value: some DERSerializable) throws -> [UInt8] {
        var serializer = DER.Serializer()
        try serializer.serialize(value)
        return serializer.serializedBytes
    }
}

extension JSONObject {
    /// The members of these names, in the order of the names.
    fileprivate func keeping(_ names: [String]) -> JSONObject {
        var kept = JSONObject()
        for name in names { kept[name] = self[name] }
        return kept
    }
}
