extension QRCode {
    /// How a terminal is told black and white.
    public struct TerminalColors: Hashable, Sendable {
        let begin: String
        let end: String
        let inkIsDark: Bool

        /// Black on white, by the colours of ANSI: right in every terminal that has colours.
        public static let ansi = TerminalColors(
            begin: "\u{1B}[38;5;16m\u{1B}[48;5;231m",
            end: "\u{1B}[0m",
            inkIsDark: true
        )
        /// No colours: light modules are drawn as blocks, which is right where text is light on dark.
        public static let lightOnDark = TerminalColors(begin: "", end: "", inkIsDark: false)
    }

    /// The code in lines of a terminal, quiet zone included: two rows of modules a line, by half blocks.
    public func terminalLines(colors: TerminalColors = .ansi) -> [String] {
        let from = -Self.quietZone
        let to = size + Self.quietZone
        return stride(from: from, to: to, by: 2).map { row in
            let blocks = (from..<to).map { column in
                let upper = self[row: row, column: column] == colors.inkIsDark
                let lower = (row + 1 < to ? self[row: row + 1, column: column] : !colors.inkIsDark) == colors.inkIsDark
                return upper ? (lower ? "█" : "▀") : (lower ? "▄" : " ")
            }
            return colors.begin + blocks.joined() + colors.end
        }
    }

    /// How many columns ``terminalLines(colors:)`` are wide.
    public var terminalWidth: Int { size + 2 * Self.quietZone }

    /// The code as an SVG document, quiet zone included, black on white whatever the page looks like.
    ///
    /// - Parameter label: what it is, for those who cannot see it.
    public func svg(label: String) -> String {
        let side = size + 2 * Self.quietZone
        var path = ""
        for row in 0..<size {
            for column in 0..<size where self[row: row, column: column] {
                path += "M\(column + Self.quietZone),\(row + Self.quietZone)h1v1h-1z"
            }
        }
        var escaped = ""
        for character in label {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            default: escaped.append(character)
            }
        }
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(side) \(side)" role="img" aria-label="\(escaped)" \
            shape-rendering="crispEdges"><rect width="\(side)" height="\(side)" fill="#fff"/>\
            <path d="\(path)" fill="#000"/></svg>
            """
    }
}
