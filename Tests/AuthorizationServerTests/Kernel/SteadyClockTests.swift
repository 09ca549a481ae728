import Instants
import Testing

@testable import AuthorizationServer

@Suite
struct SteadyClockTests {
    /// Nodes that are asked differently often would drift apart, and one's cut-offs miss what another one issued.
    @Test(arguments: [100, 700, 1100, 1500, 1999, 2700])
    func `However often it is read, it runs at the right rate while the wall clock is behind`(microseconds: Int) {
        let start = Instant(secondsSinceEpoch: 1_800_000_000)
        let origin = ContinuousClock.now
        let clock = SteadyClock(steady: start, at: origin)
        let wall = start - .seconds(3600)
        for reading in 1...10_000 {
            let passed = Duration.microseconds(microseconds * reading)
            #expect(clock.advance(toAtLeast: wall, at: origin + passed) == start + passed)
        }
    }

    @Test func `A wall clock that is ahead is followed, and one that is read late takes nothing back`() {
        let start = Instant(secondsSinceEpoch: 1_800_000_000)
        let origin = ContinuousClock.now
        let clock = SteadyClock(steady: start, at: origin)
        let ahead = start + .seconds(9)
        #expect(clock.advance(toAtLeast: ahead, at: origin + .seconds(1)) == ahead)
        #expect(clock.advance(toAtLeast: start, at: origin) == ahead)
        #expect(clock.advance(toAtLeast: start, at: origin + .seconds(2)) == ahead + .seconds(1))
    }
}
