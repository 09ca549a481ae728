// Room: what else is made of the numbered log of endings than the revocation feed: status lists and security events.
// No RFC of its own. Whoever projects keeps a `feed-cursor` (owned by the feed's room) and moves it in the same apply as
// what it wrote, so that no ending is lost or taken twice, whatever crashes.

package import Instants
package import Logging
package import Storage

/// Something that is made of the log.
package protocol LogProjection: Sendable {
    /// The name of its cursor.
    var name: String { get }
    /// What a batch changes from `place` on (from its beginning if there is none), read from the store as it is now, and no
    /// more of it than one apply should write.
    ///
    /// The changes must conflict where somebody else wrote meanwhile: the step is asked for again then.
    func step(
        of batch: FeedBatch,
        from place: FeedCursor.Part?,
        now: Instant
    ) async throws(StoreError) -> ProjectionStep
    /// The changes of a step were applied, by this process.
    func applied(_ batch: FeedBatch)
}

/// A part of what one batch changes.
package struct ProjectionStep: Sendable {
    package var changes: [Change]
    /// Where the next step begins; `nil` if this is the last one.
    package var next: FeedCursor.Part?

    package init(_ changes: [Change], next: FeedCursor.Part? = nil) {
        self.changes = changes
        self.next = next
    }
}

/// A projection that writes little of any batch.
package protocol WholeBatchProjection: LogProjection {
    /// What one batch changes, read from the store as it is now; see ``LogProjection``.
    func changes(for batch: FeedBatch, now: Instant) async throws(StoreError) -> [Change]
}

extension WholeBatchProjection {
    package func step(
        of batch: FeedBatch,
        from place: FeedCursor.Part?,
        now: Instant
    ) async throws(StoreError) -> ProjectionStep {
        ProjectionStep(try await changes(for: batch, now: now))
    }
}

/// Follows the log for one projection.
package struct LogProjector: Sendable {
    let store: any Store
    let projection: any LogProjection
    private let memo: PayloadMemo

    package init(store: any Store, projection: any LogProjection, memo: PayloadMemo = PayloadMemo()) {
        self.store = store
        self.projection = projection
        self.memo = memo
    }

    /// Takes in what the log has beyond the cursor, at most one answer of it; says how many batches that were.
    ///
    /// Several processes may do this at once: each batch is taken in by one of them.
    @discardableResult
    package func tick(now: Instant) async throws(StoreError) -> Int {
        var cursor = try await cursor(now: now)
        let batches = try await FeedLog(store: store, memo: memo).batches(after: cursor?.content.batch ?? 0, now: now)
        var count = 0
        for batch in batches {
            repeat {
                // What is written down of another batch is of one that was dropped since.
                let place = cursor?.content.part.flatMap { $0.batch == batch.number ? $0 : nil }
                let step = try await projection.step(of: batch, from: place, now: now)
                var next = cursor?.content ?? FeedCursor(name: projection.name, batch: 0)
                next.part = step.next
                if step.next == nil { next.batch = batch.number }
                let changes = step.changes + [try next.moved(from: cursor)]
                guard case .applied = try await store.apply(changes, now: now) else { return count }
                projection.applied(batch)
                if step.next == nil { count += 1 }
                cursor = try await self.cursor(now: now)
                // Another process may have gone on from here.
                guard cursor?.content == next else { return count }
            } while cursor?.content.part != nil
        }
        return count
    }

    private func cursor(now: Instant) async throws(StoreError) -> Stored<FeedCursor>? {
        guard let record = try await store.find(FeedCursor.key(projection.name), now: now) else { return nil }
        return try memo.stored(record)
    }
}

/// Every projection of a server, to be run as one job.
package struct LogProjectors: Sendable {
    /// How long it waits between two looks at the log: the most by which a status list or an event lags behind it.
    package static let pause: Duration = .milliseconds(200)

    let projectors: [LogProjector]
    let time: any TimeSource
    let logger: Logger

    package init(
        store: any Store,
        projections: [any LogProjection],
        time: any TimeSource,
        logger: Logger
    ) {
        let memo = PayloadMemo()
        projectors = projections.map { LogProjector(store: store, projection: $0, memo: memo) }
        self.time = time
        self.logger = logger
    }

    /// Takes in what there is, and says whether there was anything.
    package func tick() async -> Bool {
        var found = false
        for projector in projectors {
            do {
                if try await projector.tick(now: time.moment().steady) > 0 { found = true }
            } catch {
                // The cursor stands where it stood: the batch comes again.
                logger.warning(
                    "the log of endings could not be read on",
                    metadata: ["projection": "\(projector.projection.name)", "error": "\(error)"]
                )
            }
        }
        return found
    }

    /// Follows the log until its task is cancelled.
    package func run() async {
        while !Task.isCancelled {
            guard await !tick() else { continue }
            try? await Task.sleep(for: Self.pause)
        }
    }
}
