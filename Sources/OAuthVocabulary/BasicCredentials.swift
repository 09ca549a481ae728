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
        let text = Array(authorization.utf8)
        // RFC 9110 §11.1: the name of a scheme is case-insensitive; 0x20 makes a letter small and changes no space.
        guard text.count >= 6, text.prefix(6).elementsEqual("basic ".utf8, by: { $0 | 0x20 == $1 }), text[5] == 0x20
        else {
            return nil
        }
        guard let bytes = Self.decodedBase64(text.dropFirst(6)), let colon = bytes.firstIndex(of: UInt8(ascii: ":")),
            bytes.allSatisfy({ $0 < 0x80 }) || String(validating: bytes, as: UTF8.self) != nil,
            let name = FormEncoding.decode(bytes: bytes[..<colon]),
            let secret = FormEncoding.decode(bytes: bytes[(colon + 1)...])
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
    private static func decodedBase64(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        var body = text
        for _ in 0..<2 where body.last == UInt8(ascii: "=") { body.removeLast() }
        for place in body.indices {
            switch body[place] {
            case UInt8(ascii: "-"), UInt8(ascii: "_"): return nil
            case UInt8(ascii: "+"): body[place] = UInt8(ascii: "-")
            case UInt8(ascii: "/"): body[place] = UInt8(ascii: "_")
            default: break
            }
        }
        return try? Base64URL.decode(body)
    }
}
