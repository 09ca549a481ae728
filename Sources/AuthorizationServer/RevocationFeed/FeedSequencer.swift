package import Instants
import RevocationFeed
package import Storage

/// Who numbers at the moment.
package struct FeedLease: Payload, Hashable {
    package static let kind = RecordKind("feed-lease")
    package static let key = RecordKey(kind, "lease")
    /// How long it is held without being renewed.
    package static let lifetime = FeedLimits.leaseLifetime

    /// The node: random, drawn at its start.
    package var holder: String
    /// From here anybody may take over.
    package var until: Instant
}

/// The log as one node has it in memory.
struct FeedMemory: Sendable {
    var state: FeedState
    /// The version of the state record.
    var version: Int64
    var live: LiveEndings
    /// Whether `live` is what the batches amount to; not after an apply that failed half-way.
    var isLiveSound = true
    var positions: [String: FeedPosition]
    /// For each stored batch, oldest first: from when on nothing of it is live.
    var ends: [(number: Int64, liveUntil: Instant, sequencedAt: Instant)] = []
}

/// Gives numbers to what was ended, after it was committed.
///
/// Commit order is not the order of any number that a writer could draw before its commit; a reader that has seen number 8
/// would take the 7 that commits later for nothing. So writers draw none: whoever holds the lease takes what lies in the
/// outbox, and in one apply writes it into the log under the next number, moves the log's state on and empties the outbox.
/// The state's version makes two of them impossible, the lease's version keeps a holder out whose lease was taken over.
struct FeedSequencer: Sendable {
    let store: any Store
    let derivation: FeedDerivation
    let liveBound: Int
    /// The name of this node.
    let node: String
    /// The epoch of a log that begins here.
    let newEpoch: String

    var log: FeedLog { FeedLog(store: store) }

    // MARK: - Memory

    /// Reads the log; begins it if there is none.
    func open(now: Instant) async throws(StoreError) -> FeedMemory {
        let stored = try await state(now: now)
        let state = stored.content
        var positions: [String: FeedPosition] = [:]
        for (audience, head) in state.heads {
            positions[audience] = FeedPosition(epoch: state.epoch, sequence: head.sequence, hash: head.hash)
        }
        var memory = FeedMemory(
            state: state,
            version: stored.record.version,
            live: LiveEndings(bound: liveBound),
            positions: positions
        )
        try await rebuild(&memory, now: now)
        return memory
    }

    private func state(now: Instant) async throws(StoreError) -> Stored<FeedState> {
        if let record = try await store.find(FeedState.key, now: now) { return try Stored(record) }
        let fresh = FeedState(epoch: newEpoch, first: 1, last: 0, lastSequencedAt: now, heads: [:])
        _ = try await store.apply([.insert(Record(key: FeedState.key, payload: try fresh.encoded()))], now: now)
        // Another node may have been first: what is stored counts.
        guard let record = try await store.find(FeedState.key, now: now) else {
            throw .unavailable(reason: "the state of the revocation feed vanished")
        }
        return try Stored(record)
    }

    /// Makes `live` anew from the stored batches, up to the one that the memory stands at.
    func rebuild(_ memory: inout FeedMemory, now: Instant) async throws(StoreError) {
        memory.live = LiveEndings(bound: liveBound)
        memory.ends = []
        var after = memory.state.first - 1
        while after < memory.state.last {
            let batches = try await log.batches(after: after, in: memory.state, now: now)
            guard let last = batches.last else { break }
            for batch in batches { memory.note(batch) }
            after = last.number
        }
        memory.live.forget(expiredAt: now)
        memory.isLiveSound = true
    }

    /// Takes in what other nodes have numbered; returns what it says to the audiences, or `nil` if what comes next is no
    /// longer stored, so that the log has to be opened anew.
    ///
    /// Where it fails half-way, the memory stands at the last batch that was read.
    /// - Throws: `corrupt` if the log does not lead to where its state says that the feeds stand.
    func follow(
        _ memory: inout FeedMemory,
        now: Instant
    ) async throws(StoreError) -> (runs: [FeedRun], names: [String])? {
        guard let record = try await store.find(FeedState.key, now: now) else {
            throw .corrupt(reason: "the state of the revocation feed is gone")
        }
        guard record.version != memory.version else { return ([], []) }
        let state = try FeedState(from: record)
        guard state.epoch == memory.state.epoch, state.last >= memory.state.last else {
            throw .corrupt(reason: "the log of the revocation feed went back: another database, or a restored one")
        }
        guard state.first <= memory.state.last + 1 else { return nil }
        var runs: [FeedRun] = []
        var names: [String] = []
        var after = memory.state.last
        while after < state.last {
            let batches = try await log.batches(after: after, in: state, now: now)
            guard batches.first?.number == after + 1 else {
                throw .corrupt(reason: "batch \(after + 1) of the revocation feed is missing")
            }
            for batch in batches {
                guard batch.number == after + 1 else { break }
                runs += derivation.runs(of: batch, epoch: state.epoch, positions: &memory.positions)
                names += batch.endings.map(\.name)
                memory.note(batch)
                after = batch.number
                memory.state.last = after
            }
        }
        guard FeedMemory.heads(memory.positions) == state.heads else {
            throw .corrupt(reason: "the revocation feed derives other entries than the node that numbered them")
        }
        memory.state = state
        memory.version = record.version
        memory.ends.removeAll { $0.number < state.first }
        return (runs, names)
    }

    // MARK: - Lease

    /// Takes, renews or leaves alone the lease; returns the version to fence with, or `nil` if another node holds it.
    func hold(now: Instant) async throws(StoreError) -> Int64? {
        let mine = FeedLease(holder: node, until: now + FeedLimits.leaseLifetime)
        guard let record = try await store.find(FeedLease.key, now: now) else {
            let outcome = try await store.apply(
                [.insert(Record(key: FeedLease.key, payload: try mine.encoded()))],
                now: now
            )
            return outcome == .applied ? 1 : nil
        }
        var stored = try Stored<FeedLease>(record)
        guard stored.content.holder == node || stored.content.until <= now else { return nil }
        // Never deleted and never expiring: its version only grows, so an old one fences for good.
        stored.content = mine
        return try await store.apply([stored.replaced()], now: now) == .applied ? record.version + 1 : nil
    }

    /// Lets another node take over at once.
    func release(now: Instant) async throws(StoreError) {
        guard let record = try await store.find(FeedLease.key, now: now) else { return }
        var stored = try Stored<FeedLease>(record)
        guard stored.content.holder == node else { return }
        stored.content.until = now
        _ = try await store.apply([stored.replaced()], now: now)
    }

    // MARK: - Numbering

    /// Numbers what was read from the outbox; returns what it says to the audiences, or `nil` if this node was fenced off.
    ///
    /// `memory` must be older than what was read: what another node numbered since makes the apply fail. However much it
    /// is, it is one apply, which waits for the writes before it once.
    func number(
        _ records: [Record],
        opening: [String],
        in memory: inout FeedMemory,
        lease: Int64,
        now: Instant
    ) async throws(StoreError) -> [FeedRun]? {
        var endings: [(name: String, ending: EndingRecord)] = []
        endings.reserveCapacity(records.count)
        for record in records {
            let ending = try EndingRecord(from: record)
            endings.append((ending.name, ending))
        }
        endings.sort { ($0.ending.at, $0.name) < ($1.ending.at, $1.name) }
        // Until the apply is known to have worked.
        memory.isLiveSound = false
        var state = memory.state
        var positions = memory.positions
        var runs: [FeedRun] = []
        var batches: [FeedBatch] = []
        var rest = endings[...]
        repeat {
            let batch = FeedBatch(
                number: state.last + 1,
                sequencedAt: max(now, state.lastSequencedAt),
                opened: batches.isEmpty ? opening : [],
                endings: Self.take(rest.prefix(FeedLimits.batchSize).lazy.map(\.ending), into: &memory.live)
            )
            rest = rest.dropFirst(FeedLimits.batchSize)
            runs += derivation.runs(of: batch, epoch: state.epoch, positions: &positions)
            state.last = batch.number
            state.lastSequencedAt = batch.sequencedAt
            batches.append(batch)
        } while !rest.isEmpty
        state.heads = FeedMemory.heads(positions)
        var changes: [Change] = [
            .require(FeedLease.key, version: lease),
            .replace(Record(key: FeedState.key, payload: try state.encoded()), ifVersion: memory.version),
        ]
        for batch in batches {
            let record = Record(
                key: FeedBatch.key(batch.number),
                expiresAt: now + FeedLog.retention,
                payload: try batch.encoded()
            )
            changes.append(.insert(record))
        }
        changes += records.map { .delete($0.key) }
        guard case .applied = try await store.apply(changes, now: now) else { return nil }
        memory.state = state
        memory.positions = positions
        memory.version += 1
        memory.ends += batches.map(\.end)
        memory.isLiveSound = true
        return runs
    }

    /// The endings in their order, each with the cut-offs that it makes necessary.
    private static func take(_ endings: some Sequence<EndingRecord>, into live: inout LiveEndings) -> [EndingRecord] {
        var ordered: [EndingRecord] = []
        for ending in endings {
            live.insert(ending)
            ordered.append(ending)
            while let widened = live.widening() {
                live.insert(widened)
                ordered.append(widened)
            }
        }
        return ordered
    }

    /// Deletes the oldest batches that nobody needs any more.
    func prune(_ memory: inout FeedMemory, lease: Int64, now: Instant) async throws(StoreError) {
        var needed = Int64.max
        for record in try await store.page(FeedCursor.kind, filter: .all, after: nil, limit: 1000, now: now) {
            needed = min(needed, try FeedCursor(from: record).batch + 1)
        }
        let over = memory.ends.prefix(FeedLimits.prunedBatches).prefix { end in
            end.liveUntil <= now && (end.number < needed || end.sequencedAt + FeedLog.retention <= now)
        }
        guard let last = over.last else { return }
        var next = memory.state
        next.first = last.number + 1
        var changes: [Change] = [
            .require(FeedLease.key, version: lease),
            .replace(Record(key: FeedState.key, payload: try next.encoded()), ifVersion: memory.version),
        ]
        changes += over.map { .delete(FeedBatch.key($0.number)) }
        guard case .applied = try await store.apply(changes, now: now) else { return }
        memory.state = next
        memory.version += 1
        memory.ends.removeFirst(over.count)
    }
}

extension FeedMemory {
    fileprivate static func heads(_ positions: [String: FeedPosition]) -> [String: FeedState.Head] {
        positions.mapValues { FeedState.Head(sequence: $0.sequence, hash: $0.hash) }
    }

    fileprivate mutating func note(_ batch: FeedBatch) {
        for ending in batch.endings { live.insert(ending) }
        ends.append(batch.end)
    }
}

extension FeedBatch {
    fileprivate var end: (number: Int64, liveUntil: Instant, sequencedAt: Instant) {
        (number, endings.map(\.expiresAt).max() ?? sequencedAt, sequencedAt)
    }
}
