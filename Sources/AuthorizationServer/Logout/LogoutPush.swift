import Instants
import JOSE
import Logging
import OAuthVocabulary
package import Storage

/// What became of an attempt to deliver, for whoever counts.
package enum LogoutOutcome: String, Sendable {
    case delivered
    /// The client said no, which is final.
    case refused
    /// It will be tried again.
    case failed
    /// It failed for too long.
    case abandoned
}

/// Posts logout tokens: Back-Channel Logout §2.5.
package struct LogoutPusher: Sendable {
    package static let pause: Duration = .milliseconds(250)

    let outbox: LogoutOutbox
    let pusher: OutboxPusher<LogoutOutbox>

    package init(
        _ deliveries: LogoutDeliveries,
        by http: any HTTPPosting,
        observing: @escaping @Sendable (LogoutOutcome) -> Void = { _ in }
    ) {
        outbox = LogoutOutbox(deliveries: deliveries, observing: observing)
        pusher = OutboxPusher(outbox, by: http)
    }

    /// Delivers until its task is cancelled.
    package func run() async {
        while !Task.isCancelled {
            do {
                try await tick()
            } catch {
                outbox.logger.warning("logout tokens could not be sent", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(for: Self.pause)
        }
    }

    /// One turn: orders become deliveries, and every client whose time has come is told.
    package func tick() async throws(StoreError) {
        try await outbox.deliveries.carryOut(now: outbox.time.moment().steady)
        try await pusher.tick()
    }
}

/// The clients that have to be told, and of what.
struct LogoutOutbox: Outbox {
    /// The longest that a client which fails is left alone.
    static let longestLaneRest: Duration = .seconds(5 * 60)
    /// The longest that a delivery which fails is left alone.
    static let longestDeliveryRest: Duration = .seconds(3600)

    let deliveries: LogoutDeliveries
    let observing: @Sendable (LogoutOutcome) -> Void

    var store: any Store { deliveries.store }
    var time: any TimeSource { deliveries.time }
    var logger: Logger { deliveries.logger }
    var subject: String { "logout tokens" }

    func lanes(now: Instant) async throws(StoreError) -> [Stored<LogoutLaneRecord>] {
        let limit = StoreLimits.largestPage
        let records = try await store.page(LogoutLaneRecord.kind, filter: .all, after: nil, limit: limit, now: now)
        return try records.map { (record) throws(StoreError) in try Stored(record) }
    }

    func waiting(
        in lane: LogoutLaneRecord,
        limit: Int,
        now: Instant
    ) async throws(StoreError) -> [Stored<LogoutDeliveryRecord>] {
        let records = try await store.page(
            LogoutDeliveryRecord.kind,
            filter: .family(LogoutDeliveryRecord.family(lane.client)),
            after: nil,
            limit: limit,
            now: now
        )
        return try records.map { (record) throws(StoreError) in try Stored(record) }
    }

    func prepared(
        _ item: LogoutDeliveryRecord,
        in lane: LogoutLaneRecord
    ) async throws(StoreError) -> OutboxPreparation {
        let moment = time.moment()
        let clients = Clients(store: store, issuer: deliveries.configuration.issuer)
        guard let client = try await clients.find(lane.client, now: moment.steady)?.content, client.isEnabled,
            let address = client.backchannelLogoutURI
        else { return .settled(.refused("the client is gone, disabled or has no back-channel logout URI any more")) }
        guard let key = deliveries.keyring.current.signing[client.idTokenAlgorithm] else {
            return .settled(.failed("there is no active signing key for \(client.idTokenAlgorithm)"))
        }
        let claims = LogoutToken.claims(
            for: item,
            tokenID: deliveries.random.text(16),
            issuer: deliveries.configuration.issuer,
            now: moment.wall
        )
        guard let token = try? JWT.signed(claims, type: LogoutToken.type, by: key) else {
            return .settled(.failed("the logout token could not be signed"))
        }
        // Back-Channel Logout §2.5: "The POST body uses the application/x-www-form-urlencoded encoding and MUST include
        // a logout_token parameter containing a Logout Token from the OP for the RP."
        return .send(
            PushRequest(
                url: address.value,
                headers: [(name: "Content-Type", value: "application/x-www-form-urlencoded")],
                body: Array("logout_token=\(token)".utf8),
                timeout: OutboxPusher<Self>.timeout,
                maximumAnswerBytes: OutboxPusher<Self>.maximumAnswerBytes
            )
        )
    }

    func verdict(on answer: PushAnswer) -> PushVerdict { PushVerdict(logout: answer) }

    func settle(
        _ item: Stored<LogoutDeliveryRecord>,
        in lane: LogoutLaneRecord,
        _ verdict: PushVerdict
    ) async throws(StoreError) {
        let now = time.moment().steady
        var next = item
        next.content.attempts += 1
        next.content.lastAttemptAt = now
        let outcome: LogoutOutcome
        switch verdict {
        case .taken:
            outcome = .delivered
            try await deliveries.record(lane.client, with: [.delete(item.record.key)]) { lane in
                lane.restsUntil = nil
                lane.failures = 0
            }
        case .refused(let reason):
            outcome = .refused
            try await giveUp(&next, because: reason, now: now)
        case .failed(let reason) where now - item.content.queuedAt >= LogoutDeliveries.patience:
            outcome = .abandoned
            try await giveUp(&next, because: reason, now: now)
        case .failed(let reason):
            outcome = .failed
            try await rest(&next, because: reason, now: now)
        }
        observing(outcome)
        log(next.content, outcome)
    }

    /// Keeps it to be looked at, out of its lane.
    private func giveUp(
        _ item: inout Stored<LogoutDeliveryRecord>,
        because reason: String,
        now: Instant
    ) async throws(StoreError) {
        item.content.lastError = reason
        item.content.failedAt = now
        item.content.restsUntil = nil
        item.record.family = nil
        item.record.expiresAt = now + LogoutDeliveries.memory
        let change = try item.replaced()
        // It answers, whatever it thinks of this one.
        try await deliveries.record(item.content.client, with: [change]) { $0.failures = 0 }
    }

    private func rest(
        _ item: inout Stored<LogoutDeliveryRecord>,
        because reason: String,
        now: Instant
    ) async throws(StoreError) {
        let random = deliveries.random
        let attempts = item.content.attempts
        item.content.lastError = reason
        item.content.restsUntil =
            now + PushVerdict.rest(after: attempts, atMost: Self.longestDeliveryRest, random: random)
        let change = try item.replaced()
        try await deliveries.record(item.content.client, with: [change]) { lane in
            lane.failures += 1
            lane.restsUntil =
                now + PushVerdict.rest(after: lane.failures, atMost: Self.longestLaneRest, random: random)
        }
    }

    /// Closes a lane in which nothing waits; whoever queues meanwhile raised its version.
    func release(_ lane: LogoutLaneRecord) async throws(StoreError) {
        for _ in 0..<Limits.applyAttempts {
            let now = time.moment().steady
            guard let record = try await store.find(LogoutLaneRecord.key(lane.client), now: now) else { return }
            var stored = try Stored<LogoutLaneRecord>(record)
            // Another process took over: it closes the lane when it is done.
            guard stored.content.claimedUntil == lane.claimedUntil else { return }
            stored.content.claimedUntil = nil
            let isEmpty = try await waiting(in: lane, limit: 1, now: now).isEmpty
            let changes: [Change] = isEmpty ? [stored.unchanged, .delete(record.key)] : [try stored.replaced()]
            if case .applied = try await store.apply(changes, now: now) { return }
        }
        throw .unavailable(reason: "the deliveries to \(lane.client) changed under every attempt to write to them")
    }

    /// One line an attempt: whom, which, how often, what came of it; never the token, nor whose session.
    private func log(_ delivery: LogoutDeliveryRecord, _ outcome: LogoutOutcome) {
        var metadata: Logger.Metadata = [
            "client": "\(delivery.client)", "delivery": "\(delivery.id)", "attempt": "\(delivery.attempts)",
        ]
        if outcome != .delivered { metadata["error"] = "\(delivery.lastError ?? "unknown")" }
        if let next = delivery.restsUntil, outcome == .failed {
            metadata["again_in"] = "\((next - time.moment().steady).wholeSeconds)s"
        }
        switch outcome {
        case .delivered: logger.info("a client was told that a session has ended", metadata: metadata)
        case .failed: logger.warning("a client could not be told that a session has ended", metadata: metadata)
        case .refused: logger.error("a client refused to hear that a session has ended", metadata: metadata)
        case .abandoned: logger.error("a client was never told that a session has ended", metadata: metadata)
        }
    }
}

extension PushVerdict {
    /// What an answer to a logout token means: Back-Channel Logout §2.8.
    init(logout answer: PushAnswer) {
        switch answer.status {
        // Back-Channel Logout §2.8: "If the logout succeeded, the RP MUST respond with HTTP 200 OK." and "OPs should be
        // prepared to also process an HTTP 204 No Content response as a successful response."
        case 200, 204: self = .taken
        // Back-Channel Logout §2.8: "If the logout request was invalid or the logout failed, the RP MUST respond with
        // HTTP 400 Bad Request." The same token again would be answered the same.
        case 400:
            let code = (try? JSONObject(parsing: answer.body))?["error"]?.stringValue
            self = .refused("the application answered 400" + (code.map { " \(SecurityEvents.word($0))" } ?? ""))
        case 300..<400: self = .failed("the application answered \(answer.status): redirects are not followed")
        // A missing page or a proxy's refusal may be a deployment under way.
        default: self = .failed("the application answered \(answer.status)")
        }
    }
}
