import AuthorizationServer
import Instants
import Storage

/// Moves every record of one store into another, which is empty.
///
/// Each batch goes with the place up to which it was read in one write; so a move that was killed goes on where it was.
/// Only after both stores were read completely and agree does the old one become the one that was left, and only then
/// the new one usable: at no moment can both be served from.
struct StoreMove {
    /// What one kind amounts to, whatever the order in which it is read.
    struct Tally: Hashable, Sendable {
        var count = 0
        /// The sum of the records' SHA-256, in four lanes.
        var lanes: [UInt64] = [0, 0, 0, 0]

        mutating func add(_ record: Record) {
            count += 1
            let digest = Digest.sha256(record.canonicalBytes)
            for lane in lanes.indices {
                let value = digest[lane * 8..<lane * 8 + 8].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
                lanes[lane] &+= value
            }
        }
    }

    struct Outcome: Hashable, Sendable {
        var tallies: [RecordKind: Tally] = [:]
        var records: Int { tallies.values.reduce(0) { $0 + $1.count } }
    }

    let source: any RecordArchive
    let target: any RecordArchive
    let console: Console
    let clock: @Sendable () -> Instant
    let random: any RandomSource
    /// How long a server is waited for that was being started when the stores were marked.
    ///
    /// None can be where the folder of the old store is locked.
    var settling: Duration = .zero
    /// Records in one write.
    var batch = 500

    private var now: Instant { clock() }

    func run() async throws -> Outcome {
        var arrival = try await begin()
        try await copy(&arrival)
        console.note("reading both stores once more, to compare them")
        let (left, right) = (try await tally(source), try await tally(target))
        guard left == right else { throw disagreement(left, right) }
        // Whoever is here now does not heed the mark: a server of an older version.
        try await requireStandstill("the move is not finished, and this store still counts")
        try await mark(.left, arrival.move)
        guard let record = try await target.find(StoreMark.key, now: now) else {
            throw StoreError.corrupt(reason: "the mark of the new store vanished while it was filled")
        }
        _ = try await target.apply([.delete(record.key)], now: now)
        return Outcome(tallies: left)
    }

    /// Gives up a move that is not finished: the old store is in use again.
    func takeBack() async throws {
        guard let mark = try await StoreMark.find(in: source, now: now) else {
            throw Failure(.data, "\(source.location) is not being moved; nothing was changed")
        }
        guard mark.part == .leaving else {
            throw Failure(
                .data,
                "\(source.location) was moved to \(mark.other), which may be in use by now: to go back, move from there into "
                    + "a new store; nothing was changed"
            )
        }
        _ = try await source.apply([.delete(StoreMark.key)], now: now)
    }

    // MARK: - Steps

    /// Marks both stores, or finds the marks of a move that goes on.
    private func begin() async throws -> StoreMark {
        let here = try await StoreMark.find(in: source, now: now)
        let there = try await StoreMark.find(in: target, now: now)
        if here?.part == .arriving { try await StoreMark.check(source, now: now) }
        if let there, there.part != .arriving { try await StoreMark.check(target, now: now) }
        if let here, let there, here.move == there.move { return there }
        if here?.part == .left { try await StoreMark.check(source, now: now) }
        try await requireStandstill("nothing was changed")
        let strangers = try await target.inventory(now: now).filter { $0.kind != StoreMark.kind }
        guard strangers.isEmpty else {
            let count = strangers.reduce(0) { $0 + $1.count }
            throw Failure(
                .cannotCreate,
                "\(target.location) holds \(count) records already: name a new, empty store; nothing was changed"
            )
        }
        let move = random.text(16)
        let arrival = StoreMark(part: .arriving, move: move, other: source.location, at: now)
        // In this order: a move that is killed between the two has begun nowhere.
        try await target.load([Record(key: StoreMark.key, payload: try arrival.encoded())])
        try await mark(.leaving, move)
        try await settle()
        return arrival
    }

    /// A server that found no mark when it was started writes nothing any more, but it has to be told to the operator.
    private func settle() async throws {
        guard settling > .zero else { return }
        console.note("waiting \(settling) for servers that were being started a moment ago")
        try await Task.sleep(for: settling)
        do {
            try await requireStandstill("nothing was changed")
        } catch {
            for store in [source, target] { _ = try await store.apply([.delete(StoreMark.key)], now: now) }
            throw error
        }
    }

    private func requireStandstill(_ outcome: String) async throws {
        try await Standstill(store: source, clock: clock).require(outcome)
    }

    private func copy(_ arrival: inout StoreMark) async throws {
        let total = try await source.inventory(now: now).reduce(0) { $0 + $1.count }
        let lines = ProgressLines(console)
        while true {
            let position = arrival.position.map { ArchivePosition(bytes: $0) }
            let page = try await source.records(after: position, limit: batch)
            guard let last = page.last else { return }
            let records = page.records.filter { $0.key.kind != StoreMark.kind }
            arrival.position = last.bytes
            arrival.copied += records.count
            try await target.load(records + [Record(key: StoreMark.key, payload: try arrival.encoded())])
            lines.tell("\(arrival.copied) of \(total) records have arrived")
        }
    }

    private func tally(_ store: any RecordArchive) async throws -> [RecordKind: Tally] {
        var tallies: [RecordKind: Tally] = [:]
        var position: ArchivePosition?
        repeat {
            let page = try await store.records(after: position, limit: StoreLimits.largestPage)
            for record in page.records where record.key.kind != StoreMark.kind {
                tallies[record.key.kind, default: Tally()].add(record)
            }
            position = page.last
        } while position != nil
        return tallies
    }

    private func disagreement(_ left: [RecordKind: Tally], _ right: [RecordKind: Tally]) -> Failure {
        let kinds = Set(left.keys).union(right.keys).filter { left[$0] != right[$0] }.map(\.name).sorted()
        return Failure(
            .data,
            [
                "the two stores do not agree, so \(source.location) stays the one that counts: was it written to meanwhile? "
                    + "Run migrate with --take-back, stop everything that uses it, and begin again with a new, empty store:"
            ]
                + kinds.map { name in
                    let kind = RecordKind(name)
                    return "  \(name): \(left[kind]?.count ?? 0) records there, \(right[kind]?.count ?? 0) here"
                }
        )
    }

    /// Marks the old store, by an apply: it waits for every other one that requires that there is no mark.
    private func mark(_ part: StoreMark.Part, _ move: String) async throws {
        try await source.put(
            StoreMark(part: part, move: move, other: target.location, at: now),
            at: StoreMark.key,
            now: now
        )
    }
}

extension Record {
    /// Everything that makes the record what it is; no two records have the same bytes.
    fileprivate var canonicalBytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(payload.count + 256)
        func add(_ number: Int64) { bytes += (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) } }
        func add(_ part: some Collection<UInt8>) {
            add(Int64(part.count))
            bytes += part
        }
        func add(_ text: String?) {
            add(text == nil ? 0 : 1)
            add((text ?? "").utf8)
        }
        func add(_ moment: Instant?) {
            add(moment == nil ? 0 : 1)
            add(moment?.millisecondsSinceEpoch ?? 0)
        }
        add(key.kind.name.utf8)
        add(key.identifier.bytes)
        add(Int64(indexes.count))
        for index in indexes {
            add(index.name.utf8)
            add(index.value.bytes)
        }
        add(family)
        add(subject)
        add(client)
        add(version)
        add(expiresAt)
        add(consumedAt)
        add(payload)
        return bytes
    }
}
