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
            let passed = max(.zero, now - state.reached)
            let next = max(state.steady + passed, wall)
            // Below a millisecond nothing has passed yet: keep the reference, or the rest would be lost at every call.
            if next > state.steady { state = State(steady: next, reached: now) }
            return next
        }
    }
}
