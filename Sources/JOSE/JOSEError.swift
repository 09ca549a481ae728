// Room: JOSE. Bytes in, verified claims out: JWS (RFC 7515, RFC 7797), JWE (RFC 7516), JWK (RFC 7517) and PEM (RFC 7468),
// the algorithms of RFC 7518, RFC 8037 and RFC 9964, JWT (RFC 7519), thumbprints (RFC 7638). It does no I/O and reads no
// clock; nothing is kept but in a cache that the caller makes. The primitives are swift-crypto's, the DER is swift-asn1's.

/// Why a token, a key or a JSON text was refused.
public struct JOSEError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of refusal this is, as a stable string that programs may compare.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The stable string.
        public let description: String

        /// Makes a code from its stable string.
        public init(_ description: String) {
            self.description = description
        }

        /// The text is not what its grammar asks for.
        public static let malformed = Code("malformed")
        /// The text or key exceeds a limit.
        public static let tooLarge = Code("too-large")
        /// The header names an algorithm that is unknown, not allowed here, or not the key's.
        public static let algorithmRefused = Code("algorithm-refused")
        /// The header demands an extension that is not understood (RFC 7515 §4.1.11).
        public static let criticalUnsupported = Code("critical-unsupported")
        /// No key in the set is the one that the header names.
        public static let keyUnknown = Code("key-unknown")
        /// More than one key in the set could be meant.
        public static let keyAmbiguous = Code("key-ambiguous")
        /// The key is damaged, too weak, or contradicts itself.
        public static let keyInvalid = Code("key-invalid")
        /// The key is well formed, of a kind that this module does not use.
        public static let keyUnsupported = Code("key-unsupported")
        /// The key is not meant for this use (`use`, `key_ops`, `alg`).
        public static let keyUnfit = Code("key-unfit")
        /// The primitive could not produce a signature.
        public static let signingFailed = Code("signing-failed")
        /// The signature is not the key's over these bytes.
        public static let signatureInvalid = Code("signature-invalid")
        /// The primitive could not encrypt.
        public static let encryptionFailed = Code("encryption-failed")
        /// The token is not encrypted to this key, or was changed; which of them is not told (RFC 7516 §11.5).
        public static let decryptionFailed = Code("decryption-failed")
        /// The token is of another type than expected (`typ`).
        public static let typeInvalid = Code("type-invalid")
        /// A claim that the expectations require is absent.
        public static let claimMissing = Code("claim-missing")
        /// A claim has another value or JSON type than expected.
        public static let claimInvalid = Code("claim-invalid")
        /// The token's `exp` has passed.
        public static let tokenExpired = Code("token-expired")
        /// The token's `nbf` or `iat` lies in the future.
        public static let tokenNotYetValid = Code("token-not-yet-valid")
        /// The token was issued longer ago than the maximum age allows.
        public static let tokenTooOld = Code("token-too-old")
        /// The token is good, and was revoked.
        public static let tokenRevoked = Code("token-revoked")
    }

    /// The kind of refusal.
    public var code: Code
    /// The claim, header parameter or JWK member that the refusal is about.
    ///
    /// It may be a name that the sender made up, of any length and with any characters: ``description`` shows it safely.
    public var claim: String?
    /// What was expected and what came, for a log.
    ///
    /// It may quote a short, escaped piece of the input, never a secret.
    public var reason: String

    /// Makes an error from its parts.
    public init(_ code: Code, claim: String? = nil, reason: String) {
        self.code = code
        self.claim = claim
        self.reason = reason
    }

    /// Code, claim and reason in one line, fit for a log.
    public var description: String {
        guard let claim else { return "\(code): \(reason)" }
        // CWE-117: members that a stranger named must not make lines of their own.
        let isPlain = claim.utf8.count <= 200 && claim.utf8.allSatisfy { (0x20..<0x7F).contains($0) }
        return "\(code) (\(isPlain ? claim : quoted(claim))): \(reason)"
    }
}

extension JOSEError {
    /// Refuses a `crit` (RFC 7515 §4.1.11, RFC 7516 §4.1.13) of which nothing is understood, an empty or ill-typed one
    /// included.
    init(notUnderstood critical: JSON) {
        let names = critical.arrayValue?.prefix(4).map { $0.stringValue.map(quoted) ?? "no text" }
        let list = names?.joined(separator: ", ") ?? "no array"
        let rest = critical.arrayValue.map { $0.count > 4 ? ", …" : "" } ?? ""
        self.init(.criticalUnsupported, claim: "crit", reason: "not understood: \(list)\(rest)")
    }
}

/// A piece of untrusted text made safe for one line of a log: printable ASCII only, at most 64 characters.
func quoted(_ text: String) -> String {
    var result = "'"
    for scalar in text.unicodeScalars.prefix(64) {
        let isPlain = scalar.isASCII && scalar.value >= 0x20 && scalar.value != 0x7F && scalar != "'" && scalar != "\\"
        result += isPlain ? String(scalar) : "\\u{\(String(scalar.value, radix: 16))}"
    }
    return result + (text.unicodeScalars.count > 64 ? "…'" : "'")
}

/// Whether two texts have the same code points.
///
/// RFC 7519 §2 and RFC 7515 §5.3 compare strings without any transformation, whereas `String.==` finds canonically
/// equivalent texts equal: it takes U+212A KELVIN SIGN for the letter K.
func isSameText(_ left: String, _ right: String) -> Bool {
    // `==` is quick, and false for two texts that are not even canonically equivalent; of those that are, it cannot tell.
    left.utf8.count == right.utf8.count && left == right && left.withUTF8Bytes { PlainText.isEqual(right, to: $0) }
}

/// Feeds the code points of a text to the hasher, for what is compared by ``isSameText(_:_:)``.
///
/// `String` gives canonically equivalent texts one hash, whatever the seed: a stranger who writes the marks of a letter in
/// all their orders has thousands of different names in one bucket.
func hashText(_ text: String, into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { unsafe hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    // No UTF-8 has this byte: the end of one text is told from the beginning of the next.
    hasher.combine(0xFF as UInt8)
}
