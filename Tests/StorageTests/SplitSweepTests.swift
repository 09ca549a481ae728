import Instants
import Storage
import Synchronization
import Testing

@Suite("A sweep of two stores")
struct SplitSweepTests {
    /// A backend in memory that can be told to fail.
    private final class Half: StoreBackend, ForwardingStore {
        let memory = MemoryStore()
        let isBroken = Mutex(false)

        var destination: any Store { memory }
        var location: String { "memory" }

        func sweep(now: Instant, limit: Int) async throws(StoreError) -> Int {
            if isBroken.withLock({ $0 }) { throw .unavailable(reason: "planted") }
            return try await memory.sweep(now: now, limit: limit)
        }

        func checkHealth() async throws(StoreError) {}
        func announcements() -> AsyncStream<Void>? { nil }
        func close() async throws(StoreError) {}
    }

    private let now = Instant(secondsSinceEpoch: 1_800_000_000)
    private let durable = Half()
    private let volatile = Half()
    private var split: SplitStore { SplitStore(durable: durable, volatile: volatile, kinds: [.visit]) }

    private func fill(_ half: Half, _ kind: String, _ count: Int, from first: Int = 0) async throws {
        for number in first..<first + count {
            let key = RecordKey(kind: RecordKind(kind), identifier: IdentifierHash(bytes: Array("\(number)".utf8)))
            let record = Record(key: key, expiresAt: now, payload: [])
            #expect(try await half.apply([.insert(record)], now: now - .seconds(1)) == .applied)
        }
    }

    private func left(in half: Half, _ kind: String) async throws -> Int {
        try await half.page(RecordKind(kind), filter: .all, after: nil, limit: 1000, now: now - .seconds(1)).count
    }

    @Test(
        "A first store in which more expires than a sweep takes does not keep the second from being swept",
        arguments: [1, 2, 3, 10]
    )
    func busyFirst(limit: Int) async throws {
        try await fill(volatile, "visit", 20)
        try await fill(durable, "code", 40)
        let split = split
        for round in 0..<40 {
            #expect(try await split.sweep(now: now, limit: limit) == limit)
            if try await left(in: volatile, "visit") == 0 { break }
            // As much again as was taken away.
            try await fill(durable, "code", limit, from: 1000 + round * limit)
        }
        #expect(try await left(in: volatile, "visit") == 0)
    }

    @Test("A second store that is full does not keep the first from being swept, and what one leaves is the other's")
    func busySecond() async throws {
        try await fill(volatile, "visit", 40)
        try await fill(durable, "code", 3)
        let split = split
        var swept: [Int] = []
        repeat { swept.append(try await split.sweep(now: now, limit: 10)) } while swept.last != 0
        #expect(swept == [10, 10, 10, 10, 3, 0])
        #expect(try await left(in: volatile, "visit") + left(in: durable, "code") == 0)
        #expect(try await split.sweep(now: now, limit: 0) == 0)
    }

    @Test(
        "What one store has against it hides nothing of the other's, and is told where nothing is left",
        arguments: [0, 1]
    )
    func broken(which: Int) async throws {
        try await fill(volatile, "visit", 12)
        try await fill(durable, "code", 12)
        let halves = [durable, volatile]
        halves[which].isBroken.withLock { $0 = true }
        let split = split
        for expected in [5, 5, 2] { #expect(try await split.sweep(now: now, limit: 5) == expected) }
        for _ in 0..<2 {
            await #expect(throws: StoreError.unavailable(reason: "planted")) {
                try await split.sweep(now: now, limit: 5)
            }
        }
        halves[which].isBroken.withLock { $0 = false }
        #expect(try await split.sweep(now: now, limit: 100) == 12)
        #expect(try await split.sweep(now: now, limit: 100) == 0)
    }
}
