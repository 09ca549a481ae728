import Instants
import OAuthVocabulary
import Storage
import Synchronization
import Testing

@testable import AuthorizationServer

/// Of a storm that is told to many: in steps, and nothing lost or told twice.
@Suite struct SecurityEventProjectionTests {
    /// Remembers how much was written in one go, and refuses one long apply if it is told to.
    private final class MeasuredStore: ForwardingStore {
        let memory = MemoryStore()
        let largest = Mutex(0)
        let breaksAt = Mutex<Int?>(nil)

        var destination: any Store { memory }

        func apply(_ changes: [Change], now: Instant) async throws(StoreError) -> ApplyOutcome {
            largest.withLock { $0 = max($0, changes.count) }
            let isBroken = breaksAt.withLock { left in
                guard changes.count > 100, let before = left else { return false }
                left = before > 0 ? before - 1 : nil
                return before == 0
            }
            if isBroken { throw .unavailable(reason: "planted") }
            return try await memory.apply(changes, now: now)
        }
    }

    private func queue(_ world: TestWorld, _ stream: EventStreamRecord) async throws -> [Stored<QueuedEventRecord>] {
        try await world.events.streams.queue(of: stream.id, limit: 1000, now: world.now)
    }

    @Test("A storm is queued in steps; one that breaks off goes on where it was, whatever was fetched meanwhile")
    func steps() async throws {
        let store = MeasuredStore()
        let world = try await TestWorld(store: store)
        var streams: [EventStreamRecord] = []
        for _ in 0..<3 { streams.append(try await world.stream()) }
        streams.sort { $0.id < $1.id }
        let count = 420
        for number in 0..<count { try await world.end("p\(number)", because: .passwordChanged) }
        try await world.sequence()
        // The whole would be 2520 events: the third step is refused.
        store.largest.withLock { $0 = 0 }
        store.breaksAt.withLock { $0 = 2 }
        while store.breaksAt.withLock({ $0 }) != nil { _ = await world.provider.projectors.tick() }
        let begun = try await queue(world, streams[0])
        #expect(begun.count == 2 * count)
        #expect(try await queue(world, streams[1]).count < 2 * count)
        #expect(try await store.apply(begun.map { .delete($0.record.key) }, now: world.now) == .applied)
        store.largest.withLock { $0 = 0 }
        while await world.provider.projectors.tick() {}
        #expect(try await queue(world, streams[0]).isEmpty)
        for stream in streams[1...] {
            let queued = try await queue(world, stream).map(\.content.tokenID)
            #expect(queued.count == 2 * count && Set(queued).count == queued.count)
        }
        #expect(store.largest.withLock { $0 } <= SecurityEventProjection.largestStep + 2)
        let cursor = try #require(try await store.find(FeedCursor.key("security-events"), now: world.now))
        #expect(try FeedCursor(from: cursor) == FeedCursor(name: "security-events", batch: 1))
    }

    @Test("The events of a stream come in the order of what happened, over the steps as well")
    func order() async throws {
        let world = try await TestWorld()
        let stream = try await world.stream()
        for number in 0..<300 { try await world.end("p\(number)", because: .passwordChanged) }
        try await world.sequence()
        let outbox = FeedLog(store: world.store)
        let names = try await outbox.batches(after: 0, now: world.now).flatMap(\.endings).map(\.target.name)
        try await world.settle()
        let told = try await queue(world, stream).map(\.content.claims)
        #expect(told.count == 600)
        for (position, name) in names.enumerated() {
            let person = name.dropFirst("subject:".count)
            for offset in 0..<2 { #expect(told[2 * position + offset].contains("\"\(person)\"")) }
        }
    }

    @Test("A cursor within a batch is frozen, and one without was written before there were any")
    func frozen() throws {
        let text = #"{"body":{"batch":3,"name":"n","part":{"batch":4,"lane":"s","position":7}},"v":1}"#
        let cursor = try FeedCursor(from: Record(key: FeedCursor.key("n"), payload: Array(text.utf8)))
        #expect(cursor.part == FeedCursor.Part(of: 4, lane: "s", position: 7))
        #expect(String(decoding: try cursor.encoded(), as: UTF8.self) == text)
    }
}
