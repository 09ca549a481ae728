import GRDB
import Instants
import Storage
import Synchronization

/// Something that waits to be written.
enum WriteRequest: Sendable {
    case apply([Change], now: Instant, CheckedContinuation<Result<ApplyOutcome, StoreError>, Never>)
    case sweep(limit: Int, now: Instant, CheckedContinuation<Result<SweepStep, StoreError>, Never>)
    case load([Storage.Record], CheckedContinuation<Result<Void, StoreError>, Never>)

    /// How much it adds to a transaction, in changed records, roughly.
    var weight: Int {
        switch self {
        case .apply(let changes, _, _): changes.count
        case .sweep(let limit, _, _): limit
        case .load(let records, _): records.count
        }
    }

    func refuse(_ error: StoreError) {
        switch self {
        case .apply(_, _, let continuation): continuation.resume(returning: .failure(error))
        case .sweep(_, _, let continuation): continuation.resume(returning: .failure(error))
        case .load(_, let continuation): continuation.resume(returning: .failure(error))
        }
    }
}

/// Group commit.
///
/// Requests queue up while a commit waits for the disk, and the next transaction takes them all: one `fsync` then pays
/// for many requests. Nobody is answered before the commit that holds his writes has returned.
final class WriteLane: Sendable {
    struct Statistics: Sendable {
        var requests = 0
        var commits = 0
    }

    private struct State {
        var pending: [WriteRequest] = []
        var isDraining = false
        var isClosed = false
        var statistics = Statistics()
    }

    private enum Answer {
        case apply(Result<ApplyOutcome, StoreError>, CheckedContinuation<Result<ApplyOutcome, StoreError>, Never>)
        case sweep(SweepStep, CheckedContinuation<Result<SweepStep, StoreError>, Never>)
        case load(CheckedContinuation<Result<Void, StoreError>, Never>)

        func deliver() {
            switch self {
            case .apply(let outcome, let continuation): continuation.resume(returning: outcome)
            case .sweep(let step, let continuation): continuation.resume(returning: .success(step))
            case .load(let continuation): continuation.resume(returning: .success(()))
            }
        }
    }

    /// What one transaction does, for those who remember records.
    fileprivate struct Doings {
        private(set) var writes: [RecordWrite] = []
        /// Whose these writes are.
        private(set) var written: Set<RecordKey> = []
        var sweptUpTo: Instant?
        /// Whether it does more than that.
        var isMore = false

        mutating func add(_ more: [RecordWrite]) {
            writes += more
            written.formUnion(more.compactMap(\.key))
        }
    }

    private let pool: DatabasePool
    private let limits: SQLiteStoreSettings
    /// Hears of every commit.
    private let checkpointer: Checkpointer
    /// Hears what every commit did.
    private let memory: RecordMemory
    private let state = Mutex(State())

    init(pool: DatabasePool, limits: SQLiteStoreSettings, checkpointer: Checkpointer, memory: RecordMemory) {
        self.pool = pool
        self.limits = limits
        self.checkpointer = checkpointer
        self.memory = memory
        pool.writeWithoutTransaction { checkpointer.attend($0) }
    }

    var statistics: Statistics { state.withLock { $0.statistics } }

    func submit(_ request: WriteRequest) {
        enum Admission { case queued, first, full, closed }
        let admission: Admission = state.withLock { state in
            guard !state.isClosed else { return .closed }
            guard state.pending.count < limits.largestQueue else { return .full }
            state.pending.append(request)
            guard !state.isDraining else { return .queued }
            state.isDraining = true
            return .first
        }
        switch admission {
        case .queued: break
        case .first: pool.asyncWriteWithoutTransaction { self.drain($0) }
        case .full: request.refuse(.unavailable(reason: "too many writes are waiting for the disk"))
        case .closed: request.refuse(.unavailable(reason: "the store is closed"))
        }
    }

    /// Refuses whatever comes from now on; what is queued is still written.
    ///
    /// False if the lane was closed before.
    func close() -> Bool {
        state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
    }

    private func drain(_ database: Database) {
        while let batch = takeBatch() { commit(batch, in: database) }
    }

    private func takeBatch() -> [WriteRequest]? {
        state.withLock { state in
            guard !state.pending.isEmpty else {
                state.isDraining = false
                return nil
            }
            var weight = 0
            let size = state.pending.prefix(limits.mostRequestsInCommit).prefix { request in
                defer { weight += request.weight }
                return weight == 0 || weight + request.weight <= limits.mostChangesInCommit
            }.count
            let batch = Array(state.pending.prefix(size))
            state.pending.removeFirst(size)
            return batch
        }
    }

    private func commit(_ batch: [WriteRequest], in database: Database) {
        let answers: [Answer]
        var doings = Doings()
        do {
            // IMMEDIATE takes the write lock at once and waits for another process here, on this thread: nothing
            // after it can fail for want of a lock, and what the judge reads stays true until the commit.
            try database.cachedStatement(sql: "BEGIN IMMEDIATE").execute()
            memory.began()
            let table = RecordTable(database: database)
            answers = try batch.map { try perform($0, on: table, noting: &doings) }
            let heard = checkpointer.commits
            try database.cachedStatement(sql: "COMMIT").execute()
            if doings.isMore {
                memory.failed()
            } else {
                // By what SQLite did and not by what was asked for: a sweep writes no record, and a record that is written over
                // with itself may not be written.
                let hasWritten = checkpointer.commits != heard
                memory.committed(
                    doings.writes,
                    of: doings.written,
                    hasWritten: hasWritten,
                    sweptUpTo: doings.sweptUpTo
                )
            }
        } catch {
            if database.isInsideTransaction { try? database.rollback() }
            memory.failed()
            let failure = SQLiteFault(error).storeError
            for request in batch { request.refuse(failure) }
            return
        }
        state.withLock { state in
            state.statistics.commits += 1
            state.statistics.requests += batch.count
        }
        for answer in answers { answer.deliver() }
    }

    private func perform(
        _ request: WriteRequest,
        on table: RecordTable,
        noting doings: inout Doings
    ) throws(SQLiteFault) -> Answer {
        switch request {
        case .sweep(let limit, let now, let continuation):
            doings.sweptUpTo = max(doings.sweptUpTo ?? now, now)
            return .sweep(try table.sweep(now: now, limit: limit), continuation)
        case .load(let records, let continuation):
            doings.isMore = true
            try table.load(records)
            return .load(continuation)
        case .apply(let changes, let now, let continuation):
            let verdict: Verdict
            do throws(SQLiteFault) {
                let reader = WritersReader(table: table, memory: memory, done: doings)
                verdict = try ChangeJudge.judge(changes, reader: reader, now: now)
            } catch {
                // Nothing of this request has been written yet, so a bad row fails it alone.
                guard error.isCorruption else { throw error }
                return .apply(.failure(error.storeError), continuation)
            }
            switch verdict {
            case .conflict(let position, let record):
                return .apply(.success(.conflict(change: position, record: record)), continuation)
            case .writes(let writes):
                try table.write(writes)
                doings.add(writes)
                return .apply(.success(.applied), continuation)
            }
        }
    }
}

/// What the judge reads inside of a transaction that writes: from memory what this transaction has not written itself.
private struct WritersReader: RecordReader {
    let table: RecordTable
    let memory: RecordMemory
    let done: WriteLane.Doings

    func record(_ key: RecordKey) throws(SQLiteFault) -> Record? {
        guard !done.isMore, !done.written.contains(key), let known = memory.recallWhileWriting(key) else {
            return try table.record(key)
        }
        switch known {
        case .absent: return nil
        case .record(let record):
            if let sweptUpTo = done.sweptUpTo, record.isExpired(at: sweptUpTo) { return try table.record(key) }
            return record
        }
    }

    func holder(of index: SecondaryIndex, kind: RecordKind) throws(SQLiteFault) -> Record? {
        try table.holder(of: index, kind: kind)
    }

    func members(ofFamily family: String) throws(SQLiteFault) -> [Record] { try table.members(ofFamily: family) }
}
