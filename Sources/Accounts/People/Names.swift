/// What may stand as a username, and when two are the same.
///
/// ASCII letters are compared without case; everything else is compared byte by byte. No wider folding: under Unicode's
/// case mapping the Kelvin sign is a `k`, and somebody's name would be somebody else's. Nothing is trimmed.
enum Username {
    static let maximumBytes = 255

    static func isAcceptable(_ text: String) -> Bool {
        guard !text.isEmpty, text.utf8.count <= maximumBytes, let first = text.unicodeScalars.first,
            let last = text.unicodeScalars.last
        else { return false }
        guard !first.properties.isWhitespace, !last.properties.isWhitespace else { return false }
        return text.unicodeScalars.allSatisfy(\.isVisible)
    }

    /// The form under which a name is looked up.
    static func folded(_ text: String) -> String { text.foldingASCIICase() }
}

/// What may stand as an e-mail address: shape only, since only a message that arrives proves one.
enum EmailAddress {
    static let maximumBytes = 254
    static let maximumLocalBytes = 64

    static func isAcceptable(_ text: String) -> Bool {
        guard text.utf8.count <= maximumBytes, let at = text.lastIndex(of: "@") else { return false }
        let local = text[..<at]
        let domain = text[text.index(after: at)...]
        guard !local.isEmpty, local.utf8.count <= maximumLocalBytes, !domain.isEmpty else { return false }
        guard !domain.hasPrefix("."), !domain.hasSuffix(".") else { return false }
        return text.unicodeScalars.allSatisfy { $0.isVisible && !$0.properties.isWhitespace }
            && !local.contains("@")
    }

    /// Mail hosts may tell `A@` from `a@`; none that matters does, and two people must not share a mailbox.
    static func folded(_ text: String) -> String { text.foldingASCIICase() }
}

/// What people may call themselves.
package enum DisplayName {
    static let maximumCharacters = 100
    static let maximumBytes = 400

    /// Without the spaces around it, which nobody sees.
    package static func trimmed(_ text: String) -> String {
        var scalars = text.unicodeScalars.drop { $0.properties.isWhitespace }
        while let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
        return String(scalars)
    }

    package static func isAcceptable(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= maximumBytes && text.count <= maximumCharacters
            // Joiners shape Persian, Hindi and many emoji.
            && text.unicodeScalars.allSatisfy { $0.isVisible || $0 == "\u{200C}" || $0 == "\u{200D}" }
    }
}

extension String {
    func foldingASCIICase() -> String {
        let bytes = utf8.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension Unicode.Scalar {
    /// Whether a reader sees that it is there: no control, direction or other invisible format character, nothing
    /// unassigned.
    fileprivate var isVisible: Bool {
        switch properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        default: true
        }
    }
}
