import Instants
import Storage

typealias Answer<Value: Sendable> = CheckedContinuation<Result<Value, StoreError>, Never>

/// Something that waits to be read.
enum ReadRequest: Sendable {
    case find([Lookup], now: Instant, Answer<[Record?]>)
    case page(PageRequest, Answer<[Record]>)
    case health(Answer<Void>)

    func refuse(_ error: StoreError) {
        switch self {
        case .find(_, _, let answer): answer.resume(returning: .failure(error))
        case .page(_, let answer): answer.resume(returning: .failure(error))
        case .health(let answer): answer.resume(returning: .failure(error))
        }
    }
}

/// Something that waits to be written.
enum WriteRequest: Sendable {
    case apply(ApplyRequest)
    case sweep(limit: Int, now: Instant, Answer<SweepStep>)
    /// Tells other nodes that something was announced; nobody waits for it.
    case notify

    func refuse(_ error: StoreError) {
        switch self {
        case .apply(let request): request.answer.resume(returning: .failure(error))
        case .sweep(_, _, let answer): answer.resume(returning: .failure(error))
        case .notify: break
        }
    }
}

struct ApplyRequest: Sendable {
    var changes: [Change]
    var now: Instant
    var answer: Answer<ApplyOutcome>

    /// Roughly how many names it locks.
    var weight: Int {
        changes.reduce(0) { sum, change in
            switch change {
            case .insert(let record), .replace(let record, _): sum + 2 + record.indexes.count
            default: sum + 1
            }
        }
    }

    func announces(any kinds: Set<RecordKind>) -> Bool {
        changes.contains { change in
            if case .insert(let record) = change { kinds.contains(record.key.kind) } else { false }
        }
    }
}

/// What one step of a sweep did.
struct SweepStep: Sendable {
    var examined: Int
    var deleted: Int
}
