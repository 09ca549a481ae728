import Instants
import Storage
import Synchronization

/// Records that were read or written lately: answers without a query, and exactly as a query would.
///
/// What is kept holds for one state of the database. Every question looks first whether that state is still the current
/// one, in the memory that all processes with this file share; a commit of somebody else empties the memory at once, one
/// of our own changes in it what it wrote.
final class RecordMemory: Sendable {
    typealias State = LogHeader.State

    /// What was known of some lookups, at one moment.
    struct Recollection {
        /// By lookup; `nil` for what has to be read.
        var found: [Known?]
        /// The state that it holds for; `nil` while that cannot be told.
        var state: State?
    }

    /// What a lookup leads to, expired records included.
    enum Known: Sendable {
        case absent
        case record(Record)

        init(_ record: Record?) { self = record.map(Self.record) ?? .absent }

        /// As a store answers.
        func answer(at now: Instant) -> Record? {
            guard case .record(let record) = self, !record.isExpired(at: now) else { return nil }
            return record
        }
    }

    /// A commit of ours.
    fileprivate struct Step {
        /// The state that it followed upon.
        var before: State
        /// What it wrote.
        var keys: Set<RecordKey>
    }

    fileprivate struct Contents {
        /// `nil` once closed, and where SQLite's own is not to be had.
        var header: LogHeader?
        /// What everything here holds for.
        var known = State()
        /// The latest commits, each right after the one before it, and the last one led to `known`.
        var steps: [Step] = []
        var isCommitting = false
        /// Records that have expired by then may be gone.
        var sweptUpTo: Instant?
        var recent = Half()
        var earlier = Half()
        var rolls: RecordRolls
    }

    /// Half of what is kept: when it is full it becomes the earlier one, and what was there is forgotten.
    fileprivate struct Half {
        var entries: [Lookup: Known] = [:]
        var bytes = 0
    }

    /// What a record takes beside its payload, roughly.
    fileprivate static let overhead = 400

    /// How many steps are kept, and how many keys a step may have: a read that takes longer is not remembered.
    fileprivate static let mostSteps = 16
    fileprivate static let mostKeysInStep = 1024

    /// Rolls may take an eighth beside what is kept, with sixteen bytes for an entry.
    private static let bytesPerEntry = 128

    private let largestHalf: Int
    /// How much all rolls together may hold.
    let mostOnRolls: Int
    private let contents: Mutex<Contents>

    /// - Parameters:
    ///   - bytes: how much may be kept, roughly; 0 keeps nothing.
    ///   - missesBeforeRoll: how many keys of a kind must have led to nothing before its roll is read.
    init(_ header: LogHeader?, bytes: Int, missesBeforeRoll: Int) {
        largestHalf = bytes / 2
        mostOnRolls = bytes / Self.bytesPerEntry
        contents = Mutex(
            Contents(
                header: bytes > 0 ? header : nil,
                known: header?.state ?? State(),
                rolls: RecordRolls(room: header == nil ? 0 : mostOnRolls, fewestMisses: missesBeforeRoll)
            )
        )
    }

    /// Nothing is known, and nothing of SQLite's is looked at, from now on.
    func close() {
        contents.withLock { contents in
            contents.header = nil
            contents.recent = Half()
            contents.earlier = Half()
            contents.rolls.forget()
        }
    }

    // MARK: - Reading

    /// The answer to these lookups, if all of it is known now.
    func answer(_ lookups: [Lookup], at now: Instant) -> [Record?]? {
        contents.withLock { contents in
            guard contents.current() != nil else { return nil }
            var answer: [Record?] = []
            answer.reserveCapacity(lookups.count)
            for lookup in lookups {
                guard let known = contents.recall(lookup, largestHalf: largestHalf) else { return nil }
                answer.append(known.answer(at: now))
            }
            return answer
        }
    }

    /// What is known of these lookups now.
    func recall(_ lookups: [Lookup]) -> Recollection {
        contents.withLock { contents in
            guard let state = contents.current() else {
                return Recollection(found: Array(repeating: nil, count: lookups.count))
            }
            return Recollection(
                found: lookups.map { contents.recall($0, largestHalf: largestHalf) },
                state: state
            )
        }
    }

    /// Keeps what was read since `state` was recalled.
    ///
    /// False if somebody has committed since: what was recalled and what was read may be of two states. What was read of records
    /// that no commit has written since is kept all the same, if all of these commits are ours.
    func remember(_ lookups: some Sequence<Lookup>, _ records: [Record?], since state: State?) -> Bool {
        guard let state else { return false }
        return contents.withLock { contents in
            guard let current = contents.current() else { return false }
            guard current == state else {
                contents.keepUnwritten(lookups, records, since: state, largestHalf: largestHalf)
                return false
            }
            for (lookup, record) in zip(lookups, records) {
                contents.keep(Known(record), at: lookup, largestHalf: largestHalf)
            }
            return true
        }
    }

    // MARK: - Rolls

    /// These keys led to nothing in a query: returns the kinds whose rolls should be read now, and the number of each reading.
    func missed(_ lookups: some Sequence<Lookup>) -> [(kind: RecordKind, reading: Int)] {
        contents.withLock { contents in
            guard contents.current() != nil else { return [] }
            return lookups.compactMap { lookup in
                guard case .key(let key) = lookup else { return nil }
                return contents.rolls.missed(key.kind).map { (key.kind, $0) }
            }
        }
    }

    /// What a reading brought, which began after it got its number.
    func end(_ kind: RecordKind, reading: Int, _ result: RecordRolls.Reading) {
        contents.withLock { $0.rolls.end(kind, reading: reading, result) }
    }

    // MARK: - Writing

    /// The write lock is ours: nobody else commits before ``committed(_:hasWritten:sweptUpTo:)`` or ``failed()``.
    func began() {
        contents.withLock { contents in
            _ = contents.current()
            contents.isCommitting = true
        }
    }

    /// What is known of a record since ``began()``: as it was then.
    func recallWhileWriting(_ key: RecordKey) -> Known? {
        contents.withLock { contents in
            contents.header == nil ? nil : contents.recall(.key(key), largestHalf: largestHalf)
        }
    }

    /// These were written by one commit, in this order.
    ///
    /// - Parameters:
    ///   - keys: whose these writes are.
    ///   - hasWritten: whether the commit wrote anything to the log. One that did not leaves the lock as free as any other, and
    ///     what the log says a moment later is somebody else's.
    func committed(_ writes: [RecordWrite], of keys: Set<RecordKey>, hasWritten: Bool, sweptUpTo: Instant?) {
        contents.withLock { contents in
            contents.isCommitting = false
            guard let header = contents.header else { return }
            let state = header.state
            // One commit further than before is ours; anything else, and another process has committed right behind us.
            let ours = LogHeader.commits(contents.known) &+ 1
            guard hasWritten ? LogHeader.commits(state) == ours : state == contents.known else {
                contents.forget(knowing: state)
                return
            }
            if hasWritten { contents.add(RecordMemory.Step(before: contents.known, keys: keys)) }
            contents.known = state
            if let sweptUpTo { contents.sweptUpTo = max(contents.sweptUpTo ?? sweptUpTo, sweptUpTo) }
            for write in writes { contents.take(write, largestHalf: largestHalf) }
        }
    }

    /// What was begun may have been committed or not, or wrote what is not told in detail.
    func failed() {
        contents.withLock { contents in
            contents.isCommitting = false
            if let header = contents.header { contents.forget(knowing: header.state) }
        }
    }
}

extension RecordMemory.Contents {
    /// The state that everything here holds for, if it is the current one.
    fileprivate mutating func current() -> RecordMemory.State? {
        guard let header else { return nil }
        let state = header.state
        if state == known { return state }
        // Whether that is our commit is told by whoever makes it.
        if isCommitting { return nil }
        forget(knowing: state)
        return state
    }

    fileprivate mutating func forget(knowing state: RecordMemory.State) {
        known = state
        steps = []
        sweptUpTo = nil
        recent = RecordMemory.Half()
        earlier = RecordMemory.Half()
        rolls.forget()
    }

    fileprivate mutating func add(_ step: RecordMemory.Step) {
        if step.keys.count > RecordMemory.mostKeysInStep {
            steps = []
            return
        }
        if steps.count == RecordMemory.mostSteps { steps.removeFirst() }
        steps.append(step)
    }

    /// Keeps what was read since `state` of records that no commit has written since.
    ///
    /// Before or after which of these commits that was does not matter then. What was swept meanwhile is not recalled, for it
    /// has expired.
    fileprivate mutating func keepUnwritten(
        _ lookups: some Sequence<Lookup>,
        _ records: [Record?],
        since state: RecordMemory.State,
        largestHalf: Int
    ) {
        guard let first = steps.lastIndex(where: { $0.before == state }) else { return }
        for (lookup, record) in zip(lookups, records) {
            guard case .key(let key) = lookup, !steps[first...].contains(where: { $0.keys.contains(key) }) else {
                continue
            }
            keep(RecordMemory.Known(record), at: lookup, largestHalf: largestHalf)
        }
    }

    fileprivate mutating func recall(_ lookup: Lookup, largestHalf: Int) -> RecordMemory.Known? {
        guard let found = recent.entries[lookup] ?? renewed(lookup, largestHalf: largestHalf) else {
            if case .key(let key) = lookup, rolls.excludes(key) { return .absent }
            return nil
        }
        if let sweptUpTo, case .record(let record) = found, record.isExpired(at: sweptUpTo) { return nil }
        return found
    }

    /// What is in the earlier half, which is in the recent one then.
    private mutating func renewed(_ lookup: Lookup, largestHalf: Int) -> RecordMemory.Known? {
        guard let found = earlier.entries[lookup] else { return nil }
        keep(found, at: lookup, largestHalf: largestHalf)
        return found
    }

    fileprivate mutating func keep(_ known: RecordMemory.Known, at lookup: Lookup, largestHalf: Int) {
        recent.bytes += RecordMemory.overhead
        if case .record(let record) = known { recent.bytes += record.payload.count }
        recent.entries[lookup] = known
        if recent.bytes > largestHalf {
            earlier = recent
            recent = RecordMemory.Half()
        }
    }

    fileprivate mutating func take(_ write: RecordWrite, largestHalf: Int) {
        guard let key = write.key else { return }
        if write.after != nil { rolls.wrote(key) }
        for record in [write.before, write.after] {
            for index in record?.indexes ?? [] { drop(.index(key.kind, index)) }
        }
        // One with indexes comes back from a query as it was stored: each of them once, in an order of the table's own.
        if let after = write.after, after.indexes.isEmpty {
            keep(.record(after), at: .key(key), largestHalf: largestHalf)
        } else {
            drop(.key(key))
        }
    }

    private mutating func drop(_ lookup: Lookup) {
        recent.entries[lookup] = nil
        earlier.entries[lookup] = nil
    }
}

extension RecordWrite {
    /// Which record is written; `nil` for a write of nothing over nothing.
    var key: RecordKey? { (before ?? after)?.key }
}
