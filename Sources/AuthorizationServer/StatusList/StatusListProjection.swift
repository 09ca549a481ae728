package import Instants
import OAuthVocabulary
package import Storage

/// Turns endings into bits: draft-ietf-oauth-status-list section 7, status `INVALID`.
package struct StatusListProjection: LogProjection {
    package let name = "status-lists"
    let store: any Store

    package init(store: any Store) { self.store = store }

    package func changes(for batch: FeedBatch, now: Instant) async throws(StoreError) -> [Change] {
        var ended: [Int: Set<Int>] = [:]
        // A widened entry ends nothing: it only makes the feed's set smaller.
        for ending in batch.endings where ending.cause != .widened {
            for reference in try await references(endedBy: ending, now: now) {
                ended[reference.list, default: []].insert(reference.index)
            }
        }
        var changes: [Change] = []
        for (list, indexes) in ended.sorted(by: { $0.key < $1.key }) {
            // A list that is gone had no living token left.
            guard let record = try await store.find(StatusListRecord.key(list), now: now) else { continue }
            var content = try StatusListRecord(from: record)
            var bits = try StatusBits(stored: content.lst)
            var isChanged = false
            for index in indexes where bits.revoke(index) { isChanged = true }
            guard isChanged else { continue }
            content.lst = try bits.stored()
            changes.append(.replace(try content.record(), ifVersion: record.version))
        }
        return changes
    }

    package func applied(_ batch: FeedBatch) {}

    private func references(
        endedBy ending: EndingRecord,
        now: Instant
    ) async throws(StoreError) -> Set<StatusReference> {
        var references: Set<StatusReference> = []
        if let packed = ending.statusIndex { references.insert(StatusReference(packed: packed)) }
        let entries: [Record] =
            switch ending.target {
            case .token(let id): try await find(StatusEntryRecord.key(token: id), now: now)
            case .grant(let id): try await find(StatusEntryRecord.key(grant: id), now: now)
            case .session(let id): try await all(.family(StatusEntryRecord.family(id)), now: now)
            case .subject(let id): try await all(.subject(id.value), now: now)
            case .client(let id): try await all(.client(id.value), now: now)
            case .everything: try await all(.all, now: now)
            // What a retired key signed verifies nowhere, once its key is gone from the key set.
            case .signingKey: []
            }
        for record in entries {
            let entry = try StatusEntryRecord(from: record)
            // What was issued after the act is not ended by it.
            for assigned in entry.assigned where assigned.at <= ending.at { references.insert(assigned.reference) }
        }
        return references
    }

    private func find(_ key: RecordKey, now: Instant) async throws(StoreError) -> [Record] {
        try await store.find(key, now: now).map { [$0] } ?? []
    }

    private func all(_ filter: PageFilter, now: Instant) async throws(StoreError) -> [Record] {
        var records: [Record] = []
        while true {
            let page = try await store.page(
                StatusEntryRecord.kind,
                filter: filter,
                after: records.last?.key.identifier,
                limit: StoreLimits.largestPage,
                now: now
            )
            records += page
            guard page.count == StoreLimits.largestPage else { return records }
        }
    }
}
