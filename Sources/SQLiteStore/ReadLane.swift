import GRDB
import Instants
import Storage
import Synchronization

/// What `Store.page` was asked for.
struct PageRequest: Sendable {
    var kind: RecordKind
    var filter: PageFilter
    var after: IdentifierHash?
    var limit: Int
    var now: Instant
}

/// Something that waits to be read.
enum ReadRequest: Sendable {
    /// Expired records are found as well.
    case find([Lookup], CheckedContinuation<Result<[Record?], StoreError>, Never>)
    case page(PageRequest, CheckedContinuation<Result<[Record], StoreError>, Never>)
    /// The marks of all records of a kind, if there are no more than so many.
    case roll(RecordKind, atMost: Int, @Sendable (RecordRolls.Reading) -> Void)

    var isRoll: Bool { if case .roll = self { true } else { false } }
    /// Whether it reads a row or two.
    var isQuick: Bool { if case .find = self { true } else { false } }

    func refuse(_ error: StoreError) {
        switch self {
        case .find(_, let continuation): continuation.resume(returning: .failure(error))
        case .page(_, let continuation): continuation.resume(returning: .failure(error))
        case .roll(_, _, let deliver): deliver(.failed)
        }
    }

    func answer(from table: RecordTable) {
        switch self {
        case .find(let lookups, let continuation):
            let answer = Self.result { () throws(SQLiteFault) in
                try lookups.map { lookup throws(SQLiteFault) in try table.find(lookup) }
            }
            continuation.resume(returning: answer)
        case .page(let request, let continuation):
            continuation.resume(returning: Self.result { () throws(SQLiteFault) in try table.page(request) })
        case .roll(let kind, let most, let deliver):
            deliver((try? table.roll(of: kind, atMost: most)) ?? .failed)
        }
    }

    private static func result<Value>(
        _ read: () throws(SQLiteFault) -> Value
    ) -> Result<Value, StoreError> {
        do throws(SQLiteFault) {
            return .success(try read())
        } catch {
            return .failure(error.storeError)
        }
    }
}

/// Reads, off Swift's cooperative threads.
///
/// Waiting requests share a read transaction: it begins after the last of them was queued, so each sees everything that
/// was acknowledged before it was made.
final class ReadLane: Sendable {
    private struct State {
        var pending: [ReadRequest] = []
        var readers = 0
        /// How many of them are at something long.
        var slowReaders = 0
        var isClosed = false
    }

    /// How many requests may wait for one reader that is at something quick: it takes them all in a moment, and to wake
    /// another one takes longer than a few of them.
    private static let worthAReader = 8

    private let pool: DatabasePool
    private let limits: SQLiteStoreSettings
    private let state = Mutex(State())

    init(pool: DatabasePool, limits: SQLiteStoreSettings) {
        self.pool = pool
        self.limits = limits
    }

    func submit(_ request: ReadRequest) {
        enum Admission { case queued, needsReader, full, closed }
        let admission: Admission = state.withLock { state in
            guard !state.isClosed else { return .closed }
            guard state.pending.count < limits.largestQueue else { return .full }
            state.pending.append(request)
            guard state.readers < limits.readers else { return .queued }
            let quickReaders = state.readers - state.slowReaders
            guard quickReaders == 0 || state.pending.count > quickReaders * Self.worthAReader else { return .queued }
            state.readers += 1
            return .needsReader
        }
        switch admission {
        case .queued: break
        case .needsReader: pool.asyncUnsafeRead { self.drain($0) }
        case .full: request.refuse(.unavailable(reason: "too many reads are waiting"))
        case .closed: request.refuse(.unavailable(reason: "the store is closed"))
        }
    }

    func close() { state.withLock { $0.isClosed = true } }

    private func drain(_ connection: Result<Database, any Error>) {
        var isSlow = false
        while let batch = takeBatch(after: isSlow) {
            isSlow = !batch.allSatisfy(\.isQuick)
            do {
                let database = try connection.get()
                try database.cachedStatement(sql: "BEGIN").execute()
                // Rolls last: nobody waits for them.
                for isRoll in [false, true] {
                    for request in batch where request.isRoll == isRoll {
                        request.answer(from: RecordTable(database: database))
                    }
                }
                end(database)
            } catch {
                let failure = SQLiteFault(error).storeError
                for request in batch { request.refuse(failure) }
            }
        }
    }

    private func end(_ database: Database) {
        do {
            try database.cachedStatement(sql: "COMMIT").execute()
        } catch {
            try? database.rollback()
        }
    }

    /// - Parameter wasSlow: whether what this reader did last was something long.
    private func takeBatch(after wasSlow: Bool) -> [ReadRequest]? {
        state.withLock { state in
            if wasSlow { state.slowReaders -= 1 }
            guard !state.pending.isEmpty else {
                state.readers -= 1
                return nil
            }
            var batch: [ReadRequest] = []
            swap(&batch, &state.pending)
            if batch.count > limits.mostReadsTogether {
                state.pending = Array(batch.dropFirst(limits.mostReadsTogether))
                batch.removeLast(state.pending.count)
            }
            if !batch.allSatisfy(\.isQuick) { state.slowReaders += 1 }
            return batch
        }
    }
}
