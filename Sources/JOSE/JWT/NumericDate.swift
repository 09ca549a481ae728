/// Moments as JSON numbers: "A JSON numeric value representing the number of seconds from 1970-01-01T00:00:00Z UTC"
/// (RFC 7519 §2).
enum NumericDate {
    /// Whole seconds as an integer, others as a number that is read back as the same millisecond.
    static func json(_ instant: Instant) -> JSON {
        let milliseconds = instant.millisecondsSinceEpoch
        guard !milliseconds.isMultiple(of: 1000) else { return .integer(milliseconds / 1000) }
        let seconds = Double(milliseconds) / 1000
        // Readers cut what is beyond the millisecond. The nearest double may lie below it by less than its precision.
        let next = milliseconds < 0 ? seconds.nextDown : seconds.nextUp
        for candidate in [seconds, next] where self.instant(.number(candidate)) == instant { return .number(candidate) }
        return .number(seconds)
    }

    /// The moment, cut to the millisecond; nil for what is no number or out of range.
    static func instant(_ value: JSON) -> Instant? {
        switch value {
        case .integer(let seconds): instant(seconds: seconds)
        case .number(let seconds): instant(seconds: seconds)
        default: nil
        }
    }

    /// The moment of whole seconds; nil out of range.
    static func instant(seconds: Int64) -> Instant? {
        let (milliseconds, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        return overflow ? nil : Instant(millisecondsSinceEpoch: milliseconds)
    }

    /// The moment of seconds with a fraction, cut to the millisecond; nil out of range.
    static func instant(seconds: Double) -> Instant? {
        Int64(exactly: (seconds * 1000).rounded(.towardZero)).map(Instant.init(millisecondsSinceEpoch:))
    }
}
