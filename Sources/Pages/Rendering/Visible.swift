/// Text from elsewhere (names, addresses, details) made fit to be read by a person.
///
/// Escaping keeps such text from being markup; this keeps it from lying: direction overrides that turn
/// "moc.elpmaxe" around, invisible letters, line breaks, and names long enough to push the buttons off the screen.
enum Visible {
    static let nameLimit = 80
    static let addressLimit = 300
    static let detailLimit = 2_000

    /// The text without hidden scalars, on one line, at most `limit` characters long.
    static func text(_ raw: String, limit: Int = nameLimit) -> String {
        var shown = String.UnicodeScalarView()
        // A single cluster may carry thousands of accents, so the scalars are bounded before the characters are.
        for scalar in raw.unicodeScalars.prefix(limit * 8) {
            if scalar.properties.isWhitespace {
                shown.append(" ")
            } else if isHidden(scalar) {
                shown.append("\u{FFFD}")
            } else {
                shown.append(scalar)
            }
        }
        let text = String(shown)
        guard text.count > limit || raw.unicodeScalars.count > limit * 8 else { return text }
        return text.prefix(limit - 1) + "…"
    }

    /// Whether a scalar has no shape of its own: controls, direction overrides, invisible format characters.
    static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "\n", "\t": false
        // Joiners shape Persian, Hindi and many emoji.
        case "\u{200C}", "\u{200D}": false
        default:
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: true
            default: false
            }
        }
    }
}
