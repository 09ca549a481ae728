package import Instants
import OAuthVocabulary
package import Storage

/// Turns endings into bits: draft-ietf-oauth-status-list section 7, status `INVALID`.
package struct StatusListProjection: WholeBatchProjection {
    /// How many entries are looked for in one go.
    private static let lookupsAtOnce = 100

    /// The name of its cursor, for whoever asks how far the lists have come.
    static let cursor = "status-lists"

    package let name = StatusListProjection.cursor
    let store: any Store

    package init(store: any Store) { self.store = store }

    package func changes(for batch: FeedBatch, now: Instant) async throws(StoreError) -> [Change] {
        // Where no place was ever given, a storm of endings costs one look.
        guard try await store.find(StatusAllocationRecord.key, now: now) != nil else { return [] }
        // A widened entry ends nothing: it only makes the feed's set smaller.
        let endings = batch.endings.filter { $0.cause != .widened }
        var changes: [Change] = []
        for (list, ended) in try await bits(endedBy: endings, now: now).sorted(by: { $0.key < $1.key }) {
            // A list that is gone had no living token left.
            guard let record = try await store.find(StatusListRecord.key(list), now: now) else { continue }
            var content = try StatusListRecord(from: record)
            var bits = try StatusBits(stored: content.lst)
            guard bits.revoke(ended) else { continue }
            content.lst = try bits.stored()
            changes.append(.replace(try content.record(), ifVersion: record.version))
        }
        return changes
    }

    package func applied(_ batch: FeedBatch) {}

    /// For each list the bits that are to be turned: as large as the lists are, however many places were ended.
    private func bits(endedBy endings: [EndingRecord], now: Instant) async throws(StoreError) -> [Int: StatusBits] {
        var ended: [Int: StatusBits] = [:]
        var named: [(key: RecordKey, at: Instant)] = []
        for ending in endings {
            if let packed = ending.statusIndex { Self.add(StatusReference(packed: packed), to: &ended) }
            switch ending.target {
            case .token(let id): named.append((StatusEntryRecord.key(token: id), ending.at))
            case .grant(let id): named.append((StatusEntryRecord.key(grant: id), ending.at))
            case .session(let id):
                try await add(.family(StatusEntryRecord.family(id)), endedAt: ending.at, to: &ended, now: now)
            case .subject(let id): try await add(.subject(id.value), endedAt: ending.at, to: &ended, now: now)
            case .client(let id): try await add(.client(id.value), endedAt: ending.at, to: &ended, now: now)
            case .everything: try await add(.all, endedAt: ending.at, to: &ended, now: now)
            // What a retired key signed verifies nowhere, once its key is gone from the key set.
            case .signingKey: break
            }
        }
        for start in stride(from: 0, to: named.count, by: Self.lookupsAtOnce) {
            let slice = named[start..<min(start + Self.lookupsAtOnce, named.count)]
            for (name, record) in zip(slice, try await store.find(slice.map { .key($0.key) }, now: now)) {
                if let record { try Self.add(record, endedAt: name.at, to: &ended) }
            }
        }
        return ended
    }

    /// The places of all these entries, which may be millions, page by page.
    private func add(
        _ filter: PageFilter,
        endedAt moment: Instant,
        to ended: inout [Int: StatusBits],
        now: Instant
    ) async throws(StoreError) {
        var after: IdentifierHash?
        repeat {
            let page = try await store.page(
                StatusEntryRecord.kind,
                filter: filter,
                after: after,
                limit: StoreLimits.largestPage,
                now: now
            )
            for record in page { try Self.add(record, endedAt: moment, to: &ended) }
            after = page.count < StoreLimits.largestPage ? nil : page.last?.key.identifier
        } while after != nil
    }

    private static func add(
        _ record: Record,
        endedAt moment: Instant,
        to ended: inout [Int: StatusBits]
    ) throws(StoreError) {
        // What was issued after the act is not ended by it.
        for assigned in try StatusEntryRecord(from: record).assigned where assigned.at <= moment {
            add(assigned.reference, to: &ended)
        }
    }

    private static func add(_ reference: StatusReference, to ended: inout [Int: StatusBits]) {
        ended[reference.list, default: StatusBits()].revoke(reference.index)
    }
}
