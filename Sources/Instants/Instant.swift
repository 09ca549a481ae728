// Moments and their arithmetic: NumericDate (RFC 7519 §2) without floating point. Imports nothing, reads no clock,
// stores nothing.

/// A moment in time, in milliseconds since the Unix epoch, as every record and every token of Signet counts it.
///
/// The type exists so that no interface passes bare seconds around. It has no `now`: the moment is handed in, so that
/// every decision can be repeated with the same answer.
public struct Instant: Hashable, Comparable, Sendable {
    /// Milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted (POSIX time).
    public var millisecondsSinceEpoch: Int64

    /// The moment that lies so many milliseconds after the epoch.
    public init(millisecondsSinceEpoch: Int64) {
        self.millisecondsSinceEpoch = millisecondsSinceEpoch
    }

    /// The moment that a `NumericDate` of whole seconds names (RFC 7519 §2).
    ///
    /// Values outside the range saturate.
    public init(secondsSinceEpoch seconds: Int64) {
        let (milliseconds, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        self.millisecondsSinceEpoch = overflow ? (seconds < 0 ? .min : .max) : milliseconds
    }

    /// Whole seconds since the epoch, rounded down: the `NumericDate` of RFC 7519 §2.
    public var secondsSinceEpoch: Int64 {
        let (quotient, remainder) = millisecondsSinceEpoch.quotientAndRemainder(dividingBy: 1000)
        return remainder < 0 ? quotient - 1 : quotient
    }

    /// Later than every moment that a token or a record can name.
    public static let distantFuture = Instant(millisecondsSinceEpoch: .max)

    /// Whether `left` is the earlier moment.
    public static func < (left: Instant, right: Instant) -> Bool {
        left.millisecondsSinceEpoch < right.millisecondsSinceEpoch
    }

    /// The moment that lies `duration` after `instant`; saturates instead of overflowing.
    public static func + (instant: Instant, duration: Duration) -> Instant {
        let (sum, overflow) = instant.millisecondsSinceEpoch.addingReportingOverflow(duration.wholeMilliseconds)
        return Instant(millisecondsSinceEpoch: overflow ? (duration < .zero ? .min : .max) : sum)
    }

    /// The moment that lies `duration` before `instant`; saturates.
    public static func - (instant: Instant, duration: Duration) -> Instant {
        instant + (.zero - duration)
    }

    /// The time from `right` to `left`, negative where `left` is the earlier; saturates.
    public static func - (left: Instant, right: Instant) -> Duration {
        let (difference, overflow) = left.millisecondsSinceEpoch.subtractingReportingOverflow(
            right.millisecondsSinceEpoch
        )
        return .milliseconds(overflow ? (left < right ? Int64.min : .max) : difference)
    }
}

extension Duration {
    /// The duration in milliseconds, rounded towards zero; saturates.
    public var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (milliseconds, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        return overflow ? (seconds < 0 ? .min : .max) : milliseconds + attoseconds / 1_000_000_000_000_000
    }

    /// The duration in seconds, rounded towards zero: `expires_in`, `Retry-After`, `Max-Age`.
    public var wholeSeconds: Int64 { components.seconds }
}

extension Instant: Codable {
    /// Reads milliseconds since the epoch.
    public init(from decoder: any Decoder) throws {
        self.init(millisecondsSinceEpoch: try decoder.singleValueContainer().decode(Int64.self))
    }

    /// Writes milliseconds since the epoch.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(millisecondsSinceEpoch)
    }
}
