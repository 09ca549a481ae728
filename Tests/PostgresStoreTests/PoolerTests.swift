import Foundation
import ProcessTesting
import Storage
import StorageConformance
import Testing

@testable import PostgresStore

/// Through pgbouncer in transaction mode, where nothing may outlive a transaction.
@Suite(.serialized, .enabled(if: Pooler.path != nil))
struct PoolerTests {
    @Test(.timeLimit(.minutes(5)))
    func `Through a pooler in transaction mode the store keeps every promise`() async throws {
        let cluster = try await Cluster.shared
        let pooler = try await Pooler(cluster)
        for check in StoreConformance.checks {
            let parameters = "signet_schema=\(TestServer.freshSchema())&signet_prepared=off"
            let store = try await PostgresStore.opened(
                "postgres://postgres@127.0.0.1:\(pooler.port)/postgres?sslmode=disable&\(parameters)"
            )
            try await check.run { store }
            try await store.close()
        }
        await pooler.program.end()
    }

    /// The pooler is started after the store was opened: so whatever happened before did not pass through it.
    @Test(.timeLimit(.minutes(2)))
    func `With signet_direct, migrations and LISTEN go to the server itself, and NOTIFY through the pooler`()
        async throws
    {
        try await Cluster.with { cluster in
            let loud = RecordKind("loud")
            let direct = "postgres%3A%2F%2Fpostgres%40127.0.0.1%3A\(cluster.port)%2Fpostgres"
            let address =
                "postgres://postgres@127.0.0.1:\(Pooler.port(of: cluster))/postgres?sslmode=disable"
                + "&signet_prepared=off&signet_direct=\(direct)"
            let store = try await PostgresStore.opened(address, announcing: [loud])
            let other = try await PostgresStore.opened(address, announcing: [loud])
            var heard = try #require(other.announcements()).makeAsyncIterator()
            await heard.next()  // It listens.
            #expect(try await cluster.sql("SELECT version FROM signet.signet_schema") == "\(Schema.version)")
            let pooler = try await Pooler(cluster)
            #expect(try await store.apply([.insert(Record(kind: loud, number: 1))], now: .testTime) == .applied)
            await heard.next()
            let found = try await other.find(Record(kind: loud, number: 1).key, now: .testTime)
            #expect(found == Record(kind: loud, number: 1))
            let listening = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
            #expect(try await cluster.sql(listening) == "1")
            try await store.close()
            try await other.close()
            await pooler.program.end()
        }
    }

    @Test func `The pooler of these tests is 1.18 or later`() async throws {
        let answer = try await runProgram(Pooler.path ?? "", ["--version"])
        let version = try #require(answer.firstMatch(of: /PgBouncer (\d+)\.(\d+)/), "\(answer)")
        let (major, minor) = (try #require(Int(version.1)), try #require(Int(version.2)))
        #expect((major, minor) >= (1, 18), "\(answer)")
    }
}

/// A pgbouncer of the tests' own with fewer server connections than a store has.
private final class Pooler {
    static let path = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/opt/homebrew/bin/pgbouncer"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    let port: Int
    let program: BackgroundProgram

    static func port(of cluster: Cluster) -> Int { cluster.port + 10_000 }

    init(_ cluster: Cluster) async throws {
        port = Self.port(of: cluster)
        let settings = """
            [databases]
            * = host=127.0.0.1 port=\(cluster.port)
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = \(port)
            unix_socket_dir =
            auth_type = any
            pool_mode = transaction
            default_pool_size = 4
            max_client_conn = 100
            """
        let settingsPath = cluster.folder + "/pgbouncer.ini"
        try settings.replacing("* = host=127.0.0.1", with: "postgres = user=postgres host=127.0.0.1")
            .write(toFile: settingsPath, atomically: true, encoding: .utf8)
        program = try await Cluster.background(Self.path ?? "", ["-q", settingsPath])
        try await Task.sleep(for: .seconds(1))
    }
}
