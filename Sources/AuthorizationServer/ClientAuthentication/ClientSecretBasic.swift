import JOSE
import OAuthVocabulary

/// `client_secret_basic`: HTTP Basic (RFC 7617) with both halves form-encoded (RFC 6749 §2.3.1).
enum ClientSecretBasic {
    /// The credentials of the header; `nil` where there is no Basic header.
    ///
    /// A Basic header that does not parse strictly is refused and not passed over.
    static func credentials(_ authorization: String?) throws(OAuthError) -> (ClientID, Secret)? {
        guard let authorization, authorization.utf8.count >= 6, authorization.prefix(6).lowercased() == "basic " else {
            return nil
        }
        guard let bytes = BasicBase64.decode(authorization.dropFirst(6)),
            let text = String(validating: bytes, as: UTF8.self), let colon = text.firstIndex(of: ":"),
            let name = FormEncoding.decode(text[..<colon]), let id = ClientID(name),
            let secret = FormEncoding.decode(text[text.index(after: colon)...]), !secret.isEmpty
        else { throw PresentedCredentials.failure("the Basic header is malformed") }
        return (id, Secret(secret))
    }
}

/// The base64 of RFC 4648 §4 that HTTP Basic uses, read through the strict base64url of JOSE.
enum BasicBase64 {
    static func decode(_ text: Substring) -> [UInt8]? {
        guard text.utf8.count % 4 == 0, !text.contains("-"), !text.contains("_") else { return nil }
        var body = text
        for _ in 0..<2 where body.last == "=" { body.removeLast() }
        let translated = String(body.map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 })
        return try? Base64URL.decode(translated)
    }
}
