import Instants
import Storage
import Synchronization
import Testing

@testable import PostgresStore

@Suite(.serialized)
struct SchemaTests {
    private func openingError(_ address: String) async -> PostgresStoreError? {
        do throws(PostgresStoreError) {
            _ = try await PostgresStore.open(address: address, uptime: { .zero })
            return nil
        } catch {
            return error
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `Another program's schema and a newer one are refused and left as they are`() async throws {
        let cluster = try await Cluster.shared
        let foreign = TestServer.freshSchema()
        try await cluster.sql("CREATE SCHEMA \(foreign); CREATE TABLE \(foreign).notes (text text)")
        let address = cluster.address(parameters: "signet_schema=\(foreign)")
        #expect(await openingError(address) == .foreign(location: address, schema: foreign))
        #expect(try await cluster.sql("SELECT count(*) FROM pg_tables WHERE schemaname = '\(foreign)'") == "1")

        let newer = TestServer.freshSchema()
        let other = cluster.address(parameters: "signet_schema=\(newer)")
        let store = try await PostgresStore.opened(other)
        try await store.close()
        try await cluster.sql("UPDATE \(newer).signet_schema SET version = 99")
        #expect(await openingError(other) == .newerSchema(location: other, found: 99, supported: Schema.version))
        #expect(try await cluster.sql("SELECT version FROM \(newer).signet_schema") == "99")
    }

    @Test(.timeLimit(.minutes(2)))
    func `A role without the right to create is told what to grant`() async throws {
        let cluster = try await Cluster.shared
        let schema = TestServer.freshSchema()
        try await cluster.sql("CREATE ROLE \(schema)_role LOGIN")
        let address = cluster.address(parameters: "signet_schema=\(schema)", user: "\(schema)_role")
        let refusal = "\(try #require(await openingError(address)))"
        #expect(refusal.contains("CREATE SCHEMA \"\(schema)\" AUTHORIZATION \(schema)_role"))
        try await cluster.sql("CREATE SCHEMA \(schema) AUTHORIZATION \(schema)_role")
        #expect(await openingError(address) == nil)
    }

    @Test(.timeLimit(.minutes(2)))
    func `Many may open a schema that does not exist yet at the same time`() async throws {
        let schema = TestServer.freshSchema()
        let address = try await TestServer.address(schema: schema)
        let steps = Counter()
        let stores = try await withThrowingTaskGroup(of: PostgresStore.self) { group in
            for _ in 0..<6 {
                group.addTask {
                    try await PostgresStore.opened(address) { notice in
                        if case .migrating = notice { steps.value.withLock { $0 += 1 } }
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(steps.value.withLock { $0 } == Schema.version)
        for (number, store) in stores.enumerated() {
            #expect(try await store.apply([.insert(Record(number: number))], now: .testTime) == .applied)
        }
        for store in stores { try await store.close() }
    }

    @Test func `An address shows no password, wherever it hides, and keeps its parameters apart`() throws {
        let address = try PostgresAddress(
            "postgres://ada:p%40ss@db1,db2:5433/signet?sslmode=verify-full&password=x&sslpassword=y&signet_schema=two"
                + "&signet_prepared=off&signet_direct=postgres%3A%2F%2Fada%3Az@db1%2Fsignet"
        )
        #expect(
            address.location
                == "postgres://ada@db1,db2:5433/signet?sslmode=verify-full&signet_schema=two&signet_prepared=off"
        )
        #expect(address.uri == "postgres://ada:p%40ss@db1,db2:5433/signet?sslmode=verify-full&password=x&sslpassword=y")
        #expect(address.isPooled && address.schema == "two")
        #expect(address.direct == "postgres://ada:z@db1/signet")
        #expect(try PostgresAddress("postgres://ada:a/b@c@db/x").location == "postgres://ada@db/x")
        for bad in [
            "sqlite:x", "postgres://h/d?signet_schema=a-b", "postgres://h/d?signet_schema=pg_x",
            "postgres://h/d?signet_prepared=maybe", "postgres://h/d?signet_other=1",
        ] {
            #expect(throws: PostgresStoreError.self) { try PostgresAddress(bad) }
        }
    }

    @Test func `A password with a question mark is read as libpq reads it, and shown nowhere`() throws {
        let address = try PostgresAddress("postgres://ada:pa?ss@db1/signet?signet_schema=two&sslmode=require")
        #expect(address.location == "postgres://ada@db1/signet?signet_schema=two&sslmode=require")
        #expect(address.schema == "two")
        let parameters = try parameters(of: address).values
        for (name, value) in [("password", "pa?ss"), ("host", "db1"), ("dbname", "signet"), ("sslmode", "require")] {
            #expect(parameters.first { $0.name == name }?.value == value)
        }
        let pooled = try PostgresAddress("postgres://ada:pa?ss@pool/x", behind: "postgres://ada:z@db/x")
        #expect(pooled.isPooled && pooled.direct == "postgres://ada:z@db/x")
        #expect(pooled.uri == "postgres://ada:pa?ss@pool/x")
    }

    private func parameters(of address: PostgresAddress) throws -> ConnectionParameters {
        try ConnectionParameters(address, settings: PostgresStoreSettings(), library: LibPQ.load())
    }

    @Test func `The host that was connected to last is tried first, with its own port and address`() throws {
        func ordered(_ hosts: String, after host: String, _ port: String, _ more: String = "") throws -> [String:
            String]
        {
            let parameters = try parameters(of: PostgresAddress("postgres://\(hosts)/d?user=x\(more)"))
            parameters.noteConnected(host: host, port: port)
            return Dictionary(parameters.ordered.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
        }
        let third = try ordered("a:1,b:2,c:3", after: "c", "3", "&hostaddr=10.0.0.1,10.0.0.2,10.0.0.3")
        #expect(third["host"] == "c,a,b" && third["port"] == "3,1,2")
        #expect(third["hostaddr"] == "10.0.0.3,10.0.0.1,10.0.0.2")
        let standard = try ordered("a,b", after: "b", "5432", "&port=5432")
        #expect(standard["host"] == "b,a" && standard["port"] == "5432")
        #expect(try ordered("a,a:7", after: "a", "7")["port"] == "7,")
        #expect(try ordered("a,b", after: "elsewhere", "5432")["host"] == "a,b")
    }

    @Test func `A host has five seconds, unless the address says otherwise, and never for ever`() throws {
        for (said, seconds) in [("", "5"), ("?connect_timeout=3", "3"), ("?connect_timeout=0", "5")] {
            let parameters = try parameters(of: PostgresAddress("postgres://h/d\(said)"))
            #expect(parameters.values.filter { $0.name == "connect_timeout" }.map(\.value) == [seconds])
        }
    }

    @Test func `A missing library is one sentence that says what to install`() {
        #expect(throws: PostgresStoreError.libraryMissing("libpq-nowhere.so")) { try LibPQ.load(["libpq-nowhere.so"]) }
        #expect(PostgresStoreError.libraryMissing("libpq.so.5").description.contains("apt install libpq5"))
    }

    @Test(.timeLimit(.minutes(2)))
    func `Replacing a payload and an expiry touches no index`() async throws {
        let cluster = try await Cluster.shared
        let schema = TestServer.freshSchema()
        let store = try await PostgresStore.opened(cluster.address(parameters: "signet_schema=\(schema)"))
        var record = Record(number: 1, expiresAt: .testTime + .seconds(10))
        record.family = "family"
        record.client = "client"
        #expect(try await store.apply([.insert(record)], now: .testTime) == .applied)
        for round in 1...20 {
            record.expiresAt = .testTime + .seconds(10 + round)
            record.payload = Array("\(round)".utf8)
            #expect(try await store.apply([.replace(record, ifVersion: Int64(round))], now: .testTime) == .applied)
        }
        try await store.close()
        try await Task.sleep(for: .seconds(1))
        let counts = try await cluster.sql(
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE schemaname = '\(schema)' AND relname = 'records'"
        )
        #expect(counts == "20|20")
    }
}

private final class Counter: Sendable {
    let value = Mutex(0)
}
