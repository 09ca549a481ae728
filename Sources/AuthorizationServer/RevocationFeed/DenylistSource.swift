package import Instants
package import RevocationFeed
package import Storage

/// The log of endings as entries for every audience, for a denylist outside of this server.
package struct DenylistSource: Sendable {
    /// A part of the log.
    package struct Step: Sendable {
        /// The life of the log; where it is another one than before, this part begins at the beginning.
        package var epoch: String
        /// The last batch of this part.
        package var batch: Int64
        package var entries: [FeedEntry]
        /// Whether the log ends with this part.
        package var isLast: Bool
        /// Whether an act has waited for its number for so long that the log cannot be called complete.
        package var isBehind: Bool
    }

    /// How long an act may wait for its number.
    static let longestWait: Duration = .seconds(2)

    private let store: any Store
    private let derivation: FeedDerivation

    package init(store: any Store, keys: DerivedKeys) {
        self.store = store
        derivation = FeedDerivation(RevocationHandles(keys))
    }

    /// What comes after `batch` of the log with this epoch; `nil` before there is a log.
    package func step(after batch: Int64, epoch: String?, now: Instant) async throws(StoreError) -> Step? {
        // Read first: what is numbered in between is in the log.
        let waiting = try await store.page(EndingRecord.kind, filter: .all, after: nil, limit: 100, now: now)
        var isBehind = false
        for record in waiting where try EndingRecord(from: record).at < now - Self.longestWait { isBehind = true }
        guard let record = try await store.find(FeedState.key, now: now) else { return nil }
        let state = try FeedState(from: record)
        let start = state.epoch == epoch ? batch : 0
        let batches = try await FeedLog(store: store).batches(after: start, in: state, now: now)
        let endings = batches.flatMap(\.endings)
        var entries: [FeedEntry] = []
        for audience in try await audiences(of: endings, in: state, now: now) {
            for ending in endings {
                entries += derivation.entries(of: ending, for: audience).filter { now < $0.expiresAt }
            }
        }
        let last = batches.last?.number ?? state.last
        return Step(
            epoch: state.epoch,
            batch: last,
            entries: entries,
            isLast: last >= state.last,
            isBehind: isBehind
        )
    }

    /// Whom the endings concern. A new API has tokens, and has them ended, before its feed is opened, so those that have a
    /// feed are not all; read after the endings, the register holds every API that had tokens when they came to pass.
    private func audiences(
        of endings: [EndingRecord],
        in state: FeedState,
        now: Instant
    ) async throws(StoreError) -> Set<String> {
        guard !endings.isEmpty else { return [] }
        return try await Set(state.heads.keys).union(APIs(store: store).audiences(now: now))
    }
}
