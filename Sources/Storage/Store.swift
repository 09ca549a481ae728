// Where records are kept (no RFC of its own). One protocol over opaque records, the memory backend, and the rule
// book by which every backend judges changes. Owns no kind of record: features do.

public import Instants

/// Where records are kept: four operations over opaque records.
///
/// A backend implements these and runs `StorageConformance`; a new feature touches no backend.
public protocol Store: Sendable {
    /// The unexpired record, spent ones included, that each lookup names, in the order of the lookups; `nil` where
    /// there is none.
    ///
    /// All are read at one moment: the answer is a consistent snapshot.
    func find(_ lookups: [Lookup], now: Instant) async throws(StoreError) -> [Record?]

    /// What ``find(_:now:)`` would answer at this moment, where the store knows that without asking anybody; `nil` where it
    /// does not.
    func recall(_ lookups: [Lookup], now: Instant) -> [Record?]?

    /// Applies all changes or none, durably: when this returns `.applied`, the changes survive a crash of the process
    /// and of the machine (in a backend that keeps anything).
    ///
    /// Changes are judged in order, each seeing the ones before it.
    ///
    /// Texts (kinds, index names, families, subjects, clients) are compared byte by byte, without Unicode normalisation.
    func apply(_ changes: [Change], now: Instant) async throws(StoreError) -> ApplyOutcome

    /// Unexpired records of a kind, ordered by identifier hash, spent ones included; at most `limit` (1 to 1000, clamped).
    func page(
        _ kind: RecordKind,
        filter: PageFilter,
        after: IdentifierHash?,
        limit: Int,
        now: Instant
    ) async throws(StoreError) -> [Record]

    /// Deletes at most `limit` records (0 to 1000, clamped) that have expired at `now` and returns how many it deleted.
    ///
    /// Nothing but an exhausted supply makes it return 0 when `limit` is positive, so repeating it ends.
    func sweep(now: Instant, limit: Int) async throws(StoreError) -> Int
}

/// How a record is named when it is looked for.
public enum Lookup: Hashable, Sendable {
    case key(RecordKey)
    case index(RecordKind, SecondaryIndex)

    /// By the identifier, as a `RecordKey`.
    public func hash(into hasher: inout Hasher) {
        switch self {
        case .key(let key): key.hash(into: &hasher)
        case .index(_, let index): index.value.hash(into: &hasher)
        }
    }
}

extension Lookup {
    /// What sort of thing is looked for.
    package var kind: RecordKind {
        switch self {
        case .key(let key): key.kind
        case .index(let kind, _): kind
        }
    }
}

/// One step of an `apply`.
public enum Change: Hashable, Sendable {
    /// Writes a new record with version 1.
    ///
    /// Conflicts if an unexpired record holds its key or one of its indexes.
    case insert(Record)
    /// Writes the record over the one with its key, and version `ifVersion + 1`.
    ///
    /// Conflicts if that record is absent or has another version, or if an index is held by another unexpired record.
    case replace(Record, ifVersion: Int64)
    /// Marks the record spent at `now` and raises its version.
    ///
    /// Conflicts if it is absent or already spent.
    case consume(RecordKey)
    /// Removes the record, present or not.
    case delete(RecordKey)
    /// Marks every unspent, unexpired record of this family spent at `now` and raises its version, whatever its kind.
    case revokeFamily(String)
    /// Writes nothing.
    ///
    /// Conflicts unless an unexpired record with this key has this version: what a decision rested on has not changed
    /// since it was read.
    case require(RecordKey, version: Int64)
    /// Writes nothing.
    ///
    /// Conflicts if an unexpired record holds this key.
    case requireAbsent(RecordKey)
}

/// What became of an `apply`.
public enum ApplyOutcome: Hashable, Sendable {
    case applied
    /// Nothing was written.
    ///
    /// `change` is the position of the first change that did not hold, `record` the unexpired record that stood in its
    /// way, or `nil` if it failed for want of one.
    case conflict(change: Int, record: Record?)
}

/// Which records a listing shows.
public enum PageFilter: Hashable, Sendable {
    case all
    case family(String)
    case subject(String)
    case client(String)
}

/// Why a store could not answer.
///
/// A guard that does not hold is no error: it is `ApplyOutcome.conflict`.
public enum StoreError: Error, Hashable, Sendable {
    /// The store cannot answer now; nothing was applied.
    ///
    /// Trying later may work.
    case unavailable(reason: String)
    /// What is stored cannot be understood.
    ///
    /// Trying again will not help.
    case corrupt(reason: String)
}

extension Store {
    /// Nothing is known without asking.
    public func recall(_ lookups: [Lookup], now: Instant) -> [Record?]? { nil }

    /// The unexpired record with this key, spent or not.
    public func find(_ key: RecordKey, now: Instant) async throws(StoreError) -> Record? {
        if let known = recall([.key(key)], now: now) { return known[0] }
        return try await find([.key(key)], now: now)[0]
    }

    /// The unexpired record of this kind with this secondary index, spent or not.
    public func find(_ kind: RecordKind, index: SecondaryIndex, now: Instant) async throws(StoreError) -> Record? {
        try await find([.index(kind, index)], now: now)[0]
    }
}
