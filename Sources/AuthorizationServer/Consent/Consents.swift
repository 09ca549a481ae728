package import Instants
package import OAuthVocabulary
package import Storage

/// What people have allowed: found, listed, withdrawn.
package struct Consents: Sendable {
    let store: any Store
    let revocations: Revocations

    package init(store: any Store, revocations: Revocations) {
        self.store = store
        self.revocations = revocations
    }

    package func find(
        subject: Subject,
        client: ClientID,
        now: Instant
    ) async throws(StoreError) -> Stored<ConsentRecord>? {
        guard let record = try await store.find(ConsentRecord.key(subject, client), now: now) else { return nil }
        return try Stored(record)
    }

    /// Everything that a person has allowed, page by page: `after` is the last one of the page before.
    package func list(
        of subject: Subject,
        after: ConsentRecord? = nil,
        limit: Int,
        now: Instant
    ) async throws(StoreError) -> [ConsentRecord] {
        let start = after.map { ConsentRecord.key($0.subject, $0.client).identifier }
        var consents: [ConsentRecord] = []
        for record in try await store.page(
            ConsentRecord.kind,
            filter: .subject(subject.value),
            after: start,
            limit: limit,
            now: now
        ) {
            consents.append(try ConsentRecord(from: record))
        }
        return consents
    }

    /// The change that records what a person allows now, over what was read before.
    package static func change(
        _ existing: Stored<ConsentRecord>?,
        adding division: [String: ScopeSet],
        subject: Subject,
        client: ClientID,
        now: Instant
    ) throws(StoreError) -> Change {
        if var existing {
            existing.content.add(division, at: now)
            return try existing.replaced()
        }
        var consent = ConsentRecord(subject: subject, client: client, grantedAt: now)
        consent.add(division, at: now)
        return .insert(
            Record(
                key: ConsentRecord.key(subject, client),
                subject: subject.value,
                client: client.value,
                payload: try consent.encoded()
            )
        )
    }

    /// Takes back what a person has allowed a client, and ends every grant that came of it.
    ///
    /// Returns whether there was anything to take back.
    ///
    /// - Parameter time: where this server issues meanwhile: see ``Revocations/endWhatSlippedThrough(_:since:by:)``.
    @discardableResult
    package func withdraw(
        subject: Subject,
        client: ClientID,
        now: Instant,
        settlingBy time: (any TimeSource)? = nil
    ) async throws(StoreError) -> Bool {
        let key = ConsentRecord.key(subject, client)
        var found = try await store.find(key, now: now) != nil
        var ended: Set<FamilyID> = []
        for _ in 0..<Limits.applyAttempts {
            let open = try await families(of: subject, client: client, now: now).subtracting(ended)
            found = found || !open.isEmpty
            var changes: [Change] = [.delete(key)]
            for family in open {
                let ending = Ending(.grant(family), because: .consentWithdrawn, subject: subject, client: client)
                changes += try await revocations.changes(ending: ending, now: now)
            }
            guard case .applied = try await store.apply(changes, now: now) else { continue }
            // A grant that began while these were read shows up now; once the consent is gone no other begins.
            if open.isEmpty {
                for family in ended {
                    guard let time else { break }
                    let ending = Ending(.grant(family), because: .consentWithdrawn, subject: subject, client: client)
                    try await revocations.endWhatSlippedThrough(ending, since: now, by: time)
                }
                return found
            }
            ended.formUnion(open)
        }
        throw .unavailable(reason: "withdrawing a consent lost every race")
    }

    /// The grants of a client for a person, by what is left of them: a code, an approved device or a refresh family.
    private func families(of subject: Subject, client: ClientID, now: Instant) async throws(StoreError) -> Set<FamilyID>
    {
        var families: Set<FamilyID> = []
        for kind in [RefreshFamily.kind, AuthorizationCodeRecord.kind, DeviceCodeRecord.kind] {
            var after: IdentifierHash?
            repeat {
                let page = try await store.page(
                    kind,
                    filter: .subject(subject.value),
                    after: after,
                    limit: StoreLimits.largestPage,
                    now: now
                )
                for record in page where record.client == client.value {
                    if let family = record.family.flatMap(FamilyID.init) { families.insert(family) }
                }
                after = page.count < StoreLimits.largestPage ? nil : page.last?.key.identifier
            } while after != nil
        }
        return families
    }
}

extension Services {
    package var consents: Consents { Consents(store: store, revocations: revocations) }
}
