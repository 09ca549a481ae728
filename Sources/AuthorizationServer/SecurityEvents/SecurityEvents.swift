package import Instants
package import JOSE
package import Logging
import OAuthVocabulary
package import Storage

/// The events that wait for their receivers: queued, signed, fetched, acknowledged.
package final class SecurityEvents: Sendable {
    /// How long an event waits for its receiver.
    package static let retention: Duration = .seconds(7 * 86400)
    /// The most events in one answer to a poll, and in one turn of pushing.
    package static let largestDelivery = 50
    /// The most events that one poll may acknowledge.
    package static let largestAcknowledgement = 500
    /// How long a poll waits for news.
    package static let longestPoll: Duration = .seconds(25)
    /// How often a waiting poll looks by itself: another process may have queued the news.
    package static let recheck: Duration = .seconds(1)
    /// How soon a receiver may ask for the next verification.
    package static let verificationInterval: Duration = .seconds(60)
    /// RS256, because the CAEP interoperability profile asks every receiver for it.
    package static let algorithm = SignatureAlgorithm.rs256

    let store: any Store
    let configuration: ProviderConfiguration
    let keyring: Keyring
    let time: any TimeSource
    let random: any RandomSource
    let logger: Logger
    package let streams: EventStreams
    let news = NewsBoard()

    package init(
        store: any Store,
        configuration: ProviderConfiguration,
        keys: DerivedKeys,
        keyring: Keyring,
        time: any TimeSource,
        random: any RandomSource,
        logger: Logger
    ) {
        self.store = store
        self.configuration = configuration
        self.keyring = keyring
        self.time = time
        self.random = random
        self.logger = logger
        streams = EventStreams(store: store, keys: keys, random: random)
    }

    // MARK: - Tokens

    /// The claims of a SET: RFC 8417 §2.2, as SSF 1.0 section 4.1 narrows them.
    static func claims(
        of event: SecurityEvent,
        tokenID: String,
        transaction: String?,
        audience: String,
        issuer: IssuerURL,
        at moment: Instant
    ) -> JSONObject {
        // SSF 1.0 sections 4.1.3 and 4.1.7: neither `sub` nor `exp`, so that no verifier of ID tokens takes it for one.
        var claims: JSONObject = [
            "iss": .string(issuer.value),
            "aud": .string(audience),
            "iat": .integer(moment.secondsSinceEpoch),
            "jti": .string(tokenID),
            "sub_id": .object(event.subject),
            "events": .object([event.type: .object(event.members)]),
        ]
        if let transaction { claims["txn"] = .string(transaction) }
        return claims
    }

    /// Signs a waiting event with the key that is current now.
    func signed(_ event: QueuedEventRecord) throws(OAuthError) -> String {
        guard let key = keyring.current.signing[Self.algorithm.name] else {
            throw .internalFault("there is no active signing key for \(Self.algorithm.name)")
        }
        do {
            // RFC 8417 §2.3: "the "typ" value used SHOULD be "secevent+jwt"."; SSF makes it a must.
            return try JWT.signed(JSONObject(parsing: Array(event.claims.utf8)), type: "secevent+jwt", by: key)
        } catch {
            throw .internalFault("a security event could not be signed: \(error.code)")
        }
    }

    // MARK: - Receivers

    /// A stream of this API; to anybody else it does not exist.
    func stream(_ id: String, of api: RegisteredAPI) async throws(OAuthError) -> Stored<EventStreamRecord> {
        let now = time.moment().steady
        let found = try await answering { () async throws(StoreError) -> Stored<EventStreamRecord>? in
            guard let record = try await store.find(EventStreamRecord.key(id), now: now) else { return nil }
            return try Stored(record)
        }
        guard let found, found.content.audience == api.audience else {
            throw OAuthError(
                .invalidRequest,
                "there is no such stream for these credentials",
                status: 404,
                detail: found == nil ? "no such stream" : "the stream belongs to another API"
            )
        }
        return found
    }

    /// Writes to a stream what `edit` says of its health, together with `changes`, whoever else writes to it.
    func record(
        _ id: String,
        with changes: [Change] = [],
        edit: (inout EventStreamRecord) -> Void
    ) async throws(StoreError) {
        for _ in 0..<Limits.applyAttempts {
            let now = time.moment().steady
            guard let record = try await store.find(EventStreamRecord.key(id), now: now) else { return }
            var stored = try Stored<EventStreamRecord>(record)
            edit(&stored.content)
            if case .applied = try await store.apply(changes + [stored.replaced()], now: now) { return }
        }
        throw .unavailable(reason: "stream \(id) changed under every attempt to write to it")
    }

    /// Queues the event that shows the operator whether a receiver takes what its stream brings.
    ///
    /// - Throws: `RegistrationError` if there is no such stream; 429 if that was asked for a moment ago.
    package func verify(_ id: String) async throws {
        guard let record = try await store.find(EventStreamRecord.key(id), now: time.moment().steady) else {
            throw RegistrationError.unknown("there is no such stream")
        }
        try await verify(Stored(record), state: nil)
    }

    /// Queues the event that shows a receiver that its stream works.
    func verify(_ stream: Stored<EventStreamRecord>, state: String?) async throws(OAuthError) {
        let moment = time.moment()
        let now = moment.steady
        if let last = stream.content.health.lastVerificationAt, now - last < Self.verificationInterval, now >= last {
            throw OAuthError(
                .temporarilyUnavailable,
                "a verification was asked for less than a minute ago",
                status: 429,
                detail: "stream \(stream.content.id)",
                retryAfter: Self.verificationInterval - (now - last)
            )
        }
        let id = random.text(16)
        let event = SecurityEvent.verification(stream: stream.content.id, state: state)
        var changed = stream
        changed.content.health.lastVerificationAt = now
        let claims = Self.claims(
            of: event,
            tokenID: id,
            transaction: nil,
            audience: stream.content.audience.value,
            issuer: configuration.issuer,
            at: moment.wall
        )
        let queued = QueuedEventRecord(
            stream: stream.content.id,
            tokenID: id,
            claims: String(decoding: claims.serialized(), as: UTF8.self),
            queuedAt: now
        )
        let outcome = try await answering { [changed] () async throws(StoreError) in
            try await store.apply([changed.replaced(), .insert(queued.record(position: 0))], now: now)
        }
        guard case .applied = outcome else { throw .unavailable("stream \(stream.content.id) changed meanwhile") }
        news.tell()
    }

    // MARK: - What nobody fetched

    /// Drops what has waited longer than it may, and counts it where the operator and the receiver can see it.
    package func dropOverdue(now: Instant) async throws(StoreError) {
        for stream in try await streams.list(now: now) {
            let waiting = try await streams.queue(of: stream.id, limit: StoreLimits.largestPage, now: now)
            let overdue = waiting.filter { $0.content.queuedAt + Self.retention <= now }
            guard !overdue.isEmpty else { continue }
            // A guard on each: what was fetched meanwhile was not lost.
            let changes = overdue.flatMap { [$0.unchanged, .delete($0.record.key)] }
            try await recordLoss(of: overdue.count, in: stream.id, changes)
        }
    }

    private func recordLoss(of count: Int, in stream: String, _ changes: [Change]) async throws(StoreError) {
        let now = time.moment().steady
        guard let record = try await store.find(EventStreamRecord.key(stream), now: now) else { return }
        var stored = try Stored<EventStreamRecord>(record)
        stored.content.health.lost += count
        stored.content.health.lastLostAt = now
        // Lost a race: the next look finds what is still there.
        guard case .applied = try await store.apply(changes + [stored.replaced()], now: now) else { return }
        logger.warning(
            "security events waited too long for their receiver and were dropped",
            metadata: ["stream": "\(stream)", "count": "\(count)"]
        )
    }
}
