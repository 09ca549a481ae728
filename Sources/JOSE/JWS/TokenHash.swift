internal import Crypto

extension SignatureAlgorithm {
    /// The `at_hash` or `c_hash` of `value` in an ID token that is signed with this algorithm.
    ///
    /// OIDC Core §3.1.3.6: the left half of the hash of the ASCII text, base64url, by the hash of the `alg`. EdDSA names
    /// no hash; for Ed25519 relying parties use that of the curve, SHA-512. No specification says what to use with
    /// ML-DSA; we take the longest hash of the table.
    public func tokenHash(of value: String) -> String {
        let text = Array(value.utf8)
        let hash =
            switch family {
            case .hmac(.sha256), .rsa(_, .sha256), .ecdsa(_, .sha256): Array(SHA256.hash(data: text))
            case .hmac(.sha384), .rsa(_, .sha384), .ecdsa(_, .sha384): Array(SHA384.hash(data: text))
            case .hmac(.sha512), .rsa(_, .sha512), .ecdsa(_, .sha512), .edDSA, .mlDSA: Array(SHA512.hash(data: text))
            }
        return Base64URL.encode(hash.prefix(hash.count / 2))
    }
}
