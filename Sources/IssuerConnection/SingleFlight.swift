internal import Synchronization

/// Lets many callers who want the same thing at the same time share one attempt to get it.
///
/// The attempt runs in a task of its own, so that the caller who happened to be first can be cancelled without taking
/// the others down; each caller's own cancellation ends its own wait at once.
package final class SingleFlight<Key: Hashable & Sendable, Value: Sendable, Failure: Error>: Sendable {
    package typealias Outcome = Result<Value, Failure>

    private struct Flight {
        var number: UInt64
        var waiting: [UInt64: CheckedContinuation<Outcome, Never>] = [:]
    }

    private struct State {
        var flights: [Key: Flight] = [:]
        var counter: UInt64 = 0
    }

    private enum Way {
        case wait
        case start(UInt64)
        case leave
    }

    private let state = Mutex(State())
    private let cancelled: Failure

    /// - Parameter cancelled: what a caller gets whose task was cancelled.
    package init(cancelled: Failure) { self.cancelled = cancelled }

    /// The outcome of the attempt that is under way for `key`, or of a new one.
    package func value(
        for key: Key,
        _ attempt: @escaping @Sendable () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        if Task.isCancelled { throw cancelled }
        let ticket = state.withLock { state in
            state.counter += 1
            return state.counter
        }
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                join(key, ticket, continuation, attempt)
            }
        } onCancel: {
            leave(key, ticket)
        }
        return try outcome.get()
    }

    private func join(
        _ key: Key,
        _ ticket: UInt64,
        _ continuation: CheckedContinuation<Outcome, Never>,
        _ attempt: @escaping @Sendable () async throws(Failure) -> Value
    ) {
        let way = state.withLock { state -> Way in
            if Task.isCancelled { return .leave }
            if state.flights[key] != nil {
                state.flights[key]?.waiting[ticket] = continuation
                return .wait
            }
            state.flights[key] = Flight(number: ticket, waiting: [ticket: continuation])
            return .start(ticket)
        }
        switch way {
        case .wait: break
        case .leave: continuation.resume(returning: .failure(cancelled))
        case .start(let number):
            Task {
                let outcome: Outcome
                do throws(Failure) {
                    outcome = .success(try await attempt())
                } catch {
                    outcome = .failure(error)
                }
                land(key, number, outcome)
            }
        }
    }

    private func land(_ key: Key, _ number: UInt64, _ outcome: Outcome) {
        let waiting = state.withLock { state -> [CheckedContinuation<Outcome, Never>] in
            guard let flight = state.flights[key], flight.number == number else { return [] }
            state.flights[key] = nil
            return Array(flight.waiting.values)
        }
        for continuation in waiting { continuation.resume(returning: outcome) }
    }

    private func leave(_ key: Key, _ ticket: UInt64) {
        let continuation = state.withLock { $0.flights[key]?.waiting.removeValue(forKey: ticket) }
        continuation?.resume(returning: .failure(cancelled))
    }
}
