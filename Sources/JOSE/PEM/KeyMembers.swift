internal import SwiftASN1

extension KeyStructure {
    /// The members of the JWK that the structure holds.
    ///
    /// Whether they make a key is for ``KeyMaterial`` to say.
    func members() throws(JOSEError) -> JSONObject {
        switch self {
        case .publicKey(let key): try Self.members(of: key)
        case .privateKey(let key): try Self.members(of: key)
        case .rsaPublicKey(let key): Self.members(of: key.numbers)
        case .rsaPrivateKey(let key): Self.members(of: key.numbers)
        case .ecPrivateKey(let key): try Self.members(of: key, curve: nil, publicKey: nil)
        }
    }

    private static func members(of key: SubjectPublicKeyInfo) throws(JOSEError) -> JSONObject {
        let identifier = key.algorithm.algorithm
        return try asn1("the public key") {
            switch identifier {
            case KeyIdentifier.rsaEncryption, KeyIdentifier.rsassaPSS:
                let structure = try RSAPublicKeyStructure(derEncoded: key.publicKey)
                return try constrained(members(of: structure.numbers), by: key.algorithm)
            case KeyIdentifier.ellipticCurve:
                return try members(ofPoint: key.publicKey, on: curve(curveName(key.algorithm.parameters)))
            default:
                try checkNoParameters(key.algorithm)
                return try rawMembers(of: identifier, publicKey: key.publicKey)
            }
        }
    }

    private static func members(of key: PrivateKeyInfo) throws(JOSEError) -> JSONObject {
        let identifier = key.algorithm.algorithm
        return try asn1("the private key") {
            switch identifier {
            case KeyIdentifier.rsaEncryption, KeyIdentifier.rsassaPSS:
                try checkNoPublicKey(key)
                let structure = try RSAPrivateKeyStructure(derEncoded: key.privateKey)
                return try constrained(members(of: structure.numbers), by: key.algorithm)
            case KeyIdentifier.ellipticCurve:
                let structure = try ECPrivateKeyStructure(derEncoded: key.privateKey)
                return try members(
                    of: structure,
                    curve: curveName(key.algorithm.parameters),
                    publicKey: key.publicKey
                )
            default:
                try checkNoParameters(key.algorithm)
                return try rawMembers(ofPrivate: key)
            }
        }
    }

    /// RSA: n and e, or all eight numbers.
    private static func members(of numbers: [PositiveInteger]) -> JSONObject {
        var members: JSONObject = ["kty": "RSA"]
        for (name, number) in zip(RSAPrivateKey.memberNames, numbers) {
            members[name] = .string(Base64URL.encode(number.bytes))
        }
        return members
    }

    private static func constrained(
        _ members: JSONObject,
        by algorithm: AlgorithmIdentifier
    ) throws -> JSONObject {
        var members = members
        if algorithm.algorithm == KeyIdentifier.rsassaPSS {
            members["alg"] = .string(try PSSParameters(algorithm.parameters).algorithm)
            return members
        }
        // RFC 3279 §2.3.1: "The parameters field MUST have ASN.1 type NULL for this algorithm identifier."
        guard let parameters = algorithm.parameters, (try? ASN1Null(asn1Any: parameters)) != nil else {
            throw JOSEError(.malformed, reason: "DER: rsaEncryption has the parameters NULL, no others and not none")
        }
        return members
    }

    private static func members(
        of key: ECPrivateKeyStructure,
        curve outer: ASN1ObjectIdentifier?,
        publicKey: [UInt8]?
    ) throws(JOSEError) -> JSONObject {
        guard let identifier = outer ?? key.curve else {
            throw JOSEError(.malformed, reason: "DER: an ECPrivateKey by itself has to name its curve")
        }
        guard key.curve == nil || key.curve == identifier else {
            throw JOSEError(.keyInvalid, reason: "the private key names another curve than the PKCS#8 around it")
        }
        let curve = try curve(identifier)
        let point = try curve.publicPoint(of: key.privateKey)
        for other in [key.publicKey, publicKey] where other != nil && other != point {
            throw JOSEError(.keyInvalid, reason: "the public key does not belong to the private key")
        }
        var members = try members(ofPoint: point, on: curve)
        members["d"] = .string(Base64URL.encode(key.privateKey))
        return members
    }

    private static func curve(_ identifier: ASN1ObjectIdentifier) throws(JOSEError) -> NamedCurve {
        guard let curve = NamedCurve.all.first(where: { $0.identifier == identifier }) else {
            throw JOSEError(
                .keyUnsupported,
                claim: "crv",
                reason: "expected P-256, P-384 or P-521, got \(KeyIdentifier.words(identifier))"
            )
        }
        return curve
    }

    private static func members(ofPoint point: [UInt8], on curve: NamedCurve) throws(JOSEError) -> JSONObject {
        let (x, y) = try curve.coordinates(of: point)
        return [
            "kty": "EC", "crv": .string(curve.name), "x": .string(Base64URL.encode(x)),
            "y": .string(Base64URL.encode(y)),
        ]
    }

    /// OKP and AKP: the key is the bytes.
    private static func rawMembers(
        of identifier: ASN1ObjectIdentifier,
        publicKey: [UInt8]
    ) throws(JOSEError) -> JSONObject {
        if let row = KeyIdentifier.octetKeyPairs.first(where: { $0.identifier == identifier }) {
            return ["kty": "OKP", "crv": .string(row.curve), "x": .string(Base64URL.encode(publicKey))]
        }
        if let row = MLDSAParameterSet.all.first(where: { $0.identifier == identifier }) {
            return ["kty": "AKP", "alg": .string(row.name), "pub": .string(Base64URL.encode(publicKey))]
        }
        throw JOSEError(
            .keyUnsupported,
            reason: "expected a key of RSA, EC, Ed25519, X25519, ML-DSA-65 or ML-DSA-87, got "
                + KeyIdentifier.words(identifier)
        )
    }

    private static func rawMembers(ofPrivate key: PrivateKeyInfo) throws -> JSONObject {
        let identifier = key.algorithm.algorithm
        let secret: [UInt8]
        let publicKey: [UInt8]
        let name: String
        if let row = KeyIdentifier.octetKeyPairs.first(where: { $0.identifier == identifier }) {
            // RFC 8410 §7: "CurvePrivateKey ::= OCTET STRING", so one octet string lies in another.
            secret = try Array(ASN1OctetString(derEncoded: key.privateKey).bytes)
            guard let derived = OctetKeyPair.publicKey(of: secret, curve: row.curve) else {
                throw JOSEError(.keyInvalid, claim: "d", reason: "not a private key of \(row.curve)")
            }
            (publicKey, name) = (derived, "d")
        } else if let row = MLDSAParameterSet.all.first(where: { $0.identifier == identifier }) {
            secret = try row.seed(inPrivateKey: key.privateKey)
            (publicKey, name) = (try row.publicKey(of: secret), "priv")
        } else {
            return try rawMembers(of: identifier, publicKey: [])
        }
        guard key.publicKey == nil || key.publicKey == publicKey else {
            throw JOSEError(.keyInvalid, reason: "the public key does not belong to the private key")
        }
        var members = try rawMembers(of: identifier, publicKey: publicKey)
        members[name] = .string(Base64URL.encode(secret))
        return members
    }

    private static func checkNoParameters(_ algorithm: AlgorithmIdentifier) throws(JOSEError) {
        // RFC 8410 §3: "For all of the OIDs, the parameters MUST be absent." RFC 9881 §2 has it so for ML-DSA.
        let isRaw =
            KeyIdentifier.octetKeyPairs.contains { $0.identifier == algorithm.algorithm }
            || MLDSAParameterSet.all.contains { $0.identifier == algorithm.algorithm }
        guard !isRaw || algorithm.parameters == nil else {
            throw JOSEError(.malformed, reason: "DER: \(algorithm.algorithm) has no parameters")
        }
    }

    private static func checkNoPublicKey(_ key: PrivateKeyInfo) throws(JOSEError) {
        guard key.publicKey == nil else {
            throw JOSEError(
                .malformed,
                reason: "DER: an RSA private key holds its public half, PKCS#8 must not repeat it"
            )
        }
    }
}
