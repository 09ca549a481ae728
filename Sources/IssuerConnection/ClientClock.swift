public import Instants

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// The time as the SDKs see it, handed in so that a test can set it.
public protocol ClientClock: Sendable {
    /// The moment on the wall: what tokens are judged by.
    var now: Instant { get }
    /// Time since some fixed moment: never set back, and counted while the machine sleeps.
    var uptime: Duration { get }
    /// Waits; throws `CancellationError` if the task is cancelled.
    func sleep(for duration: Duration) async throws
}

extension ClientClock {
    /// Waits in real time.
    public func sleep(for duration: Duration) async throws { try await Task.sleep(for: duration) }
}

/// The system's clocks.
public struct SystemClientClock: ClientClock {
    /// The system's clocks.
    public init() {}

    /// The moment, from the clock that operators set.
    public var now: Instant {
        let (seconds, nanoseconds) = Self.read(CLOCK_REALTIME)
        return Instant(millisecondsSinceEpoch: seconds * 1000 + nanoseconds / 1_000_000)
    }

    /// The time since the machine was started, sleep included.
    public var uptime: Duration {
        // A clock that stands still while the machine sleeps would make old knowledge look fresh after it wakes.
        #if canImport(Darwin)
            let (seconds, nanoseconds) = Self.read(CLOCK_MONOTONIC)
        #else
            let (seconds, nanoseconds) = Self.read(CLOCK_BOOTTIME)
        #endif
        return .seconds(seconds) + .nanoseconds(nanoseconds)
    }

    private static func read(_ clock: clockid_t) -> (seconds: Int64, nanoseconds: Int64) {
        var time = timespec()
        clock_gettime(clock, &time)
        return (Int64(time.tv_sec), Int64(time.tv_nsec))
    }
}
