/// The map of the house in the README: lines in a fenced block that begin with a folder. What they say may name folders
/// within it, with a slash (`Extensions/PKCE`).
enum HouseMap {
    static func places(in readme: SourceFile) -> [String] {
        var isFenced = false
        var room: String?
        return readme.textLines.flatMap { line -> [String] in
            if line.hasPrefix("```") {
                isFenced.toggle()
                room = nil
            }
            guard isFenced else { return [] }
            let place = line.prefix { $0 != " " }
            let isRoom = place.hasSuffix("/")
            if isRoom { room = String(place.dropLast()) }
            guard let room else { return [] }
            let within = line.dropFirst(place.count).matches(of: /[A-Z][A-Za-z]*(?:\/[A-Z][A-Za-z]*)+/)
            return (isRoom ? [room] : []) + within.map { "\(room)/\($0.0)" }
        }
    }
}

/// Links from one document to another file of the repository.
enum DocumentLinks {
    static func targets(in document: SourceFile) -> [(path: String, line: Int)] {
        document.textLines.enumerated().flatMap { index, line in
            line.matches(of: /\]\(([^)#\s]+)[^)]*\)/).compactMap { match in
                let target = String(match.1)
                guard !target.contains("://"), !target.hasPrefix("mailto:") else { return nil }
                let path = document.folder.isEmpty ? target : "\(document.folder)/\(target)"
                return (path, index + 1)
            }
        }
    }
}

/// The table of `Docs/threat-model.md`: what was attacked elsewhere, our defence, and the test that shows it. The last
/// cell names test files in backticks, each followed by words in quotes that stand in that file.
enum ThreatModel {
    /// Vulnerabilities that tests name and the model does not.
    static func missing(from model: String, tests: [SourceFile]) -> [Violation] {
        let identifier = /CVE-\d{4}-\d+|GHSA(?:-[a-z0-9]{4}){3}|GO-\d{4}-\d+/
        var named = Set(model.matches(of: identifier).map { String($0.0) })
        return tests.flatMap { file in
            file.textLines.enumerated().flatMap { index, line in
                line.matches(of: identifier).map { String($0.0) }.filter { named.insert($0).inserted }
                    .map { Violation(path: file.path, line: index + 1, message: "\($0) is not in the threat model") }
            }
        }
    }

    static func untrueRows(_ table: MarkdownTable, path: String, tests: [SourceFile]) -> [Violation] {
        table.rows.flatMap { cells, line -> [Violation] in
            let shown = (cells.last ?? "").matches(of: /`([^`]+)`(?: "([^"]+)")?/)
            guard !shown.isEmpty else {
                return [Violation(path: path, line: line, message: "\(cells.first ?? ""): no test is named")]
            }
            return shown.compactMap { match in
                guard let file = tests.first(where: { $0.path == match.1 }) else {
                    return Violation(path: path, line: line, message: "\(match.1) does not exist")
                }
                guard let words = match.2, !String(decoding: file.text, as: UTF8.self).contains(words) else {
                    return nil
                }
                return Violation(path: path, line: line, message: "\(match.1) does not say \"\(words)\"")
            }
        }
    }
}

/// The exit codes: in the executable `code: 64, meaning: "…"`, on their page a row of a table.
enum ExitCodes {
    static func defined(in source: SourceFile) -> [String] {
        String(decoding: source.text, as: UTF8.self)
            .matches(of: /code: (\d+),\s*meaning:\s*"([^"]*)"/)
            .map { "\($0.1) \($0.2)" }
    }

    static func documented(in page: SourceFile) -> [String] {
        MarkdownTable(in: page, firstHeading: "Code").rows.map { $0.cells.joined(separator: " ") }
    }
}

/// The code in the guides: a comment `<!-- Snippets/…/Name.swift slice -->` above a fence names the slice of a snippet, which
/// every build compiles, and the fence shows that slice and nothing else.
enum GuideCode {
    /// Fences of Swift that are not what their slice is, or name none.
    static func untrueFences(in guide: SourceFile, snippets: [SourceFile]) -> [Violation] {
        var violations: [Violation] = []
        var source: (path: String, slice: String)?
        var fence: (line: Int, code: [Substring])?
        for (index, line) in guide.textLines.enumerated() {
            if let open = fence {
                guard line == "```" else {
                    fence?.code.append(Substring(line))
                    continue
                }
                let shown = open.code.map(String.init)
                if let source, let snippet = snippets.first(where: { $0.path == source.path }) {
                    if slice(source.slice, of: snippet) != shown {
                        let message = "this is not the slice \(source.slice) of \(source.path)"
                        violations.append(Violation(path: guide.path, line: open.line, message: message))
                    }
                } else {
                    let message = "no snippet is named above this code: <!-- Snippets/….swift slice -->"
                    violations.append(Violation(path: guide.path, line: open.line, message: message))
                }
                (source, fence) = (nil, nil)
            } else if line == "```swift" {
                fence = (index + 1, [])
            } else if let match = line.wholeMatch(of: /<!-- (Snippets\/\S+\.swift) (\S+) -->/) {
                source = (String(match.1), String(match.2))
            }
        }
        return violations
    }

    /// The lines of a slice, without what is hidden, moved to the margin.
    static func slice(_ name: String, of snippet: SourceFile) -> [String] {
        var lines: [String] = []
        var isWithin = false
        var isHidden = false
        for line in snippet.textLines {
            let text = line.drop { $0 == " " }
            guard text.hasPrefix("// snippet.") else {
                if isWithin, !isHidden { lines.append(String(line)) }
                continue
            }
            switch text.dropFirst("// snippet.".count) {
            case "hide": isHidden = true
            case "show": isHidden = false
            case let marker: isWithin = marker == name
            }
        }
        let margin = lines.filter { !$0.isEmpty }.map { $0.prefix { $0 == " " }.count }.min() ?? 0
        return lines.map { String($0.dropFirst(min(margin, $0.count))) }
    }
}
