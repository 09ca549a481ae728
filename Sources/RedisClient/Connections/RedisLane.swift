// Room: connections to Redis: `RedisLane` is the place of one, made anew when it ended; `RedisConnector` connects and
// logs in, `RedisConversation` pairs answers with commands and watches the time. Stores nothing.

import Logging
import NIOCore
import NIOPosix
import Synchronization

/// The place of one connection: made when there is something to say, made anew after it ended.
///
/// What is submitted while a write is due goes out with it, so that a busy lane writes once for many tasks.
final class RedisLane: Sendable {
    private struct Queue {
        var batches: [RedisBatch] = []
        var isDue = false
        var isClosed = false
    }

    /// On the event loop.
    private enum Line {
        case idle
        case connecting
        case standing(RedisConversation)
        /// Since connecting failed, and why.
        case resting(RedisError)
        case gone
    }

    private struct State {
        var line = Line.idle
        var failures = 0
    }

    private let connector: RedisConnector
    private let eventLoop: any EventLoop
    private let logger: Logger
    private let number: Int
    private let queue = Mutex(Queue())
    private let state: NIOLoopBoundBox<State>
    private let gone: EventLoopPromise<Void>

    init(connector: RedisConnector, eventLoop: any EventLoop, logger: Logger, number: Int) {
        self.connector = connector
        self.eventLoop = eventLoop
        self.logger = logger
        self.number = number
        state = .makeBoxSendingValue(State(), eventLoop: eventLoop)
        gone = eventLoop.makePromise()
    }

    deinit { gone.succeed() }

    func submit(_ batch: RedisBatch) {
        let (isClosed, isFirst) = queue.withLock { queue in
            guard !queue.isClosed else { return (true, false) }
            queue.batches.append(batch)
            defer { queue.isDue = true }
            return (false, !queue.isDue)
        }
        if isClosed { return batch.finish(.failure(.closed)) }
        if isFirst { eventLoop.execute { self.work() } }
    }

    /// Takes nothing more; what was submitted is still sent.
    func close() {
        let isFirst = queue.withLock { queue in
            defer { queue.isClosed = true }
            return !queue.isClosed
        }
        if isFirst { eventLoop.execute { self.work() } }
    }

    /// Waits until the connection is gone.
    func isClosed() async { try? await gone.futureResult.get() }

    // MARK: - On the event loop

    private func work() {
        let (hasWork, isClosed) = queue.withLock { queue in
            queue.isDue = false
            return (!queue.batches.isEmpty, queue.isClosed)
        }
        switch state.value.line {
        case .connecting: break
        case .idle where hasWork: connect()
        case .idle: if isClosed { depart() }
        case .standing(let conversation):
            conversation.send(takeAll(), within: connector.settings.commandTimeout)
            if isClosed { conversation.leave() }
        case .resting(let error):
            for batch in takeAll() { batch.finish(.failure(error)) }
            if isClosed { depart() }
        case .gone: for batch in takeAll() { batch.finish(.failure(.closed)) }
        }
    }

    private func takeAll() -> [RedisBatch] {
        queue.withLock { queue in
            defer { queue.batches = [] }
            return queue.batches
        }
    }

    private func depart() {
        state.value.line = .gone
        gone.succeed()
    }

    private func connect() {
        state.value.line = .connecting
        connector.connect(on: eventLoop).whenComplete { result in
            switch result {
            case .success(let conversation): self.logIn(conversation.value)
            case .failure(let error): self.rest(.unreachable(reason: Self.reason(error)))
            }
        }
    }

    private func logIn(_ conversation: RedisConversation) {
        let commands = connector.logIn
        let bound = NIOLoopBound(conversation, eventLoop: eventLoop)
        let batch = RedisBatch(bytes: commands.flatMap(\.wire), count: commands.count) { outcome in
            switch outcome {
            case .success(let answers):
                guard let fault = self.connector.fault(in: answers) else { return self.stand(bound.value) }
                bound.value.finish(fault)
                self.rest(fault)
            case .failure(let error): self.rest(error.beforeAnyCommand)
            }
        }
        conversation.send([batch], within: connector.settings.connectTimeout)
    }

    private func stand(_ conversation: RedisConversation) {
        if state.value.failures > 0 { logger.notice("Redis can be reached again", metadata: metadata) }
        state.value = State(line: .standing(conversation))
        conversation.onEnd = { _ in
            guard case .standing = self.state.value.line else { return }
            self.state.value.line = .idle
            // Not at once: it is told from within the conversation.
            self.eventLoop.execute { self.work() }
        }
        work()
    }

    private func rest(_ error: RedisError) {
        state.value.failures += 1
        if state.value.failures == 1 {
            logger.warning("Redis cannot be used", metadata: metadata.merging(["error": "\(error)"]) { $1 })
        }
        state.value.line = .resting(error)
        let pause = connector.settings.pause(after: state.value.failures, jitter: jitter)
        eventLoop.scheduleTask(in: .nanoseconds(pause.nanoseconds)) {
            guard case .resting = self.state.value.line else { return }
            self.state.value.line = .idle
            self.work()
        }
        work()
    }

    private var metadata: Logger.Metadata { ["redis": "\(connector.address)"] }

    /// From 0 to 1.
    ///
    /// It only has to differ between processes, as the seed of Swift's hashing does: no secret, and no repetition needed.
    private var jitter: Double {
        var hasher = Hasher()
        hasher.combine(number)
        hasher.combine(state.value.failures)
        return Double(UInt32(truncatingIfNeeded: hasher.finalize())) / Double(UInt32.max)
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            error.connectionErrors.first.map { "\($0.error)".firstWords } ?? "the name \(error.host) has no address"
        case let error as ChannelError:
            if case .connectTimeout = error { "no connection in time" } else { "\(error)".firstWords }
        default: "\(error)".firstWords
        }
    }
}

extension RedisError {
    /// What a failed log-in means to those who wait: nothing of theirs was sent.
    fileprivate var beforeAnyCommand: RedisError {
        switch self {
        case .refused, .unreachable: self
        case .timedOut: .unreachable(reason: "no answer to the log-in in time")
        case .interrupted(let reason), .malformedReply(let reason): .unreachable(reason: reason)
        default: .unreachable(reason: "\(self)")
        }
    }
}
