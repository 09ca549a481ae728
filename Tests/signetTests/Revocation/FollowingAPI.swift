import Instants
import IssuerConnection
import Logging
import ResourceServer
import Synchronization
import Testing

/// The clocks of an API's machine, as wrong as the test wants them.
final class SkewedClock: ClientClock {
    private let system = SystemClientClock()
    private let skew = Mutex((wall: Duration.zero, uptime: Duration.zero))

    var now: Instant { system.now + skew.withLock(\.wall) }
    var uptime: Duration { system.uptime + skew.withLock(\.uptime) }

    /// The wall clock is set.
    func setWall(off by: Duration) { skew.withLock { $0.wall = by } }
    /// More time has passed than the issuer has noticed, as where its machine stood still.
    func jump(by: Duration) { skew.withLock { $0.uptime += by } }
}

/// The way of an API to its issuer: counts what goes there, leads elsewhere, keeps what came and plays it back.
final class FeedWay: HTTPTransport {
    /// What came in answer to one request.
    struct Recording: Sendable {
        var head: TransportResponse
        var parts: [[UInt8]] = []
        var bytes: [UInt8] { parts.flatMap(\.self) }
    }

    /// What the man in the middle does with the feed.
    enum Middle: Sendable {
        case passes
        /// Every answer is the one that was recorded for the same resource.
        case replays([String: Recording])
        /// The hello and what comes with it is the issuer's own, everything after it is the recording.
        case replaysAfterHello(Recording)
        /// A stream is cut as soon as it has begun; other requests pass.
        case cutsStreams
    }

    private struct State {
        var requests: [String: Int] = [:]
        var destination: [(prefix: String, base: String)] = []
        var middle = Middle.passes
        /// How often the middle was set: a stream of before ends.
        var turns = 0
        var replays: [String: Int] = [:]
        var recordings: [String: Recording] = [:]
    }

    private struct Severed: Error {}

    private let issuer: String
    private let transport = HTTPClientTransport()
    private let state = Mutex(State())

    init(_ house: FeedHouse) { issuer = house.issuer }

    /// How many requests for each resource went out: `events`, `snapshot`, `jwks`, `introspect` …
    var requests: [String: Int] { state.withLock(\.requests) }
    /// How often each resource was answered from a recording.
    var replays: [String: Int] { state.withLock(\.replays) }
    var recordings: [String: Recording] { state.withLock(\.recordings) }

    /// Everything whose path begins so goes to another port; the latest word counts.
    func lead(_ prefix: String = "/", to port: Int) {
        state.withLock { $0.destination.insert((prefix, "http://127.0.0.1:\(port)"), at: 0) }
    }

    /// The stream of before ends.
    func set(_ middle: Middle) {
        state.withLock {
            $0.middle = middle
            $0.turns += 1
        }
    }

    private func resource(_ url: String) -> String {
        let path = url.dropFirst(issuer.count).prefix { $0 != "?" }
        if path == "/revocations/jwks" { return "feed-keys" }
        return String(path.split(separator: "/").last ?? "")
    }

    private func led(_ request: TransportRequest) -> TransportRequest {
        var led = request
        state.withLock { state in
            state.requests[resource(request.url), default: 0] += 1
            let path = String(request.url.dropFirst(issuer.count))
            if let way = state.destination.first(where: { path.hasPrefix($0.prefix) }) { led.url = way.base + path }
        }
        return led
    }

    func send(_ request: TransportRequest) async throws(TransportError) -> TransportResponse {
        try await transport.send(led(request))
    }

    func stream(
        _ request: TransportRequest,
        idleTimeout: Duration,
        onHead: (TransportResponse) throws -> Void,
        onBytes: ([UInt8]) throws -> Void
    ) async throws(TransportError) {
        let name = resource(request.url)
        let (middle, turn) = state.withLock { ($0.middle, $0.turns) }
        if case .replays(let recordings) = middle {
            guard let recording = recordings[name] else {
                throw TransportError(.unreachable, reason: "nothing was recorded")
            }
            state.withLock { $0.replays[name, default: 0] += 1 }
            do {
                try onHead(recording.head)
                for part in recording.parts { try onBytes(part) }
            } catch {
                throw TransportError(.stopped, reason: "the receiver wanted no more")
            }
            if name == "events" { try await silence(for: idleTimeout) }
            return
        }
        if case .cutsStreams = middle, name == "events" {
            let head = TransportResponse(status: 200, headers: [(name: "Content-Type", value: "text/event-stream")])
            do { try onHead(head) } catch { throw TransportError(.stopped, reason: "the receiver wanted no more") }
            throw TransportError(.connectionLost, reason: "cut off")
        }
        var recording: Recording?
        try await transport.stream(
            led(request),
            idleTimeout: idleTimeout,
            onHead: { head in
                recording = Recording(head: head)
                try onHead(head)
            },
            onBytes: { bytes in
                guard state.withLock({ $0.turns }) == turn else { throw Severed() }
                recording?.parts.append(bytes)
                if let recording { state.withLock { $0.recordings[name] = recording } }
                if case .replaysAfterHello(let old) = middle, name == "events" {
                    if recording?.parts.count == 1 {
                        try onBytes(bytes)
                        state.withLock { $0.replays[name, default: 0] += 1 }
                    }
                    // One old message for each new one, round and round.
                    let later = old.parts.dropFirst()
                    let index = (recording?.parts.count ?? 1) - 1
                    if !later.isEmpty { try onBytes(later[later.startIndex + index % later.count]) }
                } else {
                    try onBytes(bytes)
                }
            }
        )
    }

    private func silence(for time: Duration) async throws(TransportError) {
        do { try await Task.sleep(for: time) } catch { throw TransportError(.cancelled, reason: "cancelled") }
        throw TransportError(.timedOut, reason: "nothing came")
    }
}

/// An API that follows the feed of a house.
struct FollowingAPI: Sendable {
    let verifier: TokenVerifier
    let way: FeedWay
    let clock: SkewedClock

    /// An API that has not begun.
    init(_ house: FeedHouse, way: FeedWay? = nil) {
        let clock = SkewedClock()
        let way = way ?? FeedWay(house)
        self.way = way
        self.clock = clock
        verifier = TokenVerifier(
            issuer: house.issuer,
            audience: FeedHouse.audience,
            configuration: VerifierConfiguration(revocation: .feed(house.credentials)),
            transport: way,
            clock: clock,
            logger: Logger(label: "api") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    /// Follows while the body runs, once the first snapshot is there.
    static func with(
        _ house: FeedHouse,
        way: FeedWay? = nil,
        _ body: (FollowingAPI) async throws -> Void
    ) async throws {
        let api = FollowingAPI(house, way: way)
        try await api.follow {
            try await api.verifier.start(within: .seconds(60))
            try await body(api)
        }
    }

    /// Runs the verifier while the body runs.
    func follow(_ body: () async throws -> Void) async throws {
        let running = Task { try await verifier.run() }
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await body())
        } catch {
            outcome = .failure(error)
        }
        running.cancel()
        _ = await running.result
        try outcome.get()
    }

    /// Why a request with the token is refused; nil if it is served.
    func refusal(_ token: String, _ freshness: FreshnessPolicy = .accept) async -> TokenRefusal? {
        let policy = RoutePolicy(freshness: freshness)
        switch await verifier.authorize(authorization: "Bearer \(token)", for: policy) {
        case .success: return nil
        case .failure(let refusal): return refusal
        }
    }

    func serves(_ token: String, _ freshness: FreshnessPolicy = .accept) async -> Bool {
        await refusal(token, freshness) == nil
    }

    /// Waits until the token is refused as revoked.
    func refusesInTheEnd(_ token: String) async -> Bool {
        await becomesTrue { await refusal(token)?.code == .tokenRevoked }
    }

    /// Waits until what is known is no older than the strictest route of these tests allows.
    func isFreshInTheEnd(_ staleness: Duration = .seconds(1)) async -> Bool {
        await becomesTrue { verifier.statistics.staleness.map { $0 < staleness } ?? false }
    }

    var staleness: Duration? { verifier.statistics.staleness }
}
