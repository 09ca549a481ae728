// How many fetches strangers may cause.

import Testing

@testable import ResourceServer

@Suite("A budget of fetches")
struct FetchBudgetTests {
    @Test("In no minute are more taken than allowed, whenever they are asked for", arguments: [1, 2, 6, 60])
    func flood(_ perMinute: Int) {
        var budget = FetchBudget(perMinute: perMinute)
        var taken: [Duration] = []
        for tick in 0..<3_000 {
            let uptime = Duration.milliseconds(100 * tick)
            if budget.take(at: uptime) == nil { taken.append(uptime) }
        }
        for start in taken {
            #expect(taken.count { $0 >= start && $0 < start + .seconds(60) } <= perMinute)
        }
        // And it is spent: over five minutes not much less than the rate.
        #expect(taken.count >= (perMinute - max(1, perMinute / 3)) * 4)
    }

    @Test("A budget that rested gives a third at once, and no more")
    func burst() {
        var budget = FetchBudget(perMinute: 6)
        _ = budget.take(at: .zero)
        let later = Duration.seconds(3_600)
        #expect(budget.take(at: later) == nil)
        #expect(budget.take(at: later) == nil)
        #expect(budget.take(at: later) == .seconds(15))
        #expect(budget.take(at: later + .seconds(14)) == .seconds(1))
        #expect(budget.take(at: later + .seconds(15)) == nil)
    }
}
