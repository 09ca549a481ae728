import Foundation
import Instants
import Storage
import Testing

@testable import PostgresStore

/// Who is let in, to which server, and how many at a time.
@Suite(.serialized)
struct ConnectionTests {
    private func openingError(_ address: String) async -> PostgresStoreError? {
        do throws(PostgresStoreError) {
            _ = try await PostgresStore.open(address: address, uptime: { .zero })
            return nil
        } catch {
            return error
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `A password is proven by SCRAM, and a wrong one is refused without being repeated`() async throws {
        try await Cluster.with { cluster in
            try await cluster.sql(
                "CREATE ROLE ada LOGIN PASSWORD 'right-password'; CREATE SCHEMA signet AUTHORIZATION ada"
            )
            let form = try await cluster.sql("SELECT left(rolpassword, 14) FROM pg_authid WHERE rolname = 'ada'")
            #expect(form == "SCRAM-SHA-256$")
            try """
            local all postgres trust
            host all all 127.0.0.1/32 scram-sha-256
            """.write(toFile: cluster.folder + "/data/pg_hba.conf", atomically: false, encoding: .utf8)
            try await cluster.sql("SELECT pg_reload_conf()")
            try await Task.sleep(for: .milliseconds(500))
            let wrong = await openingError(cluster.address(user: "ada:wrong-password"))
            let sentence = "\(try #require(wrong))"
            #expect(sentence.contains("password authentication failed for user \"ada\""))
            #expect(!sentence.contains("wrong-password"))
            let none = await openingError(cluster.address(user: "ada"))
            #expect("\(try #require(none))".contains("no password supplied"))
            let store = try await PostgresStore.opened(cluster.address(user: "ada:right-password"))
            #expect(!store.location.contains("right-password"))
            #expect(try await store.apply([.insert(Record(number: 1))], now: .testTime) == .applied)
            try await store.close()
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `Of several hosts, one that is down and one that takes no writes are passed over`() async throws {
        try await Cluster.with { standby in
            try await standby.sql("ALTER SYSTEM SET default_transaction_read_only = on")
            try await standby.sql("SELECT pg_reload_conf()")
            let primary = try await Cluster.shared
            let hosts = "127.0.0.1:1,127.0.0.1:\(standby.port),127.0.0.1:\(primary.port)"
            let schema = TestServer.freshSchema()
            for parameters in ["", "&target_session_attrs=read-write"] {
                let store = try await PostgresStore.opened(
                    "postgres://postgres@\(hosts)/postgres?sslmode=disable&signet_schema=\(schema)\(parameters)"
                )
                let record = Record(number: parameters.count)
                #expect(try await store.apply([.insert(record)], now: .testTime) == .applied)
                #expect(try await store.find(record.key, now: .testTime) == record)
                try await store.close()
            }
            #expect(try await primary.sql("SELECT count(*) FROM \(schema).records") == "2")
            #expect(try await standby.sql("SELECT count(*) FROM pg_namespace WHERE nspname = '\(schema)'") == "0")
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `A role that may have fewer connections than the store wants is served over those it gets`() async throws {
        let cluster = try await Cluster.shared
        let schema = TestServer.freshSchema()
        try await cluster.sql("CREATE ROLE \(schema)_role LOGIN CONNECTION LIMIT 2")
        try await cluster.sql("CREATE SCHEMA \(schema) AUTHORIZATION \(schema)_role")
        let address = cluster.address(parameters: "signet_schema=\(schema)", user: "\(schema)_role")
        var settings = PostgresStoreSettings()
        settings.mostRequestsInCommit = 1
        let store = try await PostgresStore.opened(address, settings: settings)
        // One is connected before the rush.
        #expect(try await store.apply([.insert(Record(number: 0))], now: .testTime) == .applied)
        try await withThrowingTaskGroup(of: ApplyOutcome.self) { group in
            for number in 1...100 {
                group.addTask { try await store.apply([.insert(Record(number: number))], now: .testTime) }
            }
            for try await outcome in group { #expect(outcome == .applied) }
        }
        #expect(try await cluster.sql("SELECT count(*) FROM \(schema).records") == "101")
        try await cluster.sql("ALTER ROLE \(schema)_role CONNECTION LIMIT 0")
        let refusal = await openingError(address)
        #expect("\(try #require(refusal))".contains("too many connections for role"))
        try await store.close()
    }

    @Test(.timeLimit(.minutes(2)))
    func `A queue that is full refuses at once and says so, and what is queued is answered`() async throws {
        try await Cluster.with { cluster in
            var settings = PostgresStoreSettings()
            settings.connections = 1
            settings.largestQueue = 4
            let store = try await PostgresStore.opened(cluster.address(), settings: settings)
            #expect(try await store.apply([.insert(Record(number: 0))], now: .testTime) == .applied)
            await cluster.pause()
            let outcomes = await withTaskGroup(of: Result<ApplyOutcome, StoreError>.self) { group in
                for number in 1...20 {
                    group.addTask {
                        do throws(StoreError) {
                            return .success(try await store.apply([.insert(Record(number: number))], now: .testTime))
                        } catch {
                            return .failure(error)
                        }
                    }
                }
                var outcomes: [Result<ApplyOutcome, StoreError>] = []
                for await outcome in group {
                    outcomes.append(outcome)
                    // The refused ones come first: nobody else can be answered before the server goes on.
                    if outcomes.count == 8 { await cluster.resume() }
                }
                return outcomes
            }
            let full = StoreError.unavailable(reason: "too many requests are waiting for the database")
            #expect(outcomes.prefix(8).allSatisfy { $0 == .failure(full) })
            #expect(outcomes.allSatisfy { $0 == .failure(full) || $0 == .success(.applied) })
            let applied = outcomes.count { $0 == .success(.applied) }
            #expect(applied >= 4)
            #expect(try await cluster.sql("SELECT count(*) FROM signet.records") == "\(applied + 1)")
            try await store.close()
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `An announcement that a full queue refuses is not the last one`() async throws {
        try await Cluster.with { cluster in
            let loud = RecordKind("loud")
            var settings = PostgresStoreSettings()
            settings.connections = 1
            settings.largestQueue = 2
            settings.mostRequestsInCommit = 1
            let writer = try await PostgresStore.opened(cluster.address(), settings: settings, announcing: [loud])
            let reader = try await PostgresStore.opened(cluster.address(), announcing: [loud])
            var heard = try #require(reader.announcements()).makeAsyncIterator()
            await heard.next()  // The connection was made.
            #expect(try await writer.apply([.insert(Record(number: 0))], now: .testTime) == .applied)
            await cluster.pause()
            // One is under way and two fill the queue, when the first one is committed and would announce itself.
            try await withThrowingTaskGroup(of: ApplyOutcome.self) { group in
                for number in 1...3 {
                    group.addTask {
                        try await writer.apply([.insert(Record(kind: loud, number: number))], now: .testTime)
                    }
                    try await Task.sleep(for: .milliseconds(200))
                }
                await cluster.resume()
                for try await outcome in group { #expect(outcome == .applied) }
            }
            // The last commit finds an empty queue.
            await heard.next()
            try await writer.close()
            try await reader.close()
        }
    }
}
