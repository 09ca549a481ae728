import GRDBSQLite

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Whole database files: copied while others write, checked, closed up so that one file holds everything.
package enum DatabaseCopy {
    /// How far a copy has come, in bytes.
    package struct Progress: Hashable, Sendable {
        package var done: Int64
        package var total: Int64
    }

    /// How many pages are copied between two reports.
    private static let pagesAtOnce: Int32 = 4096

    /// Copies the database at `source`, as it is at the moment of the call, into the new file `copy` (mode 0600, synced).
    ///
    /// Writers are not held up: the copy reads one snapshot, from the first page to the last. Until it is done the
    /// write-ahead log cannot begin anew and grows with what is written meanwhile.
    package static func make(
        of source: String,
        at copy: String,
        progress: (Progress) -> Void = { _ in }
    ) throws(SQLiteStoreError) {
        let from = try RawConnection(source, .readWrite)
        try checkOwner(from, path: source)
        // Opened here, the read transaction stays the same through all steps; a step that has to open its own would begin
        // the copy again whenever another process has written.
        try from.run("BEGIN")
        let pageSize = Int64(try from.integer("PRAGMA page_size"))
        _ = try from.integer("SELECT count(*) FROM sqlite_schema")
        try createFile(copy)
        do throws(SQLiteStoreError) {
            let to = try RawConnection(copy, .readWrite)
            // Nobody else knows the file, and it is worth nothing before it is whole and synced.
            try to.run("PRAGMA journal_mode = OFF")
            try to.run("PRAGMA synchronous = OFF")
            guard let backup = sqlite3_backup_init(to.handle, "main", from.handle, "main") else {
                throw to.fault(sqlite3_errcode(to.handle))
            }
            var code = SQLITE_OK
            repeat {
                code = sqlite3_backup_step(backup, pagesAtOnce)
                let total = Int64(sqlite3_backup_pagecount(backup)) * pageSize
                progress(Progress(done: total - Int64(sqlite3_backup_remaining(backup)) * pageSize, total: total))
            } while code == SQLITE_OK
            let end = sqlite3_backup_finish(backup)
            guard code == SQLITE_DONE, end == SQLITE_OK else { throw to.fault(code == SQLITE_DONE ? end : code) }
        } catch {
            unlink(copy)
            throw error
        }
        try sync(copy)
    }

    /// Everything that is wrong with a file that nobody writes; empty when it is sound.
    ///
    /// Changes nothing, not even beside the file.
    package static func faults(of path: String) throws(SQLiteStoreError) -> [String] {
        let connection = try RawConnection(path, .immutable)
        try checkOwner(connection, path: path)
        do throws(SQLiteStoreError) {
            let faults = try connection.run("PRAGMA integrity_check").filter { $0 != "ok" }
            guard faults.isEmpty else { return faults }
            let orphans = try connection.integer(
                "SELECT count(*) FROM record_indexes WHERE record NOT IN (SELECT id FROM records)"
            )
            return orphans == 0 ? [] : ["\(orphans) index entries belong to no record"]
        } catch {
            guard case .damaged(_, let detail) = error else { throw error }
            return [detail]
        }
    }

    /// Brings what is in the write-ahead log into the file and removes the log.
    ///
    /// Nobody else may have the file open; afterwards the one file holds everything.
    package static func closeUp(_ path: String) throws(SQLiteStoreError) {
        do {
            let connection = try RawConnection(path, .readWrite)
            try connection.run("PRAGMA wal_checkpoint(TRUNCATE)")
        }
        try sync(path)
    }

    private static func checkOwner(_ connection: RawConnection, path: String) throws(SQLiteStoreError) {
        let owner = try connection.integer("PRAGMA application_id")
        guard owner == Schema.applicationID else { throw .foreign(path: path) }
        let found = try connection.integer("PRAGMA user_version")
        guard found <= Schema.version else {
            throw .newerSchema(path: path, found: found, supported: Schema.version)
        }
    }

    private static func createFile(_ path: String) throws(SQLiteStoreError) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .cannotOpen(path: path, reason: String(cString: strerror(errno))) }
        close(descriptor)
    }

    private static func sync(_ path: String) throws(SQLiteStoreError) {
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw .cannotOpen(path: path, reason: String(cString: strerror(errno))) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .cannotOpen(path: path, reason: String(cString: strerror(errno))) }
    }
}
