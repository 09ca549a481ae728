// Room: key management of JWE (RFC 7518 §4): how sender and recipient come to have the same content encryption key.
// Owns the table of algorithms and one file for each family of primitives: RSAES-OAEP, AES Key Wrap, ECDH-ES with its
// key derivation. `dir` needs no file: the shared key is the content encryption key.

/// A key management algorithm by its registered name (RFC 7518 §4.1).
///
/// `RSA1_5`, the `PBES2` family, the `A192` names and the `GCMKW` family are not among them.
public struct KeyManagementAlgorithm: Sendable, CustomStringConvertible {
    /// The `alg` value.
    public let name: String
    let family: KeyManagementFamily

    private init(_ name: String, _ family: KeyManagementFamily) {
        self.name = name
        self.family = family
    }

    /// RSAES-OAEP with SHA-1 and MGF1 with SHA-1 (RFC 7518 §4.3).
    ///
    /// OAEP does not rest on the collision resistance that SHA-1 has lost; ``rsaOAEP256`` is the better choice all the
    /// same.
    public static let rsaOAEP = KeyManagementAlgorithm("RSA-OAEP", .rsaOAEP(.sha1))
    /// RSAES-OAEP with SHA-256 and MGF1 with SHA-256 (RFC 7518 §4.3).
    public static let rsaOAEP256 = KeyManagementAlgorithm("RSA-OAEP-256", .rsaOAEP(.sha256))
    /// Key agreement with an ephemeral key; the agreed key encrypts the content (RFC 7518 §4.6).
    public static let ecdhES = KeyManagementAlgorithm("ECDH-ES", .agreement(wrappingKeyBytes: nil))
    /// Key agreement with an ephemeral key; the agreed key wraps the content encryption key (RFC 7518 §4.6).
    public static let ecdhESA128KW = KeyManagementAlgorithm("ECDH-ES+A128KW", .agreement(wrappingKeyBytes: 16))
    /// Key agreement with an ephemeral key; the agreed key wraps the content encryption key (RFC 7518 §4.6).
    public static let ecdhESA256KW = KeyManagementAlgorithm("ECDH-ES+A256KW", .agreement(wrappingKeyBytes: 32))
    /// AES Key Wrap with a shared 128-bit key (RFC 7518 §4.4).
    public static let a128KW = KeyManagementAlgorithm("A128KW", .keyWrap(keyBytes: 16))
    /// AES Key Wrap with a shared 256-bit key (RFC 7518 §4.4).
    public static let a256KW = KeyManagementAlgorithm("A256KW", .keyWrap(keyBytes: 32))
    /// The shared key itself encrypts the content (RFC 7518 §4.5).
    public static let direct = KeyManagementAlgorithm("dir", .direct)

    /// The table: every algorithm that this module encrypts and decrypts with.
    public static let all: [KeyManagementAlgorithm] = [
        rsaOAEP, rsaOAEP256, ecdhES, ecdhESA128KW, ecdhESA256KW, a128KW, a256KW, direct,
    ]

    /// The algorithm of this registered name, if it is in the table.
    ///
    /// Names are case-sensitive (RFC 7516 §4.1.1).
    public init?(name: String) {
        guard let row = Self.all.first(where: { isSameText($0.name, name) }) else { return nil }
        self = row
    }

    /// The registered name.
    public var description: String { name }
}

extension KeyManagementAlgorithm: Hashable {
    /// Whether both have the same name.
    public static func == (left: KeyManagementAlgorithm, right: KeyManagementAlgorithm) -> Bool {
        left.name == right.name
    }

    /// Feeds the name to the hasher.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(name)
    }
}

/// The primitives behind the table; one file a family.
enum KeyManagementFamily: Sendable {
    case rsaOAEP(RSAOAEPHash)
    /// Without a wrapping key the agreed key is the content encryption key.
    case agreement(wrappingKeyBytes: Int?)
    case keyWrap(keyBytes: Int)
    case direct
}

extension KeyManagementAlgorithm {
    /// Why a registered algorithm is not in the table.
    ///
    /// Docs/decisions has the whole story.
    static func refusal(of name: String) -> String? {
        switch name {
        case "RSA1_5": "RSA1_5 is never used: its padding lets an oracle decrypt (RFC 8725 §3.2)"
        case _ where name.utf8.starts(with: "PBES2-".utf8): "PBES2 is never used: the sender would choose our work"
        case "A192KW", "ECDH-ES+A192KW": "keys of 192 bits are not used"
        case "A128GCMKW", "A192GCMKW", "A256GCMKW": "key wrapping with AES-GCM is not used"
        default: nil
        }
    }

    /// The algorithm that a header names, if it is in the caller's list.
    static func allowed(_ name: String, among list: [KeyManagementAlgorithm]) throws(JOSEError) -> Self {
        if let refusal = refusal(of: name) { throw JOSEError(.algorithmRefused, claim: "alg", reason: refusal) }
        // RFC 8725 §3.1: "Libraries MUST enable the caller to specify a supported set of algorithms and MUST NOT use any
        // other algorithms".
        guard let algorithm = Self(name: name), list.contains(algorithm) else {
            let wanted = list.map(\.name).joined(separator: ", ")
            throw JOSEError(.algorithmRefused, claim: "alg", reason: "expected \(wanted), got \(quoted(name))")
        }
        return algorithm
    }
}
