import Instants
import Storage
import Testing

@testable import PostgresStore

/// How the server would run every statement of the store: by an index, whatever the tables hold.
///
/// The planner is left free here (our sessions forbid it to scan): that it chooses the index anyway shows that there is
/// one that fits.
@Suite(.serialized)
struct QueryPlanTests {
    /// A schema with 20 000 records, half of them in families and half with a second name, and its statements.
    private static func filled(_ cluster: Cluster, isAnalyzed: Bool = true) async throws -> (Schema, RecordSQL) {
        let schema = Schema(name: TestServer.freshSchema())
        let store = try await PostgresStore.opened(cluster.address(parameters: "signet_schema=\(schema.name)"))
        try await store.close()
        for table in [schema.records, schema.indexes] {
            try await cluster.sql("ALTER TABLE \(table) SET (autovacuum_enabled = off)")
        }
        try await cluster.sql(
            """
            INSERT INTO \(schema.records) (version, expires_at, sweep_at, kind, identifier, family, subject, client,
            payload) SELECT 1, n, n, format('kind-%s', n % 10)::bytea, decode(lpad(to_hex(n), 64, '0'), 'hex'),
            CASE WHEN n % 2 = 0 THEN format('family-%s', n / 20)::bytea END, format('subject-%s', n / 40)::bytea,
            format('client-%s', n % 50)::bytea, repeat('x', 300)::bytea FROM generate_series(1, 20000) n
            """
        )
        try await cluster.sql(
            """
            INSERT INTO \(schema.indexes) (kind, name, value, identifier)
            SELECT kind, 'login', sha256(identifier), identifier FROM \(schema.records) WHERE expires_at % 2 = 0
            """
        )
        if isAnalyzed { try await cluster.sql("ANALYZE \(schema.records); ANALYZE \(schema.indexes)") }
        return (schema, RecordSQL(schema))
    }

    /// The plan for values that are not known yet, as a session of ours makes it once for its life.
    ///
    /// - Parameter settings: what the session is set to; ours, or a planner that is left free.
    private func plan(
        _ statement: Statement,
        _ cluster: Cluster,
        settings: String = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = on"
    ) async throws -> String {
        func list(_ words: [String]) -> String { words.isEmpty ? "" : "(\(words.joined(separator: ", ")))" }
        let types = list(statement.types.map(\.name))
        let nothing = list(statement.types.map { _ in "NULL" })
        return try await cluster.sql(
            """
            \(settings);
            PREPARE one \(types) AS \(statement.sql); EXPLAIN (COSTS OFF) EXECUTE one \(nothing)
            """
        )
    }

    private func named(_ sql: RecordSQL) -> [Statement] {
        [sql.byKey, sql.byName, sql.unindex, sql.delete, sql.update, sql.move, sql.sweep]
    }

    private func pages(_ sql: RecordSQL) -> [Statement] {
        let filters: [PageFilter] = [.all, .family("f"), .subject("s"), .client("c")]
        return filters.flatMap { filter in
            [nil, IdentifierHash(bytes: [1])].map { after in
                sql.page(PageRequest(kind: RecordKind("k"), filter: filter, after: after, limit: 10, now: .testTime))
                    .statement
            }
        }
    }

    /// Tables that were filled a moment ago, or whose autovacuum is far behind.
    @Test(.timeLimit(.minutes(2)))
    func `In tables that nobody has analyzed, sessions of ours look up what is asked for and walk no whole index`()
        async throws
    {
        let cluster = try await Cluster.shared
        let (schema, sql) = try await Self.filled(cluster, isAnalyzed: false)
        let settings = Schema.settings(PostgresStoreSettings(), isLocal: false)
        func scansAndConditions(_ plan: String) -> (scans: Int, conditions: Int) {
            let lines = plan.split(separator: "\n")
            func count(_ words: String) -> Int { lines.filter { $0.contains(words) }.count }
            return (count("Index Scan") + count("Index Only Scan") + count("Seq Scan"), count("Index Cond"))
        }
        for statement in named(sql) + pages(sql) {
            let plan = try await plan(statement, cluster, settings: settings)
            let (scans, conditions) = scansAndConditions(plan)
            #expect(scans > 0 && scans == conditions, "\(statement.name): \(plan)")
        }
        // A join, as the families' part would be without its OFFSET.
        let joined = Statement(
            "joined",
            "SELECT r.* FROM unnest($1) AS k(family) JOIN \(schema.records) r ON r.family = k.family AND r.consumed_at IS NULL",
            [.manyBytes]
        )
        let (scans, conditions) = scansAndConditions(try await plan(joined, cluster, settings: settings))
        #expect(scans > conditions)
    }

    @Test(.timeLimit(.minutes(2)))
    func `Every statement finds its rows by an index, and pages and sweeps neither sort nor scan`() async throws {
        let cluster = try await Cluster.shared
        let (schema, sql) = try await Self.filled(cluster)
        let pages = pages(sql)
        for statement in named(sql) + pages {
            let plan = try await plan(statement, cluster)
            #expect(!plan.contains("Seq Scan"), "\(statement.name): \(plan)")
            #expect(!plan.contains("Bitmap Heap Scan"), "\(statement.name): \(plan)")
            #expect(plan.contains("Index Scan using"), "\(statement.name): \(plan)")
        }
        for statement in pages + [sql.sweep] {
            let plan = try await plan(statement, cluster)
            #expect(!plan.contains("Sort"), "\(statement.name): \(plan)")
            #expect(plan.contains("Limit"), "\(statement.name): \(plan)")
        }
        // Those that only add or look at nothing have nothing to search.
        for statement in [sql.insert, sql.index, sql.lock, sql.notify, sql.health] {
            let plan = try await plan(statement, cluster)
            #expect(!plan.contains("Seq Scan"), "\(statement.name): \(plan)")
        }
        // A question that no index fits is one that this test would see.
        let unfit = Statement("unfit", "SELECT 1 FROM \(schema.records) WHERE payload = $1 ORDER BY version", [.bytes])
        let scan = try await plan(unfit, cluster)
        #expect(scan.contains("Seq Scan") && scan.contains("Sort"))
    }
}

extension ParameterType {
    fileprivate var name: String {
        switch self {
        case .boolean: "boolean"
        case .bytes: "bytea"
        case .integer: "bigint"
        case .text: "text"
        case .booleans: "boolean[]"
        case .manyBytes: "bytea[]"
        case .transactions: "xid[]"
        case .integers: "bigint[]"
        }
    }
}
