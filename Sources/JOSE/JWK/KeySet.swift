/// The keys whose signatures are trusted: an immutable value, so that verification needs no lock and no `await`.
public struct KeySet: Sendable {
    /// The usable keys, in the order in which they came.
    public let keys: [VerificationKey]
    /// Tells this snapshot and its copies from every other, whatever keys the others have.
    let identity = KeySetIdentity()

    /// Makes a set of parsed keys.
    public init(_ keys: [VerificationKey]) {
        self.keys = keys
    }

    /// Parses a JWK Set (RFC 7517 §5).
    ///
    /// Keys that cannot be used here are left out.
    ///
    /// - Throws: `malformed` or `tooLarge` if the text is not a JWK Set.
    public init(parsing bytes: [UInt8]) throws(JOSEError) {
        guard let entries = try JSONObject(parsing: bytes)["keys"]?.arrayValue else {
            throw JOSEError(.malformed, claim: "keys", reason: "a JWK Set needs an array of keys")
        }
        var keys: [VerificationKey] = []
        for entry in entries {
            guard let members = entry.objectValue else {
                throw JOSEError(.malformed, claim: "keys", reason: "a JWK Set may hold nothing but objects")
            }
            // RFC 7517 §5: "Implementations SHOULD ignore JWKs within a JWK Set that use "kty" … values that are not
            // understood by them, that are missing required members, or for which values are out of the supported
            // ranges."
            if let key = try? VerificationKey(JWK(members)) { keys.append(key) }
        }
        self.keys = keys
    }

    /// The one key that may have signed a token whose header says this.
    ///
    /// - Throws: `keyUnknown`, `keyAmbiguous`, or `algorithmRefused` where the key that is named serves another
    ///   algorithm.
    func key(named keyID: String?, for algorithm: SignatureAlgorithm) throws(JOSEError) -> VerificationKey {
        guard let keyID else { return keys[try position(for: algorithm, name: nil) { _ in true }] }
        return keys[try position(for: algorithm, name: keyID) { $0.map { isSameText($0, keyID) } ?? false }]
    }

    /// The place of the same key, for the `kid` at the node `name`, if there is one.
    func position(
        for algorithm: SignatureAlgorithm,
        named name: Int?,
        in index: JSONIndex
    ) throws(JOSEError) -> Int {
        guard let name else { return try position(for: algorithm, name: nil) { _ in true } }
        return try position(for: algorithm, name: index.text(name)) { $0.map { index.isText(name, $0) } ?? false }
    }

    /// - Parameters:
    ///   - name: the `kid` of the token, if it has one.
    ///   - isNamed: whether a key of this `kid` may be the one.
    @inline(__always)
    private func position(
        for algorithm: SignatureAlgorithm,
        name: @autoclosure () -> String?,
        isNamed: (String?) -> Bool
    ) throws(JOSEError) -> Int {
        var found: Int?
        var other: Int?
        // A token that names a key is never tried with another one: no fallback to a default key.
        for position in keys.indices where isNamed(keys[position].keyID) {
            guard keys[position].serves(algorithm) else {
                other = position
                continue
            }
            guard found == nil else {
                throw JOSEError(.keyAmbiguous, claim: "kid", reason: "more than one key fits; use a kid that is unique")
            }
            found = position
        }
        if let found { return found }
        let name = name()
        // RFC 8725 §3.1: "each key MUST be used with exactly one algorithm, and this MUST be checked"
        if let other, name != nil {
            let reason = "the key is for \(keys[other].algorithm), not for \(algorithm)"
            throw JOSEError(.algorithmRefused, claim: "alg", reason: reason)
        }
        let wanted = name.map { "has the kid \(quoted($0))" } ?? "is for \(algorithm)"
        throw JOSEError(.keyUnknown, claim: "kid", reason: "no key of the set \(wanted)")
    }
}
