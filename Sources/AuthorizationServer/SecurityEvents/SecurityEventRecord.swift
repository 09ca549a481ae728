package import Instants
package import OAuthVocabulary
package import Storage

/// A stream of events to one receiver: what the operator said of it, and how it goes.
package struct EventStreamRecord: Payload, Hashable {
    package static let kind = RecordKind("event-stream")

    /// How events reach the receiver.
    package enum Delivery: Codable, Hashable, Sendable {
        /// RFC 8936.
        case poll
        /// RFC 8935; the credential is the sealed value of the `Authorization` header.
        case push(url: String, sealedCredential: [UInt8]?)
    }

    /// What became of what was sent.
    package struct Health: Codable, Hashable, Sendable {
        /// Events that the receiver took.
        package var delivered = 0
        /// Events that the receiver said it cannot use: they are not sent again.
        package var refused = 0
        /// Events that nobody fetched in time.
        package var lost = 0
        package var lastLostAt: Instant?
        /// Attempts that failed since the last that did not.
        package var failures = 0
        package var lastError: String?
        package var lastFailureAt: Instant?
        package var lastDeliveryAt: Instant?
        package var lastVerificationAt: Instant?

        package init() {}
    }

    package var id: String
    /// The API to which the stream belongs: `aud` of its events, and whose credentials read it.
    package var audience: ResourceIndicator
    package var delivery: Delivery
    /// The types of event that it carries.
    package var events: [String]
    package var createdAt: Instant
    /// The last batch of the log when it was made: it carries what was numbered after it; `nil` in records of before this
    /// was written down.
    package var madeAfter: Int64?
    package var health = Health()
    /// Before this moment nothing is pushed: the receiver failed.
    package var restsUntil: Instant?
    /// Until then one process pushes, and no other.
    package var claimedUntil: Instant?

    package static func key(_ id: String) -> RecordKey { RecordKey(kind, id) }

    /// Whether what was numbered with this batch is its receiver's business.
    ///
    /// By numbers: the clocks of the node that made it and of the one that numbers may differ.
    func carries(_ batch: FeedBatch) -> Bool {
        madeAfter.map { $0 < batch.number } ?? (createdAt <= batch.sequencedAt)
    }
}

/// An event that waits for a receiver.
package struct QueuedEventRecord: Payload, Hashable {
    package static let kind = RecordKind("queued-event")

    package var stream: String
    package var tokenID: String
    /// The claims of the SET, as JSON: signed when it is sent, by the key that is current then.
    package var claims: String
    package var queuedAt: Instant
    /// How often it was pushed in vain.
    package var attempts = 0
    /// Before this moment it is not pushed again.
    package var restsUntil: Instant?

    /// What the events of a stream are listed by: no grant has such a name.
    package static func family(_ stream: String) -> String { "event-stream:\(stream)" }

    /// The name by which a receiver speaks of an event, in one stream only.
    package static func index(stream: String, tokenID: String) -> SecondaryIndex {
        SecondaryIndex("jti", "\(stream)\n\(tokenID)")
    }

    /// A key that lists the events of a stream in the order in which they came.
    package static func key(stream: String, at: Instant, position: Int, tokenID: String) -> RecordKey {
        OutboxOrder.key(kind, lane: stream, at: at, position: position, name: tokenID)
    }

    /// The record of a new event.
    func record(position: Int) throws(StoreError) -> Record {
        Record(
            key: Self.key(stream: stream, at: queuedAt, position: position, tokenID: tokenID),
            indexes: [Self.index(stream: stream, tokenID: tokenID)],
            family: Self.family(stream),
            // A day more than it is kept: who drops it counts it first, and this is for streams that are gone.
            expiresAt: queuedAt + SecurityEvents.retention + .seconds(86400),
            payload: try encoded()
        )
    }
}
