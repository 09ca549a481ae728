import Instants
import Storage

/// One run of one check: the store, a fixed clock, and the vocabulary in which checks are written.
struct Trial: Sendable {
    let store: any Store
    let check: String
    /// When everything happens unless a check says otherwise: 2027-01-15T08:00:00Z.
    let now = Instant(secondsSinceEpoch: 1_800_000_000)

    func after(seconds: Int64) -> Instant { now + .seconds(seconds) }

    // MARK: Expectations

    func expect(_ holds: Bool, _ reason: @autoclosure () -> String) throws(ConformanceFailure) {
        guard holds else { throw ConformanceFailure(check: check, reason: reason()) }
    }

    func expect<Value: Equatable>(
        _ value: Value,
        is expected: Value,
        _ what: String
    ) throws(ConformanceFailure) {
        try expect(value == expected, "\(what) should be \(brief(expected)) and is \(brief(value))")
    }

    private func brief<Value>(_ value: Value) -> String {
        let text = "\(value)"
        return text.count > 400 ? "\(text.prefix(400))… (\(text.count) characters)" : text
    }

    // MARK: Acts

    func apply(_ changes: Change..., at moment: Instant? = nil) async throws {
        let outcome = try await store.apply(changes, now: moment ?? now)
        try expect(outcome, is: .applied, "the outcome of \(changes.count) changes")
    }

    /// Expects that `changes` are refused at the given position because of `record`.
    func applyExpectingConflict(
        _ changes: [Change],
        position: Int = 0,
        record: Record?,
        at moment: Instant? = nil
    ) async throws {
        let outcome = try await store.apply(changes, now: moment ?? now)
        try expect(
            outcome,
            is: .conflict(change: position, record: record),
            "the outcome of changes that must not hold"
        )
    }

    func find(_ key: RecordKey, at moment: Instant? = nil) async throws -> Record? {
        try await store.find(key, now: moment ?? now)
    }

    func page(
        _ kind: RecordKind = .first,
        filter: PageFilter = .all,
        after: IdentifierHash? = nil,
        limit: Int = 100,
        at moment: Instant? = nil
    ) async throws -> [Record] {
        try await store.page(kind, filter: filter, after: after, limit: limit, now: moment ?? now)
    }

    /// Runs `count` tasks at once and returns what they returned, in no order.
    func together<Value: Sendable>(
        _ count: Int,
        _ act: @escaping @Sendable (Int) async throws -> Value
    ) async throws -> [Value] {
        try await withThrowingTaskGroup(of: Value.self) { group in
            for number in 0..<count {
                group.addTask {
                    await Task.yield()
                    return try await act(number)
                }
            }
            var values: [Value] = []
            for try await value in group { values.append(value) }
            return values
        }
    }
}

extension RecordKind {
    static let first = RecordKind("conformance-first")
    static let second = RecordKind("conformance-second")
}

extension IdentifierHash {
    /// Thirty-two bytes that order as `number` does.
    init(_ number: Int) {
        let low = (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * (7 - $0))) }
        self.init(bytes: low + [UInt8](repeating: 0xA5, count: 24))
    }
}

extension RecordKey {
    init(_ number: Int, kind: RecordKind = .first) {
        self.init(kind: kind, identifier: IdentifierHash(number))
    }
}

extension Record {
    /// A record with payload "number", and what else a check needs.
    init(
        _ number: Int,
        kind: RecordKind = .first,
        indexes: [SecondaryIndex] = [],
        family: String? = nil,
        subject: String? = nil,
        client: String? = nil,
        expiresAt: Instant? = nil
    ) {
        self.init(
            key: RecordKey(number, kind: kind),
            indexes: indexes,
            family: family,
            subject: subject,
            client: client,
            expiresAt: expiresAt,
            payload: Array("\(number)".utf8)
        )
    }

    func with(version: Int64) -> Record {
        var copy = self
        copy.version = version
        return copy
    }

    func with(payload: String) -> Record {
        var copy = self
        copy.payload = Array(payload.utf8)
        return copy
    }

    func with(indexes: [SecondaryIndex]) -> Record {
        var copy = self
        copy.indexes = indexes
        return copy
    }

    func with(expiresAt: Instant?) -> Record {
        var copy = self
        copy.expiresAt = expiresAt
        return copy
    }

    /// What `consume` or `revokeFamily` makes of this record.
    func spent(at moment: Instant) -> Record {
        var copy = self
        copy.consumedAt = moment
        copy.version += 1
        return copy
    }
}

extension SecondaryIndex {
    static func username(_ number: Int) -> SecondaryIndex {
        SecondaryIndex(name: "username", value: IdentifierHash(number))
    }
    static func email(_ number: Int) -> SecondaryIndex {
        SecondaryIndex(name: "email", value: IdentifierHash(number))
    }
}
