import GRDBSQLite
import Synchronization

/// What the shared memory beside the write-ahead log says of the latest commit, whichever process made it.
///
/// https://www.sqlite.org/walformat.html §2.1, "The WAL-Index Header". SQLite itself gives us the memory, so that no
/// descriptor is opened: closing one would drop SQLite's locks on the file (POSIX, `fcntl`).
struct LogHeader: Sendable {
    /// The header as it was at one moment: equal to another only if nothing was committed between them, for the checksum
    /// over everything in the log is part of it.
    typealias State = SIMD8<UInt64>

    /// `iVersion` of every SQLite 3 so far; what another one means nobody knows.
    private static let version: UInt32 = 3_007_000
    private static let regionBytes: Int32 = 32 * 1024

    /// Where SQLite has mapped it.
    private let address: UInt

    /// The header that the connection has mapped; it must not be read once that is closed.
    ///
    /// `nil` where it cannot be had: then nothing is to be concluded from it.
    init?(_ connection: RawConnection) {
        var file: UnsafeMutablePointer<sqlite3_file>?
        guard sqlite3_file_control(connection.handle, "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK,
            let file, let methods = file.pointee.pMethods, methods.pointee.iVersion >= 2,
            let map = methods.pointee.xShmMap
        else { return nil }
        var region: UnsafeMutableRawPointer?
        guard map(file, 0, Self.regionBytes, 0, &region) == SQLITE_OK, let region,
            region.load(as: UInt32.self) == Self.version
        else { return nil }
        address = UInt(bitPattern: region)
    }

    /// As it is now; while somebody commits, as it was before.
    var state: State {
        var state = State()
        guard let words = UnsafePointer<Atomic<UInt64>>(bitPattern: address) else { return state }
        for place in 0..<6 { state[place] = words[place].load(ordering: .acquiring) }
        return state
    }

    /// `iChange`: how many commits there were, on the way round.
    static func commits(_ state: State) -> UInt32 {
        withUnsafeBytes(of: state) { $0.loadUnaligned(fromByteOffset: 8, as: UInt32.self) }
    }
}
