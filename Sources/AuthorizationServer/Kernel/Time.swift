package import Instants
import JOSE
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The two times of a request: the server's own, which never steps back, and the one that it shares with others.
///
/// Decision 0007: whatever is stored, and whatever is compared with something stored, is steady; whatever is signed by
/// others or for others to compare with their clocks is wall.
package struct Moment: Hashable, Sendable {
    /// What the clock on the wall says: `iat`, `exp`, `auth_time`, and the assertions of others.
    package var wall: Instant
    /// Never earlier than any moment handed out before, whatever happens to the wall clock.
    package var steady: Instant

    package init(wall: Instant, steady: Instant) {
        self.wall = wall
        self.steady = steady
    }

    /// A moment at which both clocks agree.
    package init(_ instant: Instant) { self.init(wall: instant, steady: instant) }

    /// What to tell others of a moment of ours: as long ago, or as far ahead, on the clock that they go by.
    ///
    /// By whole seconds, so that milliseconds between the two clocks do not make one moment two.
    package func onTheWall(_ instant: Instant) -> Instant {
        instant - .seconds((steady - wall + .milliseconds(500)).wholeSeconds)
    }
}

/// Where moments come from.
///
/// Decisions never ask; endpoints ask once a request.
package protocol TimeSource: Sendable {
    func moment() -> Moment
}

/// Where randomness comes from: a cryptographically secure generator outside tests.
package protocol RandomSource: Sendable {
    /// `count` unpredictable bytes.
    func bytes(_ count: Int) -> [UInt8]
}

/// The operating system's generator.
///
/// It is asked for many bytes at once: a question takes it a microsecond, however many are asked for. What was handed out is
/// not kept here.
package final class SystemRandomSource: RandomSource {
    private struct Supply {
        var bytes = [UInt8](repeating: 0, count: 256)
        /// The first one that was not handed out.
        var next = 256

        mutating func refill() {
            next = 0
            let isFilled = bytes.withUnsafeMutableBytes { getentropy($0.baseAddress, $0.count) == 0 }
            if isFilled { return }
            // This way asks the system for each of them, and ends the program if there is none.
            var generator = SystemRandomNumberGenerator()
            for place in bytes.indices { bytes[place] = generator.next() }
        }
    }

    private let supply = Mutex(Supply())

    package init() {}

    package func bytes(_ count: Int) -> [UInt8] {
        var drawn: [UInt8] = []
        drawn.reserveCapacity(count)
        supply.withLock { supply in
            while drawn.count < count {
                if supply.next == supply.bytes.count { supply.refill() }
                let taken = supply.next..<min(supply.next + count - drawn.count, supply.bytes.count)
                drawn += supply.bytes[taken]
                for place in taken { supply.bytes[place] = 0 }
                supply.next = taken.upperBound
            }
        }
        return drawn
    }
}

/// The system's wall clock, and a steady clock that follows it forward and runs on by itself when it steps back.
package final class SystemTimeSource: TimeSource {
    private let steadyClock: SteadyClock

    /// `notBefore` is the latest steady moment that an earlier process is known to have used.
    package init(notBefore: Instant = Instant(millisecondsSinceEpoch: 0)) {
        steadyClock = SteadyClock(steady: max(Self.wallClock(), notBefore), at: ContinuousClock.now)
    }

    package func moment() -> Moment {
        let wall = Self.wallClock()
        return Moment(wall: wall, steady: steadyClock.advance(toAtLeast: wall, at: ContinuousClock.now))
    }

    /// Goes on from there, if that is later: another process has come so far.
    package func follow(_ steady: Instant) {
        _ = steadyClock.advance(toAtLeast: steady, at: ContinuousClock.now)
    }

    static func wallClock() -> Instant {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Instant(millisecondsSinceEpoch: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }
}

extension RandomSource {
    /// `count` unpredictable bytes in base64url.
    package func text(_ count: Int) -> String { Base64URL.encode(bytes(count)) }
}
