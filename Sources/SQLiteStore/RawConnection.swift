import GRDBSQLite

/// A connection of SQLite's own, for what is done to a whole file rather than to records.
final class RawConnection {
    enum Mode {
        case readWrite
        /// Of a file that nobody writes: no locks, no companions, nothing is changed.
        case immutable
    }

    let handle: OpaquePointer
    private let path: String

    init(_ path: String, _ mode: Mode) throws(SQLiteStoreError) {
        var opened: OpaquePointer?
        let flags =
            switch mode {
            case .readWrite: SQLITE_OPEN_READWRITE
            case .immutable: SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
            }
        let name =
            switch mode {
            case .readWrite: path
            case .immutable: "file:\(Self.escaped(path))?immutable=1"
            }
        let code = sqlite3_open_v2(name, &opened, flags | SQLITE_OPEN_NOMUTEX, nil)
        guard let opened else { throw .cannotOpen(path: path, reason: "out of memory") }
        guard code == SQLITE_OK else {
            let fault = SQLiteFault.sqlite(code: code, message: String(cString: sqlite3_errmsg(opened)))
            sqlite3_close_v2(opened)
            throw fault.openError(path: path)
        }
        handle = opened
        self.path = path
        sqlite3_extended_result_codes(handle, 1)
        sqlite3_busy_timeout(handle, 5000)
    }

    deinit { sqlite3_close_v2(handle) }

    /// The values of the first column, as texts.
    @discardableResult
    func run(_ sql: String) throws(SQLiteStoreError) -> [String] {
        var statement: OpaquePointer?
        try check(sqlite3_prepare_v2(handle, sql, -1, &statement, nil))
        defer { sqlite3_finalize(statement) }
        var values: [String] = []
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW: values.append(sqlite3_column_text(statement, 0).map { String(cString: $0) } ?? "")
            case SQLITE_DONE: return values
            case let code: throw fault(code)
            }
        }
    }

    func integer(_ sql: String) throws(SQLiteStoreError) -> Int { Int(try run(sql).first ?? "") ?? 0 }

    func check(_ code: Int32) throws(SQLiteStoreError) {
        guard code == SQLITE_OK else { throw fault(code) }
    }

    func fault(_ code: Int32) -> SQLiteStoreError {
        SQLiteFault.sqlite(code: code, message: String(cString: sqlite3_errmsg(handle))).openError(path: path)
    }

    /// A path inside of SQLite's `file:` name (https://www.sqlite.org/uri.html).
    private static func escaped(_ path: String) -> String {
        path.reduce(into: "") { text, character in
            switch character {
            case "%": text += "%25"
            case "?": text += "%3f"
            case "#": text += "%23"
            default: text.append(character)
            }
        }
    }
}
