/// What a key is used for here (RFC 7517 §4.3).
enum KeyOperation: String {
    case sign
    case verify
}

extension JWK {
    /// The one algorithm that this key serves.
    ///
    /// The key decides: by its `alg`, else by what the caller asked for, else by its type. All that are given must
    /// agree.
    ///
    /// - Throws: `keyUnfit` if the key is not meant for this; `keyUnsupported` for an unknown algorithm or curve.
    func algorithm(
        for operation: KeyOperation,
        requested: SignatureAlgorithm?
    ) throws(JOSEError) -> SignatureAlgorithm {
        try checkPurpose(operation)
        if let name = members["alg"]?.stringValue {
            guard let own = SignatureAlgorithm(name: name) else {
                throw JOSEError(.keyUnsupported, claim: "alg", reason: "the key is for \(quoted(name))")
            }
            guard requested == nil || requested == own else {
                throw JOSEError(.keyUnfit, claim: "alg", reason: "the key is for \(own) only")
            }
            return try checkFit(own)
        }
        if let requested { return try checkFit(requested) }
        guard let only = SignatureAlgorithm.all.first(where: fits) else {
            throw JOSEError(.keyUnsupported, claim: "crv", reason: "no algorithm for this key type and curve")
        }
        return only
    }

    private func fits(_ algorithm: SignatureAlgorithm) -> Bool {
        algorithm.keyType == keyType && (algorithm.curve == nil || algorithm.curve == members["crv"]?.stringValue)
    }

    private func checkFit(_ algorithm: SignatureAlgorithm) throws(JOSEError) -> SignatureAlgorithm {
        guard fits(algorithm) else {
            let needed = algorithm.curve.map { "\(algorithm.keyType.rawValue) \($0)" } ?? algorithm.keyType.rawValue
            throw JOSEError(.keyUnfit, claim: "kty", reason: "\(algorithm) needs a key of type \(needed)")
        }
        return algorithm
    }

    private func checkPurpose(_ operation: KeyOperation) throws(JOSEError) {
        // RFC 7517 §4.2: "sig" (signature) or "enc" (encryption)
        if let use = members["use"]?.stringValue, use != "sig" {
            throw JOSEError(.keyUnfit, claim: "use", reason: "expected sig, got \(quoted(use))")
        }
        guard let operations = members["key_ops"]?.arrayValue else { return }
        guard operations.contains(.string(operation.rawValue)) else {
            throw JOSEError(.keyUnfit, claim: "key_ops", reason: "expected \(operation.rawValue) among the operations")
        }
        // RFC 7517 §4.3: "if both are used, the information they convey MUST be consistent"
        if members["use"] != nil, operations.contains(where: { $0 != "sign" && $0 != "verify" }) {
            throw JOSEError(.keyUnfit, claim: "key_ops", reason: "contradicts use sig")
        }
    }

    func checkKeyOperations() throws(JOSEError) {
        guard let value = members["key_ops"] else { return }
        guard let operations = value.arrayValue, operations.allSatisfy({ $0.stringValue != nil }) else {
            throw JOSEError(.keyInvalid, claim: "key_ops", reason: "expected an array of texts")
        }
        // RFC 7517 §4.3: "Duplicate key operation values MUST NOT be present in the array."
        guard Set(operations).count == operations.count else {
            throw JOSEError(.keyInvalid, claim: "key_ops", reason: "an operation occurs twice")
        }
    }
}
