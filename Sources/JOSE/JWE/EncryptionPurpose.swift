/// The two sides of an encryption.
enum EncryptionSide {
    case encrypting
    case decrypting
}

/// What a JWK is for: one key management algorithm, and for `dir` maybe one content encryption algorithm.
struct EncryptionPurpose {
    var algorithm: KeyManagementAlgorithm
    /// Set where the JWK's `alg` is the name of a content encryption algorithm (RFC 7520 §5.6.1).
    var contentEncryption: ContentEncryptionAlgorithm?

    /// How long a key for `dir` may be.
    var directKeyBytes: [Int] {
        if let contentEncryption { return [contentEncryption.keyBytes] }
        return Set(ContentEncryptionAlgorithm.all.map(\.keyBytes)).sorted()
    }
}

extension JWK {
    /// The one purpose that this key serves.
    ///
    /// The key decides: by its `alg`, else by what the caller asked for. All that are given must agree, and one must be
    /// given: no type of key stands for an algorithm.
    ///
    /// - Throws: `keyUnfit` if the key is not meant for this; `keyUnsupported` for an unknown algorithm.
    func encryptionPurpose(
        for side: EncryptionSide,
        requested: KeyManagementAlgorithm?
    ) throws(JOSEError) -> EncryptionPurpose {
        let purpose = try declaredPurpose(requested: requested)
        guard purpose.algorithm.keyTypes.contains(keyType) else {
            let needed = purpose.algorithm.keyTypes.map(\.rawValue).joined(separator: " or ")
            throw JOSEError(.keyUnfit, claim: "kty", reason: "\(purpose.algorithm) needs a key of type \(needed)")
        }
        try checkUse(for: side, algorithm: purpose.algorithm)
        return purpose
    }

    private func declaredPurpose(requested: KeyManagementAlgorithm?) throws(JOSEError) -> EncryptionPurpose {
        guard let name = members["alg"]?.stringValue else {
            guard let requested else {
                throw JOSEError(.keyUnfit, claim: "alg", reason: "the key does not say its alg, and none was asked for")
            }
            return EncryptionPurpose(algorithm: requested)
        }
        var purpose: EncryptionPurpose
        if let algorithm = KeyManagementAlgorithm(name: name) {
            purpose = EncryptionPurpose(algorithm: algorithm)
        } else if let encryption = ContentEncryptionAlgorithm(name: name) {
            purpose = EncryptionPurpose(algorithm: .direct, contentEncryption: encryption)
        } else {
            let reason = KeyManagementAlgorithm.refusal(of: name) ?? "the key is for \(quoted(name))"
            throw JOSEError(.keyUnsupported, claim: "alg", reason: reason)
        }
        guard requested == nil || requested == purpose.algorithm else {
            throw JOSEError(.keyUnfit, claim: "alg", reason: "the key is for \(quoted(name)) only")
        }
        return purpose
    }

    private func checkUse(for side: EncryptionSide, algorithm: KeyManagementAlgorithm) throws(JOSEError) {
        // RFC 7517 §4.2: "sig" (signature) or "enc" (encryption)
        if let use = members["use"]?.stringValue, !isSameText(use, "enc") {
            throw JOSEError(.keyUnfit, claim: "use", reason: "expected enc, got \(quoted(use))")
        }
        guard let operations = members["key_ops"]?.arrayValue else { return }
        let names = operations.compactMap(\.stringValue)
        // RFC 7517 §4.3: "if both are used, the information they convey MUST be consistent"
        if members["use"] != nil, names.contains(where: { $0 == "sign" || $0 == "verify" }) {
            throw JOSEError(.keyUnfit, claim: "key_ops", reason: "contradicts use enc")
        }
        let wanted = algorithm.keyOperations(for: side)
        // The public half of an agreement does nothing by itself: Web Crypto publishes it with an empty list.
        if case .agreement = algorithm.family, side == .encrypting, names.isEmpty { return }
        guard names.contains(where: { name in wanted.contains { isSameText($0, name) } }) else {
            let reason = "expected \(wanted.joined(separator: " or ")) among the operations"
            throw JOSEError(.keyUnfit, claim: "key_ops", reason: reason)
        }
    }

    /// The secret of a symmetric key, which must have the length that its algorithm needs.
    func secret(bytes expected: [Int]) throws(JOSEError) -> [UInt8] {
        let secret = try bytes("k")
        guard expected.contains(secret.count) else {
            let wanted = expected.map(String.init).joined(separator: " or ")
            throw JOSEError(.keyInvalid, claim: "k", reason: "expected \(wanted) bytes, got \(secret.count)")
        }
        return secret
    }
}

extension KeyManagementAlgorithm {
    var keyTypes: [KeyType] {
        switch family {
        case .rsaOAEP: [.rsa]
        case .agreement: [.ellipticCurve, .octetKeyPair]
        case .keyWrap, .direct: [.octets]
        }
    }

    /// The operations of which a key that lists any must list one (RFC 7517 §4.3).
    fileprivate func keyOperations(for side: EncryptionSide) -> [String] {
        switch (family, side) {
        case (.direct, .encrypting): ["encrypt"]
        case (.direct, .decrypting): ["decrypt"]
        case (.agreement, _): ["deriveKey", "deriveBits"]
        case (.rsaOAEP, .encrypting), (.keyWrap, .encrypting): ["wrapKey"]
        case (.rsaOAEP, .decrypting), (.keyWrap, .decrypting): ["unwrapKey"]
        }
    }
}
