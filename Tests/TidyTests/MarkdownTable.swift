/// The rows of a Markdown table, found by its first heading.
struct MarkdownTable {
    let rows: [(cells: [String], line: Int)]

    init(in document: SourceFile, firstHeading: String) {
        var rows: [(cells: [String], line: Int)] = []
        var isInside = false
        for (index, line) in document.textLines.enumerated() {
            guard line.hasPrefix("|") else {
                isInside = false
                continue
            }
            let cells = line.dropFirst().split(separator: "|", omittingEmptySubsequences: false).dropLast()
                .map { $0.trimmingSpaces }
            if cells.first == firstHeading {
                isInside = true
            } else if isInside, !cells.allSatisfy({ $0.allSatisfy { $0 == "-" || $0 == ":" } }) {
                rows.append((cells, index + 1))
            }
        }
        self.rows = rows
    }
}

extension StringProtocol {
    var trimmingSpaces: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }

    /// What stands between backticks.
    var quotedCode: [String] {
        String(self).matches(of: /`([^`]+)`/).map { String($0.1) }
    }
}
