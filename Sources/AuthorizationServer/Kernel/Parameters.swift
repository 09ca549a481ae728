import JOSE
package import OAuthVocabulary

/// The parameters of one request, decoded once, each present at most once unless its RFC lets it repeat.
package struct Parameters: Sendable {
    /// RFC 8707 §2: "Multiple resource parameters MAY be used".
    package static let repeatable: Set<String> = ["resource"]

    private struct Entry: Sendable {
        var name: String
        var values: [String]
    }

    /// As they came; a request has a handful, for which looking through them is quicker than a table.
    private var entries: [Entry] = []

    package init() {}

    /// Takes decoded pairs in their order.
    ///
    /// Throws `invalid_request` for a repeated parameter.
    package init(_ pairs: some Sequence<(name: String, value: String)>) throws(OAuthError) {
        for pair in pairs {
            // RFC 6749 §3.1: "Parameters sent without a value MUST be treated as if they were omitted from the request."
            if pair.value.isEmpty { continue }
            // RFC 6749 §3.1: "Request and response parameters MUST NOT be included more than once."
            if let known = place(of: pair.name) {
                guard Self.repeatable.contains(pair.name) else {
                    let name = pair.name.prefix(64)
                    throw .invalidRequest("a parameter occurs more than once", detail: "repeated: \(name)")
                }
                entries[known].values.append(pair.value)
            } else {
                entries.append(Entry(name: pair.name, values: [pair.value]))
            }
        }
    }

    /// Byte by byte: to bring the names of strangers into one form takes long.
    private func place(of name: String) -> Int? { entries.firstIndex { PlainText.isSame($0.name, name) } }

    package subscript(name: String) -> String? { place(of: name).flatMap { entries[$0].values.first } }

    /// Every value of a parameter that may repeat.
    package func all(_ name: String) -> [String] { place(of: name).map { entries[$0].values } ?? [] }

    /// Only the named parameters: what a grant did not declare never reaches it.
    package func restricted(to names: Set<String>) -> Parameters {
        var copy = self
        copy.entries.removeAll { !names.contains($0.name) }
        return copy
    }

    /// Every pair, ordered by name, values in their order.
    package var pairs: [(name: String, value: String)] {
        entries.sorted { $0.name < $1.name }.flatMap { entry in entry.values.map { (entry.name, $0) } }
    }

    /// The parameter, or `invalid_request` that names it.
    package func required(_ name: StaticString) throws(OAuthError) -> String {
        guard let value = self[String(describing: name)] else {
            throw .invalidRequest("a required parameter is missing", detail: "missing: \(name)")
        }
        return value
    }
}

extension Parameters: Equatable {
    /// Whether both have the same parameters, in whatever order they came.
    package static func == (left: Parameters, right: Parameters) -> Bool {
        left.pairs.elementsEqual(right.pairs) { $0 == $1 }
    }
}
