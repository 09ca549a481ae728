/// Durations as people write them in a configuration: `15m`, `7d`, `1h30m`, `500ms`; `0` needs no unit.
enum DurationText {
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    /// `nil` for anything else: a bare number, a unit twice, a fraction.
    static func parse(_ text: String) -> Duration? {
        if text == "0" { return .zero }
        var rest = Substring(text)
        var total: Int64 = 0
        var used: Set<String> = []
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            let unit = rest.dropFirst(digits.count).prefix { $0.isASCII && $0.isLetter }
            guard let count = Int64(digits), let size = units.first(where: { $0.name == unit })?.milliseconds,
                used.insert(String(unit)).inserted
            else { return nil }
            let (part, overflow) = count.multipliedReportingOverflow(by: size)
            let (sum, overflows) = total.addingReportingOverflow(part)
            guard !overflow, !overflows else { return nil }
            total = sum
            rest = rest.dropFirst(digits.count + unit.count)
        }
        return text.isEmpty ? nil : .milliseconds(total)
    }

    /// The shortest text that `parse` reads back.
    static func format(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        var rest = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        guard rest != 0 else { return "0s" }
        var text = rest < 0 ? "-" : ""
        rest = abs(rest)
        for unit in units where rest >= unit.milliseconds {
            text += "\(rest / unit.milliseconds)\(unit.name)"
            rest %= unit.milliseconds
        }
        return text
    }
}
