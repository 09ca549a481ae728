import Synchronization

/// Wakes polls that wait for an event.
final class NewsBoard: Sendable {
    private struct State {
        var next = 0
        var waiting: [Int: AsyncStream<Void>.Continuation] = [:]
    }

    private let state = Mutex(State())

    /// Somebody who waits; what is told from here on is not missed.
    struct Waiter: Sendable {
        fileprivate let id: Int
        fileprivate let wakes: AsyncStream<Void>

        /// Returns when there is news, when `duration` has passed, or when the task is cancelled.
        func wait(upTo duration: Duration) async {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { for await _ in wakes { return } }
                group.addTask { try? await Task.sleep(for: duration) }
                await group.next()
                group.cancelAll()
            }
        }
    }

    /// Waits by `body`, and forgets the waiter afterwards.
    func withWaiter<Value: Sendable>(
        _ body: (Waiter) async throws(OAuthError) -> Value
    ) async throws(OAuthError) -> Value {
        let (wakes, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let id = state.withLock { state in
            state.next += 1
            state.waiting[state.next] = continuation
            return state.next
        }
        defer { state.withLock { $0.waiting[id] = nil } }
        return try await body(Waiter(id: id, wakes: wakes))
    }

    func tell() {
        for continuation in state.withLock({ Array($0.waiting.values) }) { continuation.yield() }
    }
}
