import AuthorizationServer
import Hummingbird
import Instants
import Logging
import NIOCore
import ServiceLifecycle

/// A stream that may be written: its author, and its place among the others.
struct OpenStream: Sendable {
    let body: any BodyStreaming
    let place: StreamPlace

    /// Why it ended, as the journal has it.
    enum Ending: String, Sendable {
        /// The author had nothing more to say.
        case finished
        /// The other side closed the connection, or did not take what was written in time.
        case readerGone = "reader-gone"
        case serverStopping = "server-stopping"
        /// The author could not go on.
        case failed
    }

    /// What became of it.
    struct Outcome: Sendable {
        var ending: Ending
        var bytes: Int
        var error: (any Error)?
    }

    /// Writes until the stream ends, one way or another.
    ///
    /// The author has a task of its own, which is cancelled when the connection closes or the server stops. What it
    /// writes is handed over to this task, which alone may use `writer`, and it goes on when that was written: a reader that
    /// does not read stops its author and nobody else, and nothing queues up.
    func write(to writer: inout any ResponseBodyWriter, on channel: any Channel) async -> Outcome {
        let (pieces, handOver) = AsyncStream.makeStream(of: Piece.self)
        let (receipts, acknowledge) = AsyncStream.makeStream(of: Void.self)
        channel.closeFuture.whenComplete { _ in handOver.yield(.end(.readerGone)) }
        return await withGracefulShutdownHandler {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { [body] in
                    do {
                        try await body.run { bytes in
                            handOver.yield(.bytes(bytes))
                            guard await receipts.first(where: { _ in true }) != nil else { throw CancellationError() }
                        }
                        handOver.yield(.end(.finished))
                    } catch {
                        handOver.yield(.failure(error))
                    }
                }
                var outcome = Outcome(ending: .readerGone, bytes: 0)
                loop: for await piece in pieces {
                    switch piece {
                    case .bytes(let bytes):
                        do {
                            try await writer.write(ByteBuffer(bytes: bytes))
                            outcome.bytes += bytes.count
                            acknowledge.yield()
                        } catch {
                            break loop
                        }
                    case .end(let ending):
                        outcome.ending = ending
                        break loop
                    case .failure(let error):
                        outcome.ending = .failed
                        outcome.error = error
                        break loop
                    }
                }
                group.cancelAll()
                return outcome
            }
        } onGracefulShutdown: {
            handOver.yield(.end(.serverStopping))
            // Who does not read cannot hold up the others either.
            channel.eventLoop.scheduleTask(in: FrontDoor.linger) { channel.close(promise: nil) }
        }
    }

    /// What goes from the author's task, or from whoever ends the stream, to the writing one.
    private enum Piece: Sendable {
        case bytes([UInt8])
        case end(Ending)
        case failure(any Error)
    }
}

/// A body that broke off must not look like a whole one: thrown out of a response, this closes its connection.
struct StreamBrokenOff: Error {}

extension FrontDoor {
    /// The body that writes the stream, and puts down how it ended.
    func body(of stream: OpenStream, for exchange: Exchange, on channel: any Channel) -> ResponseBody {
        if channel is any SocketOptionProvider {
            // The kernel would take megabytes for a reader that does not read, and it would take long to notice that.
            let limit = SocketOptionValue(configuration.limits.streamSendBuffer)
            channel.setOption(.socketOption(.so_sndbuf), value: limit).whenFailure { [journal] error in
                journal.logger.debug(
                    "the send buffer of a stream could not be limited",
                    metadata: ["error": "\(error)"]
                )
            }
        }
        return ResponseBody { writer in
            let outcome = await stream.write(to: &writer, on: channel)
            stream.place.hold()
            let passed = provider.services.time.moment().steady - exchange.startedAt
            journal.streamEnded(exchange, outcome, after: passed)
            switch outcome.ending {
            case .finished, .serverStopping: try await writer.finish(nil)
            case .readerGone, .failed: throw StreamBrokenOff()
            }
        }
    }
}

extension Journal {
    /// The second line of a stream in the access log; its first was written when it began.
    func streamEnded(_ exchange: Exchange, _ outcome: OpenStream.Outcome, after duration: Duration) {
        var metadata: Logger.Metadata = [
            "trace": "\(exchange.traceID)", "path": "\(Self.visible(exchange.path))",
            "ending": "\(outcome.ending.rawValue)", "bytes": "\(outcome.bytes)", "address": "\(exchange.address)",
            "milliseconds": "\(duration.wholeMilliseconds)",
        ]
        if let error = outcome.error { metadata["error"] = "\(Self.visible(Masking.masked("\(error)")))" }
        logger.log(level: outcome.ending == .failed ? .warning : .debug, "stream ended", metadata: metadata)
    }
}
