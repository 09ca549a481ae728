import Instants
import JOSE
import OAuthVocabulary
import Storage

/// Sessions that lie apart are opened, renewed, listed and closed: never with one `apply` over both stores, and each time
/// in an order in which a crash between the two signs somebody out at worst.
extension Sessions {
    private static let batch = 50

    /// Opens `template` apart; `nil` where no era has begun, and it has to lie where all others lie.
    ///
    /// There is no guard on the person as there is in one store. Whoever uses the session is judged by the person's record
    /// at that moment, and it is read once more here, so that nobody is told that they are signed in who is not.
    func openApart(_ template: SessionRecord, now: Instant) async throws(AccountsError) -> Session? {
        let era = try await AccountsError.wrapping { () async throws(StoreError) in try await settledEra(now: now) }
        guard let era else { return nil }
        let outcome = try await AccountsError.wrapping { () async throws(StoreError) in
            try await insertApart(template, in: era, now: now)
        }
        guard let outcome else { throw .personUnknown }
        return outcome
    }

    /// `nil` if it would be dead: the person is not who they were, or was signed out everywhere meanwhile.
    private func insertApart(
        _ template: SessionRecord,
        in first: SessionEra,
        now: Instant
    ) async throws(StoreError) -> Session? {
        // Read once, so that an end that comes between two tries counts.
        let standing = try await standing(of: template.subject, [], now: now)
        guard let person = standing.person, template.isAlive(for: person) else { return nil }
        var opened = template
        opened.key.kind = .applicationSession
        opened.endsAt = min(template.endsAt, now + Self.longestApart)
        opened.expiresAt = min(template.expiresAt, opened.endsAt)
        var era = first
        for _ in 0..<2 {
            opened.apart = ApartShare(era: era.name, ended: standing.ended?.at)
            guard try await store.apply([.insert(stored(opened))], now: now) == .applied else {
                throw .unavailable(reason: "the secret of a new session is another session's")
            }
            if let session = try await confirmed(opened, now: now) { return session }
            guard let current = try await settledEra(now: now), current.name != era.name else { return nil }
            // A loss was noticed meanwhile: nothing is wrong with the person.
            era = current
        }
        throw .unavailable(reason: "the store of these sessions keeps losing what it had")
    }

    /// What was just written apart, if nothing ended it meanwhile.
    private func confirmed(_ session: SessionRecord, now: Instant) async throws(StoreError) -> Session? {
        do throws(StoreError) {
            if let person = try await owner(of: session, now: now) { return session.session(of: person) }
        } catch {
            // Nobody is given the secret of this one.
            await forget([session.key], now: now)
            throw error
        }
        await forget([session.key], now: now)
        return nil
    }

    /// The end of the old session is durable, and names the new one, before the new one lies there: whoever closes the
    /// old one meanwhile closes both.
    func renewApart(
        cookie: Secret,
        at client: ClientID,
        now: Instant
    ) async throws(StoreError) -> (cookie: Secret, session: Session)? {
        for _ in 0..<Self.maximumTries {
            guard let (old, person) = try await liveApart(.key(cookie: cookie), now: now),
                let share = old.application, share.client == client
            else { return nil }
            let (secret, renewed) = try renewed(old, share, of: person, now: now)
            var end = end(of: old)
            end.next = renewed.id
            let guards: [Change] = [.require(person.recordKey, version: person.version), .insert(end.record)]
            let changes = try await guards + endings(of: old.ids, old.subject, now: now)
            guard try await store.apply(changes, now: now) == .applied else { continue }
            guard try await store.apply([.delete(old.key), .insert(stored(renewed))], now: now) == .applied else {
                throw .unavailable(reason: "the session changed in the store apart while it was renewed")
            }
            return try await confirmed(renewed, now: now).map { (secret, $0) }
        }
        throw .unavailable(reason: "the session kept changing while it was renewed")
    }

    /// The live sessions of a person that lie apart, among at most so many records of theirs.
    func listApart(of subject: Subject, among limit: Int, now: Instant) async throws(StoreError) -> [Session] {
        guard apart != nil else { return [] }
        // Whoever finds nothing here is told that nothing is left to end.
        _ = try await settledEra(now: now)
        var listed: [Session] = []
        var left = limit
        var last: IdentifierHash?
        while left > 0 {
            let (sessions, end) = try await pageApart(of: subject, after: last, atMost: left, now: now)
            guard let end else { break }
            last = end
            left -= Self.batch
            let standing = try await standing(of: subject, sessions.map(\.id), now: now)
            for (session, ending) in zip(sessions, standing.ends) {
                if let person = standing.owner(of: session, end: ending) { listed.append(session.session(of: person)) }
            }
        }
        return listed
    }

    /// Closes the session that answers to this id, if it lies apart.
    ///
    /// - Parameter owner: whose it has to be. Where it is said, a session that is not there is ended too: what was lost
    ///   may come back.
    func closeApart(_ id: SessionID, of owner: Subject?, now: Instant) async throws(StoreError) -> ClosedSession? {
        guard apart != nil else { return nil }
        _ = try await settledEra(now: now)
        for _ in 0..<Self.maximumTries {
            let found = try await findApart(.index(id), now: now)
            guard let subject = owner ?? found?.subject, found?.subject ?? subject == subject else { return nil }
            var end = found.map { self.end(of: $0) } ?? unknownEnd(of: id, subject, now: now)
            var ids = found?.ids ?? []
            // A renewal writes the end first: then the session goes on under the id that stands there.
            while let known = try await self.end(of: end.id, subject, now: now) {
                guard let next = known.next else {
                    await forget(found.map { [$0.key] } ?? [], now: now)
                    return nil
                }
                ids = [next] + (ids.isEmpty ? [end.id] : ids)
                end = SessionEnd(id: next, subject: subject, expiresAt: known.expiresAt)
            }
            let changes = try await [.insert(end.record)] + endings(of: ids, subject, now: now)
            guard try await store.apply(changes, now: now) == .applied else { continue }
            await forget(found.map { [$0.key] } ?? [], now: now)
            guard !ids.isEmpty else { return nil }
            return ClosedSession(id: end.id, earlierIDs: Array(ids.dropFirst()), subject: subject)
        }
        throw .unavailable(reason: "the session kept being renewed at the same time, so it could not be closed")
    }

    /// Closes every session of a person that lies apart, and what was lost of them should it come back.
    ///
    /// Where this fails some may be over and nobody was told: the caller has to say so, and to begin again.
    func closeAllApart(
        of subject: Subject,
        except kept: SessionID?,
        now: Instant
    ) async throws(StoreError) -> [ClosedSession] {
        guard apart != nil else { return [] }
        try await endPerson(subject, except: kept, now: now)
        _ = try await settledEra(now: now)
        var closed: [ClosedSession] = []
        var last: IdentifierHash?
        while true {
            let (sessions, end) = try await pageApart(of: subject, after: last, now: now)
            guard let end else { return closed }
            last = end
            let batch = sessions.filter { session in kept.map { !session.ids.contains($0) } ?? true }
            if !batch.isEmpty { closed += try await close(batch, of: subject, now: now) }
        }
    }

    private func close(
        _ batch: [SessionRecord],
        of subject: Subject,
        now: Instant
    ) async throws(StoreError) -> [ClosedSession] {
        for _ in 0..<Self.maximumTries {
            let standing = try await standing(of: subject, batch.map(\.id), now: now)
            let open = zip(batch, standing.ends).filter { $0.1 == nil }.map(\.0)
            var changes: [Change] = []
            for session in open {
                changes.append(.insert(end(of: session).record))
                changes += try await endings(of: session.ids, subject, now: now)
            }
            if !changes.isEmpty {
                guard try await store.apply(changes, now: now) == .applied else { continue }
            }
            await forget(batch.map(\.key), now: now)
            return open.map(\.closed)
        }
        throw .unavailable(reason: "sessions of this person kept ending elsewhere at the same time")
    }

    private func endPerson(_ subject: Subject, except kept: SessionID?, now: Instant) async throws(StoreError) {
        for _ in 0..<Self.maximumTries {
            let before = try await standing(of: subject, [], now: now).ended
            let at = max(now, before.map { $0.at + .milliseconds(1) } ?? now)
            let record = PersonEnd(subject: subject, at: at, kept: kept)
                .record(expiresAt: now + Self.longestApart + SessionEnd.margin)
            let change = before.map { Change.replace(record, ifVersion: $0.version) } ?? .insert(record)
            if try await store.apply([change], now: now) == .applied { return }
        }
        throw .unavailable(reason: "sessions of this person kept ending elsewhere at the same time")
    }

    /// One page, and where it ends: `nil` where there is nothing more.
    ///
    /// What this server did not write is passed over.
    private func pageApart(
        of subject: Subject,
        after: IdentifierHash?,
        atMost limit: Int = batch,
        now: Instant
    ) async throws(StoreError) -> (sessions: [SessionRecord], last: IdentifierHash?) {
        let records = try await store.page(
            .applicationSession,
            filter: .subject(subject.value),
            after: after,
            limit: min(Self.batch, limit),
            now: now
        )
        var sessions: [SessionRecord] = []
        for record in records {
            guard let session = try apart?.session(record), session.subject == subject else { continue }
            sessions.append(session)
        }
        return (sessions, records.last?.key.identifier)
    }

    private func end(of session: SessionRecord) -> SessionEnd {
        SessionEnd(id: session.id, subject: session.subject, expiresAt: session.endsAt + SessionEnd.margin)
    }

    private func unknownEnd(of id: SessionID, _ subject: Subject, now: Instant) -> SessionEnd {
        SessionEnd(id: id, subject: subject, expiresAt: now + Self.longestApart + SessionEnd.margin)
    }

    private func end(of id: SessionID, _ subject: Subject, now: Instant) async throws(StoreError) -> SessionEnd? {
        guard let record = try await store.find(SessionEnd.key(id, of: subject), now: now) else { return nil }
        return try SessionEnd(record)
    }

    func endings(of ids: [SessionID], _ subject: Subject, now: Instant) async throws(StoreError) -> [Change] {
        var changes: [Change] = []
        for id in ids { changes += try await endings.session(id, subject, now) }
        return changes
    }
}
