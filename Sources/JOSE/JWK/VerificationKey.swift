/// A key that checks signatures of one algorithm.
///
/// It is parsed once and can be used from many tasks.
public struct VerificationKey: Sendable {
    /// The key's `kid`, by which a token names it.
    public let keyID: String?
    /// The one algorithm of this key.
    ///
    /// A token whose header names another is refused; but an Ed25519 key without `alg` is EdDSA here and serves tokens
    /// that call the same algorithm Ed25519 (RFC 9864 §2.2) too.
    public let algorithm: SignatureAlgorithm
    private let synonym: SignatureAlgorithm?
    private let material: VerificationMaterial

    /// Makes a verification key from a JWK; of a private key, the public half is used.
    ///
    /// - Parameter algorithm: must agree with the JWK's `alg`; without both, the key type decides.
    /// - Throws: `keyInvalid` for a damaged or weak key, `keyUnfit` for one that is not meant to verify this algorithm,
    ///   `keyUnsupported` for one of an unknown kind.
    public init(_ jwk: JWK, algorithm: SignatureAlgorithm? = nil) throws(JOSEError) {
        let served = try jwk.algorithm(for: .verify, requested: algorithm)
        self.init(
            keyID: jwk.keyID,
            algorithm: served.algorithm,
            synonym: served.synonym,
            material: try VerificationMaterial(jwk, algorithm: served.algorithm)
        )
    }

    init(
        keyID: String?,
        algorithm: SignatureAlgorithm,
        synonym: SignatureAlgorithm?,
        material: VerificationMaterial
    ) {
        self.keyID = keyID
        self.algorithm = algorithm
        self.synonym = synonym
        self.material = material
    }

    /// Whether the key is for tokens whose header names `algorithm`.
    func serves(_ algorithm: SignatureAlgorithm) -> Bool {
        algorithm == self.algorithm || algorithm == synonym
    }

    /// Whether `signature` is this key's over exactly these bytes.
    func isValid(_ signature: Span<UInt8>, for message: Span<UInt8>) -> Bool {
        material.isValid(signature, for: message)
    }
}

extension VerificationKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// What may be shown of the key.
    public var description: String { "verification key \(keyID.map(quoted) ?? "without kid") for \(algorithm)" }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// What may be shown of the key, so that `dump` shows no more.
    public var customMirror: Mirror { Mirror(self, children: ["keyID": keyID ?? "", "algorithm": algorithm.name]) }
}
