import Accounts
import UpstreamLogin
import Yams

/// The YAML file: read as a tree rather than decoded, so that every unknown key and every misplaced value is reported,
/// each with its line, instead of the first one only.
struct ConfigurationFile {
    private(set) var values: [String: GivenValue] = [:]
    private(set) var upstreams = ConfiguredUpstreams()
    private(set) var faults: [String] = []
    private let path: String

    /// Reads `text`, which was found at `path`.
    init(path: String, text: String) {
        self.path = path
        do {
            guard let root = try Yams.compose(yaml: text) else { return }
            take(root, prefix: "")
        } catch {
            faults.append("\(path): not YAML: \(Self.oneLine("\(error)"))")
        }
    }

    private mutating func take(_ node: Node, prefix: String) {
        guard case .mapping(let mapping) = node else {
            let what = prefix.isEmpty ? "the file" : String(prefix.dropLast())
            faults.append("\(place(node)): \(what) must hold keys and values")
            return
        }
        for (keyNode, value) in mapping {
            guard let name = keyNode.scalar?.string else {
                faults.append("\(place(keyNode)): a key must be a word")
                continue
            }
            let key = prefix + name
            if key == Self.upstreams {
                takeUpstreams(value)
            } else if let setting = Setting.all.first(where: { $0.key == key }) {
                take(value, for: setting, at: keyNode)
            } else if Setting.all.contains(where: { $0.key.hasPrefix(key + ".") }) {
                take(value, prefix: key + ".")
            } else {
                faults.append("\(place(keyNode)): unknown key \(key)" + guess(name, prefix: prefix))
            }
        }
    }

    private mutating func take(_ node: Node, for setting: Setting, at key: Node) {
        let source = SettingSource.file(path, line: key.mark?.line ?? 1)
        switch (node, setting.shape) {
        case (.scalar(let scalar), _) where !(scalar.style == .plain && ["", "~", "null"].contains(scalar.string)):
            values[setting.key] = GivenValue(texts: [scalar.string], source: source)
        case (.sequence(let sequence), .list) where sequence.allSatisfy { $0.scalar != nil }:
            values[setting.key] = GivenValue(texts: sequence.compactMap { $0.scalar?.string }, source: source)
        case (.scalar, _):
            faults.append("\(place(key)): \(setting.key) has no value; leave the key out to get the standard one")
        case (_, .list):
            faults.append("\(place(key)): \(setting.key) must be a list of texts")
        case (_, .text):
            faults.append("\(place(key)): \(setting.key) must be one value")
        }
    }

    private static let upstreams = "upstreams"

    /// Providers by name, each with its fields.
    private mutating func takeUpstreams(_ node: Node) {
        guard case .mapping(let providers) = node else {
            faults.append("\(place(node)): upstreams must hold providers by name")
            return
        }
        for (nameNode, node) in providers {
            guard let name = nameNode.scalar.flatMap({ UpstreamName($0.string) }) else {
                faults.append("\(place(nameNode)): a provider is called by lower-case letters, digits and hyphens")
                continue
            }
            guard case .mapping(let fields) = node else {
                faults.append("\(place(nameNode)): upstreams.\(name) must hold keys and values")
                continue
            }
            var description = UpstreamDescription()
            for (key, value) in fields { take(key, value, of: name, into: &description) }
            upstreams.descriptions[name] = description
        }
    }

    private mutating func take(
        _ key: Node,
        _ value: Node,
        of name: UpstreamName,
        into description: inout UpstreamDescription
    ) {
        let word = key.scalar?.string ?? ""
        guard let field = UpstreamField(rawValue: word) else {
            // A secret in the file would be in every copy of it.
            let hint =
                word == "client_secret"
                ? "; name a file or a variable with client_secret_file or client_secret_env"
                : DidYouMean.suffix(word, among: UpstreamField.allCases.map(\.rawValue))
            faults.append("\(place(key)): unknown key upstreams.\(name).\(word)\(hint)")
            return
        }
        switch value {
        case .scalar(let scalar): description.fields[field] = [scalar.string]
        case .sequence(let sequence) where field.isList && sequence.allSatisfy({ $0.scalar != nil }):
            description.fields[field] = sequence.compactMap { $0.scalar?.string }
        default:
            let expected = field.isList ? "a list of texts" : "one value"
            faults.append("\(place(key)): upstreams.\(name).\(word) must be \(expected)")
        }
    }

    /// Words that may stand at this level; a key from another level is recognised as well.
    private func guess(_ name: String, prefix: String) -> String {
        let siblings = Setting.all.map(\.key).filter { $0.hasPrefix(prefix) }.map { key in
            String(key.dropFirst(prefix.count).prefix { $0 != "." })
        }
        if let near = DidYouMean.nearest(to: name, among: siblings) { return "; did you mean \(prefix)\(near)?" }
        let others = Setting.all.map(\.key) + [Self.upstreams]
        if let exact = others.first(where: { $0.hasSuffix("." + name) }) { return "; did you mean \(exact)?" }
        return DidYouMean.suffix(prefix + name, among: others)
    }

    private func place(_ node: Node) -> String { "\(path), line \(node.mark?.line ?? 1)" }

    private static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).map { $0.trimmingPrefix { $0 == " " } }.joined(separator: " ")
    }
}
