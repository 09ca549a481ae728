import Foundation
import PostgresStore
import Storage
import StorageConformance
import Testing

/// Through pgbouncer in transaction mode, where nothing may outlive a transaction.
@Suite(.serialized, .enabled(if: Pooler.program != nil))
struct PoolerTests {
    @Test(.timeLimit(.minutes(5)))
    func `Through a pooler in transaction mode the store keeps every promise`() async throws {
        let cluster = try Cluster.shared.get()
        let pooler = try Pooler(cluster)
        defer { pooler.end() }
        for check in StoreConformance.checks {
            let parameters = "signet_schema=\(TestServer.freshSchema())&signet_prepared=off"
            let store = try await PostgresStore.opened(
                "postgres://postgres@127.0.0.1:\(pooler.port)/postgres?sslmode=disable&\(parameters)"
            )
            try await check.run { store }
            try await store.close()
        }
    }
}

/// A pgbouncer of the tests' own with fewer server connections than a store has.
private final class Pooler {
    static let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/opt/homebrew/bin/pgbouncer"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    let port: Int
    private let process: Process

    init(_ cluster: Cluster) throws {
        port = cluster.port + 10_000
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
        let path = cluster.folder + "/pgbouncer.ini"
        try settings.replacing("* = host=127.0.0.1", with: "postgres = user=postgres host=127.0.0.1")
            .write(toFile: path, atomically: true, encoding: .utf8)
        process = Cluster.process(Self.program ?? "", ["-q", path], asPostgres: true)
        process.standardError = FileHandle.nullDevice
        try process.run()
        usleep(1_000_000)
    }

    func end() { process.terminate() }
}
