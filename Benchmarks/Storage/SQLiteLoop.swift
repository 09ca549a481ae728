internal import Foundation
internal import GRDBSQLite
internal import Instants
internal import Storage

/// SQLite and the disk without a store: what the store is measured against.
struct SQLiteLoop {
    /// A file that a store has filled.
    let path: String
    let families: Int

    /// `nil` for a command that is not about this.
    func answer(_ words: [String]) throws -> [String: Any]? {
        let numbers = words.dropFirst().compactMap { Int($0) }
        switch (words.first, numbers.count) {
        case ("loop", 2): return try loop(together: numbers[0], seconds: numbers[1])
        case ("disk", 1): return try disk(seconds: numbers[0])
        default: return nil
        }
    }

    /// One connection, one thread: the same update as a prepared statement, in transactions of `together`, `FULL`.
    private func loop(together: Int, seconds: Int) throws -> [String: Any] {
        var connection: OpaquePointer?
        guard sqlite3_open_v2(path, &connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nil) == SQLITE_OK else {
            throw Fault("the file cannot be opened")
        }
        defer { sqlite3_close_v2(connection) }
        for pragma in ["synchronous = FULL", "cache_size = -4096", "journal_size_limit = 16777216"] {
            sqlite3_exec(connection, "PRAGMA \(pragma)", nil, nil, nil)
        }
        let read = try prepare("SELECT version, payload FROM records WHERE kind = ? AND identifier = ?", connection)
        let write = try prepare(
            "UPDATE records SET version = ?, expires_at = ?, consumed_at = NULL, payload = ? WHERE kind = ? AND identifier = ?",
            connection
        )
        defer {
            sqlite3_finalize(read)
            sqlite3_finalize(write)
        }
        var random = SplitMix(seed: 99)
        var done = 0
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .seconds(seconds) {
            sqlite3_exec(connection, "BEGIN IMMEDIATE", nil, nil, nil)
            for _ in 0..<max(1, together) {
                let number = Int(random.next() % UInt64(families))
                let key = Family.key(number)
                bind(key, at: 1, to: read)
                guard sqlite3_step(read) == SQLITE_ROW else { throw Fault("family \(number) is missing") }
                let version = sqlite3_column_int64(read, 0) + 1
                sqlite3_reset(read)
                sqlite3_bind_int64(write, 1, version)
                sqlite3_bind_int64(write, 2, (Family.start + .seconds(30 * 86_400)).millisecondsSinceEpoch + version)
                bind(Family.payload(number, generation: version), at: 3, to: write)
                bind(key, at: 4, to: write)
                guard sqlite3_step(write) == SQLITE_DONE else { throw Fault("an update failed") }
                sqlite3_reset(write)
                done += 1
            }
            guard sqlite3_exec(connection, "COMMIT", nil, nil, nil) == SQLITE_OK else { throw Fault("a commit failed") }
        }
        return ["rate": Double(done) / elapsedSeconds(since: start)]
    }

    private func prepare(_ sql: String, _ connection: OpaquePointer?) throws -> OpaquePointer? {
        var statement: OpaquePointer?
        guard sqlite3_prepare_v3(connection, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil) == SQLITE_OK
        else { throw Fault("a statement was refused: \(sql)") }
        return statement
    }

    private func bind(_ key: RecordKey, at place: Int32, to statement: OpaquePointer?) {
        let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        sqlite3_bind_text(statement, place, key.kind.name, -1, transient)
        bind(key.identifier.bytes, at: place + 1, to: statement)
    }

    private func bind(_ bytes: [UInt8], at place: Int32, to statement: OpaquePointer?) {
        let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        sqlite3_bind_blob(statement, place, bytes, Int32(bytes.count), transient)
    }

    /// What the disk does: writes of 4 KiB, each followed by `fdatasync`.
    private func disk(seconds: Int) throws -> [String: Any] {
        let file = path + ".disk"
        let descriptor = open(file, O_RDWR | O_CREAT | O_TRUNC, 0o600)
        guard descriptor >= 0 else { throw Fault("\(file) cannot be made") }
        defer {
            close(descriptor)
            unlink(file)
        }
        let page = [UInt8](repeating: 7, count: 4096)
        var done = 0
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .seconds(seconds) {
            guard pwrite(descriptor, page, page.count, off_t(done % 1024 * 4096)) == page.count,
                fdatasync(descriptor) == 0
            else { throw Fault("the disk refused") }
            done += 1
        }
        return ["rate": Double(done) / elapsedSeconds(since: start)]
    }
}
