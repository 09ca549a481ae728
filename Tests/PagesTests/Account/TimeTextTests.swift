import Testing

@testable import Pages

/// Moments in words, and the calendar behind them.
@Suite struct TimeTextTests {
    let words = Texts.english.time

    @Test(
        arguments: [
            (0, "just now"), (59, "just now"), (60, "a minute ago"), (119, "a minute ago"), (120, "2 minutes ago"),
            (3599, "59 minutes ago"), (3600, "an hour ago"), (7200, "2 hours ago"), (86_399, "23 hours ago"),
            (86_400, "a day ago"), (172_800, "2 days ago"), (2_591_999, "29 days ago"),
            (2_592_000, "29 October 2026"), (-5, "just now"),
        ] as [(Int64, String)]
    )
    func `a moment is told by how long ago it was, a distant one by its day`(_ passed: Int64, _ text: String) {
        #expect(words.ago(Samples.now - passed, now: Samples.now) == text)
    }

    @Test(
        arguments: [
            (0, "1 January 1970, 00:00 UTC"), (-1, "31 December 1969, 23:59 UTC"),
            (951_827_696, "29 February 2000, 12:34 UTC"), (4_107_542_400, "1 March 2100, 00:00 UTC"),
            (1_735_689_599, "31 December 2024, 23:59 UTC"), (Samples.now, "28 November 2026, 20:17 UTC"),
        ] as [(Int64, String)]
    )
    func `a date is that of the Gregorian calendar, in UTC`(_ moment: Int64, _ text: String) {
        #expect(words.date(moment) == text)
    }

    @Test func `every day of four centuries follows the one before`() {
        var (year, month, day) = Texts.Time.civil(days: -719_468 + 306)
        for days in Int64(-719_468 + 307)...(-719_468 + 307 + 146_097) {
            let next = Texts.Time.civil(days: days)
            let isNextDay = next.year == year && next.month == month && next.day == day + 1
            let isNextMonth = next.year == year && next.month == month + 1 && next.day == 1 && day >= 28
            let isNextYear = next.year == year + 1 && next.month == 1 && next.day == 1 && month == 12 && day == 31
            guard isNextDay || isNextMonth || isNextYear else {
                Issue.record("\(year)-\(month)-\(day) is followed by \(next)")
                return
            }
            (year, month, day) = next
        }
    }

    @Test func `moments that no calendar has do not trap`() {
        for moment in [Int64.min, .max, .min + 1] {
            _ = words.ago(moment, now: Samples.now)
            _ = words.ago(Samples.now, now: moment)
            _ = words.date(moment)
        }
    }
}
