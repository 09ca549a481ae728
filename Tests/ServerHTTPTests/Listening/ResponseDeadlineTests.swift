import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import Testing

@testable import ServerHTTP

@Suite("Answers that have to leave in time")
struct ResponseDeadlineTests {
    /// A socket that takes nothing until it is told to.
    private final class Socket: ChannelOutboundHandler {
        typealias OutboundIn = HTTPResponsePart

        var isFull = true
        private var held: [EventLoopPromise<Void>] = []

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            if let promise { held.append(promise) }
        }

        func flush(context: ChannelHandlerContext) {
            while !isFull, !held.isEmpty { held.removeFirst().succeed() }
        }

        func takeOne() { held.removeFirst().succeed() }
    }

    private let socket = Socket()
    private let channel = EmbeddedChannel()

    init() throws {
        let deadline = ResponseDeadline(timeout: .seconds(10), streamTimeout: .seconds(5))
        try channel.pipeline.syncOperations.addHandlers([socket, deadline])
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    }

    private func answer() {
        channel.pipeline.write(
            HTTPResponsePart.head(HTTPResponse(status: .ok, headerFields: [.contentLength: "0"])),
            promise: nil
        )
        channel.pipeline.writeAndFlush(HTTPResponsePart.end(nil), promise: nil)
    }

    private func wait(_ seconds: Int64) { channel.embeddedEventLoop.advanceTime(by: .seconds(seconds)) }

    @Test("one that left at once is not waited for")
    func atOnce() {
        socket.isFull = false
        answer()
        wait(60)
        #expect(channel.isActive)
    }

    @Test("one that does not leave closes the connection in its time")
    func held() {
        answer()
        wait(9)
        #expect(channel.isActive)
        wait(1)
        #expect(!channel.isActive)
    }

    @Test("one that left in time closes nothing, and the next one has its own time")
    func next() {
        answer()
        wait(5)
        answer()
        wait(4)
        socket.takeOne()
        wait(5)
        #expect(channel.isActive)
        wait(1)
        #expect(!channel.isActive)
    }

    @Test("an answer that is written when another one leaves is waited for")
    func nested() {
        socket.isFull = false
        let first = channel.eventLoop.makePromise(of: Void.self)
        first.futureResult.assumeIsolated().whenSuccess {
            socket.isFull = true
            answer()
        }
        channel.pipeline.writeAndFlush(HTTPResponsePart.end(nil), promise: first)
        wait(9)
        #expect(channel.isActive)
        wait(1)
        #expect(!channel.isActive)
    }
}
