import Dispatch
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
/// was acknowledged before it was made. A reader keeps its connection and its thread between requests and waits there
/// for the next one, outside of any transaction: to get them anew takes longer than to read.
final class ReadLane: Sendable {
    fileprivate struct State {
        var pending: [ReadRequest] = []
        /// How many have a connection; they keep it until the lane is closed.
        var readers = 0
        /// How many more have been asked for.
        var arriving = 0
        /// How many wait for requests.
        var idleReaders = 0
        /// How many are at something long.
        var slowReaders = 0
        var isClosed = false
    }

    private let pool: DatabasePool
    private let limits: SQLiteStoreSettings
    private let state = Mutex(State())
    /// What idle readers wait for.
    private let call = DispatchSemaphore(value: 0)

    init(pool: DatabasePool, limits: SQLiteStoreSettings) {
        self.pool = pool
        self.limits = limits
    }

    func submit(_ request: ReadRequest) {
        enum Admission { case queued, wakesReader, needsReader, full, closed }
        let admission: Admission = state.withLock { state in
            guard !state.isClosed else { return .closed }
            guard state.pending.count < limits.largestQueue else { return .full }
            state.pending.append(request)
            if state.takeIdleReader() { return .wakesReader }
            return state.takeNewReader(ofAtMost: limits.readers) ? .needsReader : .queued
        }
        switch admission {
        case .queued: break
        case .wakesReader: call.signal()
        case .needsReader: pool.asyncUnsafeRead { self.serve($0) }
        case .full: request.refuse(.unavailable(reason: "too many reads are waiting"))
        case .closed: request.refuse(.unavailable(reason: "the store is closed"))
        }
    }

    /// Refuses whatever comes from now on; what is queued is still read, then the readers give their connections back.
    func close() {
        let idleReaders = state.withLock { state in
            state.isClosed = true
            defer { state.idleReaders = 0 }
            return state.idleReaders
        }
        for _ in 0..<idleReaders { call.signal() }
    }

    private func serve(_ connection: Result<Database, any Error>) {
        do {
            let database = try connection.get()
            state.withLock { state in
                state.arriving -= 1
                state.readers += 1
            }
            var isSlow = false
            while let batch = nextBatch(after: isSlow) {
                isSlow = !batch.allSatisfy(\.isQuick)
                if batch.isEmpty { call.wait() } else { answer(batch, from: database) }
            }
        } catch {
            refuse(SQLiteFault(error).storeError)
        }
    }

    private func answer(_ batch: [ReadRequest], from database: Database) {
        do {
            try database.cachedStatement(sql: "BEGIN").execute()
        } catch {
            let failure = SQLiteFault(error).storeError
            for request in batch { request.refuse(failure) }
            return
        }
        // Rolls last: nobody waits for them.
        for isRoll in [false, true] {
            for request in batch where request.isRoll == isRoll {
                request.answer(from: RecordTable(database: database))
            }
        }
        do {
            try database.cachedStatement(sql: "COMMIT").execute()
        } catch {
            try? database.rollback()
        }
    }

    /// One that was asked for got no connection: the others read what waits, and where there are none it is refused.
    private func refuse(_ failure: StoreError) {
        let (refused, wakesReader) = state.withLock { state in
            state.arriving -= 1
            guard state.readers + state.arriving == 0 else { return ([ReadRequest](), state.takeIdleReader()) }
            var refused: [ReadRequest] = []
            swap(&refused, &state.pending)
            return (refused, false)
        }
        if wakesReader { call.signal() }
        for request in refused { request.refuse(failure) }
    }

    /// Empty if this reader is to wait for requests; `nil` once the lane is closed and none is left.
    ///
    /// - Parameter wasSlow: whether what this reader did last was something long.
    private func nextBatch(after wasSlow: Bool) -> [ReadRequest]? {
        let (batch, wakesReader): ([ReadRequest]?, Bool) = state.withLock { state in
            if wasSlow { state.slowReaders -= 1 }
            guard state.pending.isEmpty else {
                let batch = state.takeBatch(ofAtMost: limits.mostReadsTogether)
                return (batch, state.takeIdleReader())
            }
            if state.isClosed {
                state.readers -= 1
                return (nil, false)
            }
            state.idleReaders += 1
            return ([], false)
        }
        if wakesReader { call.signal() }
        return batch
    }
}

extension ReadLane.State {
    /// How many requests may wait for one reader that is at something quick: it takes them all in a moment, and to wake
    /// another one takes longer than a few of them.
    private static let worthAReader = 8

    /// Whether there are more requests than so many readers should have before them.
    private func isWorthMore(than readers: Int) -> Bool {
        !pending.isEmpty && (readers == 0 || pending.count > readers * Self.worthAReader)
    }

    private var quickReaders: Int { readers - idleReaders - slowReaders }

    /// Whether one is to be woken.
    fileprivate mutating func takeIdleReader() -> Bool {
        guard idleReaders > 0, isWorthMore(than: quickReaders) else { return false }
        idleReaders -= 1
        return true
    }

    /// Whether one is to be asked for.
    fileprivate mutating func takeNewReader(ofAtMost most: Int) -> Bool {
        guard readers + arriving < most, isWorthMore(than: quickReaders + arriving) else { return false }
        arriving += 1
        return true
    }

    fileprivate mutating func takeBatch(ofAtMost most: Int) -> [ReadRequest] {
        var batch: [ReadRequest] = []
        swap(&batch, &pending)
        if batch.count > most {
            pending = Array(batch.dropFirst(most))
            batch.removeLast(pending.count)
        }
        if !batch.allSatisfy(\.isQuick) { slowReaders += 1 }
        return batch
    }
}
