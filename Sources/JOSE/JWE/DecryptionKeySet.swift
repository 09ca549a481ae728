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
        keys = try JWK.usable(ofSet: bytes) { jwk throws(JOSEError) in try DecryptionKey(jwk) }
    }
}
