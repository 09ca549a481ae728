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
    static func builder(limits: HTTPLimits, certificates: CertificateStore?) -> HTTPServerBuilder {
        let requests = HTTP1Channel.Configuration(
            additionalChannelHandlers: [ResponseDeadline(timeout: TimeAmount(limits.responseTimeout))],
            idleTimeout: TimeAmount(limits.idleTimeout),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: limits.headerFieldBytes,
                maxHeaderListSize: limits.headerBytes,
                maxHeaderFieldCount: limits.headerFields
            )
        )
        guard let certificates else { return .http1(configuration: requests) }
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
/// While an answer waits to be sent no other time-out watches, so that a closed window would hold the connection.
final class ResponseDeadline: ChannelOutboundHandler, RemovableChannelHandler {
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let timeout: TimeAmount

    init(timeout: TimeAmount) { self.timeout = timeout }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .end = unwrapOutboundIn(data) else {
            context.write(data, promise: promise)
            return
        }
        let sent = promise ?? context.eventLoop.makePromise()
        let channel = context.channel
        let deadline = context.eventLoop.scheduleTask(in: timeout) { channel.close(promise: nil) }
        sent.futureResult.whenComplete { _ in deadline.cancel() }
        context.write(data, promise: sent)
    }
}
