import Instants
import Storage

/// A memory store whose disk can be made to fail.
final class BreakableStore: Store {
    private let memory = MemoryStore()
    private let isBroken = MutexBox(false)

    func refuseWrites() { isBroken.change { $0 = true } }

    func find(_ lookups: [Lookup], now: Instant) async throws(StoreError) -> [Record?] {
        try await memory.find(lookups, now: now)
    }

    func apply(_ changes: [Change], now: Instant) async throws(StoreError) -> ApplyOutcome {
        if isBroken.value { throw .unavailable(reason: "the disk is full") }
        return try await memory.apply(changes, now: now)
    }

    func page(
        _ kind: RecordKind,
        filter: PageFilter,
        after: IdentifierHash?,
        limit: Int,
        now: Instant
    ) async throws(StoreError) -> [Record] {
        try await memory.page(kind, filter: filter, after: after, limit: limit, now: now)
    }

    func sweep(now: Instant, limit: Int) async throws(StoreError) -> Int {
        try await memory.sweep(now: now, limit: limit)
    }
}
