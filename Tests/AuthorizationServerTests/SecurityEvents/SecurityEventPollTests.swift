import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// RFC 8936: events are fetched, and wait until they are acknowledged.
@Suite struct SecurityEventPollTests {
    func world(events count: Int) async throws -> (TestWorld, EventStreamRecord) {
        let world = try await TestWorld()
        let stream = try await world.stream()
        for index in 0..<count { try await world.end("person-\(index)") }
        try await world.settle()
        return (world, stream)
    }

    @Test func `A receiver that restarts before it acknowledges gets the same events again`() async throws {
        let (world, stream) = try await world(events: 3)
        let first = try await world.poll(stream).sets
        #expect(first.count == 3)
        // It crashed; so did the server: another process over the same store.
        let again = try await world.restarted().poll(stream).sets
        #expect(Set(again.keys) == Set(first.keys))
        let names = first.keys.sorted()
        let rest = try await world.poll(stream, ["ack": .array(names.prefix(2).map { .string($0) })]).sets
        #expect(Set(rest.keys) == [names[2]])
        // The answer was lost, and the receiver says it again, with a name that never was.
        let last = try await world.poll(stream, ["ack": .array((names + ["never"]).map { .string($0) })])
        #expect(last.sets.isEmpty && last["moreAvailable"] == false)
        let health = try await world.summary(stream).stream.health
        #expect(health.delivered == 3 && health.refused == 0 && health.lost == 0)
    }

    @Test func `RFC 8936 §2.2: maxEvents bounds the answer, oldest first, and 0 only acknowledges`() async throws {
        let world = try await TestWorld()
        let stream = try await world.stream()
        for index in 0..<3 {
            try await world.end("person-\(index)")
            try await world.settle()
            world.time.advance(by: .seconds(1))
        }
        let two = try await world.poll(stream, ["maxEvents": 2])
        #expect(two.sets.count == 2 && two["moreAvailable"] == true)
        let subjects = try two.sets.values.map { try world.verified($0)["sub_id"]?.objectValue?["sub"]?.stringValue }
        #expect(Set(subjects) == ["person-0", "person-1"])
        let name = try #require(two.sets.keys.first)
        let none = try await world.poll(stream, ["maxEvents": 0, "ack": [.string(name)], "returnImmediately": false])
        #expect(none.sets.isEmpty && none["moreAvailable"] == true)
        let rest = try await world.poll(stream, ["maxEvents": 2])
        #expect(rest.sets.count == 2 && rest["moreAvailable"] == false)
    }

    @Test func `However many events wait, one answer has fifty at most`() async throws {
        let (world, stream) = try await world(events: 60)
        let answer = try await world.poll(stream, ["maxEvents": 1000])
        #expect(answer.sets.count == SecurityEvents.largestDelivery && answer["moreAvailable"] == true)
    }

    @Test func `RFC 8936 §2.4: an event that the receiver cannot use is not sent again, and the stream says so`()
        async throws
    {
        let (world, stream) = try await world(events: 2)
        let names = try await world.poll(stream).sets.keys.sorted()
        let errors: JSONObject = [
            names[0]: .object(["err": "authentication_failed", "description": "no such key"])
        ]
        let rest = try await world.poll(stream, ["setErrs": .object(errors)]).sets
        #expect(Set(rest.keys) == [names[1]])
        let health = try await world.summary(stream).stream.health
        #expect(health.refused == 1 && health.delivered == 0)
        #expect(health.lastError == "the receiver refused an event: authentication_failed")
    }

    @Test(.timeLimit(.minutes(5)))
    func `A poll waits until something happens, and no longer`() async throws {
        let (world, stream) = try await world(events: 0)
        // Longer than the test may take: only what happens ends it.
        async let answer = world.events.poll(stream.id, SecurityEventPoll(.object([:])), patience: .seconds(3600))
        try await world.end("alice")
        try await world.settle()
        #expect(try await answer.sets.count == 1)
        let empty = try await world.events.poll(
            stream.id,
            SecurityEventPoll(.object(["ack": .array(try await world.poll(stream).sets.keys.map { .string($0) })])),
            patience: .milliseconds(50)
        )
        #expect(empty.sets.isEmpty)
    }

    @Test(.timeLimit(.minutes(5)))
    func `A poll whose caller went away ends at once`() async throws {
        let (world, stream) = try await world(events: 0)
        let waiting = Task { try await world.poll(stream, ["returnImmediately": false]) }
        waiting.cancel()
        #expect(try await waiting.value.sets.isEmpty)
    }

    static let malformed: [JSON] = [
        [], "poll", .object(["ack": "x"]), .object(["ack": [1]]), .object(["setErrs": []]),
        .object(["setErrs": .object(["x": "y"])]), .object(["setErrs": .object(["x": .object(["err": 1])])]),
        .object(["maxEvents": -1]), .object(["maxEvents": "1"]), .object(["returnImmediately": 1]),
        .object(["ack": .array((0...500).map { .string("\($0)") })]),
    ]

    @Test(arguments: malformed)
    func `A poll that is malformed is refused and acknowledges nothing`(_ body: JSON) async throws {
        let (world, stream) = try await world(events: 1)
        let response = try await world.fetch(
            .belowIssuer("/ssf/poll"),
            parameters: [(name: "stream_id", value: stream.id)],
            json: body,
            authorization: TestWorld.basic("api_orders")
        )
        #expect(response.status == 400 && response.failure?.code == .invalidRequest)
        #expect(try await world.poll(stream).sets.count == 1)
    }

    @Test func `Only the API of a stream reads it, configures nothing, and learns of no other`() async throws {
        let (world, stream) = try await world(events: 1)
        try await world.otherAPI("https://api.example/stock", scope: "stock:read")
        _ = try await world.service()
        let paths = ["/ssf/poll", "/ssf/status", "/ssf/stream"]
        let callers: [(String?, Int)] = [
            (TestWorld.basic("api_orders"), 200), (TestWorld.basic("api_stock:read"), 404),
            (TestWorld.basic("service"), 403), (TestWorld.basic("api_orders", "wrong"), 401), (nil, 401),
        ]
        for path in paths {
            for (authorization, status) in callers {
                let response = try await world.fetch(
                    .belowIssuer(path),
                    parameters: [(name: "stream_id", value: stream.id)],
                    json: path == "/ssf/poll" ? .object(["returnImmediately": true]) : nil,
                    authorization: authorization
                )
                #expect(response.status == status, "\(path) \(authorization ?? "nobody")")
            }
        }
        let theirs = try await world.fetch(
            .belowIssuer("/ssf/stream"),
            authorization: TestWorld.basic("api_stock:read")
        )
        guard case .json(.array(let streams)) = theirs.body else { throw TestFailure() }
        #expect(streams.isEmpty)
    }

    @Test func `What waits longer than seven days is dropped, counted, and said`() async throws {
        let (world, stream) = try await world(events: 2)
        world.time.advance(by: .seconds(6 * 86400))
        try await world.end("later")
        try await world.settle()
        try await world.events.dropOverdue(now: world.now)
        #expect(try await world.summary(stream).waiting == 3)
        world.time.advance(by: .seconds(86400))
        try await world.events.dropOverdue(now: world.now)
        let summary = try await world.summary(stream)
        #expect(summary.waiting == 1 && summary.stream.health.lost == 2)
        let status = try world.json(
            try await world.fetch(
                .belowIssuer("/ssf/status"),
                parameters: [(name: "stream_id", value: stream.id)],
                authorization: TestWorld.basic("api_orders")
            )
        )
        #expect(status["status"] == "enabled")
        #expect(status["reason"]?.stringValue?.hasPrefix("2 events waited longer than 7 days") == true)
        #expect(try await world.poll(stream).sets.count == 1)
    }
}

extension TestWorld {
    /// Another process over the same store.
    func restarted() async throws -> TestWorld {
        let world = try await TestWorld(store: store)
        world.time.forgetSteadyClock(at: now)
        return world
    }
}
