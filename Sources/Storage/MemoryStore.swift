public import Instants
import Synchronization

/// A store that lives as long as the process: for tests, trials and caches.
///
/// It keeps every promise of `Store` except durability.
public final class MemoryStore: Store {
    private let state = Mutex(MemoryState())

    /// An empty store.
    public init() {}

    /// The unexpired records that the lookups name, in their order, all read at one moment.
    public func find(_ lookups: [Lookup], now: Instant) async throws(StoreError) -> [Record?] {
        state.withLock { state in
            lookups.map { lookup in
                let record =
                    switch lookup {
                    case .key(let key): state.record(key)
                    case .index(let kind, let index): state.holder(of: index, kind: kind)
                    }
                guard let record, !record.isExpired(at: now) else { return nil }
                return record
            }
        }
    }

    /// Applies all changes or none.
    public func apply(_ changes: [Change], now: Instant) async throws(StoreError) -> ApplyOutcome {
        state.withLock { state in
            switch ChangeJudge.judge(changes, reader: state, now: now) {
            case .conflict(let position, let record):
                return .conflict(change: position, record: record)
            case .writes(let writes):
                state.write(writes)
                return .applied
            }
        }
    }

    /// Unexpired records of a kind in the order of their identifier hashes.
    public func page(
        _ kind: RecordKind,
        filter: PageFilter,
        after: IdentifierHash?,
        limit: Int,
        now: Instant
    ) async throws(StoreError) -> [Record] {
        state.withLock { state in
            let records = state.records[kind, default: [:]].values.filter { record in
                if let after, record.key.identifier <= after { return false }
                return !record.isExpired(at: now) && filter.admits(record)
            }
            return Array(
                records.sorted { $0.key.identifier < $1.key.identifier }.prefix(StoreLimits.pageSize(asked: limit))
            )
        }
    }

    /// Deletes at most `limit` expired records; 0 means that none is left.
    public func sweep(now: Instant, limit: Int) async throws(StoreError) -> Int {
        state.withLock { state in
            let expired = state.records.values.lazy.flatMap(\.values).filter { $0.isExpired(at: now) }
            let doomed = Array(expired.prefix(StoreLimits.sweepSize(asked: limit)))
            state.write(doomed.map { RecordWrite(before: $0, after: nil) })
            return doomed.count
        }
    }
}

private struct MemoryState: RecordReader {
    struct IndexName: Hashable {
        var kind: RecordKind
        var index: SecondaryIndex
    }

    var records: [RecordKind: [IdentifierHash: Record]] = [:]
    var holders: [IndexName: IdentifierHash] = [:]
    /// By the UTF-8 bytes of the family's name.
    var families: [[UInt8]: Set<RecordKey>] = [:]

    func record(_ key: RecordKey) -> Record? {
        records[key.kind]?[key.identifier]
    }

    func holder(of index: SecondaryIndex, kind: RecordKind) -> Record? {
        guard let identifier = holders[IndexName(kind: kind, index: index)] else { return nil }
        return records[kind]?[identifier]
    }

    func members(ofFamily family: String) -> [Record] {
        families[Array(family.utf8), default: []].compactMap { record($0) }
    }

    mutating func write(_ writes: [RecordWrite]) {
        for before in writes.compactMap(\.before) {
            records[before.key.kind]?[before.key.identifier] = nil
            for index in before.indexes { holders[IndexName(kind: before.key.kind, index: index)] = nil }
            if let family = before.family.map({ Array($0.utf8) }) {
                families[family]?.remove(before.key)
                if families[family]?.isEmpty == true { families[family] = nil }
            }
        }
        for after in writes.compactMap(\.after) {
            records[after.key.kind, default: [:]][after.key.identifier] = after
            for index in after.indexes {
                holders[IndexName(kind: after.key.kind, index: index)] = after.key.identifier
            }
            if let family = after.family { families[Array(family.utf8), default: []].insert(after.key) }
        }
    }
}

extension PageFilter {
    fileprivate func admits(_ record: Record) -> Bool {
        switch self {
        case .all: true
        case .family(let family): record.family.isSameText(as: family)
        case .subject(let subject): record.subject.isSameText(as: subject)
        case .client(let client): record.client.isSameText(as: client)
        }
    }
}
