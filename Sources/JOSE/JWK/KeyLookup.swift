/// A key that a token names by its `kid`, and that serves what the token's `alg` says or not.
protocol NamedKey {
    associatedtype Algorithm: CustomStringConvertible
    var keyID: String? { get }
    var algorithm: Algorithm { get }
    func serves(_ algorithm: Algorithm) -> Bool
}

extension VerificationKey: NamedKey {}
extension DecryptionKey: NamedKey {}

extension Array where Element: NamedKey {
    /// The one key that a token means whose header says this.
    ///
    /// - Throws: `keyUnknown`, `keyAmbiguous`, or `algorithmRefused` where the key that is named serves another
    ///   algorithm.
    func key(named keyID: String?, for algorithm: Element.Algorithm) throws(JOSEError) -> Element {
        guard let keyID else { return self[try position(for: algorithm, name: nil) { _ in true }] }
        return self[try position(for: algorithm, name: keyID) { $0.map { isSameText($0, keyID) } ?? false }]
    }

    /// The place of that key.
    ///
    /// - Parameters:
    ///   - name: the `kid` of the token, if it has one.
    ///   - isNamed: whether a key of this `kid` may be the one.
    @inline(__always)
    func position(
        for algorithm: Element.Algorithm,
        name: @autoclosure () -> String?,
        isNamed: (String?) -> Bool
    ) throws(JOSEError) -> Int {
        var found: Int?
        var other: Int?
        // A token that names a key is never tried with another one: no fallback to a default key.
        for position in indices where isNamed(self[position].keyID) {
            guard self[position].serves(algorithm) else {
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
            let reason = "the key is for \(self[other].algorithm), not for \(algorithm)"
            throw JOSEError(.algorithmRefused, claim: "alg", reason: reason)
        }
        let wanted = name.map { "has the kid \(quoted($0))" } ?? "is for \(algorithm)"
        throw JOSEError(.keyUnknown, claim: "kid", reason: "no key of the set \(wanted)")
    }
}

extension JWK {
    /// The keys of a JWK Set (RFC 7517 §5) of which `makeKey` can make something.
    ///
    /// - Throws: `malformed` or `tooLarge` if the text is not a JWK Set.
    static func usable<Key>(
        ofSet bytes: [UInt8],
        _ makeKey: (JWK) throws(JOSEError) -> Key
    ) throws(JOSEError) -> [Key] {
        guard let entries = try JSONObject(parsing: bytes)["keys"]?.arrayValue else {
            throw JOSEError(.malformed, claim: "keys", reason: "a JWK Set needs an array of keys")
        }
        var keys: [Key] = []
        for entry in entries {
            guard let members = entry.objectValue else {
                throw JOSEError(.malformed, claim: "keys", reason: "a JWK Set may hold nothing but objects")
            }
            // RFC 7517 §5: "Implementations SHOULD ignore JWKs within a JWK Set that use "kty" … values that are not
            // understood by them, that are missing required members, or for which values are out of the supported
            // ranges."
            if let key = try? makeKey(JWK(members)) { keys.append(key) }
        }
        return keys
    }
}
