import Instants
import Storage

/// What a transaction has locked and read, as its requests leave it one after the other; what has changed in the end is
/// written in one go.
struct WorkingSet: RecordReader {
    private struct IndexName: Hashable {
        var kind: RecordKind
        var index: SecondaryIndex
    }

    private var stored: [RecordKey: StoredRecord] = [:]
    private var current: [RecordKey: Record] = [:]
    private var holders: [IndexName: RecordKey] = [:]
    private var touched: [RecordKey] = []

    init(_ records: [StoredRecord]) {
        for found in records {
            let key = found.record.key
            stored[key] = found
            current[key] = found.record
            for index in found.record.indexes { holders[IndexName(kind: key.kind, index: index)] = key }
        }
    }

    func record(_ key: RecordKey) -> Record? { current[key] }

    func holder(of index: SecondaryIndex, kind: RecordKind) -> Record? {
        holders[IndexName(kind: kind, index: index)].flatMap { current[$0] }
    }

    func members(ofFamily family: String) -> [Record] {
        current.values.filter { $0.belongs(toFamily: family) }
    }

    mutating func write(_ writes: [RecordWrite]) {
        for before in writes.compactMap(\.before) {
            touched.append(before.key)
            current[before.key] = nil
            for index in before.indexes { holders[IndexName(kind: before.key.kind, index: index)] = nil }
        }
        for after in writes.compactMap(\.after) {
            touched.append(after.key)
            current[after.key] = after
            for index in after.indexes { holders[IndexName(kind: after.key.kind, index: index)] = after.key }
        }
    }

    /// The statements that bring the database from what was read to what is wanted.
    ///
    /// Indexes leave first and arrive last, so that one may pass from record to record. Rows are written in the order
    /// of their keys, as others write them.
    func commands(_ sql: RecordSQL) -> [Command] {
        var writes = PendingWrites()
        for key in Set(touched).sorted(by: Self.precedes) { writes.add(stored[key], current[key]) }
        return writes.commands(sql)
    }

    private static func precedes(_ left: RecordKey, _ right: RecordKey) -> Bool {
        left.kind.name == right.kind.name
            ? left.identifier < right.identifier : left.kind.name < right.kind.name
    }
}

/// Rows to be written, sorted by the statement that writes them.
private struct PendingWrites {
    typealias Update = (before: StoredRecord, after: Record)

    private var unindexed: [RecordKey] = []
    private var deleted: [StoredRecord] = []
    private var updated: [Update] = []
    private var moved: [Update] = []
    private var inserted: [Record] = []
    private var indexed: [Record] = []

    mutating func add(_ before: StoredRecord?, _ after: Record?) {
        guard before?.record != after else { return }
        let oldIndexes = before?.record.indexes ?? []
        let newIndexes = after?.indexes ?? []
        if let before, !oldIndexes.isEmpty, oldIndexes != newIndexes { unindexed.append(before.record.key) }
        switch (before, after) {
        case (nil, let after?): inserted.append(after)
        case (let before?, nil): deleted.append(before)
        case (let before?, let after?):
            if Self.staysInPlace(before.record, after) {
                updated.append((before, after))
            } else {
                moved.append((before, after))
            }
        case (nil, nil): break
        }
        if let after, !newIndexes.isEmpty, oldIndexes != newIndexes { indexed.append(after) }
    }

    /// Whether no index of the table is concerned: PostgreSQL then writes one row of one page.
    ///
    /// A later expiry counts as such, because `sweep_at` may stay behind it.
    private static func staysInPlace(_ before: Record, _ after: Record) -> Bool {
        let sweepHolds =
            switch (before.expiresAt, after.expiresAt) {
            case (nil, nil): true
            case (let before?, let after?): before <= after
            default: false
            }
        return sweepHolds && before.indexes == after.indexes && isSame(before.family, after.family)
            && isSame(before.subject, after.subject) && isSame(before.client, after.client)
    }

    private static func isSame(_ left: String?, _ right: String?) -> Bool {
        guard let right else { return left == nil }
        return left.isSameText(as: right)
    }

    func commands(_ sql: RecordSQL) -> [Command] {
        var commands: [Command] = []
        if !unindexed.isEmpty { commands.append(Command(sql.unindex, Self.keys(unindexed))) }
        if !deleted.isEmpty {
            commands.append(
                Command(
                    sql.delete,
                    Self.keys(deleted.map(\.record.key)) + [.transactions(deleted.map(\.writer))]
                )
            )
        }
        if !updated.isEmpty {
            commands.append(Command(sql.update, Self.seen(updated) + Self.state(updated.map(\.after))))
        }
        if !moved.isEmpty {
            let records = moved.map(\.after)
            commands.append(Command(sql.move, Self.seen(moved) + Self.state(records) + Self.place(records)))
        }
        if !inserted.isEmpty {
            commands.append(
                Command(
                    sql.insert,
                    Self.keys(inserted.map(\.key)) + Self.state(inserted) + Self.place(inserted)
                )
            )
        }
        if !indexed.isEmpty {
            let entries = indexed.flatMap { record in record.indexes.map { (record.key, $0) } }
            commands.append(
                Command(
                    sql.index,
                    Self.keys(entries.map(\.0)) + [
                        .texts(entries.map(\.1.name)), .manyBytes(entries.map(\.1.value.bytes)),
                    ]
                )
            )
        }
        return commands
    }

    private static func keys(_ keys: [RecordKey]) -> [Parameter] {
        [.texts(keys.map(\.kind.name)), .manyBytes(keys.map(\.identifier.bytes))]
    }

    private static func seen(_ updates: [Update]) -> [Parameter] {
        keys(updates.map(\.after.key)) + [.transactions(updates.map(\.before.writer))]
    }

    private static func state(_ records: [Record]) -> [Parameter] {
        [
            .integers(records.map(\.version)), .integers(records.map { $0.expiresAt?.millisecondsSinceEpoch }),
            .integers(records.map { $0.consumedAt?.millisecondsSinceEpoch }), .manyBytes(records.map(\.payload)),
        ]
    }

    private static func place(_ records: [Record]) -> [Parameter] {
        [
            .texts(records.map(\.family)), .texts(records.map(\.subject)), .texts(records.map(\.client)),
            .manyBytes(records.map { PackedIndexes.packed($0.indexes) }),
        ]
    }
}

/// Which records a statement reads.
struct Names {
    private var keys: Set<RecordKey> = []
    private var indexes: Set<Lookup> = []
    private var families: Set<[UInt8]> = []

    mutating func add(_ lookup: Lookup) {
        if case .key(let key) = lookup { keys.insert(key) } else { indexes.insert(lookup) }
    }

    mutating func add(_ change: Change) {
        switch change {
        case .insert(let record), .replace(let record, _):
            keys.insert(record.key)
            for index in record.indexes { indexes.insert(.index(record.key.kind, index)) }
        case .consume(let key), .delete(let key), .require(let key, _), .requireAbsent(let key): keys.insert(key)
        case .revokeFamily(let family): families.insert(Array(family.utf8))
        }
    }

    func command(_ sql: RecordSQL) -> Command {
        let keys = Array(keys)
        let named: [Parameter] = [.texts(keys.map(\.kind.name)), .manyBytes(keys.map(\.identifier.bytes))]
        guard !indexes.isEmpty || !families.isEmpty else { return Command(sql.byKey, named) }
        let indexes = indexes.compactMap { lookup -> (RecordKind, SecondaryIndex)? in
            if case .index(let kind, let index) = lookup { (kind, index) } else { nil }
        }
        return Command(
            sql.byName,
            named + [
                .texts(indexes.map(\.0.name)), .texts(indexes.map(\.1.name)),
                .manyBytes(indexes.map(\.1.value.bytes)), .manyBytes(Array(families)),
            ]
        )
    }
}
