internal import NIOCore
internal import NIOPosix

/// A Redis deny-list over one pipelined connection: `EXISTS` of the token's name.
///
/// It speaks just enough RESP, and is ours: nothing of a client library is in the figure. Commands are written as they
/// come, without waiting for the answers to those before.
final class DenyList: Sendable {
    private let channel: any Channel

    private init(_ channel: any Channel) { self.channel = channel }

    static func connected(to port: Int, on group: MultiThreadedEventLoopGroup) async throws -> DenyList {
        let channel = try await ClientBootstrap(group: group)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        ByteToMessageHandler(LineDecoder()),
                        Answers()
                    )
                }
            }
            .connect(host: "127.0.0.1", port: port)
            .get()
        return DenyList(channel)
    }

    /// Whether the token of this name was revoked.
    func contains(_ name: String) async throws -> Bool {
        let promise = channel.eventLoop.makePromise(of: String.self)
        let command = "*2\r\n$6\r\nEXISTS\r\n$\(name.utf8.count)\r\n\(name)\r\n"
        channel.writeAndFlush(Question(bytes: ByteBuffer(string: command), answer: promise), promise: nil)
        switch try await promise.futureResult.get() {
        case ":0": return false
        case ":1": return true
        case let other: throw Refused(answer: other)
        }
    }

    private struct Refused: Error { let answer: String }

    private struct Question: Sendable {
        let bytes: ByteBuffer
        let answer: EventLoopPromise<String>
    }

    private struct Closed: Error {}

    /// Hands each line to whoever asked first.
    private final class Answers: ChannelDuplexHandler {
        typealias InboundIn = String
        typealias OutboundIn = Question
        typealias OutboundOut = ByteBuffer

        private var waiting = CircularBuffer<EventLoopPromise<String>>()

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            let question = unwrapOutboundIn(data)
            waiting.append(question.answer)
            context.write(wrapOutboundOut(question.bytes), promise: promise)
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            waiting.popFirst()?.succeed(unwrapInboundIn(data))
        }

        func channelInactive(context: ChannelHandlerContext) {
            while let promise = waiting.popFirst() { promise.fail(Closed()) }
            context.fireChannelInactive()
        }
    }

    /// Answers to EXISTS are one line each.
    private struct LineDecoder: ByteToMessageDecoder {
        typealias InboundOut = String

        mutating func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
            let view = buffer.readableBytesView
            guard let end = view.firstIndex(of: UInt8(ascii: "\n")) else { return .needMoreData }
            // A line feed after a carriage return is one character with it.
            let line = buffer.readString(length: end - view.startIndex + 1) ?? ""
            context.fireChannelRead(wrapInboundOut(String(line.dropLast(1))))
            return .continue
        }
    }
}
