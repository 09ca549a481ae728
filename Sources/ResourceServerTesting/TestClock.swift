public import Instants
public import IssuerConnection
private import Synchronization

/// A clock that stands still until the test moves it.
///
/// Whatever waits by this clock goes on when the time has come: nothing waits in real time.
public final class TestClock: ClientClock {
    private struct Sleeper {
        let until: Duration
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var now: Instant
        var uptime: Duration = .zero
        var sleepers: [UInt64: Sleeper] = [:]
        var tickets: UInt64 = 0
        var cancelled: Set<UInt64> = []
    }

    private let state: Mutex<State>

    /// A clock that shows this moment.
    ///
    /// - Parameter now: by default the beginning of 2026.
    public init(now: Instant = Instant(secondsSinceEpoch: 1_767_225_600)) { state = Mutex(State(now: now)) }

    /// The moment on the wall.
    public var now: Instant { state.withLock { $0.now } }
    /// The time since the clock was made.
    public var uptime: Duration { state.withLock { $0.uptime } }

    /// Lets time pass, here and on the wall.
    public func advance(by duration: Duration) {
        let woken = state.withLock { state in
            state.uptime += duration
            state.now = state.now + duration
            let due = state.sleepers.filter { $0.value.until <= state.uptime }
            for ticket in due.keys { state.sleepers[ticket] = nil }
            return due.values.map(\.continuation)
        }
        for continuation in woken { continuation.resume() }
    }

    /// Sets the clock on the wall, as an operator does; no time passes.
    public func set(_ now: Instant) { state.withLock { $0.now = now } }

    /// Waits until the test has moved the clock so far.
    public func sleep(for duration: Duration) async throws {
        let ticket = state.withLock { state in
            state.tickets += 1
            return state.tickets
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                enter(continuation, ticket, for: duration)
            }
        } onCancel: {
            cancel(ticket)
        }
    }

    /// How many wait for the clock to move.
    public var sleeperCount: Int { state.withLock { $0.sleepers.count } }

    private enum Entry {
        case wait
        case goOn
        case leave
    }

    private func enter(_ continuation: CheckedContinuation<Void, any Error>, _ ticket: UInt64, for duration: Duration) {
        let entry = state.withLock { state -> Entry in
            if state.cancelled.remove(ticket) != nil { return .leave }
            guard duration > .zero else { return .goOn }
            state.sleepers[ticket] = Sleeper(until: state.uptime + duration, continuation: continuation)
            return .wait
        }
        switch entry {
        case .wait: break
        case .goOn: continuation.resume()
        case .leave: continuation.resume(throwing: CancellationError())
        }
    }

    private func cancel(_ ticket: UInt64) {
        let sleeper = state.withLock { state -> Sleeper? in
            guard let sleeper = state.sleepers.removeValue(forKey: ticket) else {
                // Either it has gone on, or it has not yet begun to wait.
                state.cancelled.insert(ticket)
                return nil
            }
            return sleeper
        }
        sleeper?.continuation.resume(throwing: CancellationError())
    }
}
