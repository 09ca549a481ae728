import Crypto
package import Instants
import JOSE
package import OAuthVocabulary
package import Storage

/// Sessions that belong to one client: opened by its own pages, found by its own cookie, and worth nothing anywhere else.
extension Sessions {
    /// Opens a session for a person who has just proven who they are, with a new secret and a new id.
    ///
    /// It replaces nothing: whoever asks for it has ended what was there before.
    ///
    /// - Parameter bearsTokens: whether tokens will rest on the session; it never lies apart then, for they end with it.
    /// - Throws: `personUnknown` if the person was disabled or deleted or got another password meanwhile; `store`.
    package func open(
        for person: Person,
        at client: ClientID,
        idle: Duration?,
        absolute: Duration?,
        amr: [String],
        acr: String,
        now: Instant,
        from origin: SessionOrigin = .unknown,
        bearsTokens: Bool
    ) async throws(AccountsError) -> (cookie: Secret, session: Session) {
        let idle = idle ?? lifetimes.idle
        let endsAt = now + (absolute ?? lifetimes.absolute)
        let (secret, id) = try AccountsError.drawing { drawn() }
        let template = SessionRecord(
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
            expiresAt: min(now + idle, endsAt),
            application: ApplicationShare(
                client: client,
                idleMilliseconds: idle.milliseconds,
                privileges: person.privileges
            ),
            origin: origin
        )
        if !bearsTokens, apart != nil, let session = try await openApart(template, now: now) {
            return (Secret(Base64URL.encode(secret)), session)
        }
        for _ in 0..<Self.maximumTries {
            let tried = try await AccountsError.wrapping { () async throws(StoreError) in
                try await attempt(template, replacing: [], now: now)
            }
            guard let tried else { throw .personUnknown }
            guard tried.outcome == .applied else { continue }
            return (Secret(Base64URL.encode(secret)), tried.opened.session(of: tried.person))
        }
        throw .contended
    }

    /// The client's session that this secret finds, if it is alive; being found keeps it from idling out.
    package func find(cookie: Secret, at client: ClientID, now: Instant) async throws(StoreError) -> Session? {
        if let (record, person) = try await liveApart(.key(cookie: cookie), now: now) {
            guard record.application?.client == client else { return nil }
            return try await used(record, person, now: now)
        }
        // Opened before sessions lay apart.
        return try await find(.key(cookie: cookie), of: client, now: now)
    }

    /// Keeps the client's session that answers to this id from idling out: one that bears tokens, for nobody else names
    /// a session by its id.
    package func use(_ id: SessionID, at client: ClientID, now: Instant) async throws(StoreError) {
        _ = try await find(.index(id), of: client, now: now)
    }

    /// The same session under a new secret and a new id, from a person as they are now: when their rights have changed,
    /// whoever knew the old secret must not have the new rights by it.
    ///
    /// The old secret finds nothing any more, and what names the old id ends, in the same `apply`.
    package func renew(
        cookie: Secret,
        at client: ClientID,
        now: Instant
    ) async throws(StoreError) -> (cookie: Secret, session: Session)? {
        if let renewed = try await renewApart(cookie: cookie, at: client, now: now) { return renewed }
        for _ in 0..<Self.maximumTries {
            guard let (old, person) = try await live(.key(cookie: cookie), now: now),
                let share = old.application, share.client == client
            else { return nil }
            let (secret, renewed) = try renewed(old, share, of: person, now: now)
            let guards: [Change] = [
                .require(person.recordKey, version: person.version), .require(old.key, version: old.version),
            ]
            let changes = try await guards + closing(old, now: now) + [.insert(renewed.record)]
            if try await store.apply(changes, now: now) == .applied {
                return (secret, renewed.session(of: person))
            }
        }
        throw .unavailable(reason: "the session kept changing while it was renewed")
    }

    /// What the session is under a new secret and a new id; nothing is written.
    func renewed(
        _ old: SessionRecord,
        _ share: ApplicationShare,
        of person: Person,
        now: Instant
    ) throws(StoreError) -> (secret: Secret, session: SessionRecord) {
        guard let (secret, id) = drawn() else {
            throw .unavailable(reason: "the randomness gave too few bytes")
        }
        var renewed = old
        renewed.key.identifier = SessionRecord.key(cookie: secret).identifier
        renewed.version = 1
        renewed.id = id
        // Whoever was shown the session under its old id ends it by that.
        renewed.earlierIDs = Array(([old.id] + old.earlierIDs).prefix(Self.maximumEarlierIDs))
        renewed.usedAt = now
        renewed.expiresAt = min(now + share.idle, old.endsAt)
        renewed.application?.privileges = person.privileges
        return (Secret(Base64URL.encode(secret)), renewed)
    }

    /// A secret and an id that nobody can guess and that tell nothing of each other (CVE-2026-109373).
    private func drawn() -> (secret: [UInt8], id: SessionID)? {
        let secret = randomness(Self.cookieBytes)
        guard secret.count == Self.cookieBytes, let id = SessionID(Base64URL.encode(randomness(Self.idBytes))) else {
            return nil
        }
        return (secret, id)
    }
}

extension AccountsError {
    fileprivate static func drawing<Value>(_ draw: () -> Value?) throws(AccountsError) -> Value {
        guard let value = draw() else {
            throw AccountsError(.store, "No session could be opened.", detail: "the randomness gave too few bytes")
        }
        return value
    }
}

extension Person {
    /// A digest of what the person may do: it differs where their roles, groups or entitlements do, in whatever order.
    var privileges: String {
        let lists = [roles, groups, entitlements].map { list in list.sorted().map { "\($0.utf8.count):\($0)" }.joined()
        }
        let text = lists.map { "\($0.utf8.count):\($0)" }.joined()
        return Base64URL.encode(Array(SHA256.hash(data: Array(text.utf8))))
    }
}

extension Duration {
    fileprivate var milliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}
