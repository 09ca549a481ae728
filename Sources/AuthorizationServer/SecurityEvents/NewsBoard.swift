import Synchronization

/// Wakes polls that wait for an event.
final class NewsBoard: Sendable {
    private struct State {
        var next = 0
        var waiting: [Int: AsyncStream<Void>.Continuation] = [:]
    }

    private let state = Mutex(State())

    /// Somebody who waits; what is told from here on is not missed.
    final class Waiter: Sendable {
        private let wakes: AsyncStream<Void>
        private let isLate = Atomic(false)

        fileprivate init(_ wakes: AsyncStream<Void>) { self.wakes = wakes }

        /// Whether the time to wait has passed, or nobody wants the answer any more.
        var isOver: Bool { Task.isCancelled || isLate.load(ordering: .relaxed) }

        fileprivate func end() { isLate.store(true, ordering: .relaxed) }

        /// Returns when there is news, when `duration` or the whole time has passed, or when the task is cancelled.
        func wait(upTo duration: Duration) async {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { for await _ in self.wakes { return } }
                group.addTask { try? await Task.sleep(for: duration) }
                await group.next()
                group.cancelAll()
            }
        }
    }

    /// Waits by `body`, and forgets the waiter afterwards.
    func withWaiter<Value: Sendable>(
        atMost duration: Duration,
        _ body: (Waiter) async throws(OAuthError) -> Value
    ) async throws(OAuthError) -> Value {
        let (wakes, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let waiter = Waiter(wakes)
        let id = state.withLock { state in
            state.next += 1
            state.waiting[state.next] = continuation
            return state.next
        }
        let alarm = Task {
            guard (try? await Task.sleep(for: duration)) != nil else { return }
            waiter.end()
            continuation.yield()
        }
        defer {
            alarm.cancel()
            state.withLock { $0.waiting[id] = nil }
        }
        return try await body(waiter)
    }

    func tell() {
        for continuation in state.withLock({ Array($0.waiting.values) }) { continuation.yield() }
    }
}
