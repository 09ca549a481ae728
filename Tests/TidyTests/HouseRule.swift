import Foundation
import Testing

/// A rule: a function from a file to what is wrong with it, and why the house wants it.
struct HouseRule: Sendable, CustomTestStringConvertible {
    enum Scope: Sendable {
        case sources
        case tests
        case everywhere
    }

    let name: String
    let why: String
    let scope: Scope
    let check: @Sendable (SourceFile) -> [Violation]

    init(
        _ name: String,
        why: String,
        in scope: Scope = .sources,
        check: @escaping @Sendable (SourceFile) -> [Violation]
    ) {
        self.name = name
        self.why = why
        self.scope = scope
        self.check = check
    }

    var testDescription: String { name }

    func appliesTo(_ file: SourceFile) -> Bool {
        switch scope {
        case .sources: file.path.hasPrefix("Sources/")
        case .tests: file.path.hasPrefix("Tests/")
        case .everywhere: true
        }
    }
}

/// A file, or with a trailing slash a folder, in which a rule does not hold, and the reason.
struct Exemption: Sendable {
    let path: String
    let reason: String

    init(_ path: String, _ reason: String) {
        self.path = path
        self.reason = reason
    }

    func covers(_ file: SourceFile) -> Bool {
        path.hasSuffix("/") ? file.path.hasPrefix(path) : file.path == path
    }
}

extension SourceFile {
    /// Where a word stands in a layer. A needle that begins or ends with a letter matches whole words only.
    func occurrences(of needle: String, in layer: [UInt8]) -> [Int] {
        let pattern = Array(needle.utf8)
        guard let first = pattern.first, let last = pattern.last, layer.count >= pattern.count else { return [] }
        var found: [Int] = []
        layer.withUnsafeBytes { haystack in
            guard let base = haystack.baseAddress else { return }
            var from = 0
            while from + pattern.count <= haystack.count {
                guard let hit = memchr(base + from, Int32(first), haystack.count - from) else { return }
                let offset = UnsafeRawPointer(hit) - base
                from = offset + 1
                guard offset + pattern.count <= haystack.count, memcmp(hit, pattern, pattern.count) == 0 else {
                    continue
                }
                let end = offset + pattern.count
                let startsWord = !first.isWord || offset == 0 || !haystack[offset - 1].isWord
                let endsWord = !last.isWord || end == haystack.count || !haystack[end].isWord
                if startsWord, endsWord { found.append(offset) }
            }
        }
        return found
    }

    func violations(of words: [String], in layer: [UInt8], _ message: String) -> [Violation] {
        words.flatMap { word in
            occurrences(of: word, in: layer).map {
                Violation(path: path, line: line(at: $0), message: "`\(word)`: \(message)")
            }
        }
    }
}

extension UInt8 {
    /// Whether the byte may be part of an identifier.
    var isWord: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...:
            true
        default: false
        }
    }

    var isSpace: Bool {
        self == UInt8(ascii: " ") || self == UInt8(ascii: "\n") || self == UInt8(ascii: "\t")
            || self == UInt8(ascii: "\r")
    }
}
