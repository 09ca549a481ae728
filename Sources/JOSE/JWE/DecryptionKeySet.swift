/// The keys to which tokens may be encrypted: an immutable value, so that opening needs no lock and no `await`.
public struct DecryptionKeySet: Sendable {
    /// The usable keys, in the order in which they came.
    public let keys: [DecryptionKey]

    /// Makes a set of parsed keys.
    public init(_ keys: [DecryptionKey]) {
        self.keys = keys
    }

    /// Parses a JWK Set of private or symmetric keys (RFC 7517 §5).
    ///
    /// Keys that cannot decrypt here are left out: one without an `alg` is among them.
    ///
    /// - Throws: `malformed` or `tooLarge` if the text is not a JWK Set.
    public init(parsing bytes: [UInt8]) throws(JOSEError) {
        guard let entries = try JSONObject(parsing: bytes)["keys"]?.arrayValue else {
            throw JOSEError(.malformed, claim: "keys", reason: "a JWK Set needs an array of keys")
        }
        var keys: [DecryptionKey] = []
        for entry in entries {
            guard let members = entry.objectValue else {
                throw JOSEError(.malformed, claim: "keys", reason: "a JWK Set may hold nothing but objects")
            }
            if let key = try? DecryptionKey(JWK(members)) { keys.append(key) }
        }
        self.keys = keys
    }

    /// The one key to which a token whose header says this may be encrypted.
    ///
    /// - Throws: `keyUnknown`, `keyAmbiguous`, or `algorithmRefused` where the key that is named serves another
    ///   algorithm.
    func key(named keyID: String?, for algorithm: KeyManagementAlgorithm) throws(JOSEError) -> DecryptionKey {
        // A token that names a key is never tried with another one: no fallback to a default key.
        let named = keys.filter { key in
            guard let keyID else { return true }
            return key.keyID.map { isSameText($0, keyID) } == true
        }
        let fitting = named.filter { $0.algorithm == algorithm }
        if let key = fitting.first {
            guard fitting.count == 1 else {
                throw JOSEError(.keyAmbiguous, claim: "kid", reason: "more than one key fits; use a kid that is unique")
            }
            return key
        }
        // RFC 8725 §3.1: "each key MUST be used with exactly one algorithm, and this MUST be checked"
        if keyID != nil, let other = named.first?.algorithm {
            throw JOSEError(.algorithmRefused, claim: "alg", reason: "the key is for \(other), not for \(algorithm)")
        }
        let name = keyID.map { "has the kid \(quoted($0))" } ?? "is for \(algorithm)"
        throw JOSEError(.keyUnknown, claim: "kid", reason: "no key of the set \(name)")
    }
}
