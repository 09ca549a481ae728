/// A small reader of HTML, so that tests can ask what a browser would see.
///
/// Like the HTML standard's tokenizer it works on scalars: `"` followed by a combining accent ends an attribute.
struct Markup {
    struct Tag: Hashable {
        var name: String
        var attributes: [String: String]

        /// The tag without its values: what an injection would change.
        var shape: String { ([name] + attributes.keys.sorted()).joined(separator: " ") }
    }

    private(set) var tags: [Tag] = []
    private(set) var text = ""

    private let scalars: [Unicode.Scalar]
    private var position = 0

    init(_ html: String) {
        scalars = Array(html.unicodeScalars)
        while let scalar = next() {
            guard scalar == "<", let following = peek(), following == "/" || following.properties.isAlphabetic else {
                text.unicodeScalars.append(scalar)
                continue
            }
            readTag()
        }
    }

    func all(_ name: String) -> [Tag] { tags.filter { $0.name == name } }

    func values(of attributes: Set<String>) -> [String] {
        tags.flatMap { tag in tag.attributes.filter { attributes.contains($0.key) }.map(\.value) }
    }

    private func peek() -> Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private mutating func next() -> Unicode.Scalar? {
        guard let scalar = peek() else { return nil }
        position += 1
        return scalar
    }

    private mutating func read(until stop: (Unicode.Scalar) -> Bool) -> String {
        var read = String.UnicodeScalarView()
        while let scalar = peek(), !stop(scalar) {
            read.append(scalar)
            position += 1
        }
        return String(read)
    }

    private mutating func readTag() {
        var tag = Tag(name: read { $0 == ">" || $0.properties.isWhitespace }.lowercased(), attributes: [:])
        while true {
            _ = read { !$0.properties.isWhitespace && $0 != "/" }
            guard let scalar = peek(), scalar != ">" else { break }
            let name = read { $0 == "=" || $0 == ">" || $0.properties.isWhitespace }
            guard peek() == "=" else {
                tag.attributes[name] = ""
                continue
            }
            position += 1
            if let quote = peek(), quote == "\"" || quote == "'" {
                position += 1
                tag.attributes[name] = Self.decoded(read { $0 == quote })
                position += 1
            } else {
                tag.attributes[name] = Self.decoded(read { $0 == ">" || $0.properties.isWhitespace })
            }
        }
        position += 1
        tags.append(tag)
    }

    private static func decoded(_ value: String) -> String {
        var decoded = String.UnicodeScalarView()
        var rest = value.unicodeScalars[...]
        while let start = rest.firstIndex(of: "&"), let end = rest[start...].firstIndex(of: ";") {
            decoded += rest[..<start]
            let name = String(rest[rest.index(after: start)..<end])
            let named = ["amp": 0x26, "lt": 0x3C, "gt": 0x3E, "quot": 0x22][name] as UInt32?
            let number = name.hasPrefix("#x") ? UInt32(name.dropFirst(2), radix: 16) : UInt32(name.dropFirst())
            decoded.append((named ?? number).flatMap(Unicode.Scalar.init) ?? "?")
            rest = rest[rest.index(after: end)...]
        }
        return String(decoded + rest)
    }
}
