import JOSE

extension JSON {
    /// The value over several lines, members in their order: what `--json` prints.
    var pretty: String { pretty(indent: "") }

    private func pretty(indent: String) -> String {
        let inner = indent + "  "
        switch self {
        case .object(let object) where !object.isEmpty:
            let members = object.map { inner + JSON.string($0.name).compact + ": " + $0.value.pretty(indent: inner) }
            return "{\n" + members.joined(separator: ",\n") + "\n" + indent + "}"
        case .array(let values) where !values.isEmpty:
            let lines = values.map { inner + $0.pretty(indent: inner) }
            return "[\n" + lines.joined(separator: ",\n") + "\n" + indent + "]"
        default:
            return compact
        }
    }

    var compact: String { String(decoding: serialized(), as: UTF8.self) }
}

extension JSON {
    /// `null` where there is nothing, so that every key is always there.
    init(_ text: String?) { self = text.map { .string($0) } ?? .null }
    init(_ texts: [String]) { self = .array(texts.map { .string($0) }) }
}
