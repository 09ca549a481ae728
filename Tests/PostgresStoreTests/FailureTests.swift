import Foundation
import Instants
import Storage
import Testing

@testable import PostgresStore

/// What a database does to a server that needs it: none of it may end in a wrong yes, and all of it heals by itself.
@Suite(.serialized)
struct FailureTests {
    /// Patience of a test, not of an operator.
    private var quick: PostgresStoreSettings {
        var settings = PostgresStoreSettings()
        settings.connectTimeout = .seconds(2)
        settings.statementTimeout = .milliseconds(800)
        settings.lockTimeout = .milliseconds(500)
        settings.answerTimeout = .milliseconds(1500)
        return settings
    }

    private func isUnavailable(_ body: () async throws -> Void) async -> Bool {
        do {
            try await body()
            return false
        } catch {
            guard case .unavailable? = error as? StoreError else { return false }
            return true
        }
    }

    /// Asks until the store answers.
    private func recovers(_ store: PostgresStore) async throws -> Bool {
        for _ in 0..<100 {
            if await !isUnavailable({ try await store.checkHealth() }) { return true }
            try await Task.sleep(for: .milliseconds(100))
        }
        return false
    }

    private func openingError(_ address: String) async -> PostgresStoreError? {
        do throws(PostgresStoreError) {
            _ = try await PostgresStore.open(address: address, settings: quick, uptime: { .zero })
            return nil
        } catch {
            return error
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `A server that is not there, a database that is not there: one sentence each, without the password`()
        async throws
    {
        let nobody = await openingError("postgres://ada:secret@127.0.0.1:1/db?password=hidden&sslmode=disable")
        let sentence = "\(try #require(nobody))"
        #expect(sentence.hasPrefix("The database postgres://ada@127.0.0.1:1/db?sslmode=disable cannot be reached ("))
        #expect(!sentence.contains("secret") && !sentence.contains("hidden"))
        let cluster = try await Cluster.shared
        let missing = await openingError(cluster.address("nowhere"))
        #expect("\(try #require(missing))".contains("\"nowhere\" does not exist"))
        let tls = await openingError(cluster.address().replacing("sslmode=disable", with: "sslmode=require"))
        #expect("\(try #require(tls))".contains("SSL"))
    }

    @Test(.timeLimit(.minutes(2)))
    func `A killed server is unavailable while it is down, and back by itself when it is up again`() async throws {
        try await Cluster.with { cluster in
            let store = try await PostgresStore.opened(cluster.address(), settings: quick)
            let before = Record(number: 1)
            #expect(try await store.apply([.insert(before)], now: .testTime) == .applied)
            await cluster.kill()
            #expect(await isUnavailable { _ = try await store.apply([.insert(Record(number: 2))], now: .testTime) })
            #expect(await isUnavailable { _ = try await store.find(before.key, now: .testTime) })
            try await cluster.start()
            #expect(try await recovers(store))
            #expect(try await store.find(before.key, now: .testTime) == before)
            #expect(try await store.apply([.insert(Record(number: 3))], now: .testTime) == .applied)
            try await store.close()
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `A server that is stopped in its tracks is unavailable in time, and is used again afterwards`() async throws {
        try await Cluster.with { cluster in
            let store = try await PostgresStore.opened(cluster.address(), settings: quick)
            #expect(try await store.apply([.insert(Record(number: 1))], now: .testTime) == .applied)
            await cluster.pause()
            #expect(await isUnavailable { _ = try await store.find(Record(number: 1).key, now: .testTime) })
            #expect(
                await isUnavailable { _ = try await store.apply([.consume(Record(number: 1).key)], now: .testTime) }
            )
            await cluster.resume()
            #expect(try await recovers(store))
            // It was never acknowledged, and its transaction had not been told to commit.
            #expect(try await store.find(Record(number: 1).key, now: .testTime)?.consumedAt == nil)
            try await store.close()
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `Connections that an administrator ends are made anew, and no request fails for it`() async throws {
        try await Cluster.with { cluster in
            let store = try await PostgresStore.opened(cluster.address(), settings: quick)
            for number in 0..<5 {
                #expect(try await store.apply([.insert(Record(number: number))], now: .testTime) == .applied)
                try await cluster.sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'signet'"
                )
                #expect(try await store.find(Record(number: number).key, now: .testTime) == Record(number: number))
            }
            try await store.close()
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `A database that turns read-only refuses writes and its health check, and recovers`() async throws {
        try await Cluster.with { cluster in
            let store = try await PostgresStore.opened(cluster.address(), settings: quick)
            try await cluster.sql("ALTER DATABASE postgres SET default_transaction_read_only = on")
            try await cluster.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'signet'"
            )
            #expect(await isUnavailable { _ = try await store.apply([.insert(Record(number: 1))], now: .testTime) })
            #expect(await isUnavailable { try await store.checkHealth() })
            let refusal = await openingError(cluster.address())
            #expect("\(try #require(refusal))".contains("read-only"))
            try await cluster.sql("ALTER DATABASE postgres RESET default_transaction_read_only", database: "template1")
            #expect(try await recovers(store))
            try await store.close()
        }
    }

    private static let held = StoreError.unavailable(reason: "a lock in the database was held for too long")

    /// While somebody has locked every record that is there now.
    private func whileRecordsAreHeld(in cluster: Cluster, _ body: () async throws -> Void) async throws {
        try await cluster.holding("SELECT 1 FROM signet.records FOR UPDATE", seconds: 30, body)
    }

    @Test(.timeLimit(.minutes(2)))
    func `A lock that somebody holds too long is unavailable, and harms nobody else`() async throws {
        try await Cluster.with { cluster in
            let store = try await PostgresStore.opened(cluster.address(), settings: quick)
            let record = Record(number: 1)
            #expect(try await store.apply([.insert(record)], now: .testTime) == .applied)
            try await whileRecordsAreHeld(in: cluster) { () async throws in
                await #expect(throws: Self.held) { try await store.apply([.consume(record.key)], now: .testTime) }
                #expect(try await store.apply([.insert(Record(number: 2))], now: .testTime) == .applied)
                #expect(try await store.find(record.key, now: .testTime) == record)
            }
            try await store.close()
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `Requests that share a commit with one that waits for a held lock do not fail with it`() async throws {
        try await Cluster.with { cluster in
            var settings = quick
            settings.connections = 1
            let store = try await PostgresStore.opened(cluster.address(), settings: settings)
            let record = Record(number: 1)
            #expect(try await store.apply([.insert(record)], now: .testTime) == .applied)
            try await whileRecordsAreHeld(in: cluster) { () async throws in
                await cluster.pause()
                // The first keeps the only connection busy, so the others are together in the next commit.
                let before = store.statistics
                let first = Task { try await store.apply([.insert(Record(number: 2))], now: .testTime) }
                try await Task.sleep(for: .milliseconds(200))
                let blocked = Task { try await store.apply([.consume(record.key)], now: .testTime) }
                let others = (3...8).map { number in
                    Task { try await store.apply([.insert(Record(number: number))], now: .testTime) }
                }
                try await Task.sleep(for: .milliseconds(200))
                await cluster.resume()
                #expect(try await first.value == .applied)
                await #expect(throws: Self.held) { try await blocked.value }
                for other in others { #expect(try await other.value == .applied) }
                #expect(store.statistics.commits - before.commits == 2)
            }
            try await store.close()
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `A host that says nothing any more is left for the next one, at opening too`() async throws {
        try await Cluster.with { frozen in
            let other = try await Cluster.shared
            let schema = TestServer.freshSchema()
            let hosts = "127.0.0.1:\(frozen.port),127.0.0.1:\(other.port)"
            let address = "postgres://postgres@\(hosts)/postgres?sslmode=disable&signet_schema=\(schema)"
            try await PostgresStore.opened(other.address(parameters: "signet_schema=\(schema)")).close()
            let store = try await PostgresStore.opened(address, settings: quick)
            #expect(try await store.apply([.insert(Record(number: 1))], now: .testTime) == .applied)
            await frozen.pause()
            #expect(await isUnavailable { _ = try await store.apply([.insert(Record(number: 2))], now: .testTime) })
            #expect(try await store.apply([.insert(Record(number: 3))], now: .testTime) == .applied)
            let opened = try await PostgresStore.opened(address + "&connect_timeout=2", settings: quick)
            #expect(try await opened.find(Record(number: 3).key, now: .testTime) != nil)
            try await store.close()
            try await opened.close()
            #expect(try await other.sql("SELECT count(*) FROM \(schema).records") == "1")
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `Announced kinds reach other nodes, also after their connection was cut; others do not`() async throws {
        try await Cluster.with { cluster in
            let loud = RecordKind("loud")
            let writer = try await PostgresStore.opened(cluster.address(), settings: quick, announcing: [loud])
            let reader = try await PostgresStore.opened(cluster.address(), settings: quick, announcing: [loud])
            let stream = try #require(reader.announcements())
            var heard = stream.makeAsyncIterator()
            await heard.next()  // The connection was made.
            #expect(try await writer.apply([.insert(Record(kind: loud, number: 1))], now: .testTime) == .applied)
            await heard.next()
            try await cluster.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
            await heard.next()  // It was made again.
            #expect(try await writer.apply([.insert(Record(kind: loud, number: 2))], now: .testTime) == .applied)
            await heard.next()
            try await writer.close()
            try await reader.close()
            #expect(await heard.next() == nil)
            let silent = try await PostgresStore.opened(cluster.address(), settings: quick)
            #expect(silent.announcements() == nil)
            try await silent.close()
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `A store that nobody can wait for refuses, and a closed one answers unavailable`() async throws {
        let store = try await PostgresStore.fresh()
        try await store.close()
        try await store.close()
        let closed = StoreError.unavailable(reason: "the store is closed")
        await #expect(throws: closed) { try await store.find(Record(number: 1).key, now: .testTime) }
        await #expect(throws: closed) { try await store.apply([.insert(Record(number: 1))], now: .testTime) }
        await #expect(throws: closed) { try await store.checkHealth() }
    }
}
