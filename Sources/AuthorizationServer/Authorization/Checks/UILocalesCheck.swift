/// `ui_locales` is a wish: what cannot be read of it is left out.
enum UILocalesCheck {
    /// How many languages are considered, and how long a tag may be (RFC 5646 §4.4.1 suggests 35 characters).
    static let maximumCount = 10
    static let maximumTagLength = 35

    static func run(_ context: AuthorizationContext, _ draft: inout AuthorizationDraft) throws(OAuthError) {
        draft.uiLocales = read(context.parameters["ui_locales"])
    }

    static func read(_ text: String?) -> [String] {
        let tags = (text ?? "").split(separator: " ").filter { tag in
            tag.utf8.count <= maximumTagLength
                && tag.utf8.allSatisfy { byte in
                    (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
                        || byte == UInt8(ascii: "-")
                }
        }
        return tags.prefix(maximumCount).map(String.init)
    }
}
