package import Instants
import OAuthVocabulary
package import Storage

/// Turns endings into bits: draft-ietf-oauth-status-list section 7, status `INVALID`.
package struct StatusListProjection: LogProjection {
    /// How many entries are looked for in one go.
    private static let lookupsAtOnce = 100

    package let name = "status-lists"
    let store: any Store

    package init(store: any Store) { self.store = store }

    package func changes(for batch: FeedBatch, now: Instant) async throws(StoreError) -> [Change] {
        // Where no place was ever given, a storm of endings costs one look.
        guard try await store.find(StatusAllocationRecord.key, now: now) != nil else { return [] }
        // A widened entry ends nothing: it only makes the feed's set smaller.
        let endings = batch.endings.filter { $0.cause != .widened }
        var ended: [Int: Set<Int>] = [:]
        for reference in try await references(endedBy: endings, now: now) {
            ended[reference.list, default: []].insert(reference.index)
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
        endedBy endings: [EndingRecord],
        now: Instant
    ) async throws(StoreError) -> Set<StatusReference> {
        var references = Set(endings.compactMap(\.statusIndex).map(StatusReference.init(packed:)))
        var named: [(key: RecordKey, at: Instant)] = []
        for ending in endings {
            switch ending.target {
            case .token(let id): named.append((StatusEntryRecord.key(token: id), ending.at))
            case .grant(let id): named.append((StatusEntryRecord.key(grant: id), ending.at))
            case .session(let id):
                let records = try await all(.family(StatusEntryRecord.family(id)), now: now)
                try add(records, endedAt: ending.at, to: &references)
            case .subject(let id):
                try add(try await all(.subject(id.value), now: now), endedAt: ending.at, to: &references)
            case .client(let id):
                try add(try await all(.client(id.value), now: now), endedAt: ending.at, to: &references)
            case .everything:
                try add(try await all(.all, now: now), endedAt: ending.at, to: &references)
            // What a retired key signed verifies nowhere, once its key is gone from the key set.
            case .signingKey: break
            }
        }
        for start in stride(from: 0, to: named.count, by: Self.lookupsAtOnce) {
            let slice = named[start..<min(start + Self.lookupsAtOnce, named.count)]
            for (name, record) in zip(slice, try await store.find(slice.map { .key($0.key) }, now: now)) {
                if let record { try add([record], endedAt: name.at, to: &references) }
            }
        }
        return references
    }

    private func add(
        _ records: [Record],
        endedAt moment: Instant,
        to references: inout Set<StatusReference>
    ) throws(StoreError) {
        for record in records {
            let entry = try StatusEntryRecord(from: record)
            // What was issued after the act is not ended by it.
            for assigned in entry.assigned where assigned.at <= moment { references.insert(assigned.reference) }
        }
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
