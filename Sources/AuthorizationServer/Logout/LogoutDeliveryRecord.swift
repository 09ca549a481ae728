package import Instants
package import OAuthVocabulary
package import Storage

/// One logout token that a client has to get, until it took it or it was given up.
package struct LogoutDeliveryRecord: Payload, Hashable {
    package static let kind = RecordKind("logout-delivery")

    /// What commands call it.
    package var id: String
    package var client: ClientID
    package var subject: Subject
    package var session: SessionID
    package var queuedAt: Instant
    /// How often it was posted in vain.
    package var attempts = 0
    package var restsUntil: Instant?
    package var lastAttemptAt: Instant?
    package var lastError: String?
    /// When it was given up: the client refused it, or could not be reached for too long.
    package var failedAt: Instant?

    init(_ participation: ParticipationRecord, now: Instant) {
        client = participation.client
        subject = participation.subject
        session = participation.session
        queuedAt = now
        // The same for everybody who makes a delivery of this participation; tells nothing of the session.
        id = String(Digest.sha256Text("logout\n\(participation.session)\n\(participation.client)").prefix(16))
    }

    /// What the deliveries that wait for a client are listed by: no grant has such a name.
    static func family(_ client: ClientID) -> String { "logout-lane:\(client)" }

    static func index(_ id: String) -> SecondaryIndex { SecondaryIndex("delivery", id) }

    /// The record of a delivery that waits.
    func record() throws(StoreError) -> Record {
        Record(
            key: OutboxOrder.key(Self.kind, lane: client.value, at: queuedAt, position: 0, name: id),
            indexes: [Self.index(id)],
            family: Self.family(client),
            subject: subject.value,
            client: client.value,
            expiresAt: queuedAt + LogoutDeliveries.patience + LogoutDeliveries.memory,
            payload: try encoded()
        )
    }
}

/// What waits for one client, while something does.
package struct LogoutLaneRecord: Payload, Hashable {
    package static let kind = RecordKind("logout-lane")

    package var client: ClientID
    package var restsUntil: Instant?
    package var claimedUntil: Instant?
    /// Attempts that failed since the last that did not.
    package var failures = 0

    init(client: ClientID) { self.client = client }

    package var id: String { client.value }

    static func key(_ client: ClientID) -> RecordKey { RecordKey(kind, client.value) }
}

extension LogoutDeliveryRecord: OutboxItem {}
extension LogoutLaneRecord: OutboxLane {}
