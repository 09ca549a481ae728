import HTTPTypes
import OAuthVocabulary

/// The names and attributes of our cookies, and how they are read back.
struct CookieJar: Sendable {
    enum Name: String, Sendable {
        /// Names a session of a person. The credential of single sign-on.
        case session = "signet-session"
        /// Names a browser before anybody has signed in.
        case browser = "signet-browser"
    }

    /// As long as browsers let a cookie live (RFC 6265bis §5.5).
    static let browserLifetime: Duration = .seconds(400 * 86400)

    let isSecure: Bool
    private let longestValue: Int

    init(issuer: IssuerURL, limits: HTTPLimits) {
        isSecure = issuer.isHTTPS
        longestValue = limits.cookieBytes
    }

    // `__Host-` makes browsers refuse the cookie from a sibling domain or with another path (GHSA-mq4x-r2w3-j7mr). On
    // loopback http it would be refused altogether, so that there the name is bare.
    func name(_ name: Name) -> String { isSecure ? "__Host-\(name.rawValue)" : name.rawValue }

    /// The value of our cookie; `nil` if there is none, if it is not one that we could have set, or if there are two
    /// that differ: which of them is ours cannot be told.
    func value(of name: Name, in headers: HTTPFields) -> String? {
        let wanted = self.name(name)
        var found: Substring?
        for header in headers[values: .cookie] {
            for pair in header.split(separator: ";") {
                let pair = pair.trimmingSpaces()
                guard let equals = pair.firstIndex(of: "="), pair[..<equals] == wanted else { continue }
                let value = pair[pair.index(after: equals)...]
                if let found, found != value { return nil }
                found = value
            }
        }
        guard let found, isOurs(found) else { return nil }
        return String(found)
    }

    /// The `Set-Cookie` field.
    func field(_ name: Name, _ value: String, lifetime: Duration?) -> HTTPField {
        var text = "\(self.name(name))=\(value); Path=/; HttpOnly; SameSite=Lax"
        if isSecure { text += "; Secure" }
        if let lifetime { text += "; Max-Age=\(lifetime.components.seconds)" }
        return HTTPField(name: .setCookie, value: text)
    }

    /// Whether the value has the alphabet and the length of base64url text that this server makes.
    private func isOurs(_ value: Substring) -> Bool {
        !value.isEmpty && value.utf8.count <= longestValue
            && value.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
            }
    }
}
