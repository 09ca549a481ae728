import Instants
import Storage

/// A fault that a careless backend has, planted into a memory store.
enum Fault: String, CaseIterable, Sendable {
    case dropsCompareAndSwap, readsThenWrites, consumesTwice, ignoresRequire, ignoresRequireAbsent
    case forgetsExpiry, expiresLate, forgetsExpiryInPages, hidesSpent
    case appliesOneByOne, reportsFirstPosition, reportsNoRecord, keepsCallersVersion
    case dropsIndexesThatCollide, expiredHolderBlocksIndex, deleteKeepsRecord
    case revokesNobody, revokesOneKindOnly, revokesSpentAgain
    case pagesBackwards, pagesFromTheStart, pagesWithoutFilter, emptyPageAtZero, pagesWithoutLimit
    case sweepsEverything, sweepsTheLiving, sweepsNothing, sweepsIgnoringTheLimit
    case shufflesLookups, cutsPayloadAtZero, cutsTextAtZero, foldsCase, readsLookupsApart, mixesKinds
}

/// A memory store with one fault, or none.
struct FaultyStore: Store {
    let fault: Fault?
    private let inner = MemoryStore()

    init(_ fault: Fault?) { self.fault = fault }

    func find(_ lookups: [Lookup], now: Instant) async throws(StoreError) -> [Record?] {
        var now = now
        var lookups = lookups.map(distorted)
        switch fault {
        case .forgetsExpiry: now = Instant(millisecondsSinceEpoch: .min)
        case .expiresLate: now = now - .milliseconds(1)
        case .shufflesLookups: lookups.reverse()
        case .readsLookupsApart:
            var found: [Record?] = []
            for lookup in lookups {
                found += try await inner.find([lookup], now: now)
                try? await Task.sleep(for: .milliseconds(1))
            }
            return found
        default: break
        }
        let found = try await inner.find(lookups, now: now)
        guard fault == .hidesSpent else { return found }
        return found.map { $0?.consumedAt == nil ? $0 : nil }
    }

    func apply(_ changes: [Change], now: Instant) async throws(StoreError) -> ApplyOutcome {
        var changes = changes.map(distorted)
        switch fault {
        case .appliesOneByOne:
            for (position, change) in changes.enumerated() {
                guard case .conflict(_, let record) = try await inner.apply([change], now: now) else { continue }
                return .conflict(change: position, record: record)
            }
            return .applied
        case .dropsCompareAndSwap, .readsThenWrites, .consumesTwice, .keepsCallersVersion, .dropsIndexesThatCollide:
            changes = try await loosened(changes, now: now)
        case .ignoresRequire:
            changes.removeAll { if case .require = $0 { true } else { false } }
        case .ignoresRequireAbsent:
            changes.removeAll { if case .requireAbsent = $0 { true } else { false } }
        case .revokesNobody:
            changes.removeAll { if case .revokeFamily = $0 { true } else { false } }
        case .deleteKeepsRecord:
            changes.removeAll { if case .delete = $0 { true } else { false } }
        case .revokesOneKindOnly, .revokesSpentAgain:
            return try await revokingWrongly(changes, now: now)
        default: break
        }
        return distorted(try await inner.apply(changes, now: applyTime(now)))
    }

    func page(
        _ kind: RecordKind,
        filter: PageFilter,
        after: IdentifierHash?,
        limit: Int,
        now: Instant
    ) async throws(StoreError) -> [Record] {
        let filter = fault == .pagesWithoutFilter ? .all : distorted(filter)
        let after = fault == .pagesFromTheStart ? nil : after
        let now = fault == .forgetsExpiryInPages ? Instant(millisecondsSinceEpoch: .min) : now
        let kind = distorted(kind)
        switch fault {
        case .emptyPageAtZero where limit <= 0: return []
        case .pagesBackwards:
            return try await inner.page(kind, filter: filter, after: after, limit: limit, now: now).reversed()
        case .pagesWithoutLimit:
            return try await inner.page(kind, filter: filter, after: after, limit: 1000, now: now)
        default:
            return try await inner.page(kind, filter: filter, after: after, limit: limit, now: now)
        }
    }

    func sweep(now: Instant, limit: Int) async throws(StoreError) -> Int {
        switch fault {
        case .sweepsNothing: return 0
        case .sweepsTheLiving: return try await inner.sweep(now: .distantFuture, limit: limit)
        case .sweepsIgnoringTheLimit: return try await inner.sweep(now: now, limit: 1000)
        case .sweepsEverything:
            var deleted = 0
            while true {
                let step = try await inner.sweep(now: now, limit: limit)
                if step == 0 { return deleted }
                deleted += step
            }
        default: return try await inner.sweep(now: now, limit: limit)
        }
    }

    // MARK: Faults in detail

    private func applyTime(_ now: Instant) -> Instant {
        fault == .expiredHolderBlocksIndex ? Instant(millisecondsSinceEpoch: .min) : now
    }

    /// Rewrites guarded changes so that they hold for whatever is stored, read in a step of its own.
    private func loosened(_ changes: [Change], now: Instant) async throws(StoreError) -> [Change] {
        var loosened: [Change] = []
        for change in changes {
            switch (fault, change) {
            case (.dropsCompareAndSwap, .replace(let record, _)):
                let stored = try await inner.find(record.key, now: now)
                loosened.append(stored.map { .replace(record, ifVersion: $0.version) } ?? change)
            case (.readsThenWrites, .replace(let record, let version)):
                guard let stored = try await inner.find(record.key, now: now), stored.version == version else {
                    loosened.append(change)
                    continue
                }
                await Task.yield()
                loosened += [.delete(record.key), .insert(record)]
            case (.consumesTwice, .consume(let key)):
                guard var stored = try await inner.find(key, now: now) else {
                    loosened.append(change)
                    continue
                }
                stored.consumedAt = now
                loosened.append(.replace(stored, ifVersion: stored.version))
            case (.keepsCallersVersion, .insert(let record)) where record.version > 1 && record.version < 50:
                loosened.append(.insert(record))
                for version in 1..<record.version { loosened.append(.replace(record, ifVersion: version)) }
            case (.dropsIndexesThatCollide, .insert(var record)):
                var free: [SecondaryIndex] = []
                for index in record.indexes
                where try await inner.find(record.key.kind, index: index, now: now) == nil {
                    free.append(index)
                }
                record.indexes = free
                loosened.append(.insert(record))
            default:
                loosened.append(change)
            }
        }
        return loosened
    }

    private func revokingWrongly(_ changes: [Change], now: Instant) async throws(StoreError) -> ApplyOutcome {
        var rewritten: [Change] = []
        for change in changes {
            guard case .revokeFamily(let family) = change else {
                rewritten.append(change)
                continue
            }
            let kind = RecordKind("conformance-first")
            for var member in try await inner.page(kind, filter: .family(family), after: nil, limit: 1000, now: now)
            where fault == .revokesSpentAgain || member.consumedAt == nil {
                member.consumedAt = now
                rewritten.append(.replace(member, ifVersion: member.version))
            }
            if fault == .revokesSpentAgain { rewritten.append(change) }
        }
        return try await inner.apply(rewritten, now: now)
    }

    private func distorted(_ outcome: ApplyOutcome) -> ApplyOutcome {
        guard case .conflict(let position, let record) = outcome else { return outcome }
        return .conflict(
            change: fault == .reportsFirstPosition ? 0 : position,
            record: fault == .reportsNoRecord ? nil : record
        )
    }

    private func distorted(_ lookup: Lookup) -> Lookup {
        switch lookup {
        case .key(let key): .key(distorted(key))
        case .index(let kind, let index): .index(distorted(kind), index)
        }
    }

    private func distorted(_ kind: RecordKind) -> RecordKind {
        fault == .mixesKinds ? RecordKind("one") : kind
    }

    private func distorted(_ key: RecordKey) -> RecordKey {
        RecordKey(kind: distorted(key.kind), identifier: key.identifier)
    }

    private func distorted(_ text: String) -> String {
        switch fault {
        case .cutsTextAtZero: String(decoding: text.utf8.prefix { $0 != 0 }, as: UTF8.self)
        case .foldsCase: text.lowercased()
        default: text
        }
    }

    private func distorted(_ filter: PageFilter) -> PageFilter {
        switch filter {
        case .all: .all
        case .family(let family): .family(distorted(family))
        case .subject(let subject): .subject(distorted(subject))
        case .client(let client): .client(distorted(client))
        }
    }

    private func distorted(_ record: Record) -> Record {
        var record = record
        record.key = distorted(record.key)
        record.family = record.family.map(distorted)
        record.subject = record.subject.map(distorted)
        record.client = record.client.map(distorted)
        if fault == .cutsPayloadAtZero { record.payload = Array(record.payload.prefix { $0 != 0 }) }
        return record
    }

    private func distorted(_ change: Change) -> Change {
        switch change {
        case .insert(let record): .insert(distorted(record))
        case .replace(let record, let version): .replace(distorted(record), ifVersion: version)
        case .consume(let key): .consume(distorted(key))
        case .delete(let key): .delete(distorted(key))
        case .revokeFamily(let family): .revokeFamily(distorted(family))
        case .require(let key, let version): .require(distorted(key), version: version)
        case .requireAbsent(let key): .requireAbsent(distorted(key))
        }
    }
}
