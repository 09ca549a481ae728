import Hummingbird
import HummingbirdCore
import HummingbirdHTTP2
import Logging
import NIOCore
import NIOHTTPTypes
import NIOSSL
import NIOTLS

/// How a connection becomes requests: HTTP/1.1 in the clear, or HTTP/2 and HTTP/1.1 by ALPN over TLS.
enum ChannelSetup {
    static func builder(
        limits: HTTPLimits,
        certificates: CertificateStore?,
        desk: PromptDesk
    ) -> HTTPServerBuilder {
        let requests = HTTP1Channel.Configuration(
            additionalChannelHandlers: [
                RequestDeadline(timeout: TimeAmount(limits.bodyTimeout)),
                ResponseDeadline(
                    timeout: TimeAmount(limits.responseTimeout),
                    streamTimeout: TimeAmount(limits.streamTimeout)
                ),
            ],
            idleTimeout: TimeAmount(limits.idleTimeout),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: limits.headerFieldBytes,
                maxHeaderListSize: limits.headerBytes,
                maxHeaderFieldCount: limits.headerFields
            )
        )
        guard let certificates else {
            return HTTPServerBuilder { responder in
                PromptlyAnswered(base: HTTP1Channel(responder: responder, configuration: requests), desk: desk)
            }
        }
        return HTTPServerBuilder { responder in
            var connections = HTTP2ChannelConfiguration(
                idleTimeout: limits.idleTimeout,
                gracefulCloseTimeout: limits.idleTimeout,
                streamConfiguration: requests
            )
            connections.maxAgeTimeout = limits.connectionAge
            return HandshakeLimited(
                base: try HTTP2UpgradeChannel(
                    tlsConfiguration: certificates.configuration,
                    configuration: connections,
                    responder: responder
                ),
                timeout: TimeAmount(limits.handshakeTimeout)
            )
        }
    }
}

/// A TLS channel whose handshake must be done in time: until then no other time-out watches over the connection.
struct HandshakeLimited<Base: ServerChildChannel>: ServerChildChannel {
    let base: Base
    let timeout: TimeAmount

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Base.Value> {
        let timeout = timeout
        return base.setup(channel: channel, logger: logger).flatMapThrowing { value in
            let pipeline = channel.pipeline.syncOperations
            let tls = try pipeline.handler(type: NIOSSLServerHandler.self)
            try pipeline.addHandler(HandshakeDeadline(timeout: timeout), position: .after(tls))
            return value
        }
    }

    func handle(value: Base.Value, logger: Logger) async { await base.handle(value: value, logger: logger) }
}

/// Closes a connection whose handshake takes too long, and is gone once it succeeded.
final class HandshakeDeadline: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private let timeout: TimeAmount
    private var deadline: Scheduled<Void>?

    init(timeout: TimeAmount) { self.timeout = timeout }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        deadline = context.eventLoop.scheduleTask(in: timeout) { channel.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
        deadline = nil
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted = event as? TLSUserEvent {
            deadline?.cancel()
            deadline = nil
        }
        context.fireUserInboundEventTriggered(event)
    }
}

/// Closes a connection, or a stream of HTTP/2, whose other side does not take the answer.
///
/// While an answer waits to be sent no other time-out watches, so that a closed window would hold the connection. An
/// answer whose end was written must have left in time; of one that is still being written something must. A reader of a
/// stream that closes its side has gone, also while there is nothing to write; who only half-closes gets no stream.
///
/// Nothing is scheduled for an answer that leaves at once, as nearly all do: to take back what was scheduled, NIO looks
/// through what is scheduled for all connections of a thread.
final class ResponseDeadline: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let timeout: TimeAmount
    private let streamTimeout: TimeAmount
    /// Whether the answer that is being written says nothing of its length.
    private var isStream = false
    /// How many parts of the stream have not left yet.
    private var waiting = 0
    private var streamDeadline: Scheduled<Void>?
    /// How many answers were written to their end and have not left yet: they leave in their order.
    private var leaving = 0
    /// Of the first of them.
    private var deadlines: [Scheduled<Void>] = []
    private var isFlushing = false

    init(timeout: TimeAmount, streamTimeout: TimeAmount) {
        self.timeout = timeout
        self.streamTimeout = streamTimeout
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        streamDeadline?.cancel()
        for deadline in deadlines { deadline.cancel() }
        deadlines.removeAll()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if isStream, case .inputClosed = event as? ChannelEvent { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head):
            isStream = head.headerFields[.contentLength] == nil
            context.write(data, promise: promise)
        case .body where isStream:
            let sent = promise ?? context.eventLoop.makePromise()
            watch(sent.futureResult, on: context.channel)
            context.write(data, promise: sent)
        case .body:
            context.write(data, promise: promise)
        case .end:
            isStream = false
            let sent = promise ?? context.eventLoop.makePromise()
            leaving += 1
            sent.futureResult.assumeIsolated().whenComplete { [self] _ in
                leaving -= 1
                if !deadlines.isEmpty { deadlines.removeFirst().cancel() }
            }
            context.write(data, promise: sent)
        }
    }

    func flush(context: ChannelHandlerContext) {
        // What leaves may bring the next answer, before we hear that it has left.
        guard !isFlushing else { return context.flush() }
        isFlushing = true
        context.flush()
        isFlushing = false
        while deadlines.count < leaving {
            let channel = context.channel
            deadlines.append(context.eventLoop.scheduleTask(in: timeout) { channel.close(promise: nil) })
        }
    }

    /// Every part that leaves gives the rest as long again.
    private func watch(_ sent: EventLoopFuture<Void>, on channel: any Channel) {
        waiting += 1
        if waiting == 1 { startClock(channel) }
        sent.assumeIsolated().whenComplete { [self] _ in
            waiting -= 1
            streamDeadline?.cancel()
            if waiting > 0 { startClock(channel) }
        }
    }

    private func startClock(_ channel: any Channel) {
        streamDeadline = channel.eventLoop.scheduleTask(in: streamTimeout) { channel.close(promise: nil) }
    }
}
