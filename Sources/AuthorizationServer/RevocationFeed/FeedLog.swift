package import Instants
package import Storage

/// Where the log stands: one record.
package struct FeedState: Payload, Hashable {
    package static let kind = RecordKind("feed-state")
    package static let key = RecordKey(kind, "state")

    /// The last entry of an audience's feed.
    package struct Head: Codable, Hashable, Sendable {
        package var sequence: UInt64
        package var hash: [UInt8]
    }

    /// The life of this log: random, so that a log that begins anew is never taken for this one.
    package var epoch: String
    /// The first batch that is still stored; one more than `last` if there is none.
    package var first: Int64
    /// The last batch; 0 before the first.
    package var last: Int64
    package var lastSequencedAt: Instant
    /// Where every audience's feed stands after the last batch.
    package var heads: [String: Head]
}

/// How far somebody who reads the log has come: kept by the reader, in the same apply as what it made of the batches.
package struct FeedCursor: Payload, Hashable {
    package static let kind = RecordKind("feed-cursor")

    package var name: String
    /// A place within a batch that is too long for one apply.
    package struct Part: Codable, Hashable, Sendable {
        package var batch: Int64
        package var lane: String
        package var position: Int

        package init(of batch: Int64, lane: String, position: Int) {
            self.batch = batch
            self.lane = lane
            self.position = position
        }
    }

    /// The last batch that was dealt with.
    package var batch: Int64
    /// Where the batch after it goes on, if it was begun.
    package var part: Part?

    package init(name: String, batch: Int64) {
        self.name = name
        self.batch = batch
    }

    package static func key(_ name: String) -> RecordKey { RecordKey(kind, name) }

    /// The change that creates the cursor, or moves it on if it stands where `stored` says.
    package func moved(from stored: Stored<FeedCursor>?) throws(StoreError) -> Change {
        let payload = try encoded()
        guard let stored else { return .insert(Record(key: Self.key(name), payload: payload)) }
        var record = stored.record
        record.payload = payload
        return .replace(record, ifVersion: stored.record.version)
    }
}

/// The numbered endings, for whoever makes something else of them: the feed's own publisher, status lists, events.
package struct FeedLog: Sendable {
    /// How long a batch waits for a reader that has fallen behind.
    package static let retention: Duration = .seconds(7 * 86400)
    /// The most batches in one answer.
    package static let largestAnswer = 64

    let store: any Store
    private let memo: PayloadMemo?

    /// - Parameter memo: of whoever looks often: between two endings the state is the same.
    package init(store: any Store, memo: PayloadMemo? = nil) {
        self.store = store
        self.memo = memo
    }

    /// The batches after number `after`, in their order, at most `limit`: empty if there are none.
    ///
    /// A batch that was dropped because its time was over is passed over.
    package func batches(
        after: Int64,
        limit: Int = FeedLog.largestAnswer,
        now: Instant
    ) async throws(StoreError) -> [FeedBatch] {
        guard let record = try await store.find(FeedState.key, now: now) else { return [] }
        let state: Stored<FeedState> = if let memo { try memo.stored(record) } else { try Stored(record) }
        return try await batches(after: after, limit: limit, in: state.content, now: now)
    }

    /// Whether an act of before this moment waits for its number.
    ///
    /// To be asked before the log is read: what is numbered in between is in the log then.
    func isAnyWaiting(since moment: Instant, now: Instant) async throws(StoreError) -> Bool {
        for record in try await store.page(EndingRecord.kind, filter: .all, after: nil, limit: 100, now: now)
        where try EndingRecord(from: record).at < moment { return true }
        return false
    }

    func batches(
        after: Int64,
        limit: Int = FeedLog.largestAnswer,
        in state: FeedState,
        now: Instant
    ) async throws(StoreError) -> [FeedBatch] {
        var next = max(after + 1, state.first)
        while next <= state.last {
            let end = min(state.last, next + Int64(limit) - 1)
            var batches: [FeedBatch] = []
            for record in try await store.find((next...end).map { .key(FeedBatch.key($0)) }, now: now) {
                if let record { batches.append(try FeedBatch(from: record)) }
            }
            guard batches.isEmpty else { return batches }
            next = end + 1
        }
        return []
    }
}
