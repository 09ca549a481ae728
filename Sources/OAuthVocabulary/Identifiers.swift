// The identifiers of RFC 6749, OpenID Connect and Signet's own records: one type each, made from text by a failable
// initializer, so that a client is never looked up by a subject.

/// Text that names something on the wire, with the characters and the length that it may have.
package protocol WireIdentifier: Hashable, Sendable, CustomStringConvertible, Codable {
    /// The identifier as it stands on the wire.
    var value: String { get }
    /// The longest text accepted, in bytes of UTF-8.
    static var maximumLength: Int { get }
    /// Makes the identifier from untrusted text; `nil` if it is empty, too long or has other than visible ASCII.
    init?(_ text: String)
}

extension WireIdentifier {
    package static var maximumLength: Int { 255 }
    package var description: String { value }

    /// Whether `text` is 1 to `maximumLength` characters of visible ASCII (RFC 6749 appendix A, VSCHAR without space).
    static func accepts(_ text: String) -> Bool {
        let bytes = text.utf8
        return !bytes.isEmpty && bytes.count <= maximumLength && bytes.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    }

    package init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let identifier = Self(text) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "not a valid \(Self.self)")
            )
        }
        self = identifier
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(value)
    }
}

/// `client_id`, RFC 6749 §2.2.
package struct ClientID: WireIdentifier {
    package let value: String
    package init?(_ text: String) {
        guard Self.accepts(text) else { return nil }
        value = text
    }
}

/// `sub`: a person within this issuer, never reassigned (OpenID Connect Core §2), at most 255 ASCII characters.
package struct Subject: WireIdentifier {
    package let value: String
    package init?(_ text: String) {
        guard Self.accepts(text) else { return nil }
        value = text
    }
}

/// `sid`: a person's session in one browser (OpenID Connect Front-Channel Logout §3).
///
/// Not the cookie, and no credential.
package struct SessionID: WireIdentifier {
    package let value: String
    package init?(_ text: String) {
        guard Self.accepts(text) else { return nil }
        value = text
    }
}

/// One grant and everything that it paid for: the code, its refresh tokens, their access tokens.
package struct FamilyID: WireIdentifier {
    package let value: String
    package init?(_ text: String) {
        guard Self.accepts(text) else { return nil }
        value = text
    }
}

/// `jti`, RFC 7519 §4.1.7.
package struct TokenID: WireIdentifier {
    package let value: String
    package init?(_ text: String) {
        guard Self.accepts(text) else { return nil }
        value = text
    }
}
