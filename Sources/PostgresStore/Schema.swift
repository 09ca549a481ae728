import Instants

/// The tables and how they came about.
///
/// `signet_schema` holds how many of the steps a schema has been through; a step, once released, is never edited.
struct Schema: Sendable {
    /// The name of the PostgreSQL schema, which needs no quotes inside quotes: see `PostgresAddress`.
    let name: String

    var quoted: String { "\"\(name)\"" }
    var records: String { "\(quoted).records" }
    var indexes: String { "\(quoted).record_indexes" }
    /// What LISTEN and NOTIFY name; PostgreSQL allows 63 bytes.
    var channel: String { "signet:\(name)" }

    static var version: Int { Schema(name: "").steps.count }

    // Texts are `bytea`: PostgreSQL's `text` cannot hold a NUL, and compares by collations that differ between machines.
    //
    // `sweep_at` is never later than `expires_at` and is NULL only where that is (decision 0003): an expiry that moves
    // later touches no index. Nor does a version, a payload or a spent moment, so that such an update is heap-only as
    // long as its page has room, for which pages are left a fifth empty.
    //
    // The vacuum comes early and does not dawdle: what it has to do grows with every rotation.
    var steps: [[String]] {
        [
            [
                """
                CREATE TABLE \(records) (
                    version bigint NOT NULL,
                    expires_at bigint,
                    consumed_at bigint,
                    sweep_at bigint,
                    kind bytea NOT NULL,
                    identifier bytea NOT NULL,
                    family bytea,
                    subject bytea,
                    client bytea,
                    indexes bytea,
                    payload bytea NOT NULL,
                    CONSTRAINT records_by_identifier PRIMARY KEY (kind, identifier)
                ) WITH (
                    fillfactor = 80,
                    autovacuum_vacuum_scale_factor = 0.02,
                    autovacuum_vacuum_insert_scale_factor = 0.1,
                    autovacuum_analyze_scale_factor = 0.05,
                    autovacuum_vacuum_cost_limit = 2000
                )
                """,
                "CREATE INDEX records_by_sweep ON \(records) (sweep_at) WHERE sweep_at IS NOT NULL",
                "CREATE INDEX records_by_family ON \(records) (family, kind, identifier) WHERE family IS NOT NULL",
                """
                CREATE INDEX records_by_subject ON \(records) (subject, kind, identifier)
                WHERE subject IS NOT NULL
                """,
                "CREATE INDEX records_by_client ON \(records) (client, kind, identifier) WHERE client IS NOT NULL",
                """
                CREATE TABLE \(indexes) (
                    kind bytea NOT NULL,
                    name bytea NOT NULL,
                    value bytea NOT NULL,
                    identifier bytea NOT NULL,
                    CONSTRAINT record_indexes_by_value PRIMARY KEY (kind, name, value)
                ) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05)
                """,
                "CREATE INDEX record_indexes_by_record ON \(indexes) (kind, identifier)",
                // Ends a transaction whose writes met other records than were judged.
                """
                CREATE FUNCTION \(quoted).expect(written bigint, judged bigint) RETURNS void LANGUAGE plpgsql AS $$
                BEGIN
                    IF written IS DISTINCT FROM judged THEN
                        RAISE EXCEPTION USING ERRCODE = '\(PostgresFault.changedMeanwhile)',
                            MESSAGE = 'a record changed under a request, which is judged again';
                    END IF;
                END $$
                """,
            ]
        ]
    }

    /// What a session, or a transaction behind a pooler, is set to.
    ///
    /// Durability is raised to `on`, never lowered; the planner, which cannot know how a table will have grown when it
    /// plans once for a connection's life, is kept from ever choosing a scan.
    static func settings(_ limits: PostgresStoreSettings, isLocal: Bool) -> String {
        let values = [
            ("statement_timeout", "\(limits.statementTimeout.wholeMilliseconds)"),
            ("lock_timeout", "\(limits.lockTimeout.wholeMilliseconds)"),
            ("idle_in_transaction_session_timeout", "\(limits.idleInTransactionTimeout.wholeMilliseconds)"),
            ("enable_seqscan", "off"), ("enable_hashjoin", "off"), ("enable_mergejoin", "off"), ("jit", "off"),
            ("plan_cache_mode", "force_generic_plan"),
        ]
        let calls = values.map { "pg_catalog.set_config('\($0)', '\($1)', \(isLocal))" }
        return """
            SELECT pg_catalog.set_config('synchronous_commit', CASE pg_catalog.current_setting('synchronous_commit')
            WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, \(isLocal)), \(calls.joined(separator: ", "))
            """
    }
}
