import GRDB

/// The tables and how they came about.
///
/// `PRAGMA user_version` holds how many of the steps a file has been through; a step, once released, is never edited.
enum Schema {
    /// "SGNT": marks the file as Signet's own (`PRAGMA application_id`), so that no other program's database is touched.
    static let applicationID: Int32 = 0x5347_4E54

    static var version: Int { steps.count }

    // `sweep_at` is never later than `expires_at` and is NULL only where that is: see `RecordTable.sweep`.
    // `records_by_family` is short because families are; subjects and above all clients have many records, and their
    // indexes give one page in order without sorting.
    static let steps: [String] = [
        """
        CREATE TABLE records (
            id INTEGER PRIMARY KEY,
            kind TEXT NOT NULL,
            identifier BLOB NOT NULL,
            version INTEGER NOT NULL,
            expires_at INTEGER,
            consumed_at INTEGER,
            sweep_at INTEGER,
            index_count INTEGER NOT NULL,
            family TEXT,
            subject TEXT,
            client TEXT,
            payload BLOB NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX records_by_identifier ON records (kind, identifier);
        CREATE INDEX records_by_sweep ON records (sweep_at) WHERE sweep_at IS NOT NULL;
        CREATE INDEX records_by_family ON records (family) WHERE family IS NOT NULL;
        CREATE INDEX records_by_subject ON records (subject, kind, identifier) WHERE subject IS NOT NULL;
        CREATE INDEX records_by_client ON records (client, kind, identifier) WHERE client IS NOT NULL;

        CREATE TABLE record_indexes (
            kind TEXT NOT NULL,
            name TEXT NOT NULL,
            value BLOB NOT NULL,
            record INTEGER NOT NULL,
            position INTEGER NOT NULL,
            PRIMARY KEY (kind, name, value)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX record_indexes_by_record ON record_indexes (record, position);
        """
    ]

    /// Refuses a file that is not ours or is from the future.
    ///
    /// Writes nothing.
    static func check(_ database: Database, path: String) throws {
        // The owner last: another process may commit the first step between two of these, and it sets all three at once.
        let isEmpty = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_schema") == 0
        let found = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
        let owner = try Int32.fetchOne(database, sql: "PRAGMA application_id") ?? 0
        guard owner == applicationID || (owner == 0 && found == 0 && isEmpty) else {
            throw SQLiteStoreError.foreign(path: path)
        }
        guard found <= version else {
            throw SQLiteStoreError.newerSchema(path: path, found: found, supported: version)
        }
    }

    /// Takes the steps that the file has not seen, each in one transaction.
    ///
    /// Two processes may do so at once: the version is read again under the write lock.
    static func migrate(_ database: Database, path: String) throws {
        while true {
            var isDone = false
            try database.inTransaction(.immediate) {
                try check(database, path: path)
                let reached = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
                guard reached < version else {
                    isDone = true
                    return .commit
                }
                try database.execute(sql: steps[reached])
                try database.execute(sql: "PRAGMA application_id = \(applicationID)")
                try database.execute(sql: "PRAGMA user_version = \(reached + 1)")
                return .commit
            }
            if isDone { return }
        }
    }
}
