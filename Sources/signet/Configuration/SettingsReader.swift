/// Turns text into values and collects what is wrong with it.
struct SettingsReader {
    private let given: [Setting: GivenValue]
    private(set) var faults: [String] = []

    init(_ given: [Setting: GivenValue]) { self.given = given }

    /// Whether any source names the setting.
    func isGiven(_ setting: Setting) -> Bool { given[setting] != nil }

    /// The value, or `standard` where nobody gave one or the one given is a fault.
    mutating func read<Value>(
        _ setting: Setting,
        or standard: Value,
        expecting expected: String,
        _ parse: (String) -> Value?
    ) -> Value {
        optional(setting, expecting: expected, parse) ?? standard
    }

    mutating func optional<Value>(
        _ setting: Setting,
        expecting expected: String,
        _ parse: (String) -> Value?
    ) -> Value? {
        guard let value = given[setting], let text = value.texts.first else { return nil }
        guard value.texts.count == 1 else {
            faults.append("\(setting.key) (\(value.source)): expected one value, got \(value.texts.count)")
            return nil
        }
        guard let parsed = parse(text) else {
            addFault(setting, expected: expected, got: text)
            return nil
        }
        return parsed
    }

    mutating func list<Value>(_ setting: Setting, expecting expected: String, _ parse: (String) -> Value?) -> [Value] {
        guard let value = given[setting] else { return [] }
        return value.texts.compactMap { text in
            if let parsed = parse(text) { return parsed }
            addFault(setting, expected: expected, got: text)
            return nil
        }
    }

    mutating func duration(_ setting: Setting, or standard: Duration, in range: ClosedRange<Duration>) -> Duration {
        let limits = "\(DurationText.format(range.lowerBound)) to \(DurationText.format(range.upperBound))"
        return read(setting, or: standard, expecting: "a duration such as 90s, 15m or 7d, \(limits)") { text in
            DurationText.parse(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    mutating func count(_ setting: Setting, or standard: Int, in range: ClosedRange<Int>) -> Int {
        read(setting, or: standard, expecting: "a whole number, \(range.lowerBound) to \(range.upperBound)") { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// Records that settings which are sound by themselves do not fit together.
    mutating func require(_ holds: Bool, _ sentence: @autoclosure () -> String) {
        if !holds { faults.append(sentence()) }
    }

    private mutating func addFault(_ setting: Setting, expected: String, got text: String) {
        let source = given[setting]?.source ?? .standard
        let place = source == .flag(setting.key) ? setting.key : "\(setting.key) (\(source))"
        // An address may carry a password, and this sentence may end in a log.
        let got = setting.isSecret ? "something else" : "\"\(text)\""
        faults.append("\(place): expected \(expected), got \(got)")
    }
}
