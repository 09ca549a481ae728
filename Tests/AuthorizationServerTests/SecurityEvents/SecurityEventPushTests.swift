import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// RFC 8935: events are pushed until their receiver takes them.
@Suite struct SecurityEventPushTests {
    static let address = "https://receiver.example/events"
    static let bearer = "Bearer receivers-own-secret-0123456789"

    func world(events count: Int) async throws -> (TestWorld, EventStreamRecord, FakeReceiver) {
        let world = try await TestWorld()
        let stream = try await world.stream(.push(url: Self.address, authorization: Secret(Self.bearer)))
        for index in 0..<count {
            try await world.end("person-\(index)")
            try await world.settle()
            world.time.advance(by: .milliseconds(10))
        }
        return (world, stream, FakeReceiver())
    }

    struct Row: Sendable, CustomTestStringConvertible {
        var status: Int
        var body = ""
        var verdict: PushVerdict
        var testDescription: String { "\(status) \(body)" }
    }

    static let rows: [Row] = [
        Row(status: 202, verdict: .taken),
        Row(
            status: 400,
            body: #"{"err":"invalid_audience"}"#,
            verdict: .refused("the receiver answered invalid_audience")
        ),
        Row(
            status: 400,
            body: #"{"err":"invalid_request","description":"<script>"}"#,
            verdict: .refused("the receiver answered invalid_request")
        ),
        Row(
            status: 400,
            body: #"{"err":"<b>"}"#,
            verdict: .refused("the receiver answered an error code that is no word")
        ),
        Row(
            status: 400,
            body: #"{"err":"authentication_failed"}"#,
            verdict: .failed("the receiver answered authentication_failed")
        ),
        Row(status: 400, body: #"{"err":"invalid_key"}"#, verdict: .failed("the receiver answered invalid_key")),
        Row(status: 400, body: "no JSON", verdict: .failed("the receiver answered 400 without err")),
        Row(status: 400, body: #"{"err":7}"#, verdict: .failed("the receiver answered 400 without err")),
        Row(status: 200, verdict: .failed("the receiver answered 200 where 202 is success")),
        Row(status: 302, verdict: .failed("the receiver answered 302 where 202 is success")),
        Row(status: 401, verdict: .failed("the receiver answered 401 where 202 is success")),
        Row(status: 429, verdict: .failed("the receiver answered 429 where 202 is success")),
        Row(status: 503, verdict: .failed("the receiver answered 503 where 202 is success")),
    ]

    @Test(arguments: rows)
    func `RFC 8935 §2.2, §2.3, §2.4: 202 is success, 400 with err ends it, anything else is tried again`(_ row: Row) {
        #expect(PushVerdict(event: PushAnswer(status: row.status, body: Array(row.body.utf8))) == row.verdict)
    }

    @Test func `RFC 8935 §2.1: each event is one POST of a signed token, in the order of the acts`() async throws {
        let (world, stream, receiver) = try await world(events: 3)
        try await SecurityEventPusher(world.events, by: receiver).tick()
        #expect(receiver.requests.count == 3)
        let subjects = try receiver.bodies.map { try world.verified($0)["sub_id"]?.objectValue?["sub"]?.stringValue }
        #expect(subjects == ["person-0", "person-1", "person-2"])
        let request = try #require(receiver.requests.first)
        let headers = Dictionary(request.headers.map { ($0.name, $0.value) }) { first, _ in first }
        #expect(headers["Content-Type"] == "application/secevent+jwt" && headers["Accept"] == "application/json")
        #expect(headers["Authorization"] == Self.bearer && request.url == Self.address)
        #expect(request.timeout == .seconds(10) && request.maximumAnswerBytes == 8192)
        let summary = try await world.summary(stream)
        #expect(summary.waiting == 0 && summary.stream.health.delivered == 3 && summary.stream.claimedUntil == nil)
        try await SecurityEventPusher(world.events, by: receiver).tick()
        #expect(receiver.requests.count == 3)
    }

    @Test func `A receiver that is down loses nothing, is left alone longer and longer, and the stream says why`()
        async throws
    {
        let (world, stream, receiver) = try await world(events: 2)
        receiver.answer { _ in .failure(PushFailure("connection refused")) }
        var rests: [Duration] = []
        for attempt in 1...6 {
            try await SecurityEventPusher(world.events, by: receiver).tick()
            #expect(receiver.requests.count == attempt)
            let health = try await world.summary(stream).stream.health
            #expect(health.failures == attempt && health.lastError == "connection refused")
            let until = try #require(try await world.summary(stream).stream.restsUntil)
            rests.append(until - world.now)
            // Before its time nothing is sent.
            try await SecurityEventPusher(world.events, by: receiver).tick()
            #expect(receiver.requests.count == attempt)
            world.time.advance(by: until - world.now)
        }
        for (attempt, rest) in rests.enumerated() {
            let whole = Duration.seconds(1 << attempt)
            #expect(rest >= whole / 2 && rest <= whole)
        }
        // Both came back to life: the server with another process, the receiver as well.
        world.time.advance(by: .seconds(3600))
        let restarted = try await world.restarted()
        receiver.answer(status: 202)
        try await SecurityEventPusher(restarted.events, by: receiver).tick()
        let summary = try await restarted.summary(stream)
        #expect(summary.waiting == 0 && summary.stream.health.delivered == 2 && summary.stream.health.failures == 0)
        let tokens = try Set(receiver.bodies.map { try world.verified($0).tokenID })
        #expect(tokens.count == 2)
    }

    @Test func `An event that its receiver chokes on does not hold back the others`() async throws {
        let (world, stream, receiver) = try await world(events: 3)
        receiver.answer { request in
            let claims = try? UnverifiedToken(String(decoding: request.body, as: UTF8.self)).unverifiedClaims
            let isPoison = claims?["sub_id"]?.objectValue?["sub"] == "person-0"
            return .success(PushAnswer(status: isPoison ? 500 : 202, body: []))
        }
        try await SecurityEventPusher(world.events, by: receiver).tick()
        #expect(try await world.summary(stream).waiting == 3)
        // The stream may be tried again before the event is.
        try await world.events.record(stream.id) { $0.restsUntil = nil }
        try await SecurityEventPusher(world.events, by: receiver).tick()
        #expect(try await world.summary(stream).waiting == 1)
        #expect(try await world.summary(stream).stream.health.delivered == 2)
    }

    @Test func `An event that is refused for good is dropped and counted`() async throws {
        let (world, stream, receiver) = try await world(events: 2)
        receiver.answer(status: 400, #"{"err":"invalid_issuer"}"#)
        try await SecurityEventPusher(world.events, by: receiver).tick()
        let summary = try await world.summary(stream)
        #expect(summary.waiting == 0 && summary.stream.health.refused == 2 && summary.stream.health.delivered == 0)
        #expect(summary.stream.health.lastError == "the receiver answered invalid_issuer")
    }

    @Test func `Two processes do not push the same stream at the same time`() async throws {
        let (world, stream, receiver) = try await world(events: 1)
        let now = world.now
        try await world.events.record(stream.id) { $0.claimedUntil = now + .seconds(5) }
        try await SecurityEventPusher(world.events, by: receiver).tick()
        #expect(receiver.requests.isEmpty)
        // The other one died: its claim ends by itself.
        world.time.advance(by: .seconds(5))
        try await SecurityEventPusher(world.events, by: receiver).tick()
        #expect(receiver.requests.count == 1)
    }

    @Test func `A process that comes back after its claim leaves the claim of another one alone`() async throws {
        let (world, stream, _) = try await world(events: 2)
        let taken = world.now + .seconds(61) + .seconds(60)
        let slow = SlowReceiver(status: 202) {
            world.time.advance(by: .seconds(61))
            try await world.events.record(stream.id) { $0.claimedUntil = taken }
        }
        try await SecurityEventPusher(world.events, by: slow).tick()
        let summary = try await world.summary(stream)
        #expect(summary.stream.claimedUntil == taken)
        #expect(summary.waiting == 1 && summary.stream.health.delivered == 1)
    }

    @Test func `Rests are jittered, grow, and have an end`() {
        let random = SeededRandom(seed: 3)
        let longest = Duration.seconds(300)
        for attempts in [0, 1, 2, 5, 9, 60, Int.max] {
            let whole = min(Duration.seconds(1 << min(max(attempts, 1) - 1, 20)), longest)
            let rests = (0..<50).map { _ in PushVerdict.rest(after: attempts, atMost: longest, random: random) }
            #expect(rests.allSatisfy { $0 >= whole / 2 && $0 <= whole })
            #expect(Set(rests).count > 10)
        }
    }

    @Test func `The receiver's credential is sealed, and does not open in another stream`() async throws {
        let (world, stream, receiver) = try await world(events: 1)
        let record = try #require(try await world.store.find(EventStreamRecord.key(stream.id), now: world.now))
        #expect(!String(decoding: record.payload, as: UTF8.self).contains("receivers-own-secret"))
        var moved = stream
        moved.id = "another"
        #expect(throws: StoreError.self) { try world.events.streams.authorization(of: moved) }
        #expect(try world.events.streams.authorization(of: stream) == Self.bearer)
        #expect(receiver.requests.isEmpty)
    }

    static let addresses: [(String, Bool)] = [
        (address, true), ("http://127.0.0.1:8080/events", true), ("http://[::1]:8080/", true),
        ("http://localhost:8080/events", true), ("http://receiver.example/events", false),
        ("https://user:pass@receiver.example/", false), ("https://receiver.example/#x", false),
        ("ftp://receiver.example/", false), ("receiver.example", false), ("", false), ("https://", false),
    ]

    @Test(arguments: addresses)
    func `Events are pushed to https, or to the machine itself`(_ address: String, _ isAllowed: Bool) {
        #expect(EventStreams.mayBePushedTo(address) == isAllowed)
    }

    @Test func `A stream of an unknown API, with an unknown event or a bad address is not registered`() async throws {
        let world = try await TestWorld()
        _ = try await world.ordersAPI()
        let orders = try #require(ResourceIndicator(TestWorld.api))
        let unknown = try #require(ResourceIndicator("https://unknown.example"))
        let streams = world.events.streams
        await #expect(throws: RegistrationError.self) {
            try await streams.create(for: unknown, delivery: .poll, now: world.now)
        }
        for events in [
            [], ["x"], [SecurityEventType.verification], [SecurityEventType.all[0], SecurityEventType.all[0]],
        ] {
            await #expect(throws: RegistrationError.self) {
                try await streams.create(for: orders, delivery: .poll, events: events, now: world.now)
            }
        }
        for secret in ["", "a\r\nX: y", "naïve"] {
            await #expect(throws: RegistrationError.self) {
                let delivery = EventStreams.Delivery.push(url: Self.address, authorization: Secret(secret))
                return try await streams.create(for: orders, delivery: delivery, now: world.now)
            }
        }
        let kept = try await streams.create(for: orders, delivery: .poll, now: world.now)
        #expect(try await streams.list(now: world.now) == [kept])
        try await world.end("alice")
        try await world.settle()
        try await streams.delete(kept.id, now: world.now)
        #expect(try await streams.find(kept.id, now: world.now) == nil)
        #expect(
            try await world.store.page(QueuedEventRecord.kind, filter: .all, after: nil, limit: 9, now: world.now) == []
        )
        await #expect(throws: RegistrationError.self) { try await streams.delete(kept.id, now: world.now) }
    }
}
