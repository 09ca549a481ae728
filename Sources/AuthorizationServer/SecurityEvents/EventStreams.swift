package import Instants
package import OAuthVocabulary
package import Storage

/// The register of event streams: the operator's side.
package struct EventStreams: Sendable {
    /// The most streams of one server.
    package static let maximumStreams = 1000
    /// How many events a removal deletes at once.
    private static let slice = 500

    let store: any Store
    let keys: DerivedKeys
    let random: any RandomSource

    package init(store: any Store, keys: DerivedKeys, random: any RandomSource) {
        self.store = store
        self.keys = keys
        self.random = random
    }

    /// How events are to reach a receiver.
    package enum Delivery: Sendable {
        case poll
        /// With what to send as `Authorization`, if the receiver wants something.
        case push(url: String, authorization: Secret?)
    }

    /// A stream on record, and how many events wait in it.
    package struct Summary: Sendable {
        package var stream: EventStreamRecord
        /// How many events wait, at most `StoreLimits.largestPage`.
        package var waiting: Int
        package var oldestWaitingSince: Instant?
    }

    /// Puts a stream on record.
    ///
    /// It carries what is numbered from now on, and so what happened just before, too.
    /// - Throws: `RegistrationError` if the API is not on record, the address is no https (or loopback) URL, or there is no
    ///   such event; what the store throws.
    package func create(
        for audience: ResourceIndicator,
        delivery: Delivery,
        events: [String] = SecurityEventType.all,
        now: Instant
    ) async throws -> EventStreamRecord {
        guard let api = try await APIs(store: store).find(audience, now: now) else {
            throw RegistrationError.unknown("there is no API with the audience \(audience)")
        }
        var faults: [String] = []
        if events.contains(where: { !SecurityEventType.all.contains($0) }) {
            faults.append("one of the events is unknown; known are \(SecurityEventType.all.joined(separator: " "))")
        }
        if events.isEmpty || Set(events).count != events.count {
            faults.append("name each event once, and one at least")
        }
        if case .push(let url, let authorization) = delivery {
            if !Self.mayBePushedTo(url) {
                faults.append(
                    "events are pushed to https, or to http on loopback, without user, query secrets or fragment"
                )
            }
            if let authorization, !Self.isHeaderValue(authorization) {
                faults.append("the authorization must be 1 to 4096 visible characters")
            }
        }
        guard faults.isEmpty else { throw RegistrationError.unsound(faults) }
        guard try await list(now: now).count < Self.maximumStreams else {
            throw RegistrationError.taken("there are \(Self.maximumStreams) streams already")
        }
        // Not as it is drawn: a word that begins with a hyphen is an option to every command line.
        let id = "stream-" + random.text(12)
        let log = try await store.find(FeedState.key, now: now).map { try FeedState(from: $0).last }
        let stream = EventStreamRecord(
            id: id,
            audience: audience,
            delivery: try sealed(delivery, stream: id),
            events: events,
            createdAt: now,
            madeAfter: log ?? 0
        )
        let record = Record(key: EventStreamRecord.key(id), payload: try stream.encoded())
        guard case .applied = try await store.apply([api.unchanged, .insert(record)], now: now) else {
            throw RegistrationError.taken("the API changed at the same moment; look at it and try again")
        }
        return stream
    }

    package func find(_ id: String, now: Instant) async throws(StoreError) -> Summary? {
        guard let record = try await store.find(EventStreamRecord.key(id), now: now) else { return nil }
        let waiting = try await queue(of: id, limit: StoreLimits.largestPage, now: now)
        return Summary(
            stream: try EventStreamRecord(from: record),
            waiting: waiting.count,
            oldestWaitingSince: waiting.first?.content.queuedAt
        )
    }

    package func list(now: Instant) async throws(StoreError) -> [EventStreamRecord] {
        try await stored(now: now).map(\.content)
    }

    func stored(now: Instant) async throws(StoreError) -> [Stored<EventStreamRecord>] {
        var streams: [Stored<EventStreamRecord>] = []
        for record in try await store.page(
            EventStreamRecord.kind,
            filter: .all,
            after: nil,
            limit: Self.maximumStreams,
            now: now
        ) {
            streams.append(try Stored(record))
        }
        return streams
    }

    /// Removes a stream and what waits in it.
    package func delete(_ id: String, now: Instant) async throws {
        guard try await store.find(EventStreamRecord.key(id), now: now) != nil else {
            throw RegistrationError.unknown("there is no such stream")
        }
        _ = try await store.apply([.delete(EventStreamRecord.key(id))], now: now)
        while true {
            let waiting = try await queue(of: id, limit: Self.slice, now: now)
            guard !waiting.isEmpty else { return }
            _ = try await store.apply(waiting.map { .delete($0.record.key) }, now: now)
        }
    }

    /// What waits in a stream, oldest first.
    func queue(
        of stream: String,
        after: IdentifierHash? = nil,
        limit: Int,
        now: Instant
    ) async throws(StoreError) -> [Stored<QueuedEventRecord>] {
        var events: [Stored<QueuedEventRecord>] = []
        for record in try await store.page(
            QueuedEventRecord.kind,
            filter: .family(QueuedEventRecord.family(stream)),
            after: after,
            limit: limit,
            now: now
        ) {
            events.append(try Stored(record))
        }
        return events
    }

    /// What to send as `Authorization` with a push; `nil` if there is nothing to send.
    func authorization(of stream: EventStreamRecord) throws(StoreError) -> String? {
        guard case .push(_, let sealed?) = stream.delivery else { return nil }
        guard let plain = keys.openStreamCredential(sealed, stream: stream.id) else {
            throw .corrupt(reason: "the credential of stream \(stream.id) cannot be opened with this master key")
        }
        return String(decoding: plain, as: UTF8.self)
    }

    private func sealed(_ delivery: Delivery, stream: String) throws -> EventStreamRecord.Delivery {
        switch delivery {
        case .poll: return .poll
        case .push(let url, let authorization):
            let credential = try authorization.map { secret in
                try keys.sealStreamCredential(Array(secret.exposed.utf8), stream: stream)
            }
            return .push(url: url, sealedCredential: credential)
        }
    }

    /// RFC 8935 wants TLS; what goes to a loopback never leaves the machine.
    static func mayBePushedTo(_ url: String) -> Bool {
        guard url.utf8.count <= 2048, let parts = URIParts(url), parts.fragment == nil, !parts.hasUserInfo,
            parts.hostAndPort != nil
        else { return false }
        return parts.scheme == "https" || (parts.scheme == "http" && parts.isLoopback)
    }

    /// Whether it can stand in a header as it is: visible ASCII and spaces, nothing that ends the header.
    private static func isHeaderValue(_ secret: Secret) -> Bool {
        let bytes = secret.exposed.utf8
        return (1...4096).contains(bytes.count) && bytes.allSatisfy { (0x20...0x7E).contains($0) }
    }
}
