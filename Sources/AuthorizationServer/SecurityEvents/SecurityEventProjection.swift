package import Instants
import JOSE
import OAuthVocabulary
package import Storage

/// Queues for every stream what its receiver is to hear of a batch.
package struct SecurityEventProjection: LogProjection {
    package let name = "security-events"
    let events: SecurityEvents

    package init(_ events: SecurityEvents) { self.events = events }

    package func changes(for batch: FeedBatch, now: Instant) async throws(StoreError) -> [Change] {
        let streams = try await events.streams.list(now: now).filter { $0.carries(batch) }
        guard !streams.isEmpty else { return [] }
        let issuer = events.configuration.issuer
        let moment = events.time.moment()
        let told = batch.endings.map { ending in
            var shown = ending
            shown.at = moment.onTheWall(ending.at)
            return SecurityEvent.events(of: shown, issuer: issuer)
        }
        var changes: [Change] = []
        for stream in streams {
            var position = 0
            for (ending, ended) in zip(batch.endings, told) where ending.concerns(stream.audience.value) {
                for event in ended where stream.events.contains(event.type) {
                    let queued = queued(event, of: ending, for: stream, at: now, in: batch)
                    changes.append(.insert(try queued.record(position: position)))
                    position += 1
                }
            }
        }
        return changes
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
