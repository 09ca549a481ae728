import AuthorizationServer
import HTTPTypes
import OAuthVocabulary

/// The cookies of endpoints: read for those that declare them, and written with attributes that no endpoint can weaken.
extension CookieJar {
    /// The longest value that an endpoint's cookie may have, in bytes.
    static let longestEndpointValue = 256
    /// The most cookies of one family that are looked at.
    static let mostOfAFamily = 64

    private static let hostPrefix = "__Host-"

    /// The cookies of one family; on https only those with the prefix that no sibling domain can write.
    func cookies(of family: CookieFamily, in headers: HTTPFields) -> RequestCookies {
        let prefix = (isSecure ? Self.hostPrefix : "") + family.prefix
        var cookies = RequestCookies()
        var count = 0
        for header in headers[values: .cookie] {
            for pair in header.split(separator: ";") {
                let pair = pair.trimmingSpaces()
                guard let equals = pair.firstIndex(of: "="), pair[..<equals].hasPrefix(prefix) else { continue }
                count += 1
                guard count <= Self.mostOfAFamily else { return cookies }
                let name = pair[..<equals].dropFirst(isSecure ? Self.hostPrefix.count : 0)
                let value = pair[pair.index(after: equals)...]
                cookies.add(CookieName(String(name)), isMade(value) ? Secret(String(value)) : nil)
            }
        }
        return cookies
    }

    /// Adds what an endpoint sets and clears.
    func write(_ changes: [CookieChange], in answer: inout Answer) {
        for change in changes {
            var text = "\(isSecure ? Self.hostPrefix : "")\(change.name)=\(change.value?.exposed ?? "")"
            text += "; Path=/; HttpOnly; SameSite=\(change.sameSite.rawValue)"
            // RFC 6265bis §5.6.7: browsers ignore SameSite=None without Secure.
            if isSecure || change.sameSite == .none { text += "; Secure" }
            if let lifetime = change.value == nil ? Duration.zero : change.lifetime {
                text += "; Max-Age=\(lifetime.components.seconds)"
            }
            answer.headers.append(HTTPField(name: .setCookie, value: text))
        }
    }

    /// Whether the value has the alphabet of base64url text and a length that this server makes.
    private func isMade(_ value: Substring) -> Bool {
        !value.isEmpty && value.utf8.count <= Self.longestEndpointValue
            && value.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
            }
    }
}
