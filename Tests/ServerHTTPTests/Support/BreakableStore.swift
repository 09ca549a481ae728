import Instants
import Storage

/// A memory store whose disk can be made to fail.
final class BreakableStore: ForwardingStore {
    let destination: any Store = MemoryStore()
    private let isBroken = MutexBox(false)
    private let unreadable = MutexBox<RecordKind?>(nil)

    func refuseWrites() { isBroken.change { $0 = true } }
    func refuse(reading kind: String?) { unreadable.change { $0 = kind.map { RecordKind($0) } } }

    func find(_ lookups: [Lookup], now: Instant) async throws(StoreError) -> [Record?] {
        for lookup in lookups {
            let kind =
                switch lookup {
                case .key(let key): key.kind
                case .index(let kind, _): kind
                }
            if kind == unreadable.value { throw .unavailable(reason: "the disk does not answer") }
        }
        return try await destination.find(lookups, now: now)
    }

    func apply(_ changes: [Change], now: Instant) async throws(StoreError) -> ApplyOutcome {
        if isBroken.value { throw .unavailable(reason: "the disk is full") }
        return try await destination.apply(changes, now: now)
    }
}
