/// What a key for signatures is used for (RFC 7517 §4.3).
enum KeyOperation: String {
    case sign
    case verify
}

/// The algorithm that a key serves, with the other name of it where the key may go by both.
struct ServedAlgorithm {
    let algorithm: SignatureAlgorithm
    /// Nil unless nothing but the type of the key decided.
    let synonym: SignatureAlgorithm?
}

extension JWK {
    /// The one algorithm that this key serves.
    ///
    /// The key decides: by its `alg`, else by what the caller asked for, else by its type. All that are given must
    /// agree. Where nothing but the type decides, a key of Ed25519 serves under both names of its algorithm.
    ///
    /// - Throws: `keyUnfit` if the key is not meant for this; `keyUnsupported` for an unknown algorithm or curve.
    func algorithm(
        for operation: KeyOperation,
        requested: SignatureAlgorithm?
    ) throws(JOSEError) -> ServedAlgorithm {
        try checkPurpose(operation)
        if let name = members["alg"]?.stringValue {
            guard let own = SignatureAlgorithm(name: name) else {
                throw JOSEError(.keyUnsupported, claim: "alg", reason: "the key is for \(quoted(name))")
            }
            guard requested == nil || requested == own else {
                throw JOSEError(.keyUnfit, claim: "alg", reason: "the key is for \(own) only")
            }
            return ServedAlgorithm(algorithm: try checkFit(own), synonym: nil)
        }
        if let requested { return ServedAlgorithm(algorithm: try checkFit(requested), synonym: nil) }
        guard let only = SignatureAlgorithm.all.first(where: fits) else {
            throw JOSEError(.keyUnsupported, claim: "crv", reason: "no signature algorithm for this key type and curve")
        }
        // By RFC 9864, Ed25519 is what EdDSA means with this curve, so the key need not choose.
        return ServedAlgorithm(algorithm: only, synonym: only == .edDSA ? .ed25519 : nil)
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

    /// Checks that `key_ops`, if it is there, is a list of different texts.
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

    /// The `key_ops` of the public half of this private key, from the private half's (RFC 7517 §4.3).
    ///
    /// `deriveKey` and `deriveBits` belong to the private half alone. Nil if nothing is left.
    var publicKeyOperations: JSON? {
        let counterparts = ["sign": "verify", "decrypt": "encrypt", "unwrapKey": "wrapKey"]
        var result: [JSON] = []
        for operation in members["key_ops"]?.arrayValue ?? [] {
            guard let name = operation.stringValue else { continue }
            let counterpart = counterparts[name] ?? (counterparts.values.contains(name) ? name : nil)
            guard let counterpart, !result.contains(.string(counterpart)) else { continue }
            result.append(.string(counterpart))
        }
        return result.isEmpty ? nil : .array(result)
    }
}
