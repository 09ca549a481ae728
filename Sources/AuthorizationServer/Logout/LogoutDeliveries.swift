package import Instants
import JOSE
package import Logging
package import OAuthVocabulary
package import Storage

/// The logout tokens that wait for their clients: made of orders, signed when they are sent, written off in the open.
package final class LogoutDeliveries: Sendable {
    /// How long a client that cannot be reached is tried: over a weekend.
    package static let patience: Duration = .seconds(3 * 86400)
    /// How long a delivery that was given up can be looked at.
    package static let memory: Duration = .seconds(7 * 86400)
    /// How many participations are dealt with in one apply.
    private static let slice = 50

    let store: any Store
    let configuration: ProviderConfiguration
    let keyring: Keyring
    let time: any TimeSource
    let random: any RandomSource
    let logger: Logger

    package init(
        store: any Store,
        configuration: ProviderConfiguration,
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
    }

    // MARK: - From orders to deliveries

    /// Carries out the orders that wait: each participation becomes a delivery, and is over.
    func carryOut(now: Instant) async throws(StoreError) {
        for record in try await store.page(LogoutOrderRecord.kind, filter: .all, after: nil, limit: 20, now: now) {
            try await carryOut(Stored(record), now: now)
        }
    }

    private func carryOut(_ order: Stored<LogoutOrderRecord>, now: Instant) async throws(StoreError) {
        var last: IdentifierHash?
        while true {
            let page = try await Participations(store: store).page(
                order.content.filter,
                after: last,
                limit: Self.slice,
                now: now
            )
            var changes: [Change] = []
            var clients: Set<ClientID> = []
            for participation in page where order.content.means(participation.content) {
                changes += [participation.unchanged, .delete(participation.record.key)]
                guard try await address(of: participation.content.client, now: now) != nil else { continue }
                changes.append(.insert(try LogoutDeliveryRecord(participation.content, now: now).record()))
                clients.insert(participation.content.client)
            }
            for client in clients { changes.append(try await lane(client, now: now) { _ in }) }
            let isLast = page.count < Self.slice
            if isLast { changes.append(.delete(order.record.key)) }
            // Somebody else is at it, or a lane has just been closed: the order stands, and comes again.
            guard case .applied = try await store.apply(changes, now: now), !isLast else { return }
            last = page.last?.record.key.identifier
        }
    }

    /// The change that opens a lane, or writes to the one that is open.
    ///
    /// It raises the version in any case, so that nobody closes the lane meanwhile.
    private func lane(
        _ client: ClientID,
        now: Instant,
        edit: (inout LogoutLaneRecord) -> Void
    ) async throws(StoreError) -> Change {
        let key = LogoutLaneRecord.key(client)
        guard let record = try await store.find(key, now: now) else {
            var lane = LogoutLaneRecord(client: client)
            edit(&lane)
            return .insert(Record(key: key, client: client.value, payload: try lane.encoded()))
        }
        var lane = try Stored<LogoutLaneRecord>(record)
        edit(&lane.content)
        return try lane.replaced()
    }

    /// Where a client hears of logout behind; read when it is used, so that only what is registered now is ever asked.
    func address(of client: ClientID, now: Instant) async throws(StoreError) -> LogoutURI? {
        let clients = Clients(store: store, issuer: configuration.issuer)
        guard let stored = try await clients.find(client, now: now), stored.content.isEnabled else { return nil }
        return stored.content.backchannelLogoutURI
    }

    // MARK: - Looking and trying again

    /// Deliveries that wait and deliveries that were given up, in no order across clients.
    package func list(
        of client: ClientID? = nil,
        after: IdentifierHash? = nil,
        limit: Int,
        now: Instant
    ) async throws(StoreError) -> [Stored<LogoutDeliveryRecord>] {
        let filter = client.map { PageFilter.client($0.value) } ?? .all
        let records = try await store.page(
            LogoutDeliveryRecord.kind,
            filter: filter,
            after: after,
            limit: limit,
            now: now
        )
        return try records.map { (record) throws(StoreError) in try Stored(record) }
    }

    /// Lets a delivery be tried at once, also one that was given up.
    package func retry(_ id: String, now: Instant) async throws {
        for _ in 0..<Limits.applyAttempts {
            let index = LogoutDeliveryRecord.index(id)
            guard let record = try await store.find(LogoutDeliveryRecord.kind, index: index, now: now) else {
                throw RegistrationError.unknown("there is no delivery \(id); what was delivered is not kept")
            }
            let stored = try Stored<LogoutDeliveryRecord>(record)
            var again = stored.content
            again.restsUntil = nil
            again.failedAt = nil
            // As if it had just come: it gets the patience of a new one.
            again.queuedAt = now
            let lane = try await lane(again.client, now: now) { lane in
                lane.restsUntil = nil
                lane.failures = 0
            }
            let changes: [Change] = [stored.unchanged, .delete(record.key), .insert(try again.record()), lane]
            if case .applied = try await store.apply(changes, now: now) { return }
        }
        throw StoreError.unavailable(reason: "the delivery changed under every attempt to write to it")
    }

    /// Writes to a lane what `edit` says of it, together with `changes`.
    func record(
        _ client: ClientID,
        with changes: [Change],
        edit: (inout LogoutLaneRecord) -> Void
    ) async throws(StoreError) {
        for _ in 0..<Limits.applyAttempts {
            let now = time.moment().steady
            let lane = try await lane(client, now: now, edit: edit)
            if case .applied = try await store.apply(changes + [lane], now: now) { return }
        }
        throw .unavailable(reason: "the deliveries to \(client) changed under every attempt to write to them")
    }
}
