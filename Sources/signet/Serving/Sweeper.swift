import Instants
import Logging
import ServiceLifecycle
import Storage

/// Removes what has expired, a little at a time, while the server serves: no janitor to run, no unbounded delete.
struct Sweeper: Service {
    private let store: any Store
    private let clock: @Sendable () -> Instant
    private let logger: Logger
    private let limit: Int
    private let pause: Duration
    private let rest: Duration

    /// A sweeper of `store`, which deletes up to `limit` records, pauses for `pause` if there may be more, and for
    /// `rest` if there are none.
    ///
    /// Few at a time: whoever writes meanwhile waits for all of them (`sweep.rotate.p99` of `make bench-storage`).
    init(
        store: any Store,
        clock: @escaping @Sendable () -> Instant,
        logger: Logger,
        limit: Int = 20,
        pause: Duration = .milliseconds(5),
        rest: Duration = .seconds(10)
    ) {
        self.store = store
        self.clock = clock
        self.logger = logger
        self.limit = limit
        self.pause = pause
        self.rest = rest
    }

    /// Sweeps until the server shuts down.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                let deleted = await step()
                do {
                    try await Task.sleep(for: deleted == limit ? pause : rest)
                } catch {
                    return
                }
            }
        }
    }

    private func step() async -> Int {
        do {
            return try await store.sweep(now: clock(), limit: limit)
        } catch {
            logger.warning("Expired records could not be removed; trying again later", metadata: ["error": "\(error)"])
            return 0
        }
    }
}
