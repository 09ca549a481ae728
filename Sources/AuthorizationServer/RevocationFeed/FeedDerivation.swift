import Instants
import RevocationFeed

/// Entries that follow each other in the feed of one audience, from one place to another: one delta.
struct FeedRun: Hashable, Sendable {
    var audience: String
    var from: FeedPosition
    var to: FeedPosition
    var entries: [FeedEntry]
}

/// Turns what was ended into what one audience is told of it: a function of the log alone, so that every node tells the
/// same, and nothing has to be stored for each audience but where its feed stands.
struct FeedDerivation: Sendable {
    private let handles: RevocationHandles

    init(_ handles: RevocationHandles) { self.handles = handles }

    /// The entries by which an audience is told of an ending: none if it is not concerned.
    func entries(of ending: EndingRecord, for audience: String) -> [FeedEntry] {
        guard ending.concerns(audience),
            let entry = entry(of: ending.target, notBefore: ending.at, expiresAt: ending.expiresAt, for: audience)
        else { return [] }
        guard ending.cause == .widened, ending.target != .everything else { return [entry] }
        // Which entries of its own a cut-off by client makes needless, a reader cannot see.
        return [entry, FeedEntry(kind: .widened, notBefore: ending.at, expiresAt: ending.at)]
    }

    func entry(
        of target: RevocationTarget,
        notBefore: Instant,
        expiresAt: Instant,
        for audience: String
    ) -> FeedEntry? {
        switch target {
        case .everything:
            return FeedEntry(kind: .everything, notBefore: notBefore, expiresAt: expiresAt)
        case .signingKey(let id):
            return FeedEntry(
                kind: .signingKey,
                notBefore: notBefore,
                expiresAt: expiresAt,
                handle: FeedEntry.handle(ofKey: id)
            )
        case .token, .grant, .session, .subject, .client:
            return handles.handle(of: target, audience: audience).map {
                FeedEntry(kind: .handle, notBefore: notBefore, expiresAt: expiresAt, handle: $0)
            }
        }
    }

    /// The whole set of an audience.
    func set(of live: LiveEndings, for audience: String) -> FeedSet {
        var set = FeedSet()
        for table in live.tables(for: audience) {
            for (target, effect) in table {
                if let entry = entry(
                    of: target,
                    notBefore: effect.notBefore,
                    expiresAt: effect.expiresAt,
                    for: audience
                ) {
                    set.insert(entry)
                }
            }
        }
        return set
    }

    /// What a batch says to every audience, and where their feeds stand afterwards.
    func runs(of batch: FeedBatch, epoch: String, positions: inout [String: FeedPosition]) -> [FeedRun] {
        for audience in batch.opened where positions[audience] == nil {
            positions[audience] = .beginning(epoch: epoch, audience: audience)
        }
        var runs: [FeedRun] = []
        for audience in positions.keys.sorted() {
            guard var position = positions[audience] else { continue }
            var run = FeedRun(audience: audience, from: position, to: position, entries: [])
            for entry in batch.endings.lazy.flatMap({ entries(of: $0, for: audience) }) {
                position.advance(over: entry)
                run.entries.append(entry)
                run.to = position
                // Where one delta ends depends on the batch alone: a reader may go on from there at any node.
                if run.entries.count == FeedMessage.maximumEntries {
                    runs.append(run)
                    run = FeedRun(audience: audience, from: position, to: position, entries: [])
                }
            }
            if !run.entries.isEmpty { runs.append(run) }
            positions[audience] = position
        }
        return runs
    }
}

/// What an audience must know now, as entries.
struct FeedSet: Sendable {
    private struct Name: Hashable {
        var kind: UInt8
        var handle: RevocationHandle

        static let everything = Name(kind: FeedEntry.Kind.everything.octet, handle: .init(high: 0, low: 0))
    }

    private var entries: [Name: FeedEntry] = [:]

    var count: Int { entries.count }

    /// Takes in an entry; older ones that it makes needless go.
    mutating func insert(_ entry: FeedEntry) {
        let name = Name(kind: entry.kind.octet, handle: entry.handle)
        if entry.kind == .everything {
            entries = entries.filter { $0.value.kind == .signingKey || !entry.covers($0.value) }
        } else if entry.kind == .handle, let all = entries[.everything], all.covers(entry) {
            return
        }
        guard let present = entries[name] else {
            entries[name] = entry
            return
        }
        entries[name]?.notBefore = max(present.notBefore, entry.notBefore)
        entries[name]?.expiresAt = max(present.expiresAt, entry.expiresAt)
    }

    mutating func forget(expiredAt now: Instant) {
        guard entries.values.contains(where: { $0.expiresAt <= now }) else { return }
        entries = entries.filter { now < $0.value.expiresAt }
    }

    /// One after the other, without the expired ones.
    func bytes(at now: Instant) -> (bytes: [UInt8], count: Int) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(entries.count * FeedEntry.byteCount)
        var count = 0
        for entry in entries.values where now < entry.expiresAt {
            bytes += entry.bytes
            count += 1
        }
        return (bytes, count)
    }
}

extension FeedEntry {
    fileprivate func covers(_ other: FeedEntry) -> Bool {
        notBefore >= other.notBefore && expiresAt >= other.expiresAt
    }
}
