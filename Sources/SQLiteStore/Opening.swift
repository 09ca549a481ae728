import GRDB
import Instants
import Storage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

extension DatabasePool {
    /// The pool on a database file that is ours, current, and set up the way `SQLiteStore` promises.
    static func opened(path: String, settings: SQLiteStoreSettings) throws(SQLiteStoreError) -> DatabasePool {
        try DatabaseFile(path: path).prepare()
        do {
            let pool = try DatabasePool(path: path, configuration: configuration(path: path, settings: settings))
            try pool.writeWithoutTransaction { database in
                // Here and not in the configuration: opening a pool resets the writer to NORMAL as its last act.
                try database.execute(sql: "PRAGMA synchronous = \(settings.durability == .full ? "FULL" : "OFF")")
                try Schema.migrate(database, path: path)
            }
            return pool
        } catch let error as SQLiteStoreError {
            throw error
        } catch {
            throw SQLiteFault(error).openError(path: path)
        }
    }

    private static func configuration(path: String, settings: SQLiteStoreSettings) -> Configuration {
        var configuration = Configuration()
        configuration.busyMode = .timeout(Double(settings.busyTimeout.wholeMilliseconds) / 1000)
        configuration.foreignKeysEnabled = false
        // One more than the lane uses: an integrity check must not hold up the readers.
        configuration.maximumReaderCount = settings.readers + 1
        configuration.persistentReadOnlyConnections = true
        configuration.prepareDatabase { database in
            if !database.configuration.readonly { try Schema.check(database, path: path) }
            try database.execute(
                sql: """
                    PRAGMA cache_size = -4096;
                    PRAGMA journal_size_limit = 67108864;
                    PRAGMA fullfsync = ON;
                    PRAGMA checkpoint_fullfsync = ON;
                    PRAGMA trusted_schema = OFF;
                    PRAGMA cell_size_check = ON;
                    """
            )
        }
        return configuration
    }
}

/// The file before SQLite sees it.
private struct DatabaseFile {
    let path: String

    private var folder: String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Checks that the folder can be written to and creates the file where there is none, so that it never exists with
    /// a mode wider than 0600; SQLite gives its companions the mode of the file.
    ///
    /// A file that does not look like a database of ours is refused before SQLite opens it, since merely opening may
    /// write.
    func prepare() throws(SQLiteStoreError) {
        var status = stat()
        guard stat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw .folderMissing(folder: folder)
        }
        guard access(folder, W_OK | X_OK) == 0 else {
            throw .folderNotWritable(folder: folder, reason: reason(of: errno))
        }
        let created = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if created >= 0 {
            close(created)
            syncFolder()
            return
        }
        let problem = errno
        guard problem == EEXIST else { throw .folderNotWritable(folder: folder, reason: reason(of: problem)) }
        try checkHeader()
    }

    /// A new name is durable only once its folder is.
    private func syncFolder() {
        let descriptor = open(folder, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    private func checkHeader() throws(SQLiteStoreError) {
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw .cannotOpen(path: path, reason: reason(of: errno)) }
        defer { close(descriptor) }
        var header = [UInt8](repeating: 0, count: 100)
        let length = read(descriptor, &header, header.count)
        // SQLite takes an empty file for an empty database.
        if length == 0 { return }
        guard length == header.count, header.starts(with: Array("SQLite format 3\0".utf8)) else {
            throw .notADatabase(path: path)
        }
        // https://www.sqlite.org/fileformat.html §1.3: user_version at 60, application_id at 68, big-endian. A version
        // that is still in the write-ahead log is seen by `Schema.check`.
        let version = integer(in: header, at: 60)
        let owner = integer(in: header, at: 68)
        guard owner == Schema.applicationID || (owner == 0 && version == 0) else { throw .foreign(path: path) }
        guard version <= Schema.version else {
            throw .newerSchema(path: path, found: Int(version), supported: Schema.version)
        }
    }

    private func integer(in header: [UInt8], at offset: Int) -> Int32 {
        Int32(bitPattern: header[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) })
    }

    private func reason(of code: Int32) -> String { String(cString: strerror(code)) }
}
