package import Instants
import JOSE
package import OAuthVocabulary
package import Storage
import Synchronization

/// The status lists of a server: which place a token gets, and what the lists say.
package final class StatusLists: Sendable {
    /// `ttl`: how long a verifier may keep a list before it should look again.
    package static let timeToLive: Duration = .seconds(15)
    /// How long a list may be relied upon at all, by a verifier that cannot reach the server.
    package static let lifetime: Duration = .seconds(5 * 60)
    /// How long a list is answered without another look at the store.
    package static let recheck: Duration = .milliseconds(500)
    /// How long an ending may wait for its number, and then for its bit, before no list is answered: what a list that is
    /// answered does not say was ended in this time, twice.
    package static let longestLag: Duration = .seconds(5)
    /// The most lists that one aggregation names.
    package static let maximumLists = 10_000
    /// How many places one grant may have had: more are needed only if its tokens are ended alone, one after another.
    static let placesOfGrant = 16

    private struct Cached {
        var version: Int64
        var keyID: String
        var token: [UInt8]
        /// As `iat` has it, on the wall.
        var issuedAt: Instant
        var checkedAt: Instant
        var until: Instant
    }

    private let store: any Store
    private let configuration: ProviderConfiguration
    private let keyring: Keyring
    private let places: StatusPlaces
    private let cache: Mutex<[Int: Cached]> = Mutex([:])

    package init(store: any Store, configuration: ProviderConfiguration, keys: DerivedKeys, keyring: Keyring) {
        self.store = store
        self.configuration = configuration
        self.keyring = keyring
        places = StatusPlaces(store: store, keys: keys)
    }

    // MARK: - Places

    /// The place that the access token of this issuance names; `nil` where its API did not ask for one.
    ///
    /// To be asked for before minting, which reads and waits for nothing.
    func place(
        for issuance: Issuance,
        client: RegisteredClient,
        now: Instant
    ) async throws(StoreError) -> StatusPlace? {
        // An opaque token is asked about at the server, which knows better than any list.
        guard let api = issuance.access.api, api.statusList, api.tokenFormat == .jwt else { return nil }
        let tokenEnd = now + configuration.accessTokenLifetime + Limits.clockSkew
        var place = StatusPlace(client: client.id, now: now)
        var targets: [RevocationTarget] = [.client(client.id), .everything]
        if case .person(let person, _, let session) = issuance.party {
            targets += [.subject(person.subject), .session(session)]
            place.subject = person.subject
            place.entry.session = session
        }
        place.until = max(tokenEnd, grantEnd(issuance, client: client, now: now))
        if let grant = issuance.family {
            targets.append(.grant(grant))
            place.grant = grant
        }
        let lookups = targets.map { Lookup.key($0.key) } + (place.entryKey.map { [.key($0)] } ?? [])
        let found = try await store.find(lookups, now: now)
        // Whatever ends one of these between now and the apply makes it fail: the log's reader would look for the
        // entries of what was ended before this one is there, and the list would never tell.
        place.guards = zip(targets, found).map { target, record in
            record.map { .require(target.key, version: $0.version) } ?? .requireAbsent(target.key)
        }
        var cutOff: Instant?
        for record in found.prefix(targets.count) {
            guard let record else { continue }
            let notBefore = try RevocationRecord(from: record).notBefore
            cutOff = cutOff.map { max($0, notBefore) } ?? notBefore
        }
        if found.count > targets.count, let record = found[targets.count] {
            let stored = try Stored<StatusEntryRecord>(record)
            place.stored = stored
            place.entry.assigned = stillNamed(stored.content.assigned, now: now)
            if let last = stored.content.assigned.last, !stored.content.isSpent, last.at > cutOff ?? .distantPast {
                place.keeps(last.reference)
                return place
            }
            if place.entry.assigned.count >= Self.placesOfGrant, let last = stored.content.assigned.last {
                // The token counts as revoked wherever the list is asked: better than a place that nobody finds again.
                place.keeps(last.reference)
                return place
            }
        }
        place.assign(try await places.take(until: place.until, now: now))
        return place
    }

    /// The changes that take its place from a grant when one of its tokens is ended alone.
    ///
    /// The bit says that the tokens which name the place are revoked, all of them; the grant's next token gets another
    /// place. Conflicts if the grant is refreshed meanwhile: ask again.
    package func changes(
        ending reference: StatusReference,
        of grant: FamilyID,
        now: Instant
    ) async throws(StoreError) -> [Change] {
        guard let record = try await store.find(StatusEntryRecord.key(grant: grant), now: now) else { return [] }
        var stored = try Stored<StatusEntryRecord>(record)
        guard stored.content.assigned.last?.reference == reference, !stored.content.isSpent else { return [] }
        stored.content.isSpent = true
        return [try stored.replaced()]
    }

    /// Until when a grant can pay for tokens.
    private func grantEnd(_ issuance: Issuance, client: RegisteredClient, now: Instant) -> Instant {
        let spare = configuration.accessTokenLifetime + Limits.clockSkew
        switch issuance.refresh {
        case .none: return now
        case .start:
            let absolute = client.refreshAbsoluteSeconds.map { .seconds($0) } ?? configuration.refreshAbsoluteLifetime
            return now + min(absolute, configuration.longestRefreshLifetime) + spare
        case .rotate(let family), .repeatSuccessor(let family): return family.content.absoluteExpiry + spare
        }
    }

    /// The places that living tokens may name: one that was followed by another a token's life ago is named by none.
    private func stillNamed(_ assigned: [StatusEntryRecord.Assigned], now: Instant) -> [StatusEntryRecord.Assigned] {
        let horizon = now - (Limits.longestTokenLifetime + Limits.clockSkew)
        return assigned.indices.filter { index in
            index == assigned.indices.last || assigned[index + 1].at > horizon
        }.map { assigned[$0] }
    }

    // MARK: - Lists

    /// The list as a signed token; `nil` if there is none of this number, or none any more.
    package func token(of list: Int, at moment: Moment) async throws(OAuthError) -> [UInt8]? {
        let now = moment.steady
        guard let key = keyring.current.signing[configuration.accessTokenAlgorithm.name] else {
            throw .internalFault("there is no active signing key for \(configuration.accessTokenAlgorithm.name)")
        }
        let known = cache.withLock { $0[list] }
        if let known, known.keyID == key.keyID, isFresh(known, moment), now - known.checkedAt < Self.recheck {
            return known.token
        }
        let isBehind = try await answering { () async throws(StoreError) in try await self.isBehind(now: now) }
        // A list signed now says that its bits are those of now.
        guard !isBehind else { throw .unavailable("the status lists lag behind what was ended") }
        let record = try await answering { () async throws(StoreError) in
            try await store.find(StatusListRecord.key(list), now: now)
        }
        guard let record else {
            cache.withLock { $0[list] = nil }
            return nil
        }
        if var known, known.version == record.version, known.keyID == key.keyID, isFresh(known, moment) {
            known.checkedAt = now
            cache.withLock { [known] in $0[list] = known }
            return known.token
        }
        let content = try decoded { () throws(StoreError) in try StatusListRecord(from: record) }
        let made = Cached(
            version: record.version,
            keyID: key.keyID,
            token: Array(try sign(content, by: key, now: moment.wall).utf8),
            issuedAt: moment.wall,
            checkedAt: now,
            until: content.until
        )
        cache.withLock { cache in
            cache = cache.filter { $0.value.until > now }
            cache[list] = made
        }
        return made.token
    }

    /// Whether something was ended so long ago that its bit should be turned, and is not.
    private func isBehind(now: Instant) async throws(StoreError) -> Bool {
        let log = FeedLog(store: store)
        if try await log.isAnyWaiting(since: now - Self.longestLag, now: now) { return true }
        let record = try await store.find(FeedCursor.key(StatusListProjection.cursor), now: now)
        let place = try record.map { record throws(StoreError) in try FeedCursor(from: record).batch }
        guard let next = try await log.batches(after: place ?? 0, limit: 1, now: now).first else { return false }
        return next.sequencedAt < now - Self.longestLag
    }

    /// Signed anew once it is as old as its `ttl`: a verifier that counts from `iat` would otherwise ask all the time.
    private func isFresh(_ cached: Cached, _ now: Moment) -> Bool {
        (Duration.zero..<Self.timeToLive).contains(now.wall - cached.issuedAt) && now.steady >= cached.checkedAt
    }

    private func sign(_ list: StatusListRecord, by key: SigningKey, now: Instant) throws(OAuthError) -> String {
        let claims: JSONObject = [
            "iss": .string(configuration.issuer.value),
            // Section 5.1: "The value MUST be equal to that of the uri claim contained in the status_list claim of the
            // Referenced Token."
            "sub": .string(StatusListAddress.uri(of: list.number, configuration: configuration)),
            "iat": .integer(now.secondsSinceEpoch),
            "exp": .integer((now + Self.lifetime).secondsSinceEpoch),
            "ttl": .integer(Self.timeToLive.wholeSeconds),
            "status_list": .object([
                "bits": 1, "lst": .string(list.lst),
                "aggregation_uri": .string(configuration.url(StatusListAddress.aggregation)),
            ]),
        ]
        do {
            // Section 5.1: "The JWT type MUST be statuslist+jwt."
            return try JWT.signed(claims, type: "statuslist+jwt", by: key)
        } catch {
            throw .internalFault("signing a status list failed: \(error.code)")
        }
    }

    /// The addresses of every list that living tokens may name.
    package func addresses(now: Instant) async throws(StoreError) -> [String] {
        var numbers: [Int] = []
        var after: IdentifierHash?
        while numbers.count < Self.maximumLists {
            let page = try await store.page(StatusListRecord.kind, filter: .all, after: after, limit: 1000, now: now)
            for record in page { numbers.append(try StatusListRecord(from: record).number) }
            guard let last = page.last, page.count == StoreLimits.largestPage else { break }
            after = last.key.identifier
        }
        return numbers.sorted().map { StatusListAddress.uri(of: $0, configuration: configuration) }
    }
}

/// Where the next access token of a grant is listed, and what must be written so that it is found again.
struct StatusPlace: Sendable {
    let client: ClientID
    let now: Instant
    var subject: Subject?
    var grant: FamilyID?
    var until: Instant
    /// What must not have been ended meanwhile.
    var guards: [Change] = []
    /// The entry as it was read, if there is one.
    var stored: Stored<StatusEntryRecord>?
    var entry = StatusEntryRecord(assigned: [])
    private(set) var reference = StatusReference(list: 0, index: 0)
    private var isNew = false

    init(client: ClientID, now: Instant) {
        self.client = client
        self.now = now
        until = now
    }

    var entryKey: RecordKey? { grant.map { StatusEntryRecord.key(grant: $0) } }

    mutating func keeps(_ reference: StatusReference) { self.reference = reference }

    mutating func assign(_ reference: StatusReference) {
        self.reference = reference
        isNew = true
        entry.assigned.append(StatusEntryRecord.Assigned(reference: reference, at: now))
    }

    /// The guards, and the entry where it changed.
    ///
    /// - Parameter token: the token that names the place; its entry's name where there is no grant.
    func changes(token: TokenID) throws(StoreError) -> [Change] {
        guard isNew || until > stored?.record.expiresAt ?? .distantPast else {
            return guards + (stored.map { [$0.unchanged] } ?? [])
        }
        if var stored {
            if isNew { stored.content = entry }
            stored.record.expiresAt = max(until, stored.record.expiresAt ?? until)
            return guards + [try stored.replaced()]
        }
        let record = Record(
            key: entryKey ?? StatusEntryRecord.key(token: token),
            family: entry.session.map { StatusEntryRecord.family($0) },
            subject: subject?.value,
            client: client.value,
            expiresAt: until,
            payload: try entry.encoded()
        )
        return guards + [.insert(record)]
    }
}

extension Instant {
    static let distantPast = Instant(millisecondsSinceEpoch: .min)
}
