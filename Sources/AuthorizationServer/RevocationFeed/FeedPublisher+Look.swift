import Instants
import JOSE
import Logging
import OAuthVocabulary
import RevocationFeed
import Storage
import Synchronization

extension FeedPublisher {
    /// One look; returns whether anything was published.
    func look(_ engine: inout Engine) async throws -> Bool {
        let moment = time.moment()
        begin(&engine, at: moment)
        try await upkeep(&engine, at: moment)
        // What was left to another node is for this one now.
        if engine.lease != nil, engine.scan?.pending.isEmpty == false {
            engine.scan = nil
            begin(&engine, at: moment)
        }
        var hasPublished = publishKeySet()
        if try await catchUp(&engine, now: moment.steady) { hasPublished = true }
        if try await readOutbox(&engine, now: moment.steady) { hasPublished = true }
        guard let scan = engine.scan, scan.isRead else { return hasPublished }
        // Nobody waits for a proof: the outbox was empty, and that is all that an idle look reads.
        guard hasPublished || engine.lease == nil || isProofWanted(engine, at: moment) else {
            engine.scan = nil
            return false
        }
        // What another node has numbered after it took over the lease is not in the outbox any more.
        if try await follow(&engine, now: moment.steady) { hasPublished = true }
        guard engine.scan?.pending.isEmpty == true else {
            // Another node has yet to number what lies there. Where it does not, it has lost its lease soon.
            if scan.proof.asOf + FeedLimits.leaseLifetime <= moment.steady { engine.scan = nil }
            return hasPublished
        }
        engine.scan = nil
        prove(scan.proof, &engine, at: moment)
        return hasPublished
    }

    private func begin(_ engine: inout Engine, at moment: Moment) {
        guard engine.scan == nil else { return }
        let index = shared.withLock { shared in
            shared.looks += 1
            return shared.looks
        }
        engine.scan = Engine.Scan(proof: Proof(index: index, asOf: moment.steady))
    }

    private func isProofWanted(_ engine: Engine, at moment: Moment) -> Bool {
        guard let beatAt = engine.beatAt, moment.steady < beatAt + FeedLimits.heartbeatInterval else { return true }
        return shared.withLock { !$0.waiting.isEmpty || !$0.wantedSets.isEmpty }
    }

    // MARK: - Upkeep

    /// What need not be read at every look: keys, lease, APIs.
    private func upkeep(_ engine: inout Engine, at moment: Moment) async throws {
        let isDue = engine.upkeepAt.map { $0 + FeedLimits.upkeepInterval <= moment.steady } ?? true
        let isAskedFor = shared.withLock { shared in
            defer { shared.wantsUpkeep = false }
            return shared.wantsUpkeep
        }
        guard isDue || isAskedFor || engine.memory == nil else { return }
        let keys = try await feedKeys.refresh(engine.keys, now: moment.steady)
        engine.keys = keys
        shared.withLock { $0.keys = keys }
        if engine.memory == nil {
            let memory = try await sequencer.open(now: moment.steady)
            reconcile(memory)
            engine.memory = memory
        }
        try await TokenHorizon.remember(configuration, in: store, now: moment.steady)
        // Not after a failure: a node that cannot follow the log would keep the numbering from those that can.
        if engine.failure == nil { engine.lease = try await sequencer.hold(now: moment.steady) }
        engine.memory?.live.forget(expiredAt: moment.steady)
        shared.withLock { shared in
            for audience in shared.audiences.keys { shared.audiences[audience]?.set?.forget(expiredAt: moment.steady) }
        }
        let known = engine.memory?.positions ?? [:]
        let registered = try await APIs(store: store).audiences(now: moment.steady)
        engine.opening = registered.filter { known[$0] == nil }
        endStreams(exceptOf: Set(registered))
        if let lease = engine.lease, engine.prunedAt.map({ $0 + FeedLimits.pruneInterval <= moment.steady }) ?? true {
            if var memory = engine.memory {
                engine.memory = nil
                defer { engine.memory = memory }
                try await sequencer.prune(&memory, lease: lease, now: moment.steady)
            }
            engine.prunedAt = moment.steady
        }
        engine.upkeepAt = engine.failure == nil ? moment.steady : nil
    }

    /// An API that was deleted reads no further: its credentials were asked for once, when its stream began.
    private func endStreams(exceptOf registered: Set<String>) {
        let readers = shared.withLock { shared in
            shared.audiences.filter { !registered.contains($0.key) }.flatMap { Array($0.value.readers.values) }
        }
        for reader in readers { reader.finish() }
    }

    // MARK: - Reading and numbering

    /// After a failure: whatever may have been written is read before anything else is numbered.
    private func catchUp(_ engine: inout Engine, now: Instant) async throws -> Bool {
        guard engine.isOutOfStep else { return false }
        if engine.memory?.isLiveSound == false, var memory = engine.memory {
            engine.memory = nil
            defer { engine.memory = memory }
            try await sequencer.rebuild(&memory, now: now)
        }
        let hasPublished = try await follow(&engine, now: now)
        engine.isOutOfStep = false
        return hasPublished
    }

    /// Reads on in the outbox; returns whether anything was published.
    private func readOutbox(_ engine: inout Engine, now: Instant) async throws -> Bool {
        var hasPublished = false
        for _ in 0..<FeedLimits.pagesPerLook / FeedLimits.pagesAtOnce where engine.scan?.isRead == false {
            let records = try await readPages(&engine, now: now)
            guard !records.isEmpty || !engine.opening.isEmpty else { continue }
            if try await number(records, &engine, now: now) {
                hasPublished = true
            } else {
                for record in records { engine.scan?.pending.insert(try EndingRecord(from: record).name) }
            }
        }
        return hasPublished
    }

    /// What comes next in the outbox, as much as is numbered at once.
    private func readPages(_ engine: inout Engine, now: Instant) async throws -> [Record] {
        var records: [Record] = []
        for _ in 0..<FeedLimits.pagesAtOnce where engine.scan?.isRead == false {
            let page = try await store.page(
                EndingRecord.kind,
                filter: .all,
                after: engine.scan?.cursor,
                limit: FeedLimits.batchSize,
                now: now
            )
            records += page
            engine.scan?.cursor = page.last?.key.identifier
            engine.scan?.isRead = page.count < FeedLimits.batchSize
        }
        return records
    }

    /// Numbers what was read if this node may; returns whether it did.
    private func number(_ records: [Record], _ engine: inout Engine, now: Instant) async throws -> Bool {
        guard let lease = engine.lease, var memory = engine.memory else { return false }
        // Handed over, not shared: a copy of what is live would be made otherwise.
        engine.memory = nil
        defer { engine.memory = memory }
        let runs = try await sequencer.number(records, opening: engine.opening, in: &memory, lease: lease, now: now)
        guard let runs else {
            logger.notice("another node numbers the revocation feed now")
            engine.lease = nil
            engine.upkeepAt = nil
            try await sequencer.rebuild(&memory, now: now)
            return false
        }
        engine.opening = []
        publish(runs, live: memory.live)
        reconcile(memory)
        return true
    }

    /// Takes in what other nodes have numbered; returns whether anything was published.
    private func follow(_ engine: inout Engine, now: Instant) async throws -> Bool {
        guard var memory = engine.memory else { return false }
        engine.memory = nil
        defer {
            // Also after a failure half-way: what was read until then is in the memory, and its messages are lost.
            reconcile(memory)
            engine.memory = memory
        }
        guard let (runs, names) = try await sequencer.follow(&memory, now: now) else {
            logger.notice("this node has missed a part of the revocation feed that is no longer kept: it begins anew")
            memory = try await sequencer.open(now: now)
            // What this look has left to others may have been numbered in that part.
            engine.scan = nil
            return true
        }
        engine.scan?.pending.subtract(names)
        publish(runs, live: memory.live)
        return !names.isEmpty
    }

    /// Every feed stands where the memory does: one that got there by another way than its messages begins anew, and its
    /// readers take a snapshot.
    private func reconcile(_ memory: FeedMemory) {
        let readers = shared.withLock { shared in
            var readers: [AsyncStream<Void>.Continuation] = []
            for (audience, position) in memory.positions {
                shared.open(audience, at: position, capacity: limits.keptMessages)
                guard let feed = shared.audiences[audience], feed.position != position else { continue }
                shared.restart(audience, at: position)
                readers += feed.readers.values
            }
            return readers
        }
        for reader in readers { reader.yield() }
    }
}
