package import Instants
import JOSE
import OAuthVocabulary
package import Storage

/// Queues for every stream what its receiver is to hear of a batch.
package struct SecurityEventProjection: LogProjection {
    /// How many events are queued in one apply, give or take those of one ending: a storm of a thousand endings and a
    /// hundred streams would be memory and locks for a hundred thousand.
    static let largestStep = 500
    /// More events than any ending is told in.
    private static let mostEvents = 8

    package let name = "security-events"
    let events: SecurityEvents

    package init(_ events: SecurityEvents) { self.events = events }

    package func step(
        of batch: FeedBatch,
        from place: FeedCursor.Part?,
        now: Instant
    ) async throws(StoreError) -> ProjectionStep {
        // In an order that does not depend on which streams there are: the next step may find one more or less.
        let streams = try await events.streams.list(now: now).filter { $0.carries(batch) }.sorted { $0.id < $1.id }
        let moment = events.time.moment()
        var changes: [Change] = []
        for stream in streams where stream.id >= place?.lane ?? "" {
            let first = stream.id == place?.lane ? place?.position ?? 0 : 0
            for (position, ending) in batch.endings.enumerated().dropFirst(first) {
                guard ending.concerns(stream.audience.value) else { continue }
                guard changes.count < Self.largestStep else {
                    return ProjectionStep(changes, next: .init(of: batch.number, lane: stream.id, position: position))
                }
                var shown = ending
                shown.at = moment.onTheWall(ending.at)
                let told = SecurityEvent.events(of: shown, issuer: events.configuration.issuer)
                for (offset, event) in told.enumerated() where stream.events.contains(event.type) {
                    let queued = queued(event, of: ending, for: stream, at: now, in: batch)
                    changes.append(.insert(try queued.record(position: position * Self.mostEvents + offset)))
                }
            }
        }
        return ProjectionStep(changes)
    }

    package func applied(_ batch: FeedBatch) { events.news.tell() }

    private func queued(
        _ event: SecurityEvent,
        of ending: EndingRecord,
        for stream: EventStreamRecord,
        at now: Instant,
        in batch: FeedBatch
    ) -> QueuedEventRecord {
        // The same names at every reading of the log, so that whatever is done twice is recognised.
        let transaction = Self.name("txn", ending.name)
        let tokenID = Self.name("jti", "\(stream.id)\n\(event.type)\n\(ending.name)")
        let claims = SecurityEvents.claims(
            of: event,
            tokenID: tokenID,
            transaction: transaction,
            audience: stream.audience.value,
            issuer: events.configuration.issuer,
            at: events.time.moment().wall
        )
        return QueuedEventRecord(
            stream: stream.id,
            tokenID: tokenID,
            claims: String(decoding: claims.serialized(), as: UTF8.self),
            queuedAt: now
        )
    }

    private static func name(_ kind: String, _ text: String) -> String {
        Base64URL.encode(Digest.sha256("\(kind)\n\(text)").prefix(16))
    }
}
