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
    /// What one batch changes, read from the store as it is now.
    ///
    /// The changes must conflict where somebody else wrote meanwhile: the batch is asked about again then.
    func changes(for batch: FeedBatch, now: Instant) async throws(StoreError) -> [Change]
    /// The changes of a batch were applied, by this process.
    func applied(_ batch: FeedBatch)
}

/// Follows the log for one projection.
package struct LogProjector: Sendable {
    let store: any Store
    let projection: any LogProjection

    package init(store: any Store, projection: any LogProjection) {
        self.store = store
        self.projection = projection
    }

    /// Takes in what the log has beyond the cursor, at most one answer of it; says how many batches that were.
    ///
    /// Several processes may do this at once: each batch is taken in by one of them.
    @discardableResult
    package func tick(now: Instant) async throws(StoreError) -> Int {
        var cursor = try await cursor(now: now)
        let batches = try await FeedLog(store: store).batches(after: cursor?.content.batch ?? 0, now: now)
        var count = 0
        for batch in batches {
            var next = cursor?.content ?? FeedCursor(name: projection.name, batch: 0)
            next.batch = batch.number
            let changes = try await projection.changes(for: batch, now: now) + [next.moved(from: cursor)]
            guard case .applied = try await store.apply(changes, now: now) else { break }
            projection.applied(batch)
            count += 1
            cursor = try await self.cursor(now: now)
            // Another process may have gone on from here.
            guard cursor?.content.batch == batch.number else { break }
        }
        return count
    }

    private func cursor(now: Instant) async throws(StoreError) -> Stored<FeedCursor>? {
        guard let record = try await store.find(FeedCursor.key(projection.name), now: now) else { return nil }
        return try Stored(record)
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
        projectors = projections.map { LogProjector(store: store, projection: $0) }
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
