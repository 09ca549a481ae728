import Instants
import JOSE
import Logging
import OAuthVocabulary
package import Storage

/// Pushes events to receivers: RFC 8935.
package struct SecurityEventPusher: Sendable {
    package static let pause: Duration = .milliseconds(250)
    /// How often it looks for events that waited too long.
    static let overduePause: Duration = .seconds(60)

    let events: SecurityEvents
    let pusher: OutboxPusher<SecurityEventOutbox>

    package init(_ events: SecurityEvents, by http: any HTTPPosting) {
        self.events = events
        pusher = OutboxPusher(SecurityEventOutbox(events: events), by: http)
    }

    /// Pushes until its task is cancelled, and drops what nobody fetched.
    package func run() async {
        var lastLook: Instant?
        while !Task.isCancelled {
            let now = events.time.moment().steady
            do {
                try await tick()
                if lastLook.map({ now - $0 >= Self.overduePause || now < $0 }) ?? true {
                    lastLook = now
                    try await events.dropOverdue(now: now)
                }
            } catch {
                events.logger.warning("security events could not be pushed", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(for: Self.pause)
        }
    }

    /// One turn: every stream whose time has come, several at once.
    package func tick() async throws(StoreError) { try await pusher.tick() }
}

extension EventStreamRecord: OutboxLane {}
extension QueuedEventRecord: OutboxItem {}

/// The streams that are pushed, and what waits in them.
struct SecurityEventOutbox: Outbox {
    /// The longest that a receiver which fails is left alone.
    static let longestStreamRest: Duration = .seconds(5 * 60)
    /// The longest that an event which fails is left alone.
    static let longestEventRest: Duration = .seconds(3600)

    let events: SecurityEvents

    var store: any Store { events.store }
    var time: any TimeSource { events.time }
    var logger: Logger { events.logger }
    var subject: String { "security events" }

    func lanes(now: Instant) async throws(StoreError) -> [Stored<EventStreamRecord>] {
        try await events.streams.stored(now: now).filter { stream in
            guard case .push = stream.content.delivery else { return false }
            return true
        }
    }

    func waiting(
        in lane: EventStreamRecord,
        limit: Int,
        now: Instant
    ) async throws(StoreError) -> [Stored<QueuedEventRecord>] {
        try await events.streams.queue(of: lane.id, limit: limit, now: now)
    }

    func prepared(
        _ item: QueuedEventRecord,
        in lane: EventStreamRecord
    ) async throws(StoreError) -> OutboxPreparation {
        guard case .push(let url, _) = lane.delivery else { return .settled(.failed("the stream is not pushed")) }
        // RFC 8935 §2.1 prescribes both header fields.
        var headers: [(name: String, value: String)] = [
            (name: "Content-Type", value: "application/secevent+jwt"), (name: "Accept", value: "application/json"),
        ]
        if let authorization = try events.streams.authorization(of: lane) {
            headers.append((name: "Authorization", value: authorization))
        }
        do throws(OAuthError) {
            return .send(
                PushRequest(
                    url: url,
                    headers: headers,
                    body: Array(try events.signed(item).utf8),
                    timeout: OutboxPusher<Self>.timeout,
                    maximumAnswerBytes: OutboxPusher<Self>.maximumAnswerBytes
                )
            )
        } catch {
            return .settled(.failed(error.detail))
        }
    }

    func verdict(on answer: PushAnswer) -> PushVerdict { PushVerdict(event: answer) }

    func settle(
        _ item: Stored<QueuedEventRecord>,
        in lane: EventStreamRecord,
        _ verdict: PushVerdict
    ) async throws(StoreError) {
        let now = events.time.moment().steady
        switch verdict {
        case .taken:
            try await events.record(lane.id, with: [.delete(item.record.key)]) { stream in
                stream.health.delivered += 1
                stream.health.lastDeliveryAt = now
                stream.health.failures = 0
                stream.restsUntil = nil
            }
        case .refused(let reason):
            events.logger.warning(
                "a receiver refused a security event, which is dropped",
                metadata: ["stream": "\(lane.id)", "jti": "\(item.content.tokenID)", "error": "\(reason)"]
            )
            try await events.record(lane.id, with: [.delete(item.record.key)]) { stream in
                stream.health.refused += 1
                stream.health.lastError = reason
                stream.health.lastFailureAt = now
                stream.health.failures = 0
            }
        case .failed(let reason):
            try await rest(item, in: lane.id, because: reason, now: now)
        }
    }

    func release(_ lane: EventStreamRecord) async throws(StoreError) {
        try await events.record(lane.id) { stream in
            if stream.claimedUntil == lane.claimedUntil { stream.claimedUntil = nil }
        }
    }

    private func rest(
        _ event: Stored<QueuedEventRecord>,
        in stream: String,
        because reason: String,
        now: Instant
    ) async throws(StoreError) {
        var next = event
        next.content.attempts += 1
        next.content.restsUntil =
            now + PushVerdict.rest(after: next.content.attempts, atMost: Self.longestEventRest, random: events.random)
        let random = events.random
        let change = try next.replaced()
        try await events.record(stream, with: [change]) { stream in
            stream.health.failures += 1
            stream.health.lastError = reason
            stream.health.lastFailureAt = now
            stream.restsUntil =
                now + PushVerdict.rest(after: stream.health.failures, atMost: Self.longestStreamRest, random: random)
        }
        events.logger.warning(
            "a security event could not be pushed and will be tried again",
            metadata: ["stream": "\(stream)", "attempts": "\(next.content.attempts)", "error": "\(reason)"]
        )
    }
}

extension PushVerdict {
    /// Refusals of the transmitter or its key, which somebody can put right: the event is worth another attempt.
    private static let curable: Set<String> = ["authentication_failed", "access_denied", "invalid_key"]

    /// What an answer to an event means: RFC 8935 §2.2 to §2.4.
    init(event answer: PushAnswer) {
        switch answer.status {
        // RFC 8935 §2.2: "responding with HTTP Response Status Code 202 (Accepted)"
        case 202: self = .taken
        case 400:
            guard let code = (try? JSONObject(parsing: answer.body))?["err"]?.stringValue else {
                self = .failed("the receiver answered 400 without err")
                return
            }
            let reason = "the receiver answered \(SecurityEvents.word(code))"
            self = Self.curable.contains(code) ? .failed(reason) : .refused(reason)
        default: self = .failed("the receiver answered \(answer.status) where 202 is success")
        }
    }
}
