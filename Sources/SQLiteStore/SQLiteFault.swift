import GRDB
import GRDBSQLite
import Storage

/// What went wrong inside one database access, before it is told to a caller.
enum SQLiteFault: Error {
    /// SQLite refused; `code` is its extended result code.
    case sqlite(code: Int32, message: String)
    /// A row does not read as a record.
    case unreadable(String)

    init(_ error: any Error) {
        switch error {
        case let fault as SQLiteFault:
            self = fault
        case let error as DatabaseError:
            self = .sqlite(code: error.extendedResultCode.rawValue, message: error.message ?? "no message")
        default:
            self = .sqlite(code: SQLITE_ERROR, message: "\(error)")
        }
    }

    /// Whether the file itself is at fault, so that only the request which touched the bad place suffers.
    var isCorruption: Bool {
        switch self {
        case .unreadable: true
        case .sqlite(let code, _): code & 0xff == SQLITE_CORRUPT || code & 0xff == SQLITE_NOTADB
        }
    }

    var storeError: StoreError {
        switch self {
        case .unreadable(let reason):
            return .corrupt(reason: reason)
        case .sqlite(let code, let message):
            switch code & 0xff {
            case SQLITE_CORRUPT, SQLITE_NOTADB:
                return .corrupt(reason: "the database file is damaged: \(message)")
            case SQLITE_BUSY, SQLITE_LOCKED:
                return .unavailable(reason: "another process has held the database's lock for too long")
            case SQLITE_FULL:
                return .unavailable(reason: "the disk is full")
            default:
                return .unavailable(reason: "SQLite error \(code): \(message)")
            }
        }
    }

    func openError(path: String) -> SQLiteStoreError {
        switch self {
        case .unreadable(let reason):
            return .damaged(path: path, detail: reason)
        case .sqlite(let code, let message):
            switch code & 0xff {
            case SQLITE_NOTADB: return .notADatabase(path: path)
            case SQLITE_CORRUPT: return .damaged(path: path, detail: message)
            case SQLITE_BUSY, SQLITE_LOCKED: return .locked(path: path)
            default: return .cannotOpen(path: path, reason: "SQLite error \(code): \(message)")
            }
        }
    }
}
