import NIOCore
import NIOSSL

/// One connection: commands go out in order, and answers come in the same order.
///
/// Lives on its channel's event loop.
final class RedisConversation: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private struct Pending {
        let batch: RedisBatch
        let deadline: NIODeadline
        var answers: [RedisValue] = []
    }

    private let settings: RedisSettings
    private var context: ChannelHandlerContext?
    private var pending = CircularBuffer<Pending>()
    private var parser: ReplyParser
    private var received = ByteBuffer()
    private var timer: (task: Scheduled<Void>, deadline: NIODeadline)?
    private var end: RedisError?
    private var leavesWhenDone = false
    /// Told once, when no further command can be sent.
    var onEnd: ((RedisError) -> Void)?

    init(settings: RedisSettings) {
        self.settings = settings
        parser = ReplyParser(limits: settings.replies)
    }

    /// Sends commands; they fail at once if the connection has ended.
    ///
    /// - Parameter timeout: how long each may wait for its last answer.
    func send(_ batches: [RedisBatch], within timeout: Duration) {
        guard let context, end == nil, !batches.isEmpty else {
            for batch in batches { batch.finish(.failure(end ?? .closed)) }
            return
        }
        let deadline = context.eventLoop.now + .nanoseconds(timeout.nanoseconds)
        var buffer = context.channel.allocator.buffer(capacity: batches.reduce(0) { $0 + $1.bytes.count })
        for batch in batches {
            pending.append(Pending(batch: batch, deadline: deadline))
            buffer.writeBytes(batch.bytes)
        }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        watch()
    }

    /// Lets go once every answer is there.
    func leave() {
        leavesWhenDone = true
        if pending.isEmpty { finish(.closed) }
    }

    /// Lets go now; what has no answer yet fails with `error`.
    func finish(_ error: RedisError) {
        guard end == nil else { return }
        end = error
        timer?.task.cancel()
        let unanswered = pending
        pending = CircularBuffer()
        for pending in unanswered { pending.batch.finish(.failure(error)) }
        context?.close(promise: nil)
        let tell = onEnd
        onEnd = nil
        tell?(error)
    }

    // MARK: - Channel

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        finish(.interrupted(reason: "connection closed"))
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish(.interrupted(reason: "connection closed"))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { finish(Self.fault(error)) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard end == nil else { return }
        var incoming = unwrapInboundIn(data)
        received.writeBuffer(&incoming)
        do {
            while end == nil, let value = try parser.next(from: &received) { take(value) }
            received.discardReadBytes()
        } catch {
            finish(.malformedReply(reason: error.reason))
        }
    }

    private func take(_ value: RedisValue) {
        // Nothing is subscribed to, so nobody waits for it.
        if case .push = value { return }
        guard !pending.isEmpty else { return finish(.malformedReply(reason: "an answer to no question")) }
        pending[pending.startIndex].answers.append(value)
        let first = pending[pending.startIndex]
        guard first.answers.count == first.batch.count else { return }
        pending.removeFirst()
        first.batch.finish(.success(first.answers))
        if pending.isEmpty, leavesWhenDone { finish(.closed) }
    }

    // MARK: - Time

    /// Every command waits as long as the others, so only the first is watched.
    private func watch() {
        guard let context, let first = pending.first else { return }
        if let timer {
            // Later than that is only what the log-in left behind, which may have more time than a command.
            guard first.deadline < timer.deadline else { return }
            timer.task.cancel()
        }
        let loopBound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let task = context.eventLoop.scheduleTask(deadline: first.deadline) { loopBound.value.look() }
        timer = (task, first.deadline)
    }

    private func look() {
        timer = nil
        guard let context, let first = pending.first else { return }
        guard context.eventLoop.now < first.deadline else { return finish(.timedOut) }
        watch()
    }

    private static func fault(_ error: any Error) -> RedisError {
        switch error {
        case let error as NIOSSLExtraError where error == .failedToValidateHostname:
            .refused(reason: "its certificate is for another name")
        case is NIOSSLError, is BoringSSLError: .refused(reason: "TLS failed: \(error)".firstWords)
        default: .interrupted(reason: "\(error)".firstWords)
        }
    }
}

extension String {
    /// Enough of it for a log.
    var firstWords: String { String(prefix(160)) }
}
