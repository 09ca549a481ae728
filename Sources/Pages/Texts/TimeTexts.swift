extension Texts {
    /// How moments are told.
    ///
    /// A page without a script does not know where its reader is, so that exact times are told in UTC and recent ones
    /// by how long ago they were.
    package struct Time: Sendable {
        var justNow: String
        var oneMinuteAgo: String
        var minutesAgo: Phrase
        var oneHourAgo: String
        var hoursAgo: Phrase
        var oneDayAgo: String
        var daysAgo: Phrase
        var exact: Phrase
        var day: Phrase
        /// From January on.
        var months: [String]

        private static let minute: Int64 = 60
        private static let hour: Int64 = 60 * minute
        private static let dayLength: Int64 = 24 * hour
        private static let longestAgo: Int64 = 30 * dayLength

        /// How long ago a moment was, and of a distant one its day.
        func ago(_ moment: Int64, now: Int64) -> String {
            // A clock that was set back makes no future of the past.
            let (difference, isTooFar) = now.subtractingReportingOverflow(moment)
            let passed = now <= moment ? 0 : isTooFar ? .max : difference
            switch passed {
            case ..<Self.minute: return justNow
            case ..<(2 * Self.minute): return oneMinuteAgo
            case ..<Self.hour: return minutesAgo.plain(["count": "\(passed / Self.minute)"])
            case ..<(2 * Self.hour): return oneHourAgo
            case ..<Self.dayLength: return hoursAgo.plain(["count": "\(passed / Self.hour)"])
            case ..<(2 * Self.dayLength): return oneDayAgo
            case ..<Self.longestAgo: return daysAgo.plain(["count": "\(passed / Self.dayLength)"])
            default: return day.plain(date(of: moment))
            }
        }

        /// Day, hour and minute, UTC.
        func date(_ moment: Int64) -> String { exact.plain(date(of: moment)) }

        private func date(of moment: Int64) -> [String: String] {
            let (year, month, day) = Self.civil(days: Self.floor(moment, Self.dayLength))
            let second = (moment % Self.dayLength + Self.dayLength) % Self.dayLength
            return [
                "year": "\(year)", "month": months.indices.contains(month - 1) ? months[month - 1] : "\(month)",
                "day": "\(day)", "hour": Self.twoDigits(second / Self.hour),
                "minute": Self.twoDigits(second % Self.hour / Self.minute),
            ]
        }

        private static func twoDigits(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }

        private static func floor(_ number: Int64, _ divisor: Int64) -> Int64 {
            number / divisor - (number % divisor < 0 ? 1 : 0)
        }

        /// The day of the Gregorian calendar so many days after 1970-01-01: Hinnant's algorithm, by eras of 400 years that
        /// begin in March.
        static func civil(days: Int64) -> (year: Int64, month: Int, day: Int) {
            let shifted = days + 719_468
            let era = floor(shifted, 146_097)
            let dayOfEra = shifted - era * 146_097
            let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
            let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
            let shiftedMonth = (5 * dayOfYear + 2) / 153
            let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
            let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
            let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
            return (year, Int(month), Int(day))
        }
    }

    static let englishTime = Time(
        justNow: "just now",
        oneMinuteAgo: "a minute ago",
        minutesAgo: "{count} minutes ago",
        oneHourAgo: "an hour ago",
        hoursAgo: "{count} hours ago",
        oneDayAgo: "a day ago",
        daysAgo: "{count} days ago",
        exact: "{day} {month} {year}, {hour}:{minute} UTC",
        day: "{day} {month} {year}",
        months: [
            "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
            "November", "December",
        ]
    )
}
