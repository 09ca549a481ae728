import Hummingbird
import Instants
import IssuerConnection
import Logging
import NIOCore
import Synchronization
import Testing

/// A clock that stands until somebody sleeps on it: then it moves on by that much, at once.
final class SetClock: ClientClock {
    private let state: Mutex<(now: Instant, uptime: Duration, waits: [Duration])>

    init(now: Instant = Instant(secondsSinceEpoch: 1_800_000_000)) {
        state = Mutex((now, .seconds(1000), []))
    }

    var now: Instant { state.withLock { $0.now } }
    var uptime: Duration { state.withLock { $0.uptime } }
    /// How long was slept, in order.
    var waits: [Duration] { state.withLock { $0.waits } }

    func advance(by duration: Duration) {
        state.withLock { state in
            state.now = state.now + duration
            state.uptime += duration
        }
    }

    func sleep(for duration: Duration) async throws {
        try Task.checkCancellation()
        state.withLock { $0.waits.append(duration) }
        advance(by: duration)
    }
}

/// Bytes that are all the same.
struct SetRandomness: ClientRandomness {
    var byte: UInt8 = 0xFF

    func bytes(_ count: Int) -> [UInt8] { Array(repeating: byte, count: count) }
}

/// A transport that answers from a list, and remembers what it was asked.
final class ScriptedTransport: HTTPTransport {
    typealias Answer = Result<TransportResponse, TransportError>

    private let state: Mutex<(answers: [Answer], requests: [TransportRequest])>
    private let each: @Sendable (TransportRequest) async -> Void

    init(_ answers: [Answer], each: @escaping @Sendable (TransportRequest) async -> Void = { _ in }) {
        state = Mutex((answers, []))
        self.each = each
    }

    var requests: [TransportRequest] { state.withLock { $0.requests } }

    func send(_ request: TransportRequest) async throws(TransportError) -> TransportResponse {
        await each(request)
        let answer: Answer? = state.withLock { state in
            state.requests.append(request)
            return state.answers.isEmpty ? nil : state.answers.removeFirst()
        }
        guard let answer else { throw TransportError(.unreachable, reason: "the script has ended") }
        return try answer.get()
    }

    func stream(
        _ request: TransportRequest,
        idleTimeout: Duration,
        onHead: (TransportResponse) throws -> Void,
        onBytes: ([UInt8]) throws -> Void
    ) async throws(TransportError) {
        throw TransportError(.unreachable, reason: "nothing is streamed here")
    }
}

extension TransportResponse {
    static func json(_ text: String, status: Int = 200) -> TransportResponse {
        TransportResponse(
            status: status,
            headers: [(name: "Content-Type", value: "application/json")],
            body: Array(text.utf8)
        )
    }
}

/// Starts a server on a loopback socket and hands its address to `test`.
///
/// It runs until the process ends: stopping it while a connection comes about would trap in NIO's asynchronous writer.
func withServer(
    _ routes: (Router<BasicRequestContext>) -> Void,
    _ test: (String) async throws -> Void
) async throws {
    let router = Router()
    routes(router)
    let (ports, port) = AsyncStream<Int>.makeStream()
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let application = Application(
        router: router,
        configuration: .init(address: .hostname("127.0.0.1", port: 0)),
        onServerRunning: { channel in port.yield(channel.localAddress?.port ?? 0) },
        logger: logger
    )
    Task { try await application.run() }
    let number = try #require(await ports.first { _ in true })
    try await test("http://127.0.0.1:\(number)")
}

/// What a statement throws, if it is a `TransportError`.
func transportFailure(_ statement: () async throws -> Void) async -> TransportError.Code? {
    do {
        try await statement()
        return nil
    } catch {
        return (error as? TransportError)?.code
    }
}

/// Counts from many tasks.
final class Counter: Sendable {
    private let value = Mutex(0)

    var count: Int { value.withLock { $0 } }

    @discardableResult
    func add(_ number: Int = 1) -> Int {
        value.withLock { value in
            value += number
            return value
        }
    }
}
