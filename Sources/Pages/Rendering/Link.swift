/// Addresses that may stand in `href`, `action` and `formaction`.
enum Link {
    /// What stands where an address was refused: browsers go nowhere from it.
    static let refused = "about:invalid#refused"

    /// Schemes that run or read something instead of going somewhere.
    private static let forbiddenSchemes: Set<String> = [
        "javascript", "vbscript", "data", "blob", "file", "filesystem", "about", "view-source",
    ]

    /// The address if following it only navigates; otherwise ``refused``.
    ///
    /// Schemes of native applications (RFC 8252 §7.1) pass; relative addresses must start with one slash.
    static func target(_ address: String) -> String {
        isNavigation(address) ? address : refused
    }

    /// The address if it is http or https; nothing otherwise, so that the template leaves the link out.
    static func web(_ address: String?) -> String? {
        guard let address, isNavigation(address), let scheme = scheme(of: address) else { return nil }
        return scheme == "https" || scheme == "http" ? address : nil
    }

    static func isNavigation(_ address: String) -> Bool {
        // Browsers drop tabs and newlines inside an address and controls before it, so none may be there.
        guard !address.isEmpty, address.unicodeScalars.allSatisfy({ $0.value > 0x20 && !Visible.isHidden($0) }),
            !address.contains("\\")
        else { return false }
        guard let scheme = scheme(of: address) else {
            return address.hasPrefix("/") && !address.hasPrefix("//")
        }
        if scheme == "http" || scheme == "https" {
            return address.dropFirst(scheme.count).hasPrefix("://")
        }
        return !forbiddenSchemes.contains(scheme)
    }

    /// The scheme in lower case (RFC 3986 §3.1), or nothing when the address is relative.
    static func scheme(of address: String) -> String? {
        guard let colon = address.utf8.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        let scheme = address[..<colon]
        guard let first = scheme.utf8.first, isLetter(first), scheme.utf8.allSatisfy(isSchemeByte) else { return nil }
        return scheme.lowercased()
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static func isSchemeByte(_ byte: UInt8) -> Bool {
        isLetter(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
    }
}

/// Sources for the `form-action` directive.
package enum FormAction {
    /// The source that covers a redirect URI: its origin, or its scheme where CSP cannot name the host.
    ///
    /// Nothing when the address is not one that a form may lead to.
    package static func source(for redirectURI: String) -> String? {
        guard Link.isNavigation(redirectURI), let scheme = Link.scheme(of: redirectURI) else { return nil }
        guard scheme == "http" || scheme == "https" else { return "\(scheme):" }
        let rest = redirectURI.dropFirst(scheme.count + 3)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        // CSP level 3 §2.3.1 knows no address literals, so [::1] is covered by its scheme.
        if authority.contains("[") { return "\(scheme):" }
        let source = "\(scheme)://\(authority)"
        return isSource(source) ? source : nil
    }

    /// Whether a text can stand in a directive without ending it (RFC 7230 lists, CSP separators).
    static func isSource(_ source: String) -> Bool {
        guard let scheme = Link.scheme(of: source) else { return false }
        let rest = source.dropFirst(scheme.count + 1)
        // A scheme alone covers every address that has it.
        guard Link.isNavigation(rest.isEmpty ? "\(source)//host" : source) else { return false }
        if rest.isEmpty { return true }
        guard rest.hasPrefix("//"), rest.count > 2 else { return false }
        return rest.dropFirst(2).utf8.allSatisfy { byte in
            (byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9"))
                || (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z"))
                || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ":")
        }
    }
}
