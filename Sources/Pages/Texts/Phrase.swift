/// A sentence with places for values, such as "Continue to {application}".
///
/// Translators move the places freely; values are put in as separate pieces, so that a template can set each apart
/// (`<bdi>`: a right-to-left name does not disturb the sentence around it) and nobody concatenates markup.
package struct Phrase: Sendable, ExpressibleByStringLiteral {
    private let text: String

    package init(stringLiteral text: String) {
        self.text = text
    }

    /// One piece of a filled phrase: words of ours or a value of theirs.
    enum Piece: Hashable, Sendable {
        case words(String)
        case value(String)
    }

    func pieces(_ values: [String: String]) -> [Piece] {
        var pieces: [Piece] = []
        var rest = text[...]
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            if open > rest.startIndex { pieces.append(.words(String(rest[..<open]))) }
            let name = String(rest[rest.index(after: open)..<close])
            pieces.append(.value(Visible.text(values[name] ?? "")))
            rest = rest[rest.index(after: close)...]
        }
        if !rest.isEmpty { pieces.append(.words(String(rest))) }
        return pieces
    }

    /// The pieces as the template `phrase` reads them.
    func filled(_ values: [String: String] = [:]) -> [[String: String]] {
        pieces(values).map { piece in
            switch piece {
            case .words(let words): ["words": words]
            case .value(let value): ["value": value]
            }
        }
    }

    /// The phrase as plain text, for titles.
    func plain(_ values: [String: String] = [:]) -> String {
        pieces(values).map { piece in
            switch piece {
            case .words(let words): words
            case .value(let value): value
            }
        }.joined()
    }
}
