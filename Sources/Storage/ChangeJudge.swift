// How a list of changes is judged. One rule book for every backend in this package: the guards are evaluated in
// order against what is stored and what the list itself has done so far, and only then is anything written. So a
// conflict never costs a rollback, and two backends cannot differ in what they refuse. Stores nothing.

package import Instants

/// Reads what is stored on behalf of a `ChangeJudge`.
///
/// Expired records are shown as well: the judge needs them to clear their places.
package protocol RecordReader {
    associatedtype Failure: Error

    func record(_ key: RecordKey) throws(Failure) -> Record?
    func holder(of index: SecondaryIndex, kind: RecordKind) throws(Failure) -> Record?
    /// Every stored record of the family; spent and expired ones may be left out.
    func members(ofFamily family: String) throws(Failure) -> [Record]
}

/// What one judged list of changes does to one record.
package struct RecordWrite: Hashable, Sendable {
    /// What is stored now; `nil` where there is nothing.
    package var before: Record?
    /// What must be stored afterwards; `nil` removes the record.
    package var after: Record?

    package init(before: Record?, after: Record?) {
        self.before = before
        self.after = after
    }
}

/// The judgement of a list of changes.
package enum Verdict: Hashable, Sendable {
    /// Every guard holds, and these writes bring the changes about.
    ///
    /// Index entries of all `before`s must go before those of any `after` are written, since an index may move from one
    /// record to another.
    case writes([RecordWrite])
    case conflict(change: Int, record: Record?)
}

/// Judges one list of changes; made anew for each list.
package struct ChangeJudge<Reader: RecordReader> {
    private struct IndexName: Hashable {
        var kind: RecordKind
        var index: SecondaryIndex
    }

    private enum Holder {
        case nobody
        case record(RecordKey)
    }

    private struct Conflict: Error {
        var record: Record?
    }

    private let reader: Reader
    private let now: Instant
    /// Every record seen so far, in the order of first sight, as it is stored and as the list leaves it.
    private var seen: [RecordKey: Int] = [:]
    private var writes: [RecordWrite] = []
    /// Who holds an index, where the list has changed it.
    private var holders: [IndexName: Holder] = [:]

    package init(reader: Reader, now: Instant) {
        self.reader = reader
        self.now = now
    }

    /// The verdict on `changes`, each judged in the light of the ones before it.
    package static func judge(
        _ changes: [Change],
        reader: Reader,
        now: Instant
    ) throws(Reader.Failure) -> Verdict {
        var judge = ChangeJudge(reader: reader, now: now)
        for (position, change) in changes.enumerated() {
            if let conflict = try judge.take(change) {
                return .conflict(change: position, record: conflict.record)
            }
        }
        return .writes(judge.writes.filter { $0.before != $0.after })
    }

    private mutating func take(_ change: Change) throws(Reader.Failure) -> Conflict? {
        switch change {
        case .insert(let record):
            return try insert(record)
        case .replace(let record, let version):
            return try replace(record, version: version)
        case .consume(let key):
            guard let present = try unexpired(key) else { return Conflict(record: nil) }
            guard present.consumedAt == nil else { return Conflict(record: present) }
            spend(present)
        case .delete(let key):
            _ = try stored(key)
            put(nil, at: key)
        case .revokeFamily(let family):
            try revoke(family)
        case .require(let key, let version):
            guard let present = try unexpired(key) else { return Conflict(record: nil) }
            guard present.version == version else { return Conflict(record: present) }
        case .requireAbsent(let key):
            if let present = try unexpired(key) { return Conflict(record: present) }
        }
        return nil
    }

    private mutating func insert(_ record: Record) throws(Reader.Failure) -> Conflict? {
        if let present = try unexpired(record.key) { return Conflict(record: present) }
        if let conflict = try claimIndexes(of: record) { return conflict }
        var written = record
        written.version = 1
        put(written, at: record.key)
        return nil
    }

    private mutating func replace(_ record: Record, version: Int64) throws(Reader.Failure) -> Conflict? {
        guard let present = try unexpired(record.key) else { return Conflict(record: nil) }
        guard present.version == version else { return Conflict(record: present) }
        if let conflict = try claimIndexes(of: record) { return conflict }
        var written = record
        written.version = version + 1
        put(written, at: record.key)
        return nil
    }

    private mutating func revoke(_ family: String) throws(Reader.Failure) {
        for member in try reader.members(ofFamily: family) where seen[member.key] == nil {
            note(member, at: member.key)
        }
        for member in writes.compactMap(\.after)
        where member.consumedAt == nil && !member.isExpired(at: now) && member.belongs(toFamily: family) {
            spend(member)
        }
    }

    private mutating func spend(_ record: Record) {
        var spent = record
        spent.consumedAt = now
        spent.version += 1
        put(spent, at: record.key)
    }

    /// Clears expired records out of the way of the indexes of `record`, or names the living one that holds one of them.
    private mutating func claimIndexes(of record: Record) throws(Reader.Failure) -> Conflict? {
        for index in record.indexes {
            guard let holder = try holder(of: index, kind: record.key.kind), holder.key != record.key else { continue }
            guard holder.isExpired(at: now) else { return Conflict(record: holder) }
            put(nil, at: holder.key)
        }
        return nil
    }

    private mutating func unexpired(_ key: RecordKey) throws(Reader.Failure) -> Record? {
        guard let record = try stored(key), !record.isExpired(at: now) else { return nil }
        return record
    }

    private mutating func stored(_ key: RecordKey) throws(Reader.Failure) -> Record? {
        if let place = seen[key] { return writes[place].after }
        let record = try reader.record(key)
        note(record, at: key)
        return record
    }

    private mutating func holder(of index: SecondaryIndex, kind: RecordKind) throws(Reader.Failure) -> Record? {
        switch holders[IndexName(kind: kind, index: index)] {
        case .nobody:
            return nil
        case .record(let key):
            return try stored(key)
        case nil:
            guard let holder = try reader.holder(of: index, kind: kind) else { return nil }
            if seen[holder.key] == nil { note(holder, at: holder.key) }
            return try stored(holder.key)
        }
    }

    private mutating func note(_ record: Record?, at key: RecordKey) {
        seen[key] = writes.count
        writes.append(RecordWrite(before: record, after: record))
    }

    /// Leaves `record` at `key`.
    ///
    /// The key must have been looked at before.
    private mutating func put(_ record: Record?, at key: RecordKey) {
        guard let place = seen[key] else { return }
        for index in writes[place].after?.indexes ?? [] {
            holders[IndexName(kind: key.kind, index: index)] = .nobody
        }
        guard var record else {
            writes[place].after = nil
            return
        }
        var distinct = Set<SecondaryIndex>()
        record.indexes = record.indexes.filter { distinct.insert($0).inserted }
        for index in record.indexes {
            holders[IndexName(kind: key.kind, index: index)] = .record(key)
        }
        writes[place].after = record
    }
}

extension Record {
    /// Whether this record belongs to `family`, compared byte by byte.
    package func belongs(toFamily family: String) -> Bool { self.family.isSameText(as: family) }
}

extension String? {
    /// Equality of UTF-8 bytes.
    ///
    /// Swift's `==` would also equate canonically equivalent texts, which a database does not.
    package func isSameText(as other: String) -> Bool {
        guard let self else { return false }
        return self.utf8.elementsEqual(other.utf8)
    }
}
