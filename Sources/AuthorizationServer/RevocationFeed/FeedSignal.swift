package import Instants
package import Storage

/// Wakes the publisher as soon as something was ended in this process; acts of other processes are found by looking.
package final class FeedSignal: Sendable {
    let wakes: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    /// The kinds of which a store tells other processes, so that the feed of each moves on: what was ended, and what
    /// another node made of it.
    package static let announcedKinds: Set<RecordKind> = [EndingRecord.kind, FeedBatch.kind]

    package init() {
        (wakes, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    package func wake() { continuation.yield() }
    func finish() { continuation.finish() }
}

/// A store that wakes the publisher when an ending was stored through it.
package struct FeedSignallingStore: Store {
    private let store: any Store
    private let signal: FeedSignal

    package init(_ store: any Store, signal: FeedSignal) {
        self.store = store
        self.signal = signal
    }

    package func find(_ lookups: [Lookup], now: Instant) async throws(StoreError) -> [Record?] {
        try await store.find(lookups, now: now)
    }

    package func apply(_ changes: [Change], now: Instant) async throws(StoreError) -> ApplyOutcome {
        let outcome = try await store.apply(changes, now: now)
        if case .applied = outcome, changes.contains(where: \.insertsEnding) { signal.wake() }
        return outcome
    }

    package func page(
        _ kind: RecordKind,
        filter: PageFilter,
        after: IdentifierHash?,
        limit: Int,
        now: Instant
    ) async throws(StoreError) -> [Record] {
        try await store.page(kind, filter: filter, after: after, limit: limit, now: now)
    }

    package func sweep(now: Instant, limit: Int) async throws(StoreError) -> Int {
        try await store.sweep(now: now, limit: limit)
    }
}

extension Change {
    fileprivate var insertsEnding: Bool {
        guard case .insert(let record) = self else { return false }
        return record.key.kind == EndingRecord.kind
    }
}
