import Dispatch
import GRDB
import GRDBSQLite
import Synchronization

/// Brings the write-ahead log into the file, beside the writer.
///
/// SQLite's own way is to do it inside of a commit whenever the log has a thousand pages: some twenty milliseconds that
/// everybody in that commit and behind it waits. Here another connection does it. A writer that never rests would stay
/// ahead of it for ever and the log would never begin anew; therefore, once the log is long, the writer brings in the
/// little that the other one has left.
final class Checkpointer: Sendable {
    /// `nil` once closed.
    private let connection: Mutex<RawConnection?>
    /// The state of the log, to be read until this is closed.
    let header: LogHeader?
    private let log = Mutex(Log())
    private let heard = Atomic<Int>(0)
    private let queue = DispatchQueue(label: "signet.sqlite.checkpoint")

    init(path: String, durability: SQLiteStoreSettings.Durability) throws(SQLiteStoreError) {
        let connection = try RawConnection(path, .readWrite)
        // What is not to wait for the disk must not be brought there by this one.
        if durability == .none { try connection.run("PRAGMA synchronous = OFF") }
        // A connection learns with its first read that there is a log.
        _ = try connection.integer("SELECT count(*) FROM sqlite_schema")
        try connection.run("PRAGMA checkpoint_fullfsync = ON")
        header = LogHeader(connection)
        self.connection = Mutex(connection)
    }

    /// Hears of each commit of the writer from now on, in place of SQLite's own checkpoints.
    ///
    /// The writer must not outlive this object.
    func attend(_ writer: Database) {
        sqlite3_wal_hook(
            writer.sqliteConnection,
            { context, connection, _, pages in
                guard let context else { return SQLITE_OK }
                let checkpointer = Unmanaged<Checkpointer>.fromOpaque(context).takeUnretainedValue()
                checkpointer.committed(pages: Int(pages), by: connection)
                // Whatever became of a checkpoint: the commit has happened.
                return SQLITE_OK
            },
            Unmanaged.passUnretained(self).toOpaque()
        )
    }

    /// Waits for a checkpoint under way; there is none afterwards.
    func close() { connection.withLock { $0 = nil } }

    /// How many commits of the writer have written something: one that has not is not heard of.
    var commits: Int { heard.load(ordering: .relaxed) }

    private func committed(pages: Int, by writer: OpaquePointer?) {
        heard.add(1, ordering: .relaxed)
        switch log.withLock({ $0.grew(to: pages) }) {
        case nil: break
        case .aside: queue.async { self.checkpointAside() }
        case .here:
            let pass = Self.checkpoint(writer)
            log.withLock { $0.ended(pass) }
        }
    }

    private func checkpointAside() {
        let pass = connection.withLock { $0.map { Self.checkpoint($0.handle) } }
        log.withLock { $0.ended(pass) }
    }

    /// Passive: waits for nobody, and nobody waits for it.
    ///
    /// One that fails is made up for by the next; until then everything is in the log.
    private static func checkpoint(_ connection: OpaquePointer?) -> Log.Pass {
        var pass = (length: Int32(0), brought: Int32(0))
        sqlite3_wal_checkpoint_v2(connection, nil, SQLITE_CHECKPOINT_PASSIVE, &pass.length, &pass.brought)
        return Log.Pass(length: Int(pass.length), brought: Int(pass.brought))
    }
}

extension Checkpointer {
    /// How long the log is and who is to bring it in when; lengths in pages.
    struct Log: Sendable {
        enum Turn { case aside, here }

        /// What one checkpoint found and did.
        struct Pass: Sendable {
            var length: Int
            var brought: Int
        }

        /// As SQLite has it: what is worth a checkpoint.
        static let step = 1000
        /// From which length on it should begin anew.
        static let longest = 16_000
        /// What the writer may be asked to bring in: well below a millisecond.
        static let rest = 128
        /// From which length on the writer brings in whatever is left.
        static let tooLong = 32_000

        private var isUnderWay = false
        /// Its length when a checkpoint last looked at it.
        private var seen = 0
        /// How far the checkpoint at `seen` fell short, because somebody still reads an older state.
        private var held = 0

        mutating func grew(to length: Int) -> Turn? {
            // It began anew.
            if length < seen { (seen, held) = (0, 0) }
            guard !isUnderWay else { return nil }
            let new = length - seen
            let turn: Turn? =
                if length >= Self.tooLong && (held == 0 || new >= Self.step) {
                    .here
                } else if length >= Self.longest && held == 0 {
                    new <= Self.rest ? .here : .aside
                } else {
                    new >= Self.step ? .aside : nil
                }
            isUnderWay = turn != nil
            return turn
        }

        mutating func ended(_ pass: Pass?) {
            isUnderWay = false
            guard let pass, pass.length >= 0 else { return }
            seen = pass.length
            held = pass.length - pass.brought
        }
    }
}
