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
        keys = try JWK.usable(ofSet: bytes) { jwk throws(JOSEError) in try VerificationKey(jwk) }
    }

    /// The one key that may have signed a token whose header says this.
    ///
    /// - Throws: `keyUnknown`, `keyAmbiguous`, or `algorithmRefused` where the key that is named serves another
    ///   algorithm.
    func key(named keyID: String?, for algorithm: SignatureAlgorithm) throws(JOSEError) -> VerificationKey {
        try keys.key(named: keyID, for: algorithm)
    }

    /// The place of the same key, for the `kid` at the node `name`, if there is one.
    func position(
        for algorithm: SignatureAlgorithm,
        named name: Int?,
        in index: JSONIndex
    ) throws(JOSEError) -> Int {
        guard let name else { return try keys.position(for: algorithm, name: nil) { _ in true } }
        return try keys.position(for: algorithm, name: index.text(name)) { $0.map { index.isText(name, $0) } ?? false }
    }
}
