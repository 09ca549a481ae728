package import Instants

/// A store in front of another one: whoever conforms says what it does differently, the rest goes through.
package protocol ForwardingStore: Store {
    /// Where requests go; asked once for each.
    var destination: any Store { get }
}

extension ForwardingStore {
    package func find(_ lookups: [Lookup], now: Instant) async throws(StoreError) -> [Record?] {
        try await destination.find(lookups, now: now)
    }

    package func recall(_ lookups: [Lookup], now: Instant) -> [Record?]? { destination.recall(lookups, now: now) }

    package func apply(_ changes: [Change], now: Instant) async throws(StoreError) -> ApplyOutcome {
        try await destination.apply(changes, now: now)
    }

    package func page(
        _ kind: RecordKind,
        filter: PageFilter,
        after: IdentifierHash?,
        limit: Int,
        now: Instant
    ) async throws(StoreError) -> [Record] {
        try await destination.page(kind, filter: filter, after: after, limit: limit, now: now)
    }

    package func sweep(now: Instant, limit: Int) async throws(StoreError) -> Int {
        try await destination.sweep(now: now, limit: limit)
    }
}
