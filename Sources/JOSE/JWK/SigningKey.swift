/// A key that signs with one algorithm.
///
/// It is parsed once and can be used from many tasks.
///
/// Neither its description nor its mirror shows the secret.
public struct SigningKey: Sendable {
    /// The `kid` that tokens signed by this key carry.
    public let keyID: String
    /// The one algorithm of this key.
    public let algorithm: SignatureAlgorithm
    /// The whole key with `kid`, `alg` and `use`, to be stored under encryption.
    public let privateJWK: JWK
    /// The key for checking what this key signed.
    public let verificationKey: VerificationKey
    var material: SigningMaterial

    /// Draws a new key: as many bytes as the hash has for HMAC; 2048 bits for RSA with SHA-256, else 3072.
    ///
    /// The randomness is swift-crypto's own, which is the system's: a caller's generator could not be kept secret.
    ///
    /// - Parameter keyID: the `kid`; without one, the RFC 7638 thumbprint.
    /// - Throws: `signingFailed` if the primitive cannot make a key.
    public static func generate(
        _ algorithm: SignatureAlgorithm,
        keyID: String? = nil
    ) throws(JOSEError) -> SigningKey {
        let jwk = try JWK(SigningMaterial.generatedMembers(for: algorithm))
        return try SigningKey(jwk.setting("kid", to: keyID ?? jwk.thumbprint()), algorithm: algorithm)
    }

    /// Makes a signing key from a private JWK.
    ///
    /// - Parameter algorithm: must agree with the JWK's `alg`; without both, the key type decides.
    /// - Throws: `keyInvalid` for a public, damaged or weak key, `keyUnfit` for one that is not meant to sign with this
    ///   algorithm, `keyUnsupported` for one of an unknown kind.
    public init(_ jwk: JWK, algorithm: SignatureAlgorithm? = nil) throws(JOSEError) {
        let algorithm = try jwk.algorithm(for: .sign, requested: algorithm).algorithm
        let keyID = jwk.keyID ?? jwk.thumbprint()
        let material = try SigningMaterial(jwk, algorithm: algorithm)
        var members = JSONObject()
        for name in ["kty", "crv"] { members[name] = jwk.members[name] }
        members["kid"] = .string(keyID)
        members["use"] = "sig"
        members["alg"] = .string(algorithm.name)
        for (name, value) in material.members { members[name] = value }
        self.keyID = keyID
        self.algorithm = algorithm
        self.privateJWK = try JWK(members)
        self.material = material
        self.verificationKey = VerificationKey(
            keyID: keyID,
            algorithm: algorithm,
            synonym: nil,
            material: material.verificationMaterial
        )
    }

    /// The public half with `kid`, `alg` and `use`, to be published.
    ///
    /// See ``JWK/publicJWK`` for symmetric keys.
    public var publicJWK: JWK { privateJWK.publicJWK }

    /// The signature or MAC over `message`, as the `alg` defines it (RFC 7518 §3, RFC 8037 §3.1).
    ///
    /// - Throws: `signingFailed` if the primitive refuses.
    public func sign(_ message: [UInt8]) throws(JOSEError) -> [UInt8] {
        try material.sign(message.span)
    }

    /// The signature or MAC over `message`, without a copy of it.
    ///
    /// - Throws: `signingFailed` if the primitive refuses.
    func sign(_ message: Span<UInt8>) throws(JOSEError) -> [UInt8] {
        try material.sign(message)
    }
}

extension SigningKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// What may be shown of the key.
    public var description: String { "signing key \(quoted(keyID)) for \(algorithm)" }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// What may be shown of the key, so that `dump` shows no more.
    public var customMirror: Mirror { Mirror(self, children: ["keyID": keyID, "algorithm": algorithm.name]) }
}
