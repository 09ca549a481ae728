/// Rows under headings, columns aligned.
struct Table {
    var headings: [String]
    var rows: [[String]] = []

    init(_ headings: String...) { self.headings = headings }

    func lines(_ console: Console) -> [String] {
        let all = [headings] + rows
        let widths = headings.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.enumerated().map { index, row in
            let cells = row.enumerated().map { column, cell in
                column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
            }
            let line = cells.joined(separator: "  ")
            return index == 0 ? console.strong(line) : line
        }
    }

    func show(on console: Console) {
        for line in lines(console) { console.say(line) }
    }
}

/// Names and values of one thing, the names aligned; empty values are left out.
struct Card {
    private(set) var fields: [(name: String, value: String)] = []

    mutating func add(_ name: String, _ value: String?) {
        guard let value, !value.isEmpty else { return }
        fields.append((name, value))
    }

    mutating func add(_ name: String, _ values: [String]) {
        for (index, value) in values.enumerated() { fields.append((index == 0 ? name : "", value)) }
    }

    func show(on console: Console, indent: String = "") {
        let width = fields.map(\.name.count).max() ?? 0
        for field in fields {
            let padding = String(repeating: " ", count: width - field.name.count)
            console.say(indent + console.pale(field.name) + padding + "  " + field.value)
        }
    }
}
