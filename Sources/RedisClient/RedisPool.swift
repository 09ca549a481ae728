// Room: what Signet says to Redis (no RFC; the protocol is RESP2 and RESP3). `Wire` reads replies, `Connections` keeps
// connections, `RedisPool` is the door. Knows a handful of commands for logging in, and no keys. Stores nothing.

public import Logging
internal import NIOPosix
internal import Synchronization

/// A few connections to one Redis, on which commands of many tasks are pipelined.
///
/// Nothing is connected before the first command. A connection that ended is made anew when the next command comes, after
/// failures not before a pause has passed that grows; meanwhile commands are refused at once.
public final class RedisPool: Sendable {
    private struct Load {
        var commands = 0
        var bytes = 0
    }

    /// Where it is connected to.
    public let address: RedisAddress
    private let settings: RedisSettings
    private let lanes: [RedisLane]
    private let turn = Atomic<Int>(0)
    private let load = Mutex(Load())

    /// A pool for one Redis.
    ///
    /// - Parameters:
    ///   - logger: is told when Redis cannot be reached, and when it can again; gets no command and no password.
    /// - Throws: ``RedisError/refused(reason:)`` if a certificate or key cannot be read.
    public init(
        _ address: RedisAddress,
        settings: RedisSettings = RedisSettings(),
        logger: Logger = Logger(label: "signet.redis")
    ) throws(RedisError) {
        self.address = address
        self.settings = settings
        let connector = RedisConnector(
            address: address,
            settings: settings,
            encryption: try address.tls.map { tls throws(RedisError) in try RedisEncryption(tls, place: address.place) }
        )
        lanes = (0..<max(1, settings.connections)).map { number in
            RedisLane(
                connector: connector,
                eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
                logger: logger,
                number: number
            )
        }
    }

    deinit {
        for lane in lanes { lane.close() }
    }

    /// Sends one command and returns its answer.
    ///
    /// - Throws: ``RedisError``; an error that Redis answered is ``RedisError/replied(_:)``.
    @discardableResult
    public func send(
        _ command: RedisCommand,
        ifInterrupted interruption: RedisInterruption = .report
    ) async throws(RedisError) -> RedisValue {
        let value = try await send([command], ifInterrupted: interruption)[0]
        if case .error(let error) = value { throw .replied(error) }
        return value
    }

    /// Sends commands in one go, one after the other on one connection, and returns as many answers.
    ///
    /// Other tasks' commands may come in between only on other connections; Redis carries out one at a time, so this is
    /// no transaction. An error that Redis answered is the answer to that command, and the others count.
    public func send(
        _ commands: [RedisCommand],
        ifInterrupted interruption: RedisInterruption = .report
    ) async throws(RedisError) -> [RedisValue] {
        guard !commands.isEmpty else { return [] }
        do {
            return try await sent(commands)
        } catch {
            guard case .interrupted = error, case .sendAgain = interruption else { throw error }
            return try await sent(commands)
        }
    }

    private func sent(_ commands: [RedisCommand]) async throws(RedisError) -> [RedisValue] {
        let bytes = commands.flatMap(\.wire)
        let isTaken = load.withLock { load in
            guard load.commands + commands.count <= settings.mostCommands,
                load.bytes + bytes.count <= settings.mostBytes
            else { return false }
            load.commands += commands.count
            load.bytes += bytes.count
            return true
        }
        guard isTaken else { throw .overloaded }
        defer {
            load.withLock { load in
                load.commands -= commands.count
                load.bytes -= bytes.count
            }
        }
        let lane = lanes[turn.add(1, ordering: .relaxed).newValue % lanes.count]
        let outcome: Result<[RedisValue], RedisError> = await withCheckedContinuation { continuation in
            lane.submit(
                RedisBatch(bytes: bytes, count: commands.count) { continuation.resume(returning: $0) }
            )
        }
        return try outcome.get()
    }

    /// How many commands are under way.
    public var commandsUnderWay: Int { load.withLock { $0.commands } }

    /// Waits for the answers that are due, then lets go; closing again does nothing.
    ///
    /// Every later command throws ``RedisError/closed``.
    public func close() async {
        for lane in lanes { lane.close() }
        for lane in lanes { await lane.isClosed() }
    }
}
