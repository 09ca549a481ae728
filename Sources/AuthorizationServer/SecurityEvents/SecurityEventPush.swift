import Instants
import JOSE
import Logging
import OAuthVocabulary
package import Storage
import Synchronization

/// One POST to a receiver.
package struct PushRequest: Sendable {
    package var url: String
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]
    /// How long the whole exchange may take.
    package var timeout: Duration
    /// The longest answer that is read.
    package var maximumAnswerBytes: Int
}

/// What came back.
package struct PushAnswer: Sendable {
    package var status: Int
    package var body: [UInt8]

    package init(status: Int, body: [UInt8]) {
        self.status = status
        self.body = body
    }
}

/// Why nothing came back: said by whoever posted, in words without secrets.
package struct PushFailure: Error, Hashable, Sendable {
    package var reason: String
    package init(_ reason: String) { self.reason = reason }
}

/// What posts: over https (http on loopback only), following no redirect, within time and size.
package protocol HTTPPosting: Sendable {
    func post(_ request: PushRequest) async throws(PushFailure) -> PushAnswer
}

/// Pushes events to receivers: RFC 8935.
///
/// Events are independent of each other: each is sent until it is taken, and one that its receiver chokes on does not
/// hold back the others. How often it was tried and when it is tried again stands in its record.
package struct SecurityEventPusher: Sendable {
    package static let pause: Duration = .milliseconds(250)
    package static let timeout: Duration = .seconds(10)
    package static let maximumAnswerBytes = 8 * 1024
    /// How many receivers are served at the same time.
    static let parallelStreams = 8
    /// How long one process may go on pushing to a receiver before another may.
    static let claim: Duration = .seconds(60)
    /// The longest that a receiver which fails is left alone.
    static let longestStreamRest: Duration = .seconds(5 * 60)
    /// The longest that an event which fails is left alone.
    static let longestEventRest: Duration = .seconds(3600)
    /// How often it looks for events that waited too long.
    static let overduePause: Duration = .seconds(60)

    let events: SecurityEvents
    let http: any HTTPPosting

    package init(_ events: SecurityEvents, by http: any HTTPPosting) {
        self.events = events
        self.http = http
    }

    /// Pushes until its task is cancelled, and drops what nobody fetched.
    package func run() async {
        var lastLook: Instant?
        while !Task.isCancelled {
            let now = events.time.moment().wall
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
    package func tick() async throws(StoreError) {
        let now = events.time.moment().wall
        let due = try await events.streams.stored(now: now).filter { stream in
            guard case .push = stream.content.delivery else { return false }
            return (stream.content.restsUntil ?? now) <= now && (stream.content.claimedUntil ?? now) <= now
        }
        await withTaskGroup(of: Void.self) { group in
            for (index, stream) in due.enumerated() {
                if index >= Self.parallelStreams { await group.next() }
                group.addTask {
                    do throws(StoreError) {
                        try await serve(stream)
                    } catch {
                        events.logger.warning(
                            "security events could not be pushed",
                            metadata: ["stream": "\(stream.content.id)", "error": "\(error)"]
                        )
                    }
                }
            }
        }
    }

    private func serve(_ stored: Stored<EventStreamRecord>) async throws(StoreError) {
        let id = stored.content.id
        guard case .push(let url, _) = stored.content.delivery else { return }
        var now = events.time.moment().wall
        guard try await nextEvent(of: id, now: now) != nil else { return }
        var claimed = stored
        let until = now + Self.claim
        claimed.content.claimedUntil = until
        guard case .applied = try await events.store.apply([claimed.replaced()], now: now) else { return }
        let authorization = try events.streams.authorization(of: stored.content)
        var isWell = true
        for _ in 0..<SecurityEvents.largestDelivery where isWell && !Task.isCancelled {
            now = events.time.moment().wall
            guard now + Self.timeout < until, let event = try await nextEvent(of: id, now: now) else { break }
            isWell = try await push(event, to: url, authorization: authorization, stream: id)
        }
        try await events.record(id) { $0.claimedUntil = nil }
    }

    /// The oldest event that does not rest.
    private func nextEvent(
        of stream: String,
        now: Instant
    ) async throws(StoreError) -> Stored<QueuedEventRecord>? {
        try await events.streams.queue(of: stream, limit: 100, now: now).first { ($0.content.restsUntil ?? now) <= now }
    }

    /// Sends one event; says whether the receiver is well.
    private func push(
        _ event: Stored<QueuedEventRecord>,
        to url: String,
        authorization: String?,
        stream: String
    ) async throws(StoreError) -> Bool {
        var verdict: PushVerdict
        do throws(OAuthError) {
            let set = try events.signed(event.content)
            // RFC 8935 §2.1 prescribes both header fields.
            var headers: [(name: String, value: String)] = [
                (name: "Content-Type", value: "application/secevent+jwt"), (name: "Accept", value: "application/json"),
            ]
            if let authorization { headers.append((name: "Authorization", value: authorization)) }
            verdict = await send(
                PushRequest(
                    url: url,
                    headers: headers,
                    body: Array(set.utf8),
                    timeout: Self.timeout,
                    maximumAnswerBytes: Self.maximumAnswerBytes
                )
            )
        } catch {
            verdict = .failed(error.detail)
        }
        let now = events.time.moment().wall
        switch verdict {
        case .taken:
            try await events.record(stream, with: [.delete(event.record.key)]) { stream in
                stream.health.delivered += 1
                stream.health.lastDeliveryAt = now
                stream.health.failures = 0
                stream.restsUntil = nil
            }
            return true
        case .refused(let reason):
            events.logger.warning(
                "a receiver refused a security event, which is dropped",
                metadata: ["stream": "\(stream)", "jti": "\(event.content.tokenID)", "error": "\(reason)"]
            )
            try await events.record(stream, with: [.delete(event.record.key)]) { stream in
                stream.health.refused += 1
                stream.health.lastError = reason
                stream.health.lastFailureAt = now
                stream.health.failures = 0
            }
            return true
        case .failed(let reason):
            try await rest(event, in: stream, because: reason, now: now)
            return false
        }
    }

    private func send(_ request: PushRequest) async -> PushVerdict {
        do throws(PushFailure) {
            return PushVerdict(try await http.post(request))
        } catch {
            return .failed(error.reason)
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

/// What an answer means: RFC 8935 §2.2 to §2.4.
enum PushVerdict: Hashable, Sendable {
    case taken
    /// The receiver will never take it.
    case refused(String)
    /// Later it may work.
    case failed(String)

    /// Refusals of the transmitter or its key, which somebody can put right: the event is worth another attempt.
    private static let curable: Set<String> = ["authentication_failed", "access_denied", "invalid_key"]

    init(_ answer: PushAnswer) {
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

    /// One second, doubled with every attempt; then somewhere between half of that and all of it, so that many events
    /// that failed together do not come back together.
    static func rest(after attempts: Int, atMost longest: Duration, random: any RandomSource) -> Duration {
        let whole = min(Duration.seconds(1) * (1 << min(max(attempts, 1) - 1, 20)), longest)
        let share = random.bytes(2).reduce(0) { $0 << 8 | Int($1) }
        return whole / 2 + whole / 2 * share / 65_535
    }
}
