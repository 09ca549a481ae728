internal import OAuthVocabulary

/// One name and value of a form.
struct FormField: Sendable {
    let name: String
    let value: String

    init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

extension FormEncoding {
    /// The longest query or form that is read.
    static let maximumBytes = 32 * 1024

    static func encode(_ fields: [FormField]) -> String { encode(fields.map { (name: $0.name, value: $0.value) }) }

    /// The fields of a query; `nil` for a broken escape, for octets that are no UTF-8, or for too much.
    static func fields(_ text: some StringProtocol) -> [FormField]? {
        guard text.utf8.count <= maximumBytes else { return nil }
        return pairs(text)?.map { FormField($0.name, $0.value) }
    }
}
