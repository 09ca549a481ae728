import GRDB
import GRDBSQLite

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// One run of a cached prepared statement, bound and stepped through SQLite's own interface: texts keep their NUL
/// characters and an empty blob stays a blob, which is not so through GRDB's `Data` and `String` bindings on Linux.
struct BoundStatement: ~Copyable {
    private let statement: Statement
    private let handle: OpaquePointer
    private var parameter: Int32 = 0

    /// SQLite copies what it is given; the pointer need not outlive the call.
    private static var transient: sqlite3_destructor_type { unsafeBitCast(-1, to: sqlite3_destructor_type.self) }

    init(_ sql: String, in database: Database) throws(SQLiteFault) {
        do {
            statement = try database.cachedStatement(sql: sql)
            handle = statement.sqliteStatement
        } catch {
            throw SQLiteFault(error)
        }
    }

    deinit {
        sqlite3_reset(handle)
        sqlite3_clear_bindings(handle)
    }

    mutating func bind(_ value: Int64?) throws(SQLiteFault) {
        parameter += 1
        if let value {
            try check(sqlite3_bind_int64(handle, parameter, value))
        } else {
            try check(sqlite3_bind_null(handle, parameter))
        }
    }

    mutating func bind(_ text: String?) throws(SQLiteFault) {
        parameter += 1
        guard var text else {
            try check(sqlite3_bind_null(handle, parameter))
            return
        }
        let code = text.withUTF8 { utf8 in
            utf8.withMemoryRebound(to: CChar.self) { characters in
                guard let start = characters.baseAddress, !characters.isEmpty else {
                    return sqlite3_bind_text(handle, parameter, "", 0, Self.transient)
                }
                return sqlite3_bind_text64(
                    handle,
                    parameter,
                    start,
                    UInt64(characters.count),
                    Self.transient,
                    UInt8(SQLITE_UTF8)
                )
            }
        }
        try check(code)
    }

    mutating func bind(_ bytes: [UInt8]) throws(SQLiteFault) {
        parameter += 1
        let code = bytes.withUnsafeBytes { buffer in
            guard let start = buffer.baseAddress, !buffer.isEmpty else {
                return sqlite3_bind_zeroblob(handle, parameter, 0)
            }
            return sqlite3_bind_blob64(handle, parameter, start, UInt64(buffer.count), Self.transient)
        }
        try check(code)
    }

    /// Whether there is a (further) row.
    func step() throws(SQLiteFault) -> Bool {
        let code = sqlite3_step(handle)
        switch code {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default: throw fault(code)
        }
    }

    /// Runs a statement that returns no rows.
    func execute() throws(SQLiteFault) {
        while try step() {}
    }

    func integer(_ column: Int32) -> Int64? {
        sqlite3_column_type(handle, column) == SQLITE_NULL ? nil : sqlite3_column_int64(handle, column)
    }

    func text(_ column: Int32) throws(SQLiteFault) -> String? {
        guard sqlite3_column_type(handle, column) != SQLITE_NULL else { return nil }
        guard let start = sqlite3_column_text(handle, column) else { return "" }
        let utf8 = UnsafeBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column)))
        guard let text = String(validating: utf8, as: UTF8.self) else {
            throw .unreadable("a stored text is not UTF-8")
        }
        return text
    }

    func bytes(_ column: Int32) -> [UInt8] {
        guard let start = sqlite3_column_blob(handle, column) else { return [] }
        return Array(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column))))
    }

    private func check(_ code: Int32) throws(SQLiteFault) {
        guard code == SQLITE_OK else { throw fault(code) }
    }

    private func fault(_ code: Int32) -> SQLiteFault {
        let connection = sqlite3_db_handle(handle)
        return .sqlite(code: code, message: String(cString: sqlite3_errmsg(connection)))
    }
}
