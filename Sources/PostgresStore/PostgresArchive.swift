package import Instants
package import Storage

/// The whole content of a database, for moving and counting it.
///
/// On a connection of its own for each call: what takes long holds up nobody who waits for the pool.
extension PostgresStore: RecordArchive {
    /// How long one of these may take: a count walks every index entry.
    private static let patience: Duration = .seconds(3600)

    package func facts() async throws(StoreError) -> StoreFacts {
        let schema = pool.schema
        return try await archiving { connection, pool throws(PostgresFault) in
            let rows = try Self.inTransaction(
                [
                    Command(
                        """
                        SELECT convert_to(current_setting('server_version'), 'UTF8'),
                        pg_total_relation_size('\(schema.records)') + pg_total_relation_size('\(schema.indexes)'),
                        (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()),
                        current_setting('max_connections')::bigint, (SELECT count(*) FROM pg_stat_replication)
                        """
                    )
                ],
                on: connection,
                pool
            )[0]
            return StoreFacts(
                engine: "PostgreSQL \(try rows.text(0, 0) ?? "of no version")",
                schema: Schema.version,
                bytes: rows.integer(0, 1) ?? 0,
                details: [
                    .init("connections", "\(rows.integer(0, 2) ?? 0) of \(rows.integer(0, 3) ?? 0)"),
                    .init("standbys", "\(rows.integer(0, 4) ?? 0)"),
                ]
            )
        }
    }

    package func inventory(now: Instant) async throws(StoreError) -> [KindInventory] {
        let records = pool.schema.records
        return try await archiving { connection, pool throws(PostgresFault) in
            let expired = Statement(
                "",
                """
                SELECT kind, count(*), min(expires_at) FROM \(records) WHERE sweep_at <= $1 AND expires_at <= $1
                GROUP BY kind
                """,
                [.integer]
            )
            let answers = try Self.inTransaction(
                [
                    Command("SELECT kind, count(*) FROM \(records) GROUP BY kind ORDER BY kind"),
                    Command(expired, [.integer(now.millisecondsSinceEpoch)]),
                ],
                on: connection,
                pool
            )
            var kinds: [KindInventory] = []
            for row in 0..<answers[0].count {
                let name = try answers[0].text(row, 0) ?? ""
                kinds.append(KindInventory(kind: RecordKind(name), count: Int(answers[0].integer(row, 1) ?? 0)))
            }
            for row in 0..<answers[1].count {
                let name = try answers[1].text(row, 0) ?? ""
                guard let place = kinds.firstIndex(where: { $0.kind.name.utf8.elementsEqual(name.utf8) }) else {
                    continue
                }
                kinds[place].expired = Int(answers[1].integer(row, 1) ?? 0)
                kinds[place].oldestExpiry = answers[1].integer(row, 2).map(Instant.init(millisecondsSinceEpoch:))
            }
            return kinds
        }
    }

    /// In the order of kinds and identifiers.
    package func records(after position: ArchivePosition?, limit: Int) async throws(StoreError) -> ArchivePage {
        let (kind, identifier) = try position.map { position throws(StoreError) in try Self.name(position) } ?? ([], [])
        let next = Statement(
            "",
            """
            SELECT \(RecordSQL.columns) FROM \(pool.schema.records) r WHERE (r.kind, r.identifier) > ($1, $2)
            ORDER BY r.kind, r.identifier LIMIT $3
            """,
            [.bytes, .bytes, .integer]
        )
        let size = Int64(StoreLimits.pageSize(asked: limit))
        return try await archiving { connection, pool throws(PostgresFault) in
            let command = Command(next, [.bytes(kind), .bytes(identifier), .integer(size)])
            let records = try Self.inTransaction([command], on: connection, pool)[0].records().map(\.record)
            return ArchivePage(records: records, last: records.last.map { ArchivePosition($0.key) })
        }
    }

    package func load(_ records: [Record]) async throws(StoreError) {
        guard !records.isEmpty else { return }
        try await archiving { connection, pool throws(PostgresFault) in
            var names = Names()
            for record in records { names.add(.key(record.key)) }
            var opening = [Command("BEGIN"), Command(Self.unlimited)]
            if pool.isPooled { opening.insert(Command(pool.localSettings), at: 1) }
            let present = try connection.run(opening + [names.command(pool.sql)], timeout: Self.patience)
            var set = WorkingSet(try present.last?.records() ?? [])
            set.write(records.map { RecordWrite(before: set.record($0.key), after: $0) })
            let answers = try connection.run(set.commands(pool.sql) + [Command("COMMIT")], timeout: Self.patience)
            guard answers.last?.tag == "COMMIT" else { throw .lost("the server did not commit") }
        }
    }

    private static var unlimited: String { "SELECT pg_catalog.set_config('statement_timeout', '0', true)" }

    /// The answers to commands that run as long as they must, at one moment.
    private static func inTransaction(
        _ commands: [Command],
        on connection: Connection,
        _ pool: Pool
    ) throws(PostgresFault) -> [Rows] {
        var opening = [Command("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"), Command(unlimited)]
        if pool.isPooled { opening.insert(Command(pool.localSettings), at: 1) }
        let answers = try connection.run(opening + commands + [Command("COMMIT")], timeout: patience)
        return Array(answers.dropFirst(opening.count).dropLast())
    }

    private func archiving<Value: Sendable>(
        _ body: @escaping @Sendable (Connection, Pool) throws(PostgresFault) -> Value
    ) async throws(StoreError) -> Value {
        let result = await NativeThread.run { [pool] () -> Result<Value, StoreError> in
            do throws(PostgresFault) {
                return .success(try body(try pool.connect(), pool))
            } catch {
                return .failure(error.storeError)
            }
        }
        guard let result else { throw .unavailable(reason: "no thread can be started") }
        return try result.get()
    }

    /// The length of the kind in two bytes, the kind, the identifier.
    private static func name(_ position: ArchivePosition) throws(StoreError) -> (kind: [UInt8], identifier: [UInt8]) {
        let length = position.bytes.prefix(2).reduce(0) { $0 << 8 | Int($1) }
        guard position.bytes.count >= 2 + length else {
            throw .corrupt(reason: "a place in the order of a PostgreSQL store is cut short")
        }
        let rest = position.bytes.dropFirst(2)
        return (Array(rest.prefix(length)), Array(rest.dropFirst(length)))
    }
}

extension ArchivePosition {
    fileprivate init(_ key: RecordKey) {
        let kind = Array(key.kind.name.utf8)
        self.init(
            bytes: [UInt8(truncatingIfNeeded: kind.count >> 8), UInt8(truncatingIfNeeded: kind.count)] + kind
                + key.identifier.bytes
        )
    }
}
