/// How many fetches strangers may cause: a bucket that holds a third of a minute's fetches and fills evenly.
///
/// In no minute are more than the whole taken: what the bucket holds, and what flows in. The third at once is for a key
/// that came to be a moment ago; the rest is spread, so that a flood of made-up keys keeps a real one waiting for
/// seconds, not for the rest of a minute.
struct FetchBudget: Sendable {
    private let capacity: Int
    private let interval: Duration
    private var tokens: Int
    private var filledAt: Duration?

    init(perMinute: Int) {
        let total = max(1, perMinute)
        capacity = max(1, total / 3)
        interval = total > capacity ? .seconds(60) / (total - capacity) : .seconds(60)
        tokens = capacity
    }

    /// Takes one, if there is one; answers otherwise when there will be.
    mutating func take(at uptime: Duration) -> Duration? {
        let last = filledAt ?? uptime
        var filled = last
        while tokens < capacity, filled + interval <= uptime {
            filled += interval
            tokens += 1
        }
        filledAt = tokens == capacity ? uptime : filled
        guard tokens > 0 else { return filled + interval - uptime }
        tokens -= 1
        return nil
    }
}
