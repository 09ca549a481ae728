internal import SwiftASN1

/// AlgorithmIdentifier (RFC 5280 §4.1.1.2).
struct AlgorithmIdentifier: DERImplicitlyTaggable, Hashable {
    static var defaultIdentifier: ASN1Identifier { .sequence }

    let algorithm: ASN1ObjectIdentifier
    let parameters: ASN1Any?

    init(_ algorithm: ASN1ObjectIdentifier, parameters: ASN1Any? = nil) {
        self.algorithm = algorithm
        self.parameters = parameters
    }

    init(derEncoded node: ASN1Node, withIdentifier identifier: ASN1Identifier) throws {
        self = try DER.sequence(node, identifier: identifier) { fields in
            let algorithm = try ASN1ObjectIdentifier(derEncoded: &fields)
            return AlgorithmIdentifier(algorithm, parameters: fields.next().map { ASN1Any(derEncoded: $0) })
        }
    }

    func serialize(into coder: inout DER.Serializer, withIdentifier identifier: ASN1Identifier) throws {
        try coder.appendConstructedNode(identifier: identifier) { coder in
            try coder.serialize(algorithm)
            if let parameters { try coder.serialize(parameters) }
        }
    }
}

/// SubjectPublicKeyInfo (RFC 5280 §4.1.2.7).
struct SubjectPublicKeyInfo: DERImplicitlyTaggable {
    static var defaultIdentifier: ASN1Identifier { .sequence }

    let algorithm: AlgorithmIdentifier
    let publicKey: [UInt8]

    init(algorithm: AlgorithmIdentifier, publicKey: [UInt8]) {
        self.algorithm = algorithm
        self.publicKey = publicKey
    }

    init(derEncoded node: ASN1Node, withIdentifier identifier: ASN1Identifier) throws {
        self = try DER.sequence(node, identifier: identifier) { fields in
            SubjectPublicKeyInfo(
                algorithm: try AlgorithmIdentifier(derEncoded: &fields),
                publicKey: try wholeBytes(ASN1BitString(derEncoded: &fields))
            )
        }
    }

    func serialize(into coder: inout DER.Serializer, withIdentifier identifier: ASN1Identifier) throws {
        try coder.appendConstructedNode(identifier: identifier) { coder in
            try coder.serialize(algorithm)
            try coder.serialize(ASN1BitString(bytes: publicKey[...]))
        }
    }
}

/// OneAsymmetricKey, which is PKCS#8's PrivateKeyInfo with room for the public half (RFC 5958 §2).
struct PrivateKeyInfo: DERImplicitlyTaggable {
    static var defaultIdentifier: ASN1Identifier { .sequence }

    let algorithm: AlgorithmIdentifier
    let privateKey: [UInt8]
    /// The public half, where the file has it beside the private one.
    let publicKey: [UInt8]?

    init(algorithm: AlgorithmIdentifier, privateKey: [UInt8], publicKey: [UInt8]? = nil) {
        self.algorithm = algorithm
        self.privateKey = privateKey
        self.publicKey = publicKey
    }

    init(derEncoded node: ASN1Node, withIdentifier identifier: ASN1Identifier) throws {
        self = try DER.sequence(node, identifier: identifier) { fields in
            let version = try Int(derEncoded: &fields)
            let algorithm = try AlgorithmIdentifier(derEncoded: &fields)
            let privateKey = try Array(ASN1OctetString(derEncoded: &fields).bytes)
            // Attributes say nothing about the key itself: they are skipped.
            _ = DER.optionalImplicitlyTagged(&fields, tagNumber: 0, tagClass: .contextSpecific) { $0.identifier }
            let publicKey = try DER.optionalImplicitlyTagged(
                &fields,
                tag: ASN1Identifier(tagWithNumber: 1, tagClass: .contextSpecific)
            ).map { (bits: ASN1BitString) in try wholeBytes(bits) }
            // RFC 5958 §2: "If publicKey is present, then version is set to v2 else version is set to v1."
            guard version == (publicKey == nil ? 0 : 1) else {
                throw JOSEError(.malformed, reason: "DER: PKCS#8 of version \(version), which does not fit its fields")
            }
            return PrivateKeyInfo(algorithm: algorithm, privateKey: privateKey, publicKey: publicKey)
        }
    }

    func serialize(into coder: inout DER.Serializer, withIdentifier identifier: ASN1Identifier) throws {
        try coder.appendConstructedNode(identifier: identifier) { coder in
            try coder.serialize(0)
            try coder.serialize(algorithm)
            try coder.serialize(ASN1OctetString(contentBytes: privateKey[...]))
        }
    }
}

/// RSAPublicKey (RFC 8017 §A.1.1).
struct RSAPublicKeyStructure: DERImplicitlyTaggable {
    static var defaultIdentifier: ASN1Identifier { .sequence }

    /// n and e.
    let numbers: [PositiveInteger]

    init(numbers: [PositiveInteger]) {
        self.numbers = numbers
    }

    init(derEncoded node: ASN1Node, withIdentifier identifier: ASN1Identifier) throws {
        numbers = try DER.sequence(node, identifier: identifier) { fields in
            [try PositiveInteger(derEncoded: &fields), try PositiveInteger(derEncoded: &fields)]
        }
    }

    func serialize(into coder: inout DER.Serializer, withIdentifier identifier: ASN1Identifier) throws {
        try coder.appendConstructedNode(identifier: identifier) { coder in
            for number in numbers { try coder.serialize(number) }
        }
    }
}

/// RSAPrivateKey of two primes (RFC 8017 §A.1.2).
struct RSAPrivateKeyStructure: DERImplicitlyTaggable {
    static var defaultIdentifier: ASN1Identifier { .sequence }

    /// n, e, d, p, q, dp, dq, qi.
    let numbers: [PositiveInteger]

    init(numbers: [PositiveInteger]) {
        self.numbers = numbers
    }

    init(derEncoded node: ASN1Node, withIdentifier identifier: ASN1Identifier) throws {
        numbers = try DER.sequence(node, identifier: identifier) { fields in
            let version = try Int(derEncoded: &fields)
            // RFC 8017 §A.1.2: "version must be multi if otherPrimeInfos present", and a JWK of more than two primes
            // could not be used (RFC 7518 §6.3.2.7).
            guard version == 0 else {
                throw JOSEError(
                    .keyUnsupported,
                    reason: "expected an RSAPrivateKey of version 0, got version \(version): more than two primes"
                )
            }
            return try RSAPrivateKey.memberNames.map { _ in try PositiveInteger(derEncoded: &fields) }
        }
    }

    func serialize(into coder: inout DER.Serializer, withIdentifier identifier: ASN1Identifier) throws {
        try coder.appendConstructedNode(identifier: identifier) { coder in
            try coder.serialize(0)
            for number in numbers { try coder.serialize(number) }
        }
    }
}

/// ECPrivateKey (RFC 5915 §3).
struct ECPrivateKeyStructure: DERImplicitlyTaggable {
    static var defaultIdentifier: ASN1Identifier { .sequence }

    let privateKey: [UInt8]
    /// The curve, which only the PKCS#8 around it may say instead.
    let curve: ASN1ObjectIdentifier?
    let publicKey: [UInt8]?

    init(privateKey: [UInt8], curve: ASN1ObjectIdentifier?, publicKey: [UInt8]?) {
        self.privateKey = privateKey
        self.curve = curve
        self.publicKey = publicKey
    }

    init(derEncoded node: ASN1Node, withIdentifier identifier: ASN1Identifier) throws {
        self = try DER.sequence(node, identifier: identifier) { fields in
            // RFC 5915 §3: "it SHALL be set to ecPrivkeyVer1, which is of type INTEGER and whose value is one (1)"
            guard try Int(derEncoded: &fields) == 1 else {
                throw JOSEError(.malformed, reason: "DER: expected an ECPrivateKey of version 1")
            }
            let privateKey = try Array(ASN1OctetString(derEncoded: &fields).bytes)
            let curve = try DER.optionalExplicitlyTagged(&fields, tagNumber: 0, tagClass: .contextSpecific) { node in
                try curveName(ASN1Any(derEncoded: node))
            }
            let publicKey = try DER.optionalExplicitlyTagged(&fields, tagNumber: 1, tagClass: .contextSpecific) {
                node in
                try wholeBytes(ASN1BitString(derEncoded: node))
            }
            return ECPrivateKeyStructure(privateKey: privateKey, curve: curve, publicKey: publicKey)
        }
    }

    func serialize(into coder: inout DER.Serializer, withIdentifier identifier: ASN1Identifier) throws {
        try coder.appendConstructedNode(identifier: identifier) { coder in
            try coder.serialize(1)
            try coder.serialize(ASN1OctetString(contentBytes: privateKey[...]))
            if let curve { try coder.serialize(curve, explicitlyTaggedWithTagNumber: 0, tagClass: .contextSpecific) }
            if let publicKey {
                try coder.serialize(
                    ASN1BitString(bytes: publicKey[...]),
                    explicitlyTaggedWithTagNumber: 1,
                    tagClass: .contextSpecific
                )
            }
        }
    }
}

/// An INTEGER above zero, big-endian and without leading zeros, as JWK members hold it (RFC 7518 §2).
struct PositiveInteger: DERImplicitlyTaggable {
    static var defaultIdentifier: ASN1Identifier { .integer }

    let bytes: [UInt8]

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    init(derEncoded node: ASN1Node, withIdentifier identifier: ASN1Identifier) throws {
        // swift-asn1 refuses negative numbers and needless zeros here, and takes the zero of the sign away.
        bytes = try Array(ArraySlice<UInt8>(derEncoded: node, withIdentifier: identifier))
        guard bytes.contains(where: { $0 != 0 }) else {
            throw ASN1Error.invalidASN1IntegerEncoding(reason: "expected a number above zero")
        }
    }

    func serialize(into coder: inout DER.Serializer, withIdentifier identifier: ASN1Identifier) throws {
        let signed = (bytes.first ?? 0) & 0x80 == 0 ? bytes : [0] + bytes
        coder.appendPrimitiveNode(identifier: identifier) { $0.append(contentsOf: signed) }
    }
}

/// The contents of a BIT STRING that must be whole bytes.
func wholeBytes(_ bits: ASN1BitString) throws -> [UInt8] {
    guard bits.paddingBits == 0 else {
        throw JOSEError(.malformed, reason: "DER: a bit string that is not whole bytes")
    }
    return Array(bits.bytes)
}

/// The named curve of ECParameters (RFC 5480 §2.1.1).
func curveName(_ parameters: ASN1Any?) throws -> ASN1ObjectIdentifier {
    // RFC 5480 §2.1.1: "implicitCurve and specifiedCurve MUST NOT be used in PKIX." CVE-2020-0601 is what comes of curves
    // that a file may define.
    guard let parameters, let name = try? ASN1ObjectIdentifier(asn1Any: parameters) else {
        throw JOSEError(
            .keyUnsupported,
            reason: "expected a named curve; convert the key: openssl ec -in FILE -param_enc named_curve -out NEWFILE"
        )
    }
    return name
}
