package import OAuthVocabulary

/// The parameters of one request, decoded once, each present at most once unless its RFC lets it repeat.
package struct Parameters: Hashable, Sendable {
    /// RFC 8707 §2: "Multiple resource parameters MAY be used".
    package static let repeatable: Set<String> = ["resource"]

    private var values: [String: [String]]

    package init() { values = [:] }

    /// Takes decoded pairs in their order.
    ///
    /// Throws `invalid_request` for a repeated parameter.
    package init(_ pairs: some Sequence<(name: String, value: String)>) throws(OAuthError) {
        values = [:]
        for pair in pairs {
            // RFC 6749 §3.1: "Parameters sent without a value MUST be treated as if they were omitted from the request."
            if pair.value.isEmpty { continue }
            // RFC 6749 §3.1: "Request and response parameters MUST NOT be included more than once."
            if values[pair.name] != nil, !Self.repeatable.contains(pair.name) {
                throw .invalidRequest("a parameter occurs more than once", detail: "repeated: \(pair.name.prefix(64))")
            }
            values[pair.name, default: []].append(pair.value)
        }
    }

    package subscript(name: String) -> String? { values[name]?.first }

    /// Every value of a parameter that may repeat.
    package func all(_ name: String) -> [String] { values[name] ?? [] }

    /// Only the named parameters: what a grant did not declare never reaches it.
    package func restricted(to names: Set<String>) -> Parameters {
        var copy = self
        copy.values = values.filter { names.contains($0.key) }
        return copy
    }

    /// Every pair, ordered by name, values in their order.
    package var pairs: [(name: String, value: String)] {
        values.sorted { $0.key < $1.key }.flatMap { entry in entry.value.map { (entry.key, $0) } }
    }

    /// The parameter, or `invalid_request` that names it.
    package func required(_ name: StaticString) throws(OAuthError) -> String {
        guard let value = self[String(describing: name)] else {
            throw .invalidRequest("a required parameter is missing", detail: "missing: \(name)")
        }
        return value
    }
}
