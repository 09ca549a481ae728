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

    private let pool: DatabasePool
    private let limits: SQLiteStoreSettings
    private let state = Mutex(State())

    init(pool: DatabasePool, limits: SQLiteStoreSettings) {
        self.pool = pool
        self.limits = limits
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
        do {
            // IMMEDIATE takes the write lock at once and waits for another process here, on this thread: nothing
            // after it can fail for want of a lock, and what the judge reads stays true until the commit.
            try database.cachedStatement(sql: "BEGIN IMMEDIATE").execute()
            let table = RecordTable(database: database)
            answers = try batch.map { try perform($0, on: table) }
            try database.cachedStatement(sql: "COMMIT").execute()
        } catch {
            if database.isInsideTransaction { try? database.rollback() }
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

    private func perform(_ request: WriteRequest, on table: RecordTable) throws(SQLiteFault) -> Answer {
        switch request {
        case .sweep(let limit, let now, let continuation):
            return .sweep(try table.sweep(now: now, limit: limit), continuation)
        case .load(let records, let continuation):
            try table.load(records)
            return .load(continuation)
        case .apply(let changes, let now, let continuation):
            let verdict: Verdict
            do throws(SQLiteFault) {
                verdict = try ChangeJudge.judge(changes, reader: table, now: now)
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
                return .apply(.success(.applied), continuation)
            }
        }
    }
}
