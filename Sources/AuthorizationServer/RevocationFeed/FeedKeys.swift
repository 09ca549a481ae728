package import Instants
import JOSE
package import OAuthVocabulary
package import Storage

/// A key of the feed on record, sealed under the master key.
package struct FeedKeyRecord: Payload, Hashable {
    package static let kind = RecordKind("feed-key")

    package var keyID: String
    package var sealedPrivateJWK: [UInt8]
    package var publicJWK: String
    package var createdAt: Instant
    /// From here it signs, until a younger one takes over.
    package var activeFrom: Instant
    /// Set when it was given up at once: from here it neither signs nor is published.
    package var retiredAt: Instant?

    package static func key(_ keyID: String) -> RecordKey { RecordKey(kind, keyID) }
}

/// The keys that sign the feed and nothing else: a token key that was stolen is revoked through a feed that it cannot sign.
package struct FeedKeys: Sendable {
    /// How long a superseded key stays published: what it signed is read within seconds.
    private static let afterlife: Duration = .seconds(3600)

    /// The keys of one moment.
    struct Snapshot: Sendable {
        var signing: SigningKey
        /// The JWK Set document.
        var document: [UInt8]
    }

    private let store: any Store
    private let keys: DerivedKeys
    private let configuration: ProviderConfiguration
    private let memo = PayloadMemo()

    package init(store: any Store, keys: DerivedKeys, configuration: ProviderConfiguration) {
        self.store = store
        self.keys = keys
        self.configuration = configuration
    }

    /// Makes a new key that signs at once, and gives up all others: for when one has leaked.
    ///
    /// Readers meet the new key within a second and fetch the key set.
    package func replaceAll(now: Instant) async throws {
        for record in try await load(now: now) where record.content.retiredAt == nil {
            var retired = record
            retired.content.retiredAt = now
            _ = try await store.apply([try retired.replaced()], now: now)
        }
        try await make(activeFrom: now, now: now)
    }

    /// The keys now; first makes what is missing.
    ///
    /// Safe to run on several nodes at once.
    func refresh(_ previous: Snapshot?, now: Instant) async throws -> Snapshot {
        var records = try await usable(now: now)
        if let youngest = records.last {
            if youngest.activeFrom + configuration.keyRotationPeriod <= now + configuration.keyPublicationLead {
                try await make(activeFrom: now + configuration.keyPublicationLead, now: now)
                records = try await usable(now: now)
            }
        }
        if !records.contains(where: { $0.activeFrom <= now }) {
            try await make(activeFrom: now, now: now)
            records = try await usable(now: now)
        }
        guard let current = records.last(where: { $0.activeFrom <= now }) else {
            throw StoreError.corrupt(reason: "the revocation feed has no key that signs now")
        }
        let published = records.filter { record in
            let next = records.first { ($0.activeFrom, $0.keyID) > (record.activeFrom, record.keyID) }
            return next.map { now < $0.activeFrom + Self.afterlife } ?? true
        }
        let documents = try published.map { JSON.object(try JWK(parsing: Array($0.publicJWK.utf8)).members) }
        return Snapshot(
            signing: try signing(current, previous),
            document: JSON.object(["keys": .array(documents)]).serialized()
        )
    }

    private func signing(_ record: FeedKeyRecord, _ previous: Snapshot?) throws -> SigningKey {
        if let known = previous?.signing, known.keyID == record.keyID { return known }
        guard let plain = keys.openFeedKey(record.sealedPrivateJWK, keyID: record.keyID) else {
            throw StoreError.corrupt(reason: "feed key \(record.keyID) cannot be opened with this master key")
        }
        return try SigningKey(JWK(parsing: plain))
    }

    private func load(now: Instant) async throws(StoreError) -> [Stored<FeedKeyRecord>] {
        var records: [Stored<FeedKeyRecord>] = []
        for record in try await store.page(FeedKeyRecord.kind, filter: .all, after: nil, limit: 1000, now: now) {
            records.append(try memo.stored(record))
        }
        return records
    }

    /// Oldest first.
    private func usable(now: Instant) async throws(StoreError) -> [FeedKeyRecord] {
        try await load(now: now).map(\.content).filter { $0.retiredAt == nil }
            .sorted { ($0.activeFrom, $0.keyID) < ($1.activeFrom, $1.keyID) }
    }

    private func make(activeFrom: Instant, now: Instant) async throws {
        let key = try SigningKey.generate(.edDSA)
        let record = FeedKeyRecord(
            keyID: key.keyID,
            sealedPrivateJWK: try keys.sealFeedKey(key.privateJWK.members.serialized(), keyID: key.keyID),
            publicJWK: String(decoding: key.publicJWK.members.serialized(), as: UTF8.self),
            createdAt: now,
            activeFrom: activeFrom
        )
        // Long after its time: a rotation period, and what the clock may be off.
        let expiry = activeFrom + configuration.keyRotationPeriod * 2 + Self.afterlife
        _ = try await store.apply(
            [
                .insert(
                    Record(key: FeedKeyRecord.key(key.keyID), expiresAt: expiry, payload: try record.encoded())
                )
            ],
            now: now
        )
    }
}
