import Instants
import JOSE
import OAuthVocabulary

/// `jti` of our access tokens: 48 bits of the moment of issue in milliseconds, then 96 random bits, in base64url.
///
/// The moment is there because `iat` counts seconds, and a cut-off must tell two tokens of one second apart (Keycloak
/// #50999).
enum TokenIdentifier {
    private static let momentLength = 6
    private static let randomLength = 12

    static func make(at instant: Instant, random: any RandomSource) -> String {
        let milliseconds = UInt64(bitPattern: instant.millisecondsSinceEpoch)
        let moment = [40, 32, 24, 16, 8, 0].map { UInt8(truncatingIfNeeded: milliseconds >> UInt64($0)) }
        return Base64URL.encode(moment + random.bytes(randomLength))
    }

    /// The moment inside a `jti` of ours; `nil` for any other.
    static func moment(of text: String) -> Instant? {
        guard let bytes = try? Base64URL.decode(text), bytes.count == momentLength + randomLength else { return nil }
        return Instant(millisecondsSinceEpoch: bytes[..<momentLength].reduce(0) { $0 << 8 | Int64($1) })
    }
}
