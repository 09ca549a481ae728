import Instants
import Storage
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Hears what other nodes announce: LISTEN on a connection of its own, which goes to the server itself and not to a
/// pooler.
///
/// Whoever subscribes gets an element for each notification and after each time that the connection was made, since
/// something may have been missed.
final class Listener: Sendable {
    private struct State {
        var subscribers: [Int: AsyncStream<Void>.Continuation] = [:]
        var nextSubscriber = 0
        var isRunning = false
        var isClosed = false
    }

    private let address: PostgresAddress
    private let parameters: ConnectionParameters
    private let settings: PostgresStoreSettings
    private let library: LibPQ
    private let uptime: Uptime
    private let state = Mutex(State())

    init(
        address: PostgresAddress,
        parameters: ConnectionParameters,
        settings: PostgresStoreSettings,
        library: LibPQ,
        uptime: @escaping Uptime
    ) {
        self.address = address
        self.parameters = parameters
        self.settings = settings
        self.library = library
        self.uptime = uptime
    }

    func subscribe() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let mustStart = state.withLock { state -> Bool in
            guard !state.isClosed else {
                continuation.finish()
                return false
            }
            let number = state.nextSubscriber
            state.nextSubscriber += 1
            state.subscribers[number] = continuation
            continuation.onTermination = { [weak self] _ in
                self?.state.withLock { _ = $0.subscribers.removeValue(forKey: number) }
            }
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if mustStart, !NativeThread.start({ self.run() }) { state.withLock { $0.isRunning = false } }
        return stream
    }

    func close() {
        let subscribers = state.withLock { state -> [AsyncStream<Void>.Continuation] in
            state.isClosed = true
            defer { state.subscribers = [:] }
            return Array(state.subscribers.values)
        }
        for subscriber in subscribers { subscriber.finish() }
    }

    private var isClosed: Bool { state.withLock { $0.isClosed } }

    private func tell() {
        let subscribers = state.withLock { Array($0.subscribers.values) }
        for subscriber in subscribers { subscriber.yield() }
    }

    private func run() {
        var failures = 0
        while !isClosed {
            do throws(PostgresFault) {
                let connection = try Connection(
                    parameters,
                    isPooled: false,
                    library: library,
                    uptime: uptime
                )
                let command = Command("LISTEN \"\(Schema(name: address.schema).channel)\"")
                _ = try connection.run([command], timeout: settings.answerTimeout)
                failures = 0
                tell()
                try listen(on: connection)
            } catch {
                failures += 1
                let pause = min(settings.longestBackoff, .milliseconds(50 << min(failures, 10)))
                usleep(UInt32(clamping: pause.wholeMilliseconds * 1000))
            }
        }
    }

    private func listen(on connection: Connection) throws(PostgresFault) {
        var quiet = 0
        while !isClosed {
            if try connection.awaitNotification(timeout: .milliseconds(250)) {
                quiet = 0
                tell()
                continue
            }
            quiet += 1
            // A question now and then notices a peer that vanished without a word.
            if quiet.isMultiple(of: 40) {
                _ = try connection.run([Command("SELECT 1")], timeout: settings.answerTimeout)
                if connection.takeNotifications() { tell() }
            }
        }
    }
}
