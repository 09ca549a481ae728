package import Instants
import JOSE
package import OAuthVocabulary
package import Storage

/// Opens, finds and closes the sessions of people in browsers.
package struct Sessions: Sendable {
    /// How long sessions live.
    package struct Lifetimes: Hashable, Sendable {
        /// A session ends when it was not used for this long.
        package var idle: Duration
        /// A session ends this long after signing in, however much it is used.
        package var absolute: Duration
        /// A use is written down at most this often: the idle limit is that much less exact, and reading stays cheap.
        package var refreshInterval: Duration

        package init(
            idle: Duration = .seconds(8 * 3600),
            absolute: Duration = .seconds(14 * 24 * 3600),
            refreshInterval: Duration = .seconds(5 * 60)
        ) {
            self.idle = idle
            self.absolute = absolute
            self.refreshInterval = refreshInterval
        }

        package static let standard = Lifetimes()
    }

    static let cookieBytes = 32
    static let idBytes = 16
    /// How many earlier sign-ins in one browser a session answers for; the oldest beyond are ended.
    static let maximumEarlierIDs = 16
    static let maximumTries = 16
    private static let closingBatch = 50

    let store: any Store
    let lifetimes: Lifetimes
    let randomness: @Sendable (Int) -> [UInt8]
    let endings: Endings

    /// - Parameters:
    ///   - randomness: as many unpredictable bytes as it is asked for.
    ///   - endings: what else is written when a session is closed.
    package init(
        store: any Store,
        lifetimes: Lifetimes = .standard,
        randomness: @escaping @Sendable (Int) -> [UInt8],
        endings: Endings
    ) {
        self.store = store
        self.lifetimes = lifetimes
        self.randomness = randomness
        self.endings = endings
    }

    /// Opens a session for a person who has just proven who they are, always with a new cookie and a new id, so that a
    /// cookie planted in the browser beforehand is worth nothing (CVE-2026-7507, CVE-2024-7341) and no id is shared by
    /// two people (CVE-2025-12390).
    ///
    /// The session of the replaced cookie is gone in the same `apply`: if it was the same person's, the new session
    /// answers for its ids, so that signing in again for one application signs out of no other; if it was another
    /// person's, it is closed.
    ///
    /// - Parameters:
    ///   - person: as `People.authenticate` returned them.
    ///   - oldCookie: the sign-on cookie that came with the request, if one did.
    /// - Throws: `personUnknown` if the person was disabled or deleted or got another password meanwhile; `store`.
    package func create(
        for person: Person,
        amr: [String],
        acr: String,
        now: Instant,
        replacing oldCookie: Secret?
    ) async throws(AccountsError) -> (cookie: Secret, session: Session) {
        let secret = randomness(Self.cookieBytes)
        guard secret.count == Self.cookieBytes, let id = SessionID(Base64URL.encode(randomness(Self.idBytes))) else {
            throw AccountsError(.store, "No session could be opened.", detail: "the randomness gave too few bytes")
        }
        let endsAt = now + lifetimes.absolute
        var opened = SessionRecord(
            key: SessionRecord.key(cookie: secret),
            id: id,
            earlierIDs: [],
            subject: person.subject,
            authenticatedAt: now,
            amr: amr,
            acr: acr,
            credentials: person.credentialsChangedAt,
            usedAt: now,
            endsAt: endsAt,
            expiresAt: min(now + lifetimes.idle, endsAt)
        )
        for _ in 0..<Self.maximumTries {
            let template = opened
            let tried = try await AccountsError.wrapping { () async throws(StoreError) in
                try await attempt(template, replacing: oldCookie, now: now)
            }
            guard let tried else { throw .personUnknown }
            opened.earlierIDs = tried.opened.earlierIDs
            guard tried.outcome == .applied else { continue }
            return (Secret(Base64URL.encode(secret)), opened.session(of: tried.person))
        }
        throw .contended
    }

    /// The session whose cookie this is, if it is alive.
    ///
    /// Being found by its cookie is what keeps it from idling out.
    package func find(cookie: Secret, now: Instant) async throws(StoreError) -> Session? {
        try await find(.key(cookie: cookie), of: nil, now: now)
    }

    /// The session of one client, or the sign-on session where `client` is `nil`; being found keeps it from idling out.
    func find(_ lookup: SessionLookup, of client: ClientID?, now: Instant) async throws(StoreError) -> Session? {
        // Neither kind is ever taken for the other, nor one client's for another's (CVE-2019-3868).
        guard let found = try await live(lookup, now: now), found.0.application?.client == client else { return nil }
        let (record, person) = found
        let idle = record.application?.idle ?? lifetimes.idle
        let expiresAt = min(now + idle, record.endsAt)
        guard now - record.usedAt >= min(lifetimes.refreshInterval, idle / 10), expiresAt > record.expiresAt else {
            return record.session(of: person)
        }
        var used = record
        used.usedAt = now
        used.expiresAt = expiresAt
        guard try await store.apply([.replace(used.record, ifVersion: record.version)], now: now) == .applied else {
            // Another request was first: it noted the use, or closed the session.
            guard let (record, person) = try await live(lookup, now: now) else { return nil }
            return record.session(of: person)
        }
        used.version += 1
        return used.session(of: person)
    }

    /// The session that answers to this `sid`, if it is alive.
    ///
    /// Does not prolong it.
    package func find(id: SessionID, now: Instant) async throws(StoreError) -> Session? {
        guard let (record, person) = try await live(.index(id), now: now) else { return nil }
        return record.session(of: person)
    }

    /// The live sessions of a person, at most 1000.
    package func list(of subject: Subject, now: Instant) async throws(StoreError) -> [Session] {
        guard let person = try await person(subject, now: now) else { return [] }
        let records = try await store.page(.session, filter: .subject(subject.value), after: nil, limit: 1000, now: now)
        let sessions = try records.map { (record) throws(StoreError) in try SessionRecord(record) }
        return sessions.filter { $0.isAlive(for: person) }.map { $0.session(of: person) }
    }

    /// Closes a session and, in the same `apply`, ends what `Endings.session` names for all ids it answers to.
    ///
    /// - Returns: what was closed; `nil` if no session answers to this id.
    @discardableResult
    package func close(_ id: SessionID, now: Instant) async throws(StoreError) -> ClosedSession? {
        let lookup = SessionLookup.index(id)
        for _ in 0..<Self.maximumTries {
            guard let stored = try await find(lookup, now: now) else { return nil }
            // The version is required, since a session that was replaced meanwhile lives on under another key.
            let guarded = Change.require(stored.key, version: stored.version)
            let changes = try await [guarded] + closing(stored, now: now)
            if try await store.apply(changes, now: now) == .applied { return stored.closed }
        }
        throw .unavailable(reason: "the session kept being used at the same time, so it could not be closed")
    }

    /// Closes every session of a person, and ends what `Endings.session` names for each.
    @discardableResult
    package func closeAll(of subject: Subject, now: Instant) async throws(StoreError) -> [ClosedSession] {
        var closed: [ClosedSession] = []
        for _ in 0..<Self.maximumTries {
            var last: IdentifierHash?
            var isContended = false
            while !isContended {
                let records = try await store.page(
                    .session,
                    filter: .subject(subject.value),
                    after: last,
                    limit: Self.closingBatch,
                    now: now
                )
                guard let end = records.last else { return closed }
                let batch = try records.map { (record) throws(StoreError) in try SessionRecord(record) }
                var changes: [Change] = []
                for session in batch { changes += try await closing(session, now: now) }
                if try await store.apply(changes, now: now) == .applied {
                    closed += batch.map(\.closed)
                    last = end.key.identifier
                } else {
                    isContended = true
                }
            }
        }
        throw .unavailable(reason: "sessions of this person kept ending elsewhere at the same time")
    }
}

/// How a session is looked for.
enum SessionLookup {
    case key(cookie: Secret)
    case index(SessionID)

    /// `nil` for what cannot be a cookie of ours.
    var lookup: Lookup? {
        switch self {
        case .key(let cookie):
            guard let secret = try? Base64URL.decode(cookie.exposed) else { return nil }
            return .key(SessionRecord.key(cookie: secret))
        case .index(let id):
            return .index(.session, SessionRecord.index(id))
        }
    }
}

extension Sessions {
    /// One try at opening `template`; `nil` if the person is not who they were when they signed in.
    func attempt(
        _ template: SessionRecord,
        replacing oldCookie: Secret?,
        now: Instant
    ) async throws(StoreError) -> (outcome: ApplyOutcome, opened: SessionRecord, person: Person)? {
        guard let person = try await person(template.subject, now: now), template.isAlive(for: person) else {
            return nil
        }
        var opened = template
        opened.earlierIDs = []
        var changes = [Change.require(person.recordKey, version: person.version)]
        if let oldCookie, let old = try await find(.key(cookie: oldCookie), now: now), old.application == nil {
            changes.append(.require(old.key, version: old.version))
            if old.isAlive(for: person) {
                changes.append(.delete(old.key))
                opened.earlierIDs = Array(old.ids.prefix(Self.maximumEarlierIDs))
                for id in old.ids.dropFirst(Self.maximumEarlierIDs) {
                    changes += try await endings.session(id, old.subject, now)
                }
            } else {
                changes += try await closing(old, now: now)
            }
        }
        changes.append(.insert(opened.record))
        return (try await store.apply(changes, now: now), opened, person)
    }

    func closing(_ session: SessionRecord, now: Instant) async throws(StoreError) -> [Change] {
        var changes = [Change.delete(session.key)]
        for id in session.ids { changes += try await endings.session(id, session.subject, now) }
        return changes
    }

    func find(_ lookup: SessionLookup, now: Instant) async throws(StoreError) -> SessionRecord? {
        guard let lookup = lookup.lookup, let record = try await store.find([lookup], now: now)[0] else { return nil }
        return try SessionRecord(record)
    }

    func live(_ lookup: SessionLookup, now: Instant) async throws(StoreError) -> (SessionRecord, Person)? {
        guard let record = try await find(lookup, now: now),
            let person = try await person(record.subject, now: now), record.isAlive(for: person)
        else { return nil }
        return (record, person)
    }

    private func person(_ subject: Subject, now: Instant) async throws(StoreError) -> Person? {
        guard let record = try await store.find(Person.recordKey(of: subject), now: now) else { return nil }
        return try Person(record)
    }
}

extension SessionRecord {
    /// Whether the person may still sign in, and has had no new password and was not disabled since this session began.
    fileprivate func isAlive(for person: Person) -> Bool {
        person.subject == subject && person.status == .enabled && person.credentialsChangedAt == credentials
    }

    fileprivate var closed: ClosedSession { ClosedSession(id: id, earlierIDs: earlierIDs, subject: subject) }
}
