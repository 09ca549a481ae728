package import Instants
package import JOSE
package import OAuthVocabulary
package import Storage

/// The life of signing keys: made ahead of use, published, used, superseded, gone.
///
/// RFC 7517 §5 names the document.
package struct SigningKeys: Sendable {
    let store: any Store
    let keys: DerivedKeys
    let configuration: ProviderConfiguration
    let revocations: Revocations
    let prepare: @Sendable (SigningKey) -> SigningKey
    /// Keys are read every second.
    private let memo = PayloadMemo()

    /// - Parameter prepare: makes a key ready to sign, once, before it is put on the keyring.
    package init(
        store: any Store,
        keys: DerivedKeys,
        configuration: ProviderConfiguration,
        prepare: @escaping @Sendable (SigningKey) -> SigningKey = { $0 }
    ) {
        self.store = store
        self.keys = keys
        self.configuration = configuration
        self.prepare = prepare
        revocations = Revocations(store: store, configuration: configuration)
    }

    /// Reads the keys into the keyring; first makes what is missing: a key for each algorithm, and the successor of one
    /// whose time is nearly up.
    ///
    /// Safe to run from several processes at once: one of them makes the key, the others take it.
    package func refresh(_ keyring: Keyring, now: Instant) async throws {
        var records = try await load(now: now)
        for algorithm in Keyring.algorithms {
            guard let activeFrom = successorIsDue(algorithm, among: records, now: now) else { continue }
            try await make(algorithm, activeFrom: activeFrom, following: records, now: now)
            records = try await load(now: now)
        }
        keyring.swap(try snapshot(of: records, after: keyring.current, now: now))
        try await removeExpired(records, now: now)
    }

    /// Makes a new key for each algorithm (or one of them).
    ///
    /// It signs after the publication lead, or at once.
    package func rotate(
        algorithm: SignatureAlgorithm? = nil,
        immediately: RotationTiming,
        now: Instant
    ) async throws -> [SigningKeySummary] {
        var made: [SigningKeyRecord] = []
        for candidate in Keyring.algorithms where algorithm == nil || candidate == algorithm {
            let activeFrom = immediately == .atOnce ? now : now + configuration.keyPublicationLead
            let record = try await make(candidate, activeFrom: activeFrom, following: nil, now: now)
            if let record { made.append(record) }
        }
        let all = try await load(now: now)
        return made.map { summary(of: $0, among: all, now: now) }
    }

    package enum RotationTiming: Hashable, Sendable { case afterPublication, atOnce }

    /// Takes a key out of use and out of the key set now; what it signed no longer verifies here.
    package func retire(_ keyID: String, now: Instant) async throws {
        guard let record = try await store.find(SigningKeyRecord.key(keyID), now: now) else {
            throw RegistrationError.unknown("there is no signing key with the identifier \(keyID)")
        }
        var stored = try Stored<SigningKeyRecord>(record)
        guard stored.content.retiredAt == nil else {
            throw RegistrationError.taken("the signing key \(keyID) is retired already")
        }
        stored.content.retiredAt = now
        let outcome = try await revocations.apply(
            ending: Ending(.signingKey(keyID), because: .keyRetired),
            with: [try stored.replaced()],
            now: now
        )
        guard case .applied = outcome else {
            throw RegistrationError.taken(
                "the signing key \(keyID) changed at the same moment; look at it and try again"
            )
        }
    }

    package func list(now: Instant) async throws -> [SigningKeySummary] {
        let records = try await load(now: now)
        return records.map { summary(of: $0, among: records, now: now) }.sorted {
            ($0.algorithm, $0.activeFrom, $0.keyID) < ($1.algorithm, $1.activeFrom, $1.keyID)
        }
    }

    // MARK: - Times

    /// From when on a key must sign that is not made yet; `nil` while there is no need of one.
    private func successorIsDue(
        _ algorithm: SignatureAlgorithm,
        among records: [SigningKeyRecord],
        now: Instant
    ) -> Instant? {
        let mine = records.filter { $0.algorithm == algorithm.name && $0.retiredAt == nil }
        guard mine.contains(where: { isSigning($0, among: records, now: now) }) else { return now }
        guard let youngest = mine.map(\.activeFrom).max(),
            youngest + configuration.keyRotationPeriod <= now + configuration.keyPublicationLead
        else { return nil }
        return now + configuration.keyPublicationLead
    }

    /// Whether the key is published: from its making until the last token that it signed has expired.
    private func isPublished(_ record: SigningKeyRecord, among all: [SigningKeyRecord], now: Instant) -> Bool {
        guard record.retiredAt == nil else { return false }
        guard let superseded = supersededAt(record, among: all) else { return true }
        return now < superseded + max(configuration.accessTokenLifetime, configuration.idTokenLifetime)
            + Limits.clockSkew
    }

    /// When a younger key of its algorithm took or takes over.
    ///
    /// A successor that was retired after it had begun to sign counts: a superseded key never comes back.
    private func supersededAt(_ record: SigningKeyRecord, among all: [SigningKeyRecord]) -> Instant? {
        all.filter { other in
            other.algorithm == record.algorithm
                && (other.activeFrom, other.keyID) > (record.activeFrom, record.keyID)
                && other.retiredAt.map { other.activeFrom < $0 } ?? true
        }.map(\.activeFrom).min()
    }

    private func isSigning(_ record: SigningKeyRecord, among all: [SigningKeyRecord], now: Instant) -> Bool {
        record.retiredAt == nil && record.activeFrom <= now
            && supersededAt(record, among: all).map { now < $0 } ?? true
    }

    private func summary(of record: SigningKeyRecord, among all: [SigningKeyRecord], now: Instant) -> SigningKeySummary
    {
        var state = SigningKeyRecord.State.active
        if record.retiredAt != nil {
            state = .retired
        } else if record.activeFrom > now {
            state = .pending
        } else if let superseded = supersededAt(record, among: all), superseded <= now {
            state = .retired
        }
        return SigningKeySummary(
            keyID: record.keyID,
            algorithm: record.algorithm,
            state: state,
            createdAt: record.createdAt,
            activeFrom: record.activeFrom,
            retiredAt: record.retiredAt ?? supersededAt(record, among: all)
        )
    }

    // MARK: - Store

    private func load(now: Instant) async throws(StoreError) -> [SigningKeyRecord] {
        var records: [SigningKeyRecord] = []
        for record in try await store.page(SigningKeyRecord.kind, filter: .all, after: nil, limit: 1000, now: now) {
            let stored: Stored<SigningKeyRecord> = try memo.stored(record)
            records.append(stored.content)
        }
        return records
    }

    /// Makes a key; `nil` if another process has made the one that follows the keys that were `known`.
    ///
    /// The succession is a second name of the record, and second names are unique: of several nodes that see that a
    /// successor is due, one makes it. A key that was retired by hand is among the known, so that the place is free again.
    @discardableResult
    private func make(
        _ algorithm: SignatureAlgorithm,
        activeFrom: Instant,
        following known: [SigningKeyRecord]?,
        now: Instant
    ) async throws -> SigningKeyRecord? {
        let key = try SigningKey.generate(algorithm)
        let record = SigningKeyRecord(
            keyID: key.keyID,
            algorithm: algorithm.name,
            sealedPrivateJWK: try keys.sealSigningKey(key.privateJWK.members.serialized(), keyID: key.keyID),
            publicJWK: String(decoding: key.publicJWK.members.serialized(), as: UTF8.self),
            createdAt: now,
            activeFrom: activeFrom
        )
        var indexes: [SecondaryIndex] = []
        if let known {
            let predecessors = known.filter { $0.algorithm == algorithm.name }.map(\.keyID).sorted()
            indexes = [SecondaryIndex("succession", ([algorithm.name] + predecessors).joined(separator: " "))]
        }
        let outcome = try await store.apply(
            [.insert(Record(key: SigningKeyRecord.key(key.keyID), indexes: indexes, payload: try record.encoded()))],
            now: now
        )
        if case .applied = outcome { return record }
        guard known != nil else { throw StoreError.corrupt(reason: "two signing keys share a thumbprint") }
        return nil
    }

    private func removeExpired(_ records: [SigningKeyRecord], now: Instant) async throws {
        for record in records where !isPublished(record, among: records, now: now) {
            let over = record.retiredAt ?? supersededAt(record, among: records) ?? now
            if over + .seconds(30 * 86400) <= now {
                _ = try await store.apply([.delete(SigningKeyRecord.key(record.keyID))], now: now)
            }
        }
    }

    private func snapshot(
        of records: [SigningKeyRecord],
        after previous: KeyringSnapshot,
        now: Instant
    ) throws -> KeyringSnapshot {
        var snapshot = KeyringSnapshot()
        var documents: [JSON] = []
        var verifying: [VerificationKey] = []
        for record in records.sorted(by: { ($0.activeFrom, $0.keyID) < ($1.activeFrom, $1.keyID) })
        where isPublished(record, among: records, now: now) {
            let publicJWK = try JWK(parsing: Array(record.publicJWK.utf8))
            documents.append(.object(publicJWK.members))
            verifying.append(try VerificationKey(publicJWK))
            guard isSigning(record, among: records, now: now) else { continue }
            // A key never changes under its identifier, and opening, checking and preparing one takes milliseconds.
            if let known = previous.signing[record.algorithm], known.keyID == record.keyID {
                snapshot.signing[record.algorithm] = known
                continue
            }
            guard let plain = keys.openSigningKey(record.sealedPrivateJWK, keyID: record.keyID) else {
                throw StoreError.corrupt(reason: "signing key \(record.keyID) cannot be opened with this master key")
            }
            snapshot.signing[record.algorithm] = prepare(try SigningKey(JWK(parsing: plain)))
        }
        snapshot.document = JSON.object(["keys": .array(documents)]).serialized()
        // The same set while the keys are the same: what was verified by it stays known.
        snapshot.published = snapshot.document == previous.document ? previous.published : KeySet(verifying)
        return snapshot
    }
}
