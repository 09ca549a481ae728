import GRDB
import GRDBSQLite
package import Instants
package import Storage

extension SQLiteStore: RecordArchive {
    package func facts() async throws(StoreError) -> StoreFacts {
        try await reading { database in
            let pages = try Int64.fetchOne(database, sql: "PRAGMA page_count") ?? 0
            let free = try Int64.fetchOne(database, sql: "PRAGMA freelist_count") ?? 0
            let pageSize = try Int64.fetchOne(database, sql: "PRAGMA page_size") ?? 0
            return StoreFacts(
                engine: "SQLite \(String(cString: sqlite3_libversion()))",
                schema: try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0,
                bytes: pages * pageSize,
                details: [
                    .init("journal", try String.fetchOne(database, sql: "PRAGMA journal_mode") ?? "unknown"),
                    .init("free", "\(free * pageSize) bytes, to be used again"),
                ]
            )
        }
    }

    package func inventory(now: Instant) async throws(StoreError) -> [KindInventory] {
        try await reading { database in try RecordTable(database: database).inventory(now: now) }
    }

    package func records(after position: ArchivePosition?, limit: Int) async throws(StoreError) -> ArchivePage {
        let last = try position.map { position throws(StoreError) in try Self.row(position) } ?? 0
        return try await reading { database in
            let found = try RecordTable(database: database).rows(after: last, limit: StoreLimits.pageSize(asked: limit))
            return ArchivePage(records: found.records, last: found.last.map { ArchivePosition(row: $0) })
        }
    }

    package nonisolated(nonsending) func load(_ records: [Storage.Record]) async throws(StoreError) {
        guard !records.isEmpty else { return }
        try await loadThroughLane(records)
    }

    private func reading<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StoreError) -> Value {
        do {
            return try await pool.read(body)
        } catch {
            throw SQLiteFault(error).storeError
        }
    }

    /// Row numbers are never used twice while the greatest of them stands, and no record moves to another.
    private static func row(_ position: ArchivePosition) throws(StoreError) -> Int64 {
        guard position.bytes.count == 8 else {
            throw .corrupt(reason: "a place in the order of a SQLite store has \(position.bytes.count) bytes, not 8")
        }
        return Int64(bitPattern: position.bytes.reduce(0) { $0 << 8 | UInt64($1) })
    }
}

extension ArchivePosition {
    fileprivate init(row: Int64) {
        self.init(bytes: (0..<8).map { UInt8(truncatingIfNeeded: row >> (56 - 8 * $0)) })
    }
}

extension RecordTable {
    /// Two walks of indexes: all entries by identifier, and those whose time has come by `sweep_at`.
    fileprivate func inventory(now: Instant) throws(SQLiteFault) -> [KindInventory] {
        var kinds: [KindInventory] = []
        do {
            var statement = try BoundStatement(
                "SELECT kind, count(*) FROM records INDEXED BY records_by_identifier GROUP BY kind ORDER BY kind",
                in: database
            )
            while try statement.step() {
                kinds.append(
                    KindInventory(kind: RecordKind(try statement.text(0) ?? ""), count: Int(statement.integer(1) ?? 0))
                )
            }
        }
        var statement = try BoundStatement(
            """
            SELECT kind, count(*), min(expires_at) FROM records INDEXED BY records_by_sweep
            WHERE sweep_at <= ? AND expires_at <= ? GROUP BY kind
            """,
            in: database
        )
        try statement.bind(now.millisecondsSinceEpoch)
        try statement.bind(now.millisecondsSinceEpoch)
        while try statement.step() {
            let name = try statement.text(0) ?? ""
            guard let place = kinds.firstIndex(where: { $0.kind.name.isSame(as: name) }) else { continue }
            kinds[place].expired = Int(statement.integer(1) ?? 0)
            kinds[place].oldestExpiry = statement.integer(2).map(Instant.init(millisecondsSinceEpoch:))
        }
        return kinds
    }

    fileprivate func rows(
        after row: Int64,
        limit: Int
    ) throws(SQLiteFault) -> (records: [Storage.Record], last: Int64?) {
        var statement = try BoundStatement(
            "SELECT \(Self.columns) FROM records r WHERE r.id > ? ORDER BY r.id LIMIT ?",
            in: database
        )
        try statement.bind(row)
        try statement.bind(Int64(limit))
        return try numberedRows(of: statement)
    }

    /// Writes the records over whatever has their keys.
    func load(_ records: [Storage.Record]) throws(SQLiteFault) {
        var writes: [RecordWrite] = []
        writes.reserveCapacity(records.count)
        for record in records { writes.append(RecordWrite(before: try self.record(record.key), after: record)) }
        try write(writes)
    }
}

extension String {
    fileprivate func isSame(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}
