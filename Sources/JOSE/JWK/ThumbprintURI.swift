extension JWK {
    /// The key's name as a URI (RFC 9278 §3): the SHA-256 thumbprint after a fixed prefix.
    ///
    /// What ``thumbprint()`` says of symmetric keys holds for it too.
    public func thumbprintURI() -> String {
        // RFC 9278 §5 wants the hash of every implementation to be known to the others: SHA-256 is the mandatory one.
        "urn:ietf:params:oauth:jwk-thumbprint:sha-256:" + thumbprint()
    }
}
