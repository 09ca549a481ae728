/// `Docs/rfc-map.md`: a table of specification, sections, room and tests.
struct RFCMap {
    struct Row {
        let specification: String
        let rooms: [String]
        let tests: [String]
        let line: Int
    }

    let path: String
    let rows: [Row]

    init(_ document: SourceFile) {
        path = document.path
        rows = MarkdownTable(in: document, firstHeading: "Specification").rows.compactMap { cells, line in
            guard cells.count >= 4, let specification = Citation.all(in: cells[0]).first?.specification else {
                return Row(specification: cells.first ?? "", rooms: [], tests: [], line: line)
            }
            return Row(
                specification: specification,
                rooms: cells[2].quotedCode,
                tests: cells[3].quotedCode,
                line: line
            )
        }
    }

    /// Rows that name something that is not there, or that is not about the specification.
    func untrueRows(sources: [SourceFile], exists: (String) -> Bool) -> [Violation] {
        rows.flatMap { row -> [Violation] in
            guard !row.rooms.isEmpty else {
                return [Violation(path: path, line: row.line, message: "\(row.specification): no room is named")]
            }
            let absent = (row.rooms + row.tests).filter { !exists($0) }
                .map { Violation(path: path, line: row.line, message: "\($0) does not exist") }
            guard absent.isEmpty else { return absent }
            let silent = row.rooms.filter { room in
                !sources.contains { file in
                    (file.path == room || file.path.hasPrefix(room.hasSuffix("/") ? room : room + "/"))
                        && RFCMap.specifications(citedBy: file).contains(row.specification)
                }
            }
            return silent.map {
                Violation(path: path, line: row.line, message: "\($0) does not cite \(row.specification)")
            }
        }
    }

    /// Specifications that a source file cites and the map does not list.
    func missingRows(sources: [SourceFile]) -> [Violation] {
        let listed = Set(rows.map(\.specification))
        var reported: Set<String> = []
        return sources.flatMap { file -> [Violation] in
            RFCMap.specifications(citedBy: file)
                .filter { !listed.contains($0) && reported.insert($0).inserted }
                .map { Violation(path: file.path, line: 1, message: "cites \($0), which \(path) does not list") }
        }
    }

    static func specifications(citedBy file: SourceFile) -> Set<String> {
        Set(file.commentLines.flatMap { Citation.all(in: $0) }.map(\.specification))
    }
}
