// Records in one Redis. `Layout` says how they lie, `Scripts` holds what Redis runs as one step each, `Opening` what is
// checked before anything is kept, `Durability` what Redis' configuration means for it. Stores whatever kinds it is given.

package import Instants
import RedisClient
package import Storage

/// A store in one Redis, for records that may be lost, or at the operator's risk for all.
///
/// Redis' own clock expires nothing here: what has expired is judged by the caller's `now`, and removed by `sweep`
/// together with everything that leads to it.
package final class RedisStore: StoreBackend {
    /// How many members one step of a listing looks at: what other commands wait for.
    private static let patience = 2000

    /// The address, without user and password.
    package let location: String
    /// What is worth a warning in the configuration of this Redis; what would be refused was refused at opening.
    package let findings: [RedisFinding]
    private let pool: RedisPool
    private let prefix: String

    init(pool: RedisPool, prefix: String, findings: [RedisFinding]) {
        self.pool = pool
        self.prefix = prefix
        self.findings = findings
        location = "\(pool.address)"
    }

    package nonisolated(nonsending) func find(
        _ lookups: [Lookup],
        now: Instant
    ) async throws(StoreError) -> [Record?] {
        guard !lookups.isEmpty else { return [] }
        var arguments = ScriptArguments(now: now)
        arguments.add("\(lookups.count)")
        for lookup in lookups {
            switch lookup {
            case .key(let key):
                arguments.add("key")
                arguments.add(Layout.member(key))
            case .index(let kind, let index):
                arguments.add("index")
                arguments.add(Layout.kind(kind))
                arguments.add(Layout.entry(index))
            }
        }
        let answers = try await run(.find, arguments, ifInterrupted: .sendAgain)
        guard answers.count == lookups.count else { throw Self.unreadable }
        var records: [Record?] = []
        for answer in answers { records.append(answer.isNull ? nil : try Self.record(answer)) }
        return records
    }

    /// Judged and written by Redis as one step.
    ///
    /// When the connection ends before the answer, nobody knows whether it was applied: it is reported as
    /// `.unavailable`, and not repeated.
    package nonisolated(nonsending) func apply(
        _ changes: [Change],
        now: Instant
    ) async throws(StoreError) -> ApplyOutcome {
        guard !changes.isEmpty else { return .applied }
        var arguments = ScriptArguments(now: now)
        arguments.add("\(changes.count)")
        for change in changes { arguments.add(change) }
        let answer = try await run(.apply, arguments, ifInterrupted: .report)
        switch (answer.first?.integer, answer.count) {
        case (1, 1): return .applied
        case (0, 2): return .conflict(change: try Self.position(answer[1], in: changes), record: nil)
        case (0, 2 + Layout.width):
            return .conflict(
                change: try Self.position(answer[1], in: changes),
                record: try Self.record(.array(Array(answer.dropFirst(2))))
            )
        default: throw Self.unreadable
        }
    }

    /// Read in steps, so that a long listing does not keep others waiting.
    package nonisolated(nonsending) func page(
        _ kind: RecordKind,
        filter: PageFilter,
        after: IdentifierHash?,
        limit: Int,
        now: Instant
    ) async throws(StoreError) -> [Record] {
        let limit = StoreLimits.pageSize(asked: limit)
        var after = after?.bytes
        var records: [Record] = []
        while true {
            let arguments = Self.pageArguments(kind, filter, after: after, limit: limit - records.count, now: now)
            let answer = try await run(.page, arguments, ifInterrupted: .sendAgain)
            for value in answer.dropFirst() { records.append(try Self.record(value)) }
            guard records.count < limit, let stop = answer.first?.bytes else { return records }
            after = stop
        }
    }

    private static func pageArguments(
        _ kind: RecordKind,
        _ filter: PageFilter,
        after: [UInt8]?,
        limit: Int,
        now: Instant
    ) -> ScriptArguments {
        let kind = Layout.kind(kind)
        // Members of the sets by family, subject and client begin with the kind, those of the set of the kind do not.
        let (key, lead): (String, [UInt8]) =
            switch filter {
            case .all: ("k:", [])
            case .family(let family): ("f:\(family)", kind)
            case .subject(let subject): ("s:\(subject)", kind)
            case .client(let client): ("c:\(client)", kind)
            }
        var arguments = ScriptArguments(now: now)
        arguments.add(Array(key.utf8) + (lead.isEmpty ? kind : []))
        if let after {
            arguments.add([UInt8(ascii: "(")] + lead + after)
        } else {
            arguments.add(lead.isEmpty ? Array("-".utf8) : [UInt8(ascii: "[")] + lead)
        }
        if let last = lead.last {
            // The first member that begins otherwise: no octet of UTF-8 or of a length is 255.
            arguments.add([UInt8(ascii: "(")] + lead.dropLast() + [last + 1])
        } else {
            arguments.add("+")
        }
        arguments.add("\(lead.count)")
        arguments.add(kind)
        arguments.add("\(limit)")
        arguments.add("\(patience)")
        return arguments
    }

    package nonisolated(nonsending) func sweep(now: Instant, limit: Int) async throws(StoreError) -> Int {
        let limit = StoreLimits.sweepSize(asked: limit)
        guard limit > 0 else { return 0 }
        var arguments = ScriptArguments(now: now)
        arguments.add("\(now.millisecondsSinceEpoch)")
        arguments.add("\(limit)")
        while true {
            let answer = try await run(.sweep, arguments, ifInterrupted: .sendAgain).compactMap(\.integer)
            guard answer.count == 3 else { throw Self.unreadable }
            if answer[0] > 0 || answer[1] < limit || answer[2] == 0 { return Int(clamping: answer[0]) }
        }
    }

    /// Writes, reads and removes with every command that the store needs.
    package nonisolated(nonsending) func checkHealth() async throws(StoreError) {
        let layout: String
        do {
            layout = try await Self.probe(pool, prefix: prefix)
        } catch {
            throw StoreError(error)
        }
        guard layout == Layout.version else {
            throw .corrupt(reason: "the layout in Redis is now \(layout.prefix(20))")
        }
    }

    /// `nil`: nothing is announced.
    package func announcements() -> AsyncStream<Void>? { nil }

    /// Waits for the answers that are due, then lets go.
    package func close() async throws(StoreError) { await pool.close() }

    // MARK: - Scripts

    /// Runs the probe; answers the version of the layout that is there now.
    static func probe(_ pool: RedisPool, prefix: String) async throws(RedisError) -> String {
        var arguments = ScriptArguments()
        arguments.add(Layout.version)
        let answer = try await RedisScript.probe.run(
            on: pool,
            key: prefix,
            arguments: arguments,
            ifInterrupted: .sendAgain
        )
        guard let text = answer.text else { throw .unexpectedReply(command: "EVAL") }
        return text
    }

    private nonisolated(nonsending) func run(
        _ script: RedisScript,
        _ arguments: ScriptArguments,
        ifInterrupted interruption: RedisInterruption
    ) async throws(StoreError) -> [RedisValue] {
        do throws(RedisError) {
            let answer = try await script.run(
                on: pool,
                key: prefix,
                arguments: arguments,
                ifInterrupted: interruption
            )
            guard let values = answer.array else { throw .unexpectedReply(command: "EVALSHA") }
            return values
        } catch {
            throw StoreError(error)
        }
    }

    private static let unreadable = StoreError.corrupt(reason: "Redis answered with what is no record")

    private static func record(_ value: RedisValue) throws(StoreError) -> Record {
        guard let values = value.array, let record = Layout.record(values[...]) else { throw unreadable }
        return record
    }

    private static func position(_ value: RedisValue, in changes: [Change]) throws(StoreError) -> Int {
        guard let position = value.integer.flatMap({ Int(exactly: $0) }), changes.indices.contains(position) else {
            throw unreadable
        }
        return position
    }
}

extension ScriptArguments {
    init(now: Instant) { add(Layout.moment(now)) }

    mutating func add(_ change: Change) {
        switch change {
        case .insert(let record):
            add("insert", record.key)
            add("1")
            add(body: record)
        case .replace(let record, let version):
            add("replace", record.key)
            add("\(version)")
            add("\(version &+ 1)")
            add(body: record)
        case .consume(let key): add("consume", key)
        case .delete(let key): add("delete", key)
        case .revokeFamily(let family):
            add("revoke")
            add(family)
        case .require(let key, let version):
            add("require", key)
            add("\(version)")
        case .requireAbsent(let key): add("absent", key)
        }
    }

    private mutating func add(_ operation: String, _ key: RecordKey) {
        add(operation)
        add(Layout.member(key))
    }

    private mutating func add(body record: Record) {
        add(Layout.moment(record.expiresAt))
        add("\(record.expiresAt?.millisecondsSinceEpoch ?? 0)")
        add(Layout.moment(record.consumedAt))
        add(Layout.text(record.family))
        add(Layout.text(record.subject))
        add(Layout.text(record.client))
        add(Layout.indexes(record.indexes))
        add(record.payload)
    }
}

extension StoreError {
    init(_ error: RedisError) {
        switch error {
        case .replied(let reply) where reply.code == "WRONGTYPE":
            self = .corrupt(reason: "another program uses keys with our prefix in Redis")
        case .unexpectedReply: self = .corrupt(reason: "\(error)")
        default: self = .unavailable(reason: "\(error)")
        }
    }
}
