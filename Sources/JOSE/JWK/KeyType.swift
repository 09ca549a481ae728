/// The key types that this module knows (RFC 7518 §6.1, RFC 8037 §2, RFC 9964), with the members that make each of them.
enum KeyType: String, Sendable {
    case rsa = "RSA"
    case ellipticCurve = "EC"
    case octetKeyPair = "OKP"
    case octets = "oct"
    case algorithmKeyPair = "AKP"

    /// The members that RFC 7638 §3.2 and RFC 9964 hash, in lexicographic order: those without which there is no key.
    var thumbprintMembers: [String] {
        switch self {
        case .rsa: ["e", "kty", "n"]
        case .ellipticCurve: ["crv", "kty", "x", "y"]
        case .octetKeyPair: ["crv", "kty", "x"]
        case .octets: ["k", "kty"]
        case .algorithmKeyPair: ["alg", "kty", "pub"]
        }
    }

    /// The members that hold the secret.
    ///
    /// The first is present in every private key.
    var privateMembers: [String] {
        switch self {
        case .rsa: ["d", "p", "q", "dp", "dq", "qi", "oth"]
        case .ellipticCurve, .octetKeyPair: ["d"]
        case .octets: ["k"]
        case .algorithmKeyPair: ["priv"]
        }
    }
}
