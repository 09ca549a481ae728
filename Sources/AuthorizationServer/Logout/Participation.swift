package import Instants
package import OAuthVocabulary
package import Storage

/// That a client was given something in a session, and has to hear when the session ends.
///
/// One record a session and client, however often somebody signs in to the client; it ends with the session.
package struct ParticipationRecord: Payload, Hashable {
    package static let kind = RecordKind("participation")

    package var client: ClientID
    package var subject: Subject
    package var session: SessionID
    /// When the session began: what ended everything of the person before that did not end this.
    package var authenticatedAt: Instant

    package static func key(_ session: SessionID, _ client: ClientID) -> RecordKey {
        RecordKey(kind, "\(session)\n\(client)")
    }

    /// What the participations of a session are listed by: no grant has such a name.
    package static func family(_ session: SessionID) -> String { "participation:\(session)" }
}

/// Which clients take part in which session.
package struct Participations: Sendable {
    /// How long a participation is remembered where nobody says when its session ends.
    private static let standardLife: Duration = .seconds(14 * 86400)

    let store: any Store

    package init(store: any Store) { self.store = store }

    /// What writes down that a client takes part in a session, to be applied together with whatever it is given there: a
    /// code, a device's grant, tokens.
    ///
    /// Nothing for a client that wants to hear of no logout, and nothing where it is known already. Guard the session in
    /// the same apply, so that no participation is written of a session that has ended. On a conflict ask again.
    package func changes(
        for client: RegisteredClient,
        in session: SessionSnapshot,
        now: Instant
    ) async throws(StoreError) -> [Change] {
        guard client.hearsOfLogout else { return [] }
        let key = ParticipationRecord.key(session.id, client.id)
        guard try await store.find(key, now: now) == nil else { return [] }
        let participation = ParticipationRecord(
            client: client.id,
            subject: session.subject,
            session: session.id,
            authenticatedAt: session.authentication.at
        )
        let record = Record(
            key: key,
            family: ParticipationRecord.family(session.id),
            subject: session.subject.value,
            client: client.id.value,
            expiresAt: session.endsAt ?? now + Self.standardLife,
            payload: try participation.encoded()
        )
        return [.insert(record)]
    }

    /// Writes down that a client takes part in a session that was just opened for it, before it is given anything.
    package func note(
        _ client: RegisteredClient,
        in session: SessionSnapshot,
        now: Instant
    ) async throws(OAuthError) {
        try await answering { () async throws(StoreError) in
            let changes = try await changes(for: client, in: session, now: now)
            guard !changes.isEmpty else { return }
            // A conflict is somebody who wrote the same.
            _ = try await store.apply(changes, now: now)
        }
    }

    /// The participations that a filter finds, one page.
    func page(
        _ filter: PageFilter,
        after: IdentifierHash? = nil,
        limit: Int,
        now: Instant
    ) async throws(StoreError) -> [Stored<ParticipationRecord>] {
        let records = try await store.page(
            ParticipationRecord.kind,
            filter: filter,
            after: after,
            limit: limit,
            now: now
        )
        return try records.map { (record) throws(StoreError) in try Stored(record) }
    }

    /// Who takes part in sessions of these names, at most `limit`.
    func participants(
        in sessions: [SessionID],
        limit: Int,
        now: Instant
    ) async throws(StoreError) -> [ParticipationRecord] {
        var found: [ParticipationRecord] = []
        for session in sessions where found.count < limit {
            let filter = PageFilter.family(ParticipationRecord.family(session))
            found += try await page(filter, limit: limit - found.count, now: now).map(\.content)
        }
        return found
    }
}

extension RegisteredClient {
    /// Whether it registered an address for logout, in front or behind.
    package var hearsOfLogout: Bool { backchannelLogoutURI != nil || frontchannelLogoutURI != nil }
}
