import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOPosix

/// What is answered on the thread of its connection, and how.
struct PromptDesk: Sendable {
    /// The longest body that it waits for, in bytes.
    let bodyBytes: Int
    /// Whether the answer to a request with this head can be given here, if its body is not too long.
    let takes: @Sendable (HTTPRequest) -> Bool
    /// What answers on a connection.
    let responder: @Sendable (any Channel) -> Responder

    /// From a request and its body to the answer as it goes over the wire.
    typealias Responder = @Sendable (HTTPRequest, ByteBuffer) async -> ByteBuffer
}

/// A channel of HTTP/1.1 on which ``PromptAnswers`` comes before Hummingbird.
struct PromptlyAnswered: ServerChildChannel {
    /// Of each event loop's thread.
    private static let flushes = ThreadSpecificVariable<PromptFlushes>()

    let base: HTTP1Channel
    let desk: PromptDesk

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        let desk = desk
        return base.setup(channel: channel, logger: logger).flatMapThrowing { value in
            let pipeline = channel.pipeline.syncOperations
            // Behind the one that knows whether a request is under way, for the idle time-out and for shutting down.
            let connection = try pipeline.handler(type: HTTPConnectionStateHandler.self)
            let codec = try pipeline.handler(type: HTTP1ToHTTPServerCodec.self)
            let outlet = PromptOutlet(past: try pipeline.context(handlerType: HTTPResponseEncoder.self))
            try pipeline.addHandler(outlet, position: .after(codec))
            let flushes = Self.flushes.currentValue ?? PromptFlushes(on: channel.eventLoop)
            Self.flushes.currentValue = flushes
            let answers = PromptAnswers(desk, on: channel, outlet: outlet, flushes: flushes)
            try pipeline.addHandler(answers, position: .after(connection))
            return value
        }
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async { await base.handle(value: value, logger: logger) }
}

/// Gathers a request and answers it on the thread of its connection; what it does not take goes on to Hummingbird.
///
/// Hummingbird hands the parts of a request to a task on another thread, which hands the parts of an answer back: two changes of
/// threads, dearer than most of our answers. A task that begins here stays on this thread until it has to wait for something.
///
/// One request at a time: what comes in while one is being answered waits, the first of it here and the rest in the socket.
final class PromptAnswers: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private enum State {
        case idle
        /// The head is ours and its end is missing.
        case gathering(HTTPRequest)
        case answering
        /// Nobody answers on this connection any more.
        case over
    }

    private enum Arrival {
        case part(HTTPRequestPart)
        case event(Any)
        case failure(any Error)
    }

    /// How long one who asks for several at a time waits between them.
    private static let turn: TimeAmount = .microseconds(100)

    private let desk: PromptDesk
    private let respond: PromptDesk.Responder
    private let outlet: PromptOutlet
    private let flushes: PromptFlushes
    private var state = State.idle
    /// Of the request that is being gathered.
    private var body: ByteBuffer?
    /// Requests that Hummingbird has and has not answered: an answer of ours must not overtake theirs.
    private var elsewhere = 0
    /// Whether Hummingbird was given a request after which it closes the connection.
    private var isClosing = false
    /// What came in while we were answering.
    private var waiting = CircularBuffer<Arrival>()
    private var isCatchingUp = false
    private var mustRead = false

    init(_ desk: PromptDesk, on channel: any Channel, outlet: PromptOutlet, flushes: PromptFlushes) {
        self.desk = desk
        self.outlet = outlet
        self.flushes = flushes
        respond = desk.responder(channel)
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    private func end() {
        state = .over
        waiting.removeAll()
    }

    // MARK: - In

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { arrived(.part(unwrapInboundIn(data)), context) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) { arrived(.event(event), context) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { arrived(.failure(error), context) }

    /// Nothing more comes in behind what waits already.
    func read(context: ChannelHandlerContext) {
        if isAnswering, !waiting.isEmpty { mustRead = true } else { context.read() }
    }

    private var isAnswering: Bool { if case .answering = state { true } else { false } }

    private func arrived(_ arrival: Arrival, _ context: ChannelHandlerContext) {
        if isAnswering || isCatchingUp {
            waiting.append(arrival)
        } else {
            take(arrival, context)
        }
    }

    private func take(_ arrival: Arrival, _ context: ChannelHandlerContext) {
        switch arrival {
        case .part(let part):
            take(part, context)
        case .event(let event):
            passOn(context)
            context.fireUserInboundEventTriggered(event)
        case .failure(let error):
            passOn(context)
            context.fireErrorCaught(error)
        }
    }

    private func take(_ part: HTTPRequestPart, _ context: ChannelHandlerContext) {
        switch (state, part) {
        case (.over, _):
            break
        case (.idle, .head(let head)) where elsewhere == 0 && !isClosing && desk.takes(head):
            state = .gathering(head)
        case (.gathering, .body(var more)):
            if body?.writeBuffer(&more) == nil { body = more }
            if let body, body.readableBytes > desk.bodyBytes { passOn(context) }
        case (.gathering(let head), .end(nil)):
            answer(head, context)
        case (_, .head(let head)):
            passOn(head, context)
        default:
            passOn(context)
            context.fireChannelRead(wrapInboundOut(part))
        }
    }

    /// Leaves what was gathered to Hummingbird.
    private func passOn(_ context: ChannelHandlerContext) {
        guard case .gathering(let head) = state else { return }
        state = .idle
        passOn(head, context)
        if let body { context.fireChannelRead(wrapInboundOut(.body(body))) }
        body = nil
    }

    private func passOn(_ head: HTTPRequest, _ context: ChannelHandlerContext) {
        elsewhere += 1
        if head.headerFields[.connection]?.lowercased().contains("close") == true { isClosing = true }
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }

    // MARK: - Out

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data), elsewhere > 0 { elsewhere -= 1 }
        context.write(data, promise: promise)
    }

    private func answer(_ head: HTTPRequest, _ context: ChannelHandlerContext) {
        state = .answering
        let body = body ?? ByteBuffer()
        self.body = nil
        let loop = context.eventLoop
        let here = NIOLoopBound((handler: self, context: context), eventLoop: loop)
        Task.immediate { [respond] in
            let answer = await respond(head, body)
            if loop.inEventLoop {
                here.value.handler.send(answer, here.value.context)
            } else {
                loop.execute { here.value.handler.send(answer, here.value.context) }
            }
        }
    }

    private func send(_ answer: ByteBuffer, _ context: ChannelHandlerContext) {
        guard isAnswering else { return }
        let sent = context.eventLoop.makePromise(of: Void.self)
        sent.futureResult.assumeIsolated().whenComplete { [self] result in
            switch result {
            case .success: answered(context)
            // Whoever asked has gone, and what else they asked for is nobody's any more.
            case .failure: end()
            }
        }
        outlet.answer = answer
        context.write(wrapOutboundOut(.end(nil)), promise: sent)
        flushes.flushSoon(context)
    }

    /// The answer has left: what came in meanwhile is taken when the others of this thread have had their turn.
    ///
    /// At a later time: what is to be done at once, NIO does before it looks at other connections.
    private func answered(_ context: ChannelHandlerContext) {
        guard !waiting.isEmpty else { return catchUp(context) }
        let here = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: Self.turn) { here.value.handler.catchUp(here.value.context) }
    }

    private func catchUp(_ context: ChannelHandlerContext) {
        guard isAnswering else { return }
        state = .idle
        let hasMore = !waiting.isEmpty
        isCatchingUp = true
        while !isAnswering, let arrival = waiting.popFirst() { take(arrival, context) }
        isCatchingUp = false
        guard !isAnswering else { return }
        if hasMore { context.fireChannelReadComplete() }
        if mustRead {
            mustRead = false
            context.read()
        }
    }
}

/// Sends the answers of one thread's connections a few at a time.
///
/// Whoever gets an answer is woken by it, as a rule, which takes this thread as long as a tenth of a token; whoever is awake
/// takes the next ones as they come. An answer waits for the others that can be given at once, and for seven of them at most.
/// Each connection has one answer among them.
final class PromptFlushes: Sendable {
    private struct State {
        var waiting: [ChannelHandlerContext] = []
        var isDue = false
    }

    /// How many answers wait for each other.
    static let most = 8

    private let loop: any EventLoop
    private let state: NIOLoopBoundBox<State>

    /// To be made, and asked, on the thread of the loop.
    init(on loop: any EventLoop) {
        self.loop = loop
        state = NIOLoopBoundBox(State(), eventLoop: loop)
    }

    /// Flushes what was written, after the other requests that are there have been answered.
    func flushSoon(_ context: ChannelHandlerContext) {
        state.value.waiting.append(context)
        if state.value.waiting.count >= Self.most {
            flush()
        } else if !state.value.isDue {
            state.value.isDue = true
            loop.execute { [self] in
                state.value.isDue = false
                flush()
            }
        }
    }

    /// Nothing is answered within it: who asks for several at a time is answered again at a later time.
    private func flush() {
        let written = state.value.waiting
        state.value.waiting = []
        for context in written { context.flush() }
    }
}

/// Sends what ``PromptAnswers`` gives it in the place of the next end, past the handlers that spell answers part by part.
///
/// So the handlers between the two see such an answer end, which is all that they have to know of it. One of them may close the
/// connection then: what has been written leaves first.
final class PromptOutlet: ChannelOutboundHandler, RemovableChannelHandler {
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    var answer: ByteBuffer?
    private let encoder: ChannelHandlerContext

    /// - Parameter encoder: where bytes go on from.
    init(past encoder: ChannelHandlerContext) { self.encoder = encoder }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard let answer else { return context.write(data, promise: promise) }
        self.answer = nil
        encoder.write(NIOAny(IOData.byteBuffer(answer)), promise: promise)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        context.flush()
        context.close(mode: mode, promise: promise)
    }
}
