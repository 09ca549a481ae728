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
    private static let longestList = 1000

    let store: any Store
    let lifetimes: Lifetimes
    let randomness: @Sendable (Int) -> [UInt8]
    let endings: Endings
    let apart: SessionsApart?

    /// - Parameters:
    ///   - randomness: as many unpredictable bytes as it is asked for.
    ///   - endings: what else is written when a session is closed.
    ///   - apart: where sessions of session mode lie in a store of their own; without it all are of one kind.
    package init(
        store: any Store,
        lifetimes: Lifetimes = .standard,
        randomness: @escaping @Sendable (Int) -> [UInt8],
        endings: Endings,
        apart: SessionsApart? = nil
    ) {
        self.store = store
        self.lifetimes = lifetimes
        self.randomness = randomness
        self.endings = endings
        self.apart = apart
    }

    /// Opens a session for a person who has just proven who they are, always with a new cookie and a new id, so that a
    /// cookie planted in the browser beforehand is worth nothing (CVE-2026-7507, CVE-2024-7341) and no id is shared by
    /// two people (CVE-2025-12390).
    ///
    /// What the same person had open in this browser is gone in the same `apply`, and the new session answers for its
    /// ids, so that signing in again for one application signs out of no other. The sessions of other people stay what
    /// they are, and share nothing with this one.
    ///
    /// - Parameters:
    ///   - person: as `People.authenticate` returned them.
    ///   - origin: where the person is, to be shown to them.
    ///   - cookies: the secrets of the sign-on cookie that came with the request.
    /// - Throws: `personUnknown` if the person was disabled or deleted or got another password meanwhile; `store`.
    package func create(
        for person: Person,
        amr: [String],
        acr: String,
        now: Instant,
        from origin: SessionOrigin = .unknown,
        replacing cookies: [Secret]
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
            expiresAt: min(now + lifetimes.idle, endsAt),
            origin: origin
        )
        for _ in 0..<Self.maximumTries {
            let template = opened
            let tried = try await AccountsError.wrapping { () async throws(StoreError) in
                try await attempt(template, replacing: cookies, now: now)
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
        try await find(cookies: [cookie], now: now).first?.session
    }

    /// The session of one client, or the sign-on session where `client` is `nil`; being found keeps it from idling out.
    func find(_ lookup: SessionLookup, of client: ClientID?, now: Instant) async throws(StoreError) -> Session? {
        // Neither kind is ever taken for the other, nor one client's for another's (CVE-2019-3868).
        guard let (record, person) = try await live(lookup, now: now), record.application?.client == client else {
            return nil
        }
        return try await used(record, person, now: now)
    }

    /// Those sessions of a browser that are alive, in the order of its secrets.
    ///
    /// The first one is the one in use, and is kept from idling out; the others are only looked at.
    package func find(cookies: [Secret], now: Instant) async throws(StoreError) -> [OpenedSession] {
        let named = cookies.compactMap { cookie in SessionRecord.key(cookie: cookie).map { (cookie, Lookup.key($0)) } }
        guard !named.isEmpty else { return [] }
        var found: [(cookie: Secret, stored: SessionRecord)] = []
        for (name, record) in zip(named, try await store.find(named.map(\.1), now: now)) {
            if let record { found.append((name.0, try SessionRecord(record))) }
        }
        guard !found.isEmpty else { return [] }
        let people = try await store.find(found.map { .key(Person.recordKey(of: $0.stored.subject)) }, now: now)
        var opened: [OpenedSession] = []
        for (entry, record) in zip(found, people) {
            guard let record else { continue }
            let person = try Person(record)
            guard entry.stored.isAlive(for: person), entry.stored.application == nil else { continue }
            var session: Session? = entry.stored.session(of: person)
            if opened.isEmpty { session = try await used(entry.stored, person, now: now) }
            if let session { opened.append(OpenedSession(cookie: entry.cookie, session: session)) }
        }
        return opened
    }

    /// Notes that a session is in use that its browser did not name first.
    package func noteUse(of id: SessionID, now: Instant) async throws(StoreError) {
        _ = try await find(.index(id), of: nil, now: now)
    }

    /// The session with its use noted; `nil` if it was closed meanwhile.
    func used(_ record: SessionRecord, _ person: Person, now: Instant) async throws(StoreError) -> Session? {
        let idle = record.application?.idle ?? lifetimes.idle
        let expiresAt = min(now + idle, record.endsAt)
        guard now - record.usedAt >= min(lifetimes.refreshInterval, idle / 10), expiresAt > record.expiresAt else {
            return record.session(of: person)
        }
        var used = record
        used.usedAt = now
        used.expiresAt = expiresAt
        guard try await store.apply([.replace(stored(used), ifVersion: record.version)], now: now) == .applied else {
            // Another request was first: it noted the use, or closed the session.
            if record.apart != nil {
                guard let current = try await findApart(.record(record.key), now: now) else { return nil }
                return try await owner(of: current, now: now).map { current.session(of: $0) }
            }
            guard let found = try await store.find(record.key, now: now) else { return nil }
            let current = try SessionRecord(found)
            guard let person = try await self.person(current.subject, now: now), current.isAlive(for: person) else {
                return nil
            }
            return current.session(of: person)
        }
        used.version += 1
        return used.session(of: person)
    }

    /// The session that answers to this `sid`, if it is alive: one that tokens or codes may rest on, so none that lies
    /// apart.
    ///
    /// Does not prolong it.
    package func find(id: SessionID, now: Instant) async throws(StoreError) -> Session? {
        guard let (record, person) = try await live(.index(id), now: now) else { return nil }
        return record.session(of: person)
    }

    /// The live sessions of a person, among at most 1000 records of theirs.
    package func list(of subject: Subject, now: Instant) async throws(StoreError) -> [Session] {
        guard let person = try await person(subject, now: now) else { return [] }
        let records = try await store.page(
            .session,
            filter: .subject(subject.value),
            after: nil,
            limit: Self.longestList,
            now: now
        )
        let sessions = try records.map { (record) throws(StoreError) in try SessionRecord(record) }
        let alive = sessions.filter { $0.isAlive(for: person) }.map { $0.session(of: person) }
        return try await alive + listApart(of: subject, among: Self.longestList - records.count, now: now)
    }

    /// Closes a session and, in the same `apply`, ends what `Endings.session` names for all ids it answers to.
    ///
    /// - Parameter owner: whose session it has to be, where the id came from a person: naming somebody else's session
    ///   is naming none (CVE-2026-55106, CVE-2025-14778).
    /// - Returns: what was closed; `nil` if no session answers to this id.
    @discardableResult
    package func close(
        _ id: SessionID,
        of owner: Subject? = nil,
        now: Instant
    ) async throws(StoreError) -> ClosedSession? {
        for _ in 0..<Self.maximumTries {
            guard let stored = try await find(.index(id), now: now) else {
                return try await closeApart(id, of: owner, now: now)
            }
            guard owner ?? stored.subject == stored.subject else { return nil }
            // The version is required, since a session that was replaced meanwhile lives on under another key.
            let guarded = Change.require(stored.key, version: stored.version)
            let changes = try await [guarded] + closing(stored, now: now)
            if try await store.apply(changes, now: now) == .applied { return stored.closed }
        }
        throw .unavailable(reason: "the session kept being used at the same time, so it could not be closed")
    }

    /// Closes every session of a person, and ends what `Endings.session` names for each.
    ///
    /// - Parameter kept: the one that stays, if one does.
    @discardableResult
    package func closeAll(
        of subject: Subject,
        except kept: SessionID? = nil,
        now: Instant
    ) async throws(StoreError) -> [ClosedSession] {
        // First, since whatever is closed has to be returned, and this fails more often.
        var closed = try await closeAllApart(of: subject, except: kept, now: now)
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
                    .filter { session in kept.map { !session.ids.contains($0) } ?? true }
                var changes: [Change] = []
                for session in batch { changes += try await closing(session, now: now) }
                var outcome = ApplyOutcome.applied
                if !changes.isEmpty { outcome = try await store.apply(changes, now: now) }
                if outcome == .applied {
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
    case record(RecordKey)
    case index(SessionID)

    /// `nil` for what cannot be a cookie of ours.
    func lookup(in kind: RecordKind) -> Lookup? {
        switch self {
        case .key(let cookie):
            SessionRecord.key(cookie: cookie).map { .key(RecordKey(kind: kind, identifier: $0.identifier)) }
        case .record(let key): .key(key)
        case .index(let id): .index(kind, SessionRecord.index(id))
        }
    }
}

extension Sessions {
    /// One try at opening `template`; `nil` if the person is not who they were when they signed in.
    func attempt(
        _ template: SessionRecord,
        replacing cookies: [Secret],
        now: Instant
    ) async throws(StoreError) -> (outcome: ApplyOutcome, opened: SessionRecord, person: Person)? {
        guard let person = try await person(template.subject, now: now), template.isAlive(for: person) else {
            return nil
        }
        var opened = template
        var ids: [SessionID] = []
        var changes = [Change.require(person.recordKey, version: person.version)]
        for old in try await stored(cookies, now: now)
        where old.subject == person.subject && old.application == nil {
            changes.append(.require(old.key, version: old.version))
            if old.isAlive(for: person) {
                changes.append(.delete(old.key))
                ids += old.ids
            } else {
                changes += try await closing(old, now: now)
            }
        }
        opened.earlierIDs = Array(ids.prefix(Self.maximumEarlierIDs))
        for id in ids.dropFirst(Self.maximumEarlierIDs) {
            changes += try await endings.session(id, person.subject, now)
        }
        changes.append(.insert(opened.record))
        return (try await store.apply(changes, now: now), opened, person)
    }

    func closing(_ session: SessionRecord, now: Instant) async throws(StoreError) -> [Change] {
        try await [.delete(session.key)] + endings(of: session.ids, session.subject, now: now)
    }

    /// What is stored under these secrets, each once.
    private func stored(_ cookies: [Secret], now: Instant) async throws(StoreError) -> [SessionRecord] {
        var keys: [RecordKey] = []
        for cookie in cookies {
            if let key = SessionRecord.key(cookie: cookie), !keys.contains(key) { keys.append(key) }
        }
        guard !keys.isEmpty else { return [] }
        let records = try await store.find(keys.map { .key($0) }, now: now).compactMap(\.self)
        return try records.map { (record) throws(StoreError) in try SessionRecord(record) }
    }

    func find(_ lookup: SessionLookup, now: Instant) async throws(StoreError) -> SessionRecord? {
        guard let lookup = lookup.lookup(in: .session), let record = try await store.find([lookup], now: now)[0] else {
            return nil
        }
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
    func isAlive(for person: Person) -> Bool {
        person.subject == subject && person.status == .enabled && person.credentialsChangedAt == credentials
    }

    var closed: ClosedSession { ClosedSession(id: id, earlierIDs: earlierIDs, subject: subject) }
}
