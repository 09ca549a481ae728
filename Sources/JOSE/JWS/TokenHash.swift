internal import Crypto

extension SignatureAlgorithm {
    /// The `at_hash` or `c_hash` of `value` in an ID token that is signed with this algorithm.
    ///
    /// OIDC Core §3.1.3.6: the left half of the hash of the ASCII text, base64url, by the hash of the `alg`. EdDSA names
    /// no hash; for Ed25519 relying parties use that of the curve, SHA-512.
    public func tokenHash(of value: String) -> String {
        let text = Array(value.utf8)
        let hash =
            switch family {
            case .hmac, .rsa, .ecdsa: Array(SHA256.hash(data: text))
            case .edDSA: Array(SHA512.hash(data: text))
            }
        return Base64URL.encode(hash.prefix(hash.count / 2))
    }
}
