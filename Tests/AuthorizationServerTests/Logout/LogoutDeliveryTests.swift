import Instants
import JOSE
import OAuthVocabulary
import Storage
import Synchronization
import Testing

@testable import AuthorizationServer

/// OpenID Connect Back-Channel Logout 1.0: from the end of a session to the application that knows of it.
@Suite struct LogoutDeliveryTests {
    func pusher(_ world: TestWorld, _ receiver: FakeReceiver) -> LogoutPusher {
        LogoutPusher(world.deliveries, by: receiver)
    }

    @Test func `§2.4, §2.5: the end of a session is one POST of a signed token to each application in it`() async throws
    {
        let browser = try await TestWorld.takingPart()
        let world = browser.world
        let session = try #require(browser.session)
        let receiver = FakeReceiver()
        receiver.answer(status: 200)
        try await pusher(world, receiver).tick()
        #expect(receiver.requests.isEmpty)
        try await world.endSession(session)
        try await pusher(world, receiver).tick()
        let request = try #require(receiver.requests.first)
        #expect(receiver.requests.count == 1 && request.url == TestWorld.backchannel)
        #expect(request.headers.map(\.name) == ["Content-Type"])
        #expect(request.headers.map(\.value) == ["application/x-www-form-urlencoded"])
        #expect(request.timeout == .seconds(10) && request.maximumAnswerBytes == 8192)
        let token = try world.logoutToken(receiver.bodies[0])
        #expect(token.subject == "alice" && token["sid"]?.stringValue == session.id.value)
        #expect(token["events"] == ["http://schemas.openid.net/event/backchannel-logout": [:]])
        // §2.4: "A Logout Token MUST contain either a sub or a sid Claim", "nonce … PROHIBITED"
        #expect(token["nonce"] == nil)
        let life = try #require(token["exp"]?.integerValue) - world.now.secondsSinceEpoch
        #expect(life == 120 && token["iat"]?.integerValue == world.now.secondsSinceEpoch)
        // It is over: nothing waits, and nothing is sent again.
        let leftovers = try await (world.waiting().count, world.lanes().count, world.participations().count)
        #expect(leftovers == (0, 0, 0))
        try await world.settle()
        try await pusher(world, receiver).tick()
        #expect(receiver.requests.count == 1)
    }

    @Test(arguments: ["RS256", "ES256", "EdDSA"])
    func `§2.4: a logout token is signed as the client's ID tokens are`(_ name: String) async throws {
        let browser = try await TestWorld.takingPart { $0.idTokenAlgorithm = name }
        let receiver = FakeReceiver()
        try await browser.world.endSession(browser.session)
        try await pusher(browser.world, receiver).tick()
        let algorithm = try #require(SignatureAlgorithm(name: name))
        #expect(try browser.world.logoutToken(receiver.bodies[0], algorithm: algorithm).algorithm == algorithm)
    }

    @Test func `Everything of a person ends in a token for each of their sessions, and of nobody else's`() async throws
    {
        var browser = try await TestWorld.takingPart()
        let world = browser.world
        try await browser.signIn()
        _ = try await browser.code()
        var other = Browser(world: world)
        try await other.signIn("bob")
        _ = try await other.code(person: "bob")
        world.time.advance(by: .seconds(1))
        try await world.end("alice", because: .passwordChanged)
        // The person is back before the server comes to it: this session is not meant.
        world.time.advance(by: .seconds(1))
        let renewed = try await browser.signIn()
        _ = try await browser.code()
        try await world.settle()
        let receiver = FakeReceiver()
        receiver.answer(status: 204)
        try await pusher(world, receiver).tick()
        let tokens = try receiver.bodies.map { try world.logoutToken($0) }
        #expect(tokens.count == 2 && tokens.allSatisfy { $0.subject == "alice" })
        #expect(!tokens.contains { $0["sid"]?.stringValue == renewed.id.value })
        let left = try await world.participations().map(\.subject.value)
        #expect(Set(left) == ["alice", "bob"])
        // Each of them once: the sessions' own ends, told later, find nobody left.
        for token in tokens {
            let id = try #require(token["sid"]?.stringValue.flatMap { SessionID($0) })
            try await world.end(.session(id))
        }
        try await world.settle()
        try await pusher(world, receiver).tick()
        #expect(receiver.requests.count == 2)
    }

    @Test func `An operator who ends everything has everybody told, in slices`() async throws {
        var browser = try await TestWorld.takingPart()
        let world = browser.world
        for _ in 0..<120 {
            try await browser.signIn()
            _ = try await browser.code()
        }
        world.time.advance(by: .seconds(1))
        try await world.end(.everything)
        try await world.settle()
        #expect(try await world.orders() == 1)
        let receiver = FakeReceiver()
        receiver.answer(status: 200)
        for _ in 0..<5 { try await pusher(world, receiver).tick() }
        #expect(receiver.requests.count == 121)
        let leftovers = try await (world.waiting().count, world.participations().count, world.orders())
        #expect(leftovers == (0, 0, 0))
    }

    @Test(arguments: [EndingCause.repeated, .widened])
    func `Bookkeeping is no logout`(_ cause: EndingCause) async throws {
        let browser = try await TestWorld.takingPart()
        let session = try #require(browser.session)
        try await browser.world.end(.session(session.id), because: cause)
        try await browser.world.settle()
        #expect(try await browser.world.orders() == 0)
        try await browser.world.endSession(session)
        #expect(try await browser.world.orders() == 1)
    }

    @Test func `A token, a grant or a client that ends signs nobody out`() async throws {
        let browser = try await TestWorld.takingPart()
        let world = browser.world
        try await world.end(.client(try #require(ClientID("app"))), because: .clientCredentialsChanged)
        try await world.end(.grant(try #require(FamilyID("AAAAAAAAAAAAAAAAAAAAAA"))), because: .consentWithdrawn)
        try await world.end(.token(try #require(TokenID("t"))), because: .revoked)
        try await world.end(.signingKey("k"), because: .keyRetired)
        try await world.settle()
        #expect(try await world.orders() == 0)
    }

    // MARK: - Answers

    struct Row: Sendable, CustomTestStringConvertible {
        var status: Int
        var body = ""
        var verdict: PushVerdict
        var testDescription: String { "\(status) \(body)" }
    }

    static let rows: [Row] = [
        Row(status: 200, verdict: .taken),
        Row(status: 204, verdict: .taken),
        Row(status: 400, verdict: .refused("the application answered 400")),
        Row(
            status: 400,
            body: #"{"error":"invalid_request","error_description":"<script>"}"#,
            verdict: .refused("the application answered 400 invalid_request")
        ),
        Row(
            status: 400,
            body: #"{"error":"<b>"}"#,
            verdict: .refused("the application answered 400 an error code that is no word")
        ),
        Row(status: 400, body: #"{"error":7}"#, verdict: .refused("the application answered 400")),
        Row(status: 201, verdict: .failed("the application answered 201")),
        Row(status: 202, verdict: .failed("the application answered 202")),
        Row(status: 302, verdict: .failed("the application answered 302: redirects are not followed")),
        Row(status: 307, verdict: .failed("the application answered 307: redirects are not followed")),
        Row(status: 401, verdict: .failed("the application answered 401")),
        Row(status: 404, verdict: .failed("the application answered 404")),
        Row(status: 429, verdict: .failed("the application answered 429")),
        Row(status: 500, verdict: .failed("the application answered 500")),
        Row(status: 503, verdict: .failed("the application answered 503")),
    ]

    @Test(arguments: rows)
    func `Back-Channel Logout §2.8: 200 and 204 are success, 400 ends it, anything else is tried again`(_ row: Row) {
        #expect(PushVerdict(logout: PushAnswer(status: row.status, body: Array(row.body.utf8))) == row.verdict)
    }

    @Test func `An application that is down is told when it is back, whoever was restarted meanwhile`() async throws {
        let browser = try await TestWorld.takingPart()
        let world = browser.world
        let receiver = FakeReceiver()
        receiver.answer { _ in .failure(PushFailure("connection refused")) }
        try await world.endSession(browser.session)
        var rests: [Duration] = []
        for attempt in 1...8 {
            try await pusher(world, receiver).tick()
            #expect(receiver.requests.count == attempt)
            let delivery = try #require(try await world.waiting().first)
            #expect(delivery.attempts == attempt && delivery.lastError == "connection refused")
            #expect(delivery.lastAttemptAt == world.now && delivery.failedAt == nil)
            let lane = try #require(try await world.lanes().first)
            let until = try #require(lane.restsUntil)
            rests.append(until - world.now)
            try await pusher(world, receiver).tick()
            #expect(receiver.requests.count == attempt)
            world.time.advance(by: max(until, try #require(delivery.restsUntil)) - world.now)
        }
        for (attempt, rest) in rests.enumerated() {
            let whole = Duration.seconds(1 << attempt)
            #expect(rest >= whole / 2 && rest <= whole)
        }
        world.time.advance(by: .seconds(3600))
        let restarted = try await TestWorld(store: world.store)
        restarted.time.advance(by: world.now - restarted.now)
        receiver.answer(status: 200)
        try await pusher(restarted, receiver).tick()
        let leftovers = try await (world.waiting().count, world.lanes().count)
        #expect(leftovers == (0, 0))
        // Every attempt is a token of its own: one that was taken, and whose answer got lost, is not taken for a replay.
        let tokens = try Set(
            receiver.bodies.map { try UnverifiedToken($0.dropPrefix("logout_token=")).unverifiedClaims["jti"] }
        )
        #expect(tokens.count == receiver.requests.count)
    }

    @Test
    func `What cannot be delivered for three days is given up where the operator sees it, and can be tried again`()
        async throws
    {
        let browser = try await TestWorld.takingPart()
        let world = browser.world
        let receiver = FakeReceiver()
        let outcomes = Mutex<[LogoutOutcome]>([])
        let pusher = LogoutPusher(world.deliveries, by: receiver) { outcome in
            outcomes.withLock { $0.append(outcome) }
        }
        receiver.answer(status: 503)
        try await world.endSession(browser.session)
        try await pusher.tick()
        world.time.advance(by: LogoutDeliveries.patience)
        try await pusher.tick()
        let failed = try #require(try await world.waiting().first)
        #expect(failed.failedAt == world.now && failed.lastError == "the application answered 503")
        #expect(outcomes.withLock { $0 } == [.failed, .abandoned])
        world.time.advance(by: .seconds(86400))
        try await pusher.tick()
        #expect(receiver.requests.count == 2)
        receiver.answer(status: 200)
        try await world.deliveries.retry(failed.id, now: world.now)
        try await pusher.tick()
        #expect(receiver.requests.count == 3)
        #expect(try await world.waiting().isEmpty)
        #expect(outcomes.withLock { $0 } == [.failed, .abandoned, .delivered])
        await #expect(throws: RegistrationError.self) { try await world.deliveries.retry(failed.id, now: world.now) }
    }

    @Test func `A refusal is final, shown for a week, and holds nobody else back`() async throws {
        var browser = try await TestWorld.takingPart()
        let world = browser.world
        let first = try #require(browser.session)
        try await browser.signIn()
        _ = try await browser.code()
        let receiver = FakeReceiver()
        receiver.answer { request in
            let text = String(decoding: request.body, as: UTF8.self).dropPrefix("logout_token=")
            let sid = try? UnverifiedToken(text).unverifiedClaims["sid"]?.stringValue
            return .success(PushAnswer(status: sid == first.id.value ? 400 : 200, body: []))
        }
        try await world.endSession(first)
        try await world.endSession(browser.session)
        try await pusher(world, receiver).tick()
        try await pusher(world, receiver).tick()
        #expect(receiver.requests.count == 2)
        let left = try await world.waiting()
        #expect(left.count == 1 && left[0].lastError == "the application answered 400" && left[0].attempts == 1)
        #expect(try await world.lanes().isEmpty)
        world.time.advance(by: LogoutDeliveries.memory)
        #expect(try await world.waiting().isEmpty)
    }

    // MARK: - Races

    @Test func `Two processes tell an application once`() async throws {
        let browser = try await TestWorld.takingPart()
        let world = browser.world
        let receiver = FakeReceiver()
        receiver.answer(status: 200)
        try await world.endSession(browser.session)
        let twin = try await TestWorld(store: world.store)
        for _ in 0..<20 {
            async let first: Void = pusher(world, receiver).tick()
            async let second: Void = pusher(twin, receiver).tick()
            _ = try await (first, second)
        }
        #expect(receiver.requests.count == 1)
        #expect(try await world.waiting().isEmpty)
    }

    @Test func `A process that comes back after its claim leaves the claim of another one alone`() async throws {
        let browser = try await TestWorld.takingPart()
        let world = browser.world
        let app = try #require(ClientID("app"))
        try await world.endSession(browser.session)
        let taken = world.now + .seconds(61) + .seconds(60)
        let slow = SlowReceiver(status: 200) {
            world.time.advance(by: .seconds(61))
            try await world.deliveries.record(app, with: []) { $0.claimedUntil = taken }
        }
        try await LogoutPusher(world.deliveries, by: slow).tick()
        #expect(try await world.waiting().isEmpty)
        #expect(try await world.lanes().map(\.claimedUntil) == [taken])
    }

    @Test func `A crash between the order and its deliveries loses nothing and repeats nothing`() async throws {
        let store = MeddledStore()
        let browser = try await TestWorld.takingPart(store: store)
        let world = browser.world
        let receiver = FakeReceiver()
        receiver.answer(status: 200)
        try await world.endSession(browser.session)
        await store.fail(.unavailable(reason: "killed"))
        await #expect(throws: StoreError.self) { try await pusher(world, receiver).tick() }
        #expect(receiver.requests.isEmpty)
        await store.fail(nil)
        try await pusher(world, receiver).tick()
        try await pusher(world, receiver).tick()
        #expect(receiver.requests.count == 1)
    }

    // MARK: - I28

    @Test func `FIELD I28: only what is registered when it is sent is asked, and nothing of a disabled client`()
        async throws
    {
        let browser = try await TestWorld.takingPart()
        let world = browser.world
        let receiver = FakeReceiver()
        receiver.answer(status: 503)
        try await world.endSession(browser.session)
        try await pusher(world, receiver).tick()
        let moved = "https://app.example/moved"
        let id = try #require(ClientID("app"))
        _ = try await world.services.clients.update(id, now: world.now, revocations: world.services.revocations) {
            $0.backchannelLogoutURI = LogoutURI(moved)
        }
        world.time.advance(by: .seconds(2))
        try await pusher(world, receiver).tick()
        #expect(receiver.requests.map(\.url) == [TestWorld.backchannel, moved])
        _ = try await world.services.clients.update(id, now: world.now, revocations: world.services.revocations) {
            $0.status = .disabled
        }
        world.time.advance(by: .seconds(4))
        try await pusher(world, receiver).tick()
        #expect(receiver.requests.count == 2)
        #expect(try await world.waiting().first?.failedAt == world.now)
    }

    @Test(arguments: [
        "client_session_host", "host", "application.session.host", "backchannel_logout_uri", "logout_host",
    ])
    func `FIELD I28, CVE-2026-4874: no request can say where a logout token goes`(_ name: String) async throws {
        var browser = try await TestWorld.browser(client: {
            $0.backchannelLogoutURI = LogoutURI(TestWorld.backchannel)
        })
        let world = browser.world
        let code = try await browser.code([name: "169.254.169.254"])
        _ = try await world.ask(
            "/token",
            [
                "grant_type": "authorization_code", "code": code, "redirect_uri": TestWorld.redirectURI,
                "client_id": "app", "code_verifier": TestWorld.verifier, "client_session_host": "169.254.169.254",
            ]
        )
        let receiver = FakeReceiver()
        try await world.endSession(browser.session)
        try await pusher(world, receiver).tick()
        #expect(receiver.requests.map(\.url) == [TestWorld.backchannel])
    }
}

extension String {
    func dropPrefix(_ prefix: String) -> String { hasPrefix(prefix) ? String(dropFirst(prefix.count)) : self }
}
