package import JOSE

/// An identifier and a secret as `Authorization: Basic` carries them (RFC 7617 §2), both form-encoded as RFC 6749 §2.3.1 has
/// it for clients.
package struct BasicCredentials: Sendable {
    package var name: String
    package var secret: Secret

    package init(name: String, secret: Secret) {
        self.name = name
        self.secret = secret
    }

    /// Reads a field value; `nil` where it is of another scheme.
    ///
    /// - Throws: `malformed` where it says Basic and does not parse strictly.
    package init?(_ authorization: String) throws(JOSEError) {
        guard authorization.utf8.count >= 6, authorization.prefix(6).lowercased() == "basic " else { return nil }
        guard let bytes = Self.decodedBase64(authorization.dropFirst(6)),
            let text = String(validating: bytes, as: UTF8.self), let colon = text.firstIndex(of: ":"),
            let name = FormEncoding.decode(text[..<colon]),
            let secret = FormEncoding.decode(text[text.index(after: colon)...])
        else { throw JOSEError(.malformed, reason: "the Basic credentials are malformed") }
        self.init(name: name, secret: Secret(secret))
    }

    /// The field value.
    package var authorization: String {
        let pair = "\(FormEncoding.encode(name)):\(FormEncoding.encode(secret.exposed))"
        let text = Base64URL.encode(Array(pair.utf8)).map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 }
        return "Basic " + String(text) + String(repeating: "=", count: (4 - text.count % 4) % 4)
    }

    /// The base64 of RFC 4648 §4, read through the strict base64url of JOSE.
    private static func decodedBase64(_ text: Substring) -> [UInt8]? {
        guard text.utf8.count % 4 == 0, !text.contains("-"), !text.contains("_") else { return nil }
        var body = text
        for _ in 0..<2 where body.last == "=" { body.removeLast() }
        return try? Base64URL.decode(String(body.map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 }))
    }
}
