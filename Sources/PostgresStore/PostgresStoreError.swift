/// Why a PostgreSQL database could not be opened.
///
/// Each case reads as one sentence to the operator, without a password; nothing was changed.
package enum PostgresStoreError: Error, Hashable, Sendable, CustomStringConvertible {
    case libraryMissing(String)
    case libraryTooOld(function: String)
    case badAddress(location: String, reason: String)
    case cannotConnect(location: String, reason: String)
    case serverTooOld(location: String, found: Int)
    case readOnly(location: String)
    case notPermitted(location: String, advice: String)
    case foreign(location: String, schema: String)
    case newerSchema(location: String, found: Int, supported: Int)
    case migrationFailed(location: String, reason: String)

    package var description: String {
        switch self {
        case .libraryMissing(let name):
            """
            A PostgreSQL address needs the library \(name), which cannot be loaded; install it \
            (Debian and Ubuntu: apt install libpq5, macOS: brew install libpq).
            """
        case .libraryTooOld(let function):
            "The installed libpq has no function \(function); install the libpq of PostgreSQL 14 or later."
        case .badAddress(let location, let reason):
            "\(location) is not an address of a PostgreSQL database (\(reason)); expected postgres://user@host/database."
        case .cannotConnect(let location, let reason):
            "The database \(location) cannot be reached (\(reason))."
        case .serverTooOld(let location, let found):
            "The server of \(location) is PostgreSQL \(found / 10_000); version 13 or later is needed."
        case .readOnly(let location):
            "The database \(location) is read-only; name the primary server, or all servers separated by commas."
        case .notPermitted(let location, let advice):
            "The schema in \(location) cannot be created; let an administrator run: \(advice)"
        case .foreign(let location, let schema):
            """
            The schema \(schema) in \(location) belongs to another program; nothing was changed, name another with \
            signet_schema=NAME in the address.
            """
        case .newerSchema(let location, let found, let supported):
            """
            The database \(location) was written by a newer Signet (schema \(found), this program knows up to \
            \(supported)); nothing was changed, use the newer program.
            """
        case .migrationFailed(let location, let reason):
            "The schema in \(location) could not be brought up to date (\(reason)); the step was undone."
        }
    }
}
