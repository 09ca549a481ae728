import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import Testing

@testable import ServerHTTP

/// The handler alone, between a test that sends and a test that answers in Hummingbird's place.
@Suite("Prompt answers, part by part")
struct PromptAnswersHandlerTests {
    /// Takes what lies below `/p`, and answers with the body.
    private final class Desk: Sendable {
        let asked = MutexBox<[String]>([])

        var prompt: PromptDesk {
            PromptDesk(
                bodyBytes: 8,
                takes: { $0.path?.hasPrefix("/p") ?? false },
                responder: { [asked] _ in
                    { head, body in
                        asked.change { $0.append(head.path ?? "") }
                        return body
                    }
                }
            )
        }
    }

    /// In the place of the encoder, which must not meet what is spelled already.
    private final class Encoder: ChannelOutboundHandler {
        typealias OutboundIn = HTTPResponsePart

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            _ = unwrapOutboundIn(data)
            context.write(data, promise: promise)
        }
    }

    /// Fails every write, as on a connection that is gone.
    private final class Gone: ChannelOutboundHandler {
        typealias OutboundIn = IOData
        struct Fault: Error {}

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            promise?.fail(Fault())
        }
    }

    private func request(_ path: String, _ fields: HTTPFields = [:], body: [String] = []) -> [HTTPRequestPart] {
        let head = HTTPRequest(method: .post, scheme: "http", authority: "a", path: path, headerFields: fields)
        return [.head(head)] + body.map { .body(ByteBuffer(string: $0)) } + [.end(nil)]
    }

    private func send(_ parts: [HTTPRequestPart], to channel: EmbeddedChannel) {
        for part in parts { channel.pipeline.fireChannelRead(part) }
        channel.pipeline.fireChannelReadComplete()
    }

    /// The paths of the heads that went on to Hummingbird.
    private func passedOn(_ channel: EmbeddedChannel) throws -> [String] {
        var paths: [String] = []
        while let part = try channel.readInbound(as: HTTPRequestPart.self) {
            if case .head(let head) = part { paths.append(head.path ?? "") }
        }
        return paths
    }

    /// How many answers have left.
    private func left(_ channel: EmbeddedChannel) throws -> Int {
        var count = 0
        while try channel.readOutbound(as: IOData.self) != nil { count += 1 }
        return count
    }

    private func channel(
        _ desk: Desk,
        below: [any ChannelHandler] = [],
        beside: (loop: EmbeddedEventLoop, flushes: PromptFlushes)? = nil
    ) throws -> EmbeddedChannel {
        let channel = beside.map { EmbeddedChannel(handler: nil, loop: $0.loop) } ?? EmbeddedChannel()
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandlers(below + [Encoder()])
        let outlet = PromptOutlet(past: try pipeline.context(handlerType: Encoder.self))
        let flushes = beside?.flushes ?? PromptFlushes(on: channel.eventLoop)
        try pipeline.addHandlers([outlet, PromptAnswers(desk.prompt, on: channel, outlet: outlet, flushes: flushes)])
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        return channel
    }

    @Test("whoever asks for many in a row does not keep the others waiting")
    func turns() throws {
        let desk = Desk()
        let loop = EmbeddedEventLoop()
        let flushes = PromptFlushes(on: loop)
        let greedy = try channel(desk, beside: (loop, flushes))
        let modest = try channel(desk, beside: (loop, flushes))
        send((0..<100).flatMap { request("/p/\($0)") }, to: greedy)
        send(request("/p/modest"), to: modest)
        loop.run()
        // Whoever has to be waited for has not had their time yet.
        #expect(desk.asked.value == ["/p/0", "/p/modest"])
        loop.advanceTime(by: .seconds(1))
        #expect(desk.asked.value == ["/p/0", "/p/modest"] + (1..<100).map { "/p/\($0)" })
        #expect(try left(greedy) == 100)
        #expect(try left(modest) == 1)
        for channel in [greedy, modest] { _ = try channel.finish() }
    }

    @Test("an answer waits for those that can be given at once, and for seven of them at most")
    func together() throws {
        let desk = Desk()
        let loop = EmbeddedEventLoop()
        let flushes = PromptFlushes(on: loop)
        let channels = try (0..<10).map { _ in try channel(desk, beside: (loop, flushes)) }
        for channel in channels.prefix(7) { send(request("/p"), to: channel) }
        #expect(try channels.map(left) == Array(repeating: 0, count: 10))
        for channel in channels.suffix(3) { send(request("/p"), to: channel) }
        #expect(try channels.map(left) == Array(repeating: 1, count: 8) + [0, 0])
        loop.run()
        #expect(try channels.map(left) == Array(repeating: 0, count: 8) + [1, 1])
        for channel in channels { _ = try channel.finish() }
    }

    @Test("an answer leaves before the connection is closed")
    func closing() throws {
        let channel = try channel(Desk())
        send(request("/p"), to: channel)
        channel.close(promise: nil)
        #expect(try left(channel) == 1)
    }

    @Test("what is asked behind an answer that nobody takes is not done")
    func goneReader() throws {
        let desk = Desk()
        let channel = try channel(desk, below: [Gone()])
        send((0..<20).flatMap { request("/p/\($0)") }, to: channel)
        channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        send(request("/p/late"), to: channel)
        #expect(desk.asked.value == ["/p/0"])
        #expect(try passedOn(channel).isEmpty)
        _ = try? channel.finish()
    }

    @Test("RFC 9112 §9.6: nothing is done after a request that was to be the last")
    func lastRequest() throws {
        let desk = Desk()
        let channel = try channel(desk)
        send(request("/other", [.connection: "Close"]), to: channel)
        channel.pipeline.write(HTTPResponsePart.head(HTTPResponse(status: .ok)), promise: nil)
        channel.pipeline.writeAndFlush(HTTPResponsePart.end(nil), promise: nil)
        send(request("/p/after"), to: channel)
        #expect(desk.asked.value.isEmpty)
        #expect(try passedOn(channel) == ["/other", "/p/after"])
        _ = try channel.finish()
    }

    @Test("an answer does not overtake one of Hummingbird's")
    func order() throws {
        let desk = Desk()
        let channel = try channel(desk)
        send(request("/other"), to: channel)
        send(request("/p/behind"), to: channel)
        #expect(try passedOn(channel) == ["/other", "/p/behind"])
        for _ in 0..<2 {
            #expect(desk.asked.value.isEmpty)
            send(request("/p/behind"), to: channel)
            channel.pipeline.writeAndFlush(HTTPResponsePart.end(nil), promise: nil)
        }
        _ = try passedOn(channel)
        for _ in 0..<2 { channel.pipeline.writeAndFlush(HTTPResponsePart.end(nil), promise: nil) }
        send(request("/p/next"), to: channel)
        #expect(desk.asked.value == ["/p/next"])
        _ = try channel.finish()
    }

    @Test("bodies come in pieces, and one that is too long goes on as far as it came")
    func bodies() throws {
        let desk = Desk()
        let channel = try channel(desk)
        send(request("/p/whole", body: ["12", "345", "678"]), to: channel)
        channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(desk.asked.value == ["/p/whole"])
        var answered = ""
        while case .byteBuffer(let buffer)? = try channel.readOutbound(as: IOData.self) {
            answered += String(buffer: buffer)
        }
        #expect(answered == "12345678")
        send(request("/p/long", body: ["12345", "6789", "x"]), to: channel)
        #expect(desk.asked.value == ["/p/whole"])
        var body = ""
        var ends = 0
        while let part = try channel.readInbound(as: HTTPRequestPart.self) {
            switch part {
            case .head(let head): #expect(head.path == "/p/long")
            case .body(let buffer): body += String(buffer: buffer)
            case .end: ends += 1
            }
        }
        #expect(body == "123456789x")
        #expect(ends == 1)
        _ = try channel.finish()
    }
}
