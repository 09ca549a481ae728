import Instants
import RedisClient
import RedisStore
import RedisTesting
import Storage
import Testing

extension Instant {
    static let testTime = Instant(secondsSinceEpoch: 1_800_000_000)
}

extension RecordKey {
    init(_ number: UInt8, _ kind: String = "thing") {
        self.init(kind: RecordKind(kind), identifier: IdentifierHash(bytes: [number]))
    }
}

private func insert(_ number: UInt8, expiresAt: Instant? = nil) -> Change {
    .insert(Record(key: RecordKey(number), expiresAt: expiresAt, payload: [number]))
}

/// One connection.
private var single: RedisStoreSettings {
    var settings = RedisStoreSettings.patient
    settings.connections.connections = 1
    return settings
}

/// Tries until Redis answers again, as whoever gets a 503 does.
private func retrying<Value>(_ act: () async throws(StoreError) -> Value) async throws -> Value {
    for _ in 0..<600 {
        do {
            return try await act()
        } catch StoreError.unavailable {
            try await Task.sleep(for: .milliseconds(20))
        }
    }
    return try await act()
}

/// Every fault here is made of a real Redis: stopped, killed, emptied.
@Suite(.timeLimit(.minutes(2)))
struct OutageTests {
    @Test
    func `A Redis that is down at start is refused in one sentence, without the password`() async throws {
        try await RedisServer.with(isRunning: false) { server in
            var address = server.address
            address.user = "signet"
            address.password = RedisPassword("hunter2")
            let error = await #expect(throws: RedisStoreError.self) {
                try await RedisStore.open(address, settings: single)
            }
            guard case .unreachable = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(error?.description.contains("cannot be reached") == true)
            #expect(!String(reflecting: error).contains("hunter2"))
        }
    }

    @Test
    func `A crash is told as unavailable, and what a restarted Redis kept is found again`() async throws {
        let options = RedisServer.Options(configuration: ["appendonly yes", "appendfsync always"])
        try await RedisServer.with(options) { server in
            let store = try await RedisStore.open(server.address, settings: single)
            #expect(try await store.apply([insert(1)], now: .testTime) == .applied)
            await server.crash()
            await #expect(throws: StoreError.self) { try await store.apply([insert(2)], now: .testTime) }
            await #expect(throws: StoreError.self) { try await store.find([.key(RecordKey(1))], now: .testTime) }
            await #expect(throws: StoreError.self) { try await store.checkHealth() }
            try await server.start()
            let found = try await retrying { () async throws(StoreError) in
                try await store.find([.key(RecordKey(1)), .key(RecordKey(2))], now: .testTime)
            }
            #expect(found.map { $0?.payload } == [[1], nil])
            #expect(try await store.apply([insert(2)], now: .testTime) == .applied)
            try await store.close()
        }
    }

    @Test
    func `After a flush nothing is found, and scripts that Redis forgot are sent again`() async throws {
        try await RedisServer.with { server in
            let store = try await RedisStore.open(server.address, settings: single)
            let pool = try RedisPool(server.address, settings: .patient)
            #expect(try await store.apply([insert(1)], now: .testTime) == .applied)
            _ = try await pool.send([RedisCommand("FLUSHALL"), RedisCommand("SCRIPT", "FLUSH")])
            #expect(try await store.find([.key(RecordKey(1))], now: .testTime) == [nil])
            // What is gone cannot be spent: never a wrong yes.
            #expect(
                try await store.apply([.consume(RecordKey(1)), insert(2)], now: .testTime)
                    == .conflict(change: 0, record: nil)
            )
            #expect(try await store.apply([insert(3)], now: .testTime) == .applied)
            try await store.checkHealth()
            try await store.close()
            await pool.close()
        }
    }

    @Test
    func `A Redis that stands still is told as unavailable, and serves again when it goes on`() async throws {
        try await RedisServer.with { server in
            var settings = single
            settings.connections.connectTimeout = .seconds(2)
            settings.connections.commandTimeout = .seconds(2)
            let store = try await RedisStore.open(server.address, settings: settings)
            #expect(try await store.apply([insert(1)], now: .testTime) == .applied)
            server.pause()
            let error = await #expect(throws: StoreError.self) {
                try await store.apply([.consume(RecordKey(1))], now: .testTime)
            }
            guard case .unavailable = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            await #expect(throws: StoreError.self) { try await store.find([.key(RecordKey(1))], now: .testTime) }
            server.resume()
            // Nobody was told whether it was spent; whoever asks again is told, and it is spent once at most.
            let outcome = try await retrying { () async throws(StoreError) in
                try await store.apply([.consume(RecordKey(1))], now: .testTime)
            }
            let record = try await store.find(RecordKey(1), now: .testTime)
            #expect(record?.consumedAt == .testTime && record?.version == 2)
            if case .conflict(let change, let present) = outcome {
                #expect(change == 0 && present == record)
            }
            try await store.close()
        }
    }

    @Test
    func `A full Redis refuses to write and goes on to read`() async throws {
        try await RedisServer.with { server in
            let store = try await RedisStore.open(server.address, settings: single)
            let pool = try RedisPool(server.address, settings: .patient)
            #expect(try await store.apply([insert(1)], now: .testTime) == .applied)
            try await pool.send(RedisCommand("CONFIG", "SET", "maxmemory", "1"))
            await #expect(throws: StoreError.self) { try await store.apply([insert(2)], now: .testTime) }
            await #expect(throws: StoreError.self) { try await store.apply([.consume(RecordKey(1))], now: .testTime) }
            try await pool.send(RedisCommand("CONFIG", "SET", "maxmemory", "0"))
            #expect(
                try await store.find([.key(RecordKey(1)), .key(RecordKey(2))], now: .testTime).map { $0?.version }
                    == [1, nil]
            )
            try await store.close()
            await pool.close()
        }
    }
}

@Suite(.timeLimit(.minutes(2)))
struct UpkeepTests {
    @Test
    func `What is swept or deleted leaves nothing behind in Redis`() async throws {
        try await RedisServer.with { server in
            let store = try await RedisStore.open(server.address, settings: single)
            let pool = try RedisPool(server.address, settings: .patient)
            for number in UInt8(0)..<40 {
                let record = Record(
                    key: RecordKey(number),
                    indexes: [SecondaryIndex(name: "name", value: IdentifierHash(bytes: [number]))],
                    family: "f\(number % 3)",
                    subject: "s\(number % 5)",
                    client: "c",
                    expiresAt: number < 30 ? .testTime : nil,
                    payload: [1]
                )
                #expect(try await store.apply([.insert(record)], now: .testTime - .seconds(9)) == .applied)
            }
            #expect(try await store.sweep(now: .testTime, limit: 1000) == 30)
            for number in UInt8(30)..<40 {
                #expect(try await store.apply([.delete(RecordKey(number))], now: .testTime) == .applied)
            }
            let left = try await pool.send(RedisCommand("KEYS", "*")).array?.compactMap(\.text)
            #expect(left == ["signet:layout"])
            try await store.close()
            await pool.close()
        }
    }

    @Test
    func `An entry whose record vanished is passed over and removed`() async throws {
        try await RedisServer.with { server in
            let store = try await RedisStore.open(server.address, settings: single)
            let pool = try RedisPool(server.address, settings: .patient)
            let record = Record(key: RecordKey(1), family: "f", expiresAt: .testTime, payload: [])
            #expect(try await store.apply([.insert(record)], now: .testTime - .seconds(1)) == .applied)
            try await pool.send(RedisCommand("DEL", "signet:r:5:thing\u{1}"))
            let before = Instant.testTime - .seconds(1)
            #expect(
                try await store.page(RecordKind("thing"), filter: .family("f"), after: nil, limit: 9, now: before) == []
            )
            #expect(try await store.apply([.revokeFamily("f")], now: before) == .applied)
            #expect(try await store.sweep(now: .testTime, limit: 10) == 0)
            #expect(try await pool.send(RedisCommand("KEYS", "*")).array?.compactMap(\.text) == ["signet:layout"])
            try await store.close()
            await pool.close()
        }
    }
}
