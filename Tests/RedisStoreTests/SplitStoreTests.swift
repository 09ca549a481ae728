import Instants
import RedisClient
import RedisStore
import RedisTesting
import Storage
import Testing

@Suite(.timeLimit(.minutes(1)))
struct SplitStoreTests {
    private func with(_ body: (SplitStore, RedisStore, RedisStore) async throws -> Void) async throws {
        let first = try await RedisStore.open(try await SharedRedis.only.address(), settings: .patient)
        let second = try await RedisStore.open(try await SharedRedis.only.address(), settings: .patient)
        let split = SplitStore(durable: first, volatile: second, kinds: [.visit, .throttle])
        try await body(split, first, second)
        try await split.close()
    }

    private func record(_ kind: String, family: String? = nil, expiresAt: Instant? = nil) -> Record {
        Record(key: RecordKey(1, kind), family: family, expiresAt: expiresAt, payload: [])
    }

    @Test
    func `Each kind lies in its store and is found, listed, changed and swept there`() async throws {
        try await with { (split, first, second) async throws in
            for (kind, home, other) in [("visit", second, first), ("client", first, second)] {
                let record = record(kind, expiresAt: .testTime + .seconds(1))
                #expect(try await split.apply([.insert(record)], now: .testTime) == .applied)
                #expect(try await home.find(record.key, now: .testTime) == record)
                #expect(try await other.find(record.key, now: .testTime) == nil)
                #expect(try await split.find(record.key, now: .testTime) == record)
                #expect(
                    try await split.page(record.key.kind, filter: .all, after: nil, limit: 5, now: .testTime) == [
                        record
                    ]
                )
            }
            let later = Instant.testTime + .seconds(2)
            #expect(try await split.sweep(now: later, limit: 10) == 2)
            #expect(try await split.sweep(now: later, limit: 10) == 0)
            try await split.checkHealth()
        }
    }

    @Test
    func `What would touch both stores is refused before anything is written`() async throws {
        try await with { (split, first, second) async throws in
            let refused: [[Change]] = [
                [.insert(record("visit")), .insert(record("client"))],
                [.insert(record("client")), .insert(record("visit"))],
                [.insert(record("client")), .require(RecordKey(9, "throttle"), version: 1)],
                [.requireAbsent(RecordKey(9, "client")), .insert(record("throttle"))],
                [.insert(record("visit")), .revokeFamily("f")],
                [.insert(record("visit", family: "f"))],
            ]
            for changes in refused {
                await #expect(throws: StoreError.self) { try await split.apply(changes, now: .testTime) }
            }
            await #expect(throws: StoreError.self) {
                try await split.find([.key(RecordKey(1, "visit")), .key(RecordKey(1, "client"))], now: .testTime)
            }
            for store in [first, second] {
                for kind in ["visit", "client", "throttle"] {
                    #expect(try await store.find(RecordKey(1, kind), now: .testTime) == nil)
                }
            }
            #expect(try await split.apply([.insert(record("client", family: "f"))], now: .testTime) == .applied)
            #expect(try await split.apply([.revokeFamily("f")], now: .testTime) == .applied)
            #expect(try await first.find(RecordKey(1, "client"), now: .testTime)?.consumedAt == .testTime)
        }
    }

    @Test
    func `Only kinds whose loss is described may be moved`() {
        #expect(
            Set(VolatileKind.allCases.map(\.kind.name)) == [
                "visit", "upstream-login", "throttle", "client-assertion", "application-session",
            ]
        )
        #expect(VolatileKind.standard.map(\.kind.name) == ["visit", "upstream-login", "throttle"])
        for kind in VolatileKind.allCases { #expect(!kind.loss.isEmpty) }
    }
}
