import Instants
import Logging
import ServiceLifecycle
import Storage
import Synchronization
import Testing

@testable import signet

@Suite
struct SweeperTests {
    /// A store that counts its sweeps and can be told to fail.
    private final class WatchedStore: ForwardingStore {
        let destination: any Store
        let sweeps = Mutex<[Int]>([])
        let failures: Atomic<Int>

        init(_ destination: any Store, failures: Int = 0) {
            self.destination = destination
            self.failures = Atomic(failures)
        }

        func sweep(now: Instant, limit: Int) async throws(StoreError) -> Int {
            if failures.load(ordering: .relaxed) > 0 {
                failures.subtract(1, ordering: .relaxed)
                throw .unavailable(reason: "planted")
            }
            let deleted = try await destination.sweep(now: now, limit: limit)
            sweeps.withLock { $0.append(deleted) }
            return deleted
        }
    }

    private func count(_ store: any Store) async throws -> Int {
        let past = Instant.testTime - .seconds(1000)
        return try await store.page(RecordKind("thing"), filter: .all, after: nil, limit: 1000, now: past).count
    }

    private func sweeper(of store: any Store, limit: Int) -> Sweeper {
        Sweeper(
            store: store,
            clock: { .testTime },
            logger: Logger(label: "sweeper") { _ in SwiftLogNoOpLogHandler() },
            limit: limit,
            pause: .milliseconds(1),
            rest: .milliseconds(5)
        )
    }

    /// Runs the sweeper until nothing that has expired is left, then lets it shut down.
    private func run(_ sweeper: Sweeper, on store: any Store, until left: Int) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await sweeper.run() }
            while try await count(store) > left { try await Task.sleep(for: .milliseconds(2)) }
            group.cancelAll()
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `The sweeper removes in small steps what has expired, and only that, while others write`() async throws {
        let store = WatchedStore(MemoryStore())
        for number in 0..<300 {
            let expiry: Instant = .testTime + .seconds(number < 250 ? -1 : 60)
            _ = try await store.apply([.insert(Record(number: number, expiresAt: expiry))], now: .testTime)
        }
        let writer = Task {
            var applied = 0
            for number in 1000..<1100
            where try await store.apply([.insert(Record(number: number))], now: .testTime) == .applied {
                applied += 1
            }
            return applied
        }
        try await run(sweeper(of: store, limit: 20), on: store, until: 150)
        #expect(try await writer.value == 100)
        try await run(sweeper(of: store, limit: 20), on: store, until: 150)
        #expect(try await count(store) == 150)
        let sweeps = store.sweeps.withLock { $0 }
        #expect(sweeps.reduce(0, +) == 250)
        #expect(sweeps.allSatisfy { $0 <= 20 })
    }

    @Test(.timeLimit(.minutes(5)))
    func `The sweeper outlives a store that is unavailable for a while`() async throws {
        let store = WatchedStore(MemoryStore(), failures: 3)
        _ = try await store.apply([.insert(Record(number: 1, expiresAt: .testTime))], now: .testTime - .seconds(1))
        try await run(sweeper(of: store, limit: 20), on: store, until: 0)
        #expect(store.sweeps.withLock { $0.first } == 1)
    }

    @Test(.timeLimit(.minutes(5)))
    func `The sweeper ends with the service group that runs it`() async throws {
        let store = MemoryStore()
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: sweeper(of: store, limit: 20))],
                logger: Logger(label: "group") { _ in SwiftLogNoOpLogHandler() }
            )
        )
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            try await Task.sleep(for: .milliseconds(30))
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }
}

extension Instant {
    fileprivate static let testTime = Instant(secondsSinceEpoch: 1_800_000_000)
}

extension Record {
    fileprivate init(number: Int, expiresAt: Instant? = nil) {
        let low = (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * (7 - $0))) }
        self.init(
            key: RecordKey(kind: RecordKind("thing"), identifier: IdentifierHash(bytes: low)),
            expiresAt: expiresAt,
            payload: []
        )
    }
}
