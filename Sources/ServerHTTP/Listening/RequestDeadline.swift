import NIOCore
import NIOHTTPTypes

/// The body of a request did not arrive in time.
struct BodyLate: Error {}

/// Ends a body that does not arrive in time: whoever reads it gets a ``BodyLate``.
///
/// Nothing is scheduled for a request that arrives in one piece, as nearly all do.
final class RequestDeadline: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart

    private let timeout: TimeAmount
    private var isIncomplete = false
    private var deadline: Scheduled<Void>?

    init(timeout: TimeAmount) { self.timeout = timeout }

    func handlerRemoved(context: ChannelHandlerContext) { stopClock() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head: isIncomplete = true
        case .body: break
        case .end:
            isIncomplete = false
            stopClock()
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if isIncomplete, deadline == nil {
            deadline = context.eventLoop.assumeIsolated().scheduleTask(in: timeout) {
                context.fireErrorCaught(BodyLate())
            }
        }
        context.fireChannelReadComplete()
    }

    private func stopClock() {
        deadline?.cancel()
        deadline = nil
    }
}
