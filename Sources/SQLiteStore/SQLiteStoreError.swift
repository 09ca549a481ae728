/// Why a database file could not be opened.
///
/// Each case reads as one sentence to the operator; nothing was damaged.
package enum SQLiteStoreError: Error, Hashable, Sendable, CustomStringConvertible {
    case folderMissing(folder: String)
    case folderNotWritable(folder: String, reason: String)
    case notADatabase(path: String)
    case damaged(path: String, detail: String)
    case foreign(path: String)
    case newerSchema(path: String, found: Int, supported: Int)
    case locked(path: String)
    case cannotOpen(path: String, reason: String)

    package var description: String {
        switch self {
        case .folderMissing(let folder):
            "The data folder \(folder) does not exist; create it or name another."
        case .folderNotWritable(let folder, let reason):
            "The data folder \(folder) cannot be written to (\(reason)); change its owner or mode, or name another."
        case .notADatabase(let path):
            "\(path) is not a database; move it away, or restore the database from a backup."
        case .damaged(let path, let detail):
            "The database \(path) is damaged (\(detail)); restore it from a backup."
        case .foreign(let path):
            "\(path) is a database of another program; name another data folder."
        case .newerSchema(let path, let found, let supported):
            """
            The database \(path) was written by a newer Signet (schema \(found), this program knows up to \
            \(supported)); nothing was changed, use the newer program.
            """
        case .locked(let path):
            "The database \(path) is locked by another process; end that process and try again."
        case .cannotOpen(let path, let reason):
            "The database \(path) cannot be opened (\(reason))."
        }
    }
}
