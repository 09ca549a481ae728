// URIs as OAuth uses them: compared byte for byte, never normalized (RFC 3986 §6.2.1), so they are parsed only to be
// judged and always kept as the text that came.

/// The parts of a URI, split by RFC 3986 §3 without decoding or normalizing anything.
package struct URIParts: Hashable, Sendable {
    package var scheme: String
    /// Present where the URI has `//`.
    package var authority: String?
    package var path: String
    package var query: String?
    package var fragment: String?

    /// `nil` for anything that is not an absolute URI of printable ASCII, or that browsers and servers read differently:
    /// backslashes, white space and control characters (CVE-2022-23527, CVE-2019-20479).
    package init?(_ text: String) {
        let bytes = text.utf8
        guard !bytes.isEmpty, bytes.count <= 2048, bytes.allSatisfy(Self.isAllowed) else { return nil }
        // Byte by byte from here on: it is all ASCII.
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        let scheme = bytes[..<colon]
        guard let first = scheme.first, Self.isLetter(first), scheme.allSatisfy(Self.isOfScheme) else { return nil }
        self.scheme = Substring(scheme).lowercased()
        var rest = bytes[bytes.index(after: colon)...]
        if let hash = rest.firstIndex(of: UInt8(ascii: "#")) {
            fragment = String(Substring(rest[rest.index(after: hash)...]))
            rest = rest[..<hash]
        }
        if let mark = rest.firstIndex(of: UInt8(ascii: "?")) {
            query = String(Substring(rest[rest.index(after: mark)...]))
            rest = rest[..<mark]
        }
        if rest.starts(with: "//".utf8) {
            rest = rest.dropFirst(2)
            let end = rest.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
            authority = String(Substring(rest[..<end]))
            rest = rest[end...]
        }
        path = String(Substring(rest))
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\\"), UInt8(ascii: "^"),
            UInt8(ascii: "`"), UInt8(ascii: "{"), UInt8(ascii: "|"), UInt8(ascii: "}"):
            false
        default: byte > 0x20 && byte < 0x7F
        }
    }

    private static func isOfScheme(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."): true
        default: isLetter(byte) || isDigit(byte)
        }
    }

    static func isLetter(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) }
    static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    package var hasUserInfo: Bool { authority?.utf8.contains(UInt8(ascii: "@")) ?? false }

    /// Host and port of the authority.
    ///
    /// The host keeps the brackets of an IPv6 literal; `nil` where it is malformed.
    package var hostAndPort: (host: String, port: Int?)? {
        guard let authority, !hasUserInfo, !authority.isEmpty else { return nil }
        let afterHost: Substring
        let host: Substring
        if authority.hasPrefix("[") {
            guard let close = authority.firstIndex(of: "]") else { return nil }
            host = authority[...close]
            afterHost = authority[authority.index(after: close)...]
        } else {
            let end = authority.firstIndex(of: ":") ?? authority.endIndex
            host = authority[..<end]
            afterHost = authority[end...]
        }
        guard !host.isEmpty else { return nil }
        if afterHost.isEmpty { return (host.lowercased(), nil) }
        guard afterHost.first == ":", afterHost.dropFirst().utf8.allSatisfy(Self.isDigit),
            let port = Int(afterHost.dropFirst()), (1...65535).contains(port)
        else { return nil }
        return (host.lowercased(), port)
    }

    /// The loopback IP literals of RFC 8252 §7.3.
    ///
    /// Not `localhost`, which a resolver may send elsewhere.
    package var isLoopbackLiteral: Bool {
        guard let host = hostAndPort?.host else { return false }
        return host == "127.0.0.1" || host == "[::1]"
    }

    package var isLoopback: Bool { isLoopbackLiteral || hostAndPort?.host == "localhost" }

    /// `scheme://host[:port]`, as an `Origin` header has it (RFC 6454 §6.2), default ports left out.
    package var origin: String? {
        guard let (host, port) = hostAndPort else { return nil }
        let standard = scheme == "https" ? 443 : scheme == "http" ? 80 : nil
        guard let port, port != standard else { return "\(scheme)://\(host)" }
        return "\(scheme)://\(host):\(port)"
    }
}

/// The issuer identifier: an https URL (http on loopback) without query or fragment (RFC 8414 §2), never with a trailing
/// slash, so that one issuer has one spelling.
package struct IssuerURL: Hashable, Sendable, CustomStringConvertible {
    package let value: String
    package let parts: URIParts

    package init?(_ text: String) {
        guard let parts = URIParts(text), parts.scheme == "https" || parts.scheme == "http",
            parts.hostAndPort != nil, parts.query == nil, parts.fragment == nil, !text.hasSuffix("/")
        else { return nil }
        value = text
        self.parts = parts
    }

    package var description: String { value }
    package var isHTTPS: Bool { parts.scheme == "https" }
    /// The path of the issuer, empty or starting with a slash.
    package var path: String { parts.path }
    package var origin: String { parts.origin ?? value }
}

/// A `redirect_uri` as a client registered it.
package struct RedirectURI: WireIdentifier {
    package static let maximumLength = 2048
    package let value: String

    /// Schemes that a browser runs or reads instead of visiting (GHSA-484q-784p-8m5h, CVE-2024-21637).
    static let dangerousSchemes: Set<String> = [
        "javascript", "data", "vbscript", "about", "blob", "file", "filesystem", "view-source", "ws", "wss", "ftp",
    ]

    /// `nil` unless it may be registered: absolute, without fragment (RFC 6749 §3.1.2) or user info, https; http on
    /// loopback only; or a private-use scheme that names a domain in reverse order (RFC 8252 §7.1).
    package init?(_ text: String) {
        guard let parts = URIParts(text), parts.fragment == nil, !parts.hasUserInfo,
            !Self.dangerousSchemes.contains(parts.scheme), !Self.hasDotSegments(parts.path)
        else { return nil }
        switch parts.scheme {
        case "https":
            guard parts.hostAndPort != nil else { return nil }
        case "http":
            guard parts.isLoopback else { return nil }
        default:
            guard parts.scheme.contains("."), parts.authority?.isEmpty ?? true else { return nil }
        }
        value = text
    }

    /// `..`, also percent-encoded or with path parameters (`..;/`, CVE-2026-3872): servers disagree on what it names.
    static func hasDotSegments(_ path: String) -> Bool {
        path.split(separator: "/").contains { segment in
            let plain = segment.lowercased().split(separator: ";", omittingEmptySubsequences: false)[0]
            let decoded = plain.split(separator: "%", omittingEmptySubsequences: false)
            let text = decoded.dropFirst().reduce(String(decoded[0])) { partial, piece in
                piece.hasPrefix("2e") ? partial + "." + piece.dropFirst(2) : partial + "%" + piece
            }
            return text == "." || text == ".."
        }
    }

    /// Whether `presented` is this URI: byte for byte, but for the port where both are http on a loopback IP literal.
    package func matches(_ presented: String) -> Bool {
        if presented == value { return true }
        // RFC 8252 §7.3: "The authorization server MUST allow any port to be specified at the time of the request for
        // loopback IP redirect URIs"
        guard let mine = URIParts(value), let theirs = URIParts(presented), mine.scheme == "http",
            presented.hasPrefix("http://"), mine.isLoopbackLiteral, theirs.isLoopbackLiteral, !theirs.hasUserInfo,
            theirs.fragment == nil
        else { return false }
        return mine.hostAndPort?.host == theirs.hostAndPort?.host && mine.path == theirs.path
            && mine.query == theirs.query
    }
}

/// Where a client hears of logout: OpenID Connect Back-Channel Logout §2.2, Front-Channel Logout §2.
package struct LogoutURI: WireIdentifier {
    package static let maximumLength = 2048
    package let value: String
    package let parts: URIParts

    /// `nil` unless it may be registered: https, http on loopback only, without fragment or user info, and with a host
    /// that is one as it stands.
    ///
    /// Nothing in it is ever filled in: a host with a placeholder could be chosen by whoever fills it (CVE-2026-4874).
    package init?(_ text: String) {
        guard let parts = URIParts(text), parts.fragment == nil, !parts.hasUserInfo,
            let host = parts.hostAndPort?.host, Self.isHost(host), !RedirectURI.hasDotSegments(parts.path),
            parts.scheme == "https" || parts.scheme == "http" && parts.isLoopback
        else { return nil }
        value = text
        self.parts = parts
    }

    private static func isHost(_ host: String) -> Bool {
        if host.hasPrefix("[") { return true }
        return host.utf8.allSatisfy { byte in
            (0x61...0x7A).contains(byte) || URIParts.isDigit(byte) || "-._".utf8.contains(byte)
        }
    }

    package static func == (left: LogoutURI, right: LogoutURI) -> Bool { left.value == right.value }
    package func hash(into hasher: inout Hasher) { hasher.combine(value) }
}

/// A `resource` of RFC 8707 §2 and the `aud` of the tokens for it: an absolute URI without a fragment.
package struct ResourceIndicator: WireIdentifier {
    package static let maximumLength = 2048
    package let value: String

    package init?(_ text: String) {
        guard let parts = URIParts(text), parts.fragment == nil, !parts.hasUserInfo else { return nil }
        value = text
    }
}
