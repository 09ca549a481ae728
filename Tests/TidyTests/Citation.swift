/// A section of a specification that a text names, such as `RFC 6749 §4.1.3` or `OIDC Core §3.1.2.1`.
struct Citation: Hashable, Comparable, CustomStringConvertible, Sendable {
    /// `RFC 6749`, `OIDC Core`, `OAuth 2.1`.
    let specification: String
    /// `4.1.3`; empty when the whole document is meant.
    let section: String

    var description: String { section.isEmpty ? specification : "\(specification) §\(section)" }

    static func < (left: Citation, right: Citation) -> Bool {
        left.description < right.description
    }

    /// Everything that a line cites. `OpenID Connect X` and `OIDC X` are the same document, and in `RFC 7515 §3.1 and §5.2`
    /// both sections are that document's.
    static func all(in line: some StringProtocol) -> [Citation] {
        let line = String(line).replacing("OpenID Connect ", with: "OIDC ")
        guard line.contains("RFC ") || line.contains("OIDC ") || line.contains("OAuth 2.1") else { return [] }
        let section = #/§§? ?(?<number>[0-9A-Z][0-9A-Za-z.]*)/#
        let specification = #/(?<name>RFC \d+|OIDC [A-Z][A-Za-z\-]+(?: [A-Z][A-Za-z\-]+)*|OAuth 2\.1)/#
        var citations: [Citation] = []
        var rest = Substring(line)
        var current: String?
        while !rest.isEmpty {
            if let match = rest.prefixMatch(of: specification) {
                current = String(match.name)
                rest = rest[match.range.upperBound...].drop { $0 == " " }
                if rest.first != "§" { citations.append(Citation(specification: String(match.name), section: "")) }
            } else if let current, let match = rest.prefixMatch(of: section) {
                let number = match.number.hasSuffix(".") ? match.number.dropLast() : match.number
                citations.append(Citation(specification: current, section: String(number)))
                rest = rest[match.range.upperBound...]
            } else {
                rest = rest.dropFirst()
            }
        }
        return citations
    }

    /// The marks of a file: comments of the form `// RFC 6749 §4.1.3: "…"`, which stand above a guard that a
    /// specification forces. Each promises a test that names the section.
    static func marks(in file: SourceFile) -> [(citation: Citation, line: Int)] {
        let pattern = /^\s*\/\/ [^"]*§[0-9A-Z][0-9A-Za-z.]*(?: and §?[0-9.]+)?: "/
        return file.commentLines.enumerated().flatMap { index, line in
            guard line.contains("§"), line.firstMatch(of: pattern) != nil else {
                return [(citation: Citation, line: Int)]()
            }
            let head = line.prefix { $0 != "\"" }
            return all(in: head).filter { !$0.section.isEmpty }.map { ($0, index + 1) }
        }
    }

    /// The marks that no test names.
    static func marksWithoutTest(sources: [SourceFile], tests: [SourceFile]) -> [Citation: Violation] {
        let named = Set(
            tests.filter { !$0.path.hasPrefix("Tests/TidyTests/") }
                .flatMap { file in file.textLines.lazy.filter { $0.contains("§") }.flatMap { all(in: $0) } }
        )
        var missing: [Citation: Violation] = [:]
        for file in sources {
            for (citation, line) in marks(in: file) where !named.contains(citation) {
                missing[citation] = Violation(path: file.path, line: line, message: "no test names \(citation)")
            }
        }
        return missing
    }
}
