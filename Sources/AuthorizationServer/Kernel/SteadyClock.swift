import Instants
import Synchronization

/// The state behind the steady clock: the last steady moment, and when on the monotonic clock it was reached.
final class SteadyClock: Sendable {
    private struct State {
        var steady: Instant
        var reached: ContinuousClock.Instant
    }

    private let state: Mutex<State>

    init(steady: Instant, at reached: ContinuousClock.Instant) {
        state = Mutex(State(steady: steady, reached: reached))
    }

    /// The steady moment that corresponds to `now`: what has passed since the last one, or the wall clock if that is later.
    func advance(toAtLeast wall: Instant, at now: ContinuousClock.Instant) -> Instant {
        state.withLock { state in
            let next = state.steady + max(.zero, now - state.reached)
            if wall > next {
                state = State(steady: wall, reached: now)
            } else {
                // By whole milliseconds, or the rest would be lost at every call, and a busy node's clock would run slow.
                state.reached += next - state.steady
                state.steady = next
            }
            return state.steady
        }
    }
}
