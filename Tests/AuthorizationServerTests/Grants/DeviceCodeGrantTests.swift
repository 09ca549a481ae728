import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// RFC 8628 §3: what the device sees. FIELD C8 to C10, G25.
@Suite struct DeviceCodeGrantTests {
    @Test func `RFC 8628 §3.2: a device gets two codes, two addresses, a lifetime and an interval`() async throws {
        let world = try await TestWorld.deviceWorld().world
        let codes = try await world.startDevice()
        #expect(codes.device.hasPrefix("signet_dc_") && codes.device.utf8.count == 10 + 43)
        #expect(codes.user.utf8.count == 9 && UserCode(typed: codes.user)?.shown == codes.user)
        #expect(codes.json["verification_uri"] == .string("https://id.example/device"))
        #expect(codes.json["verification_uri_complete"] == .string("https://id.example/device?user_code=\(codes.user)"))
        #expect(codes.json["expires_in"] == 600)
        #expect(codes.json["interval"] == 5)
        let discovery = world.services.metadata.first { $0.name == "device_authorization_endpoint" }
        #expect(discovery?.value == .string("https://id.example/device_authorization"))
    }

    @Test func `Neither code can be read in what is stored, and the user code cannot be tried out against it`()
        async throws
    {
        let world = try await TestWorld.deviceWorld().world
        let codes = try await world.startDevice()
        let record = try #require(await world.deviceRecord(codes.device)?.record)
        let text = String(decoding: record.payload, as: UTF8.self)
        let letters = codes.user.filter { $0 != "-" }
        #expect(!text.contains(codes.device) && !text.contains(codes.user) && !text.contains(letters))
        #expect(record.key.identifier.bytes == Digest.sha256(codes.device))
        let index = try #require(record.indexes.first)
        #expect(index.name == "user-code")
        #expect(
            ![letters, codes.user].map { Digest.sha256($0) }.contains(index.value.bytes),
            "a bare hash can be searched"
        )
    }

    @Test func `An approved device gets access, refresh and ID tokens of the person, once`() async throws {
        var browser = try await TestWorld.deviceWorld()
        let world = browser.world
        let session = try await browser.signIn()
        let codes = try await world.startDevice()
        #expect(try await world.poll(codes.device).failure?.code == .authorizationPending)
        let page = try await browser.connect(codes)
        #expect(page.deviceAnswered?.verdict == .allowed)
        world.time.advance(by: .seconds(5))
        let answer = try world.json(await world.poll(codes.device))
        #expect(answer["scope"] == "openid offline_access orders:read")
        let tokens = try Tokens(answer)
        let claims = try UnverifiedToken(tokens.access).unverifiedClaims
        #expect(claims["sub"] == "alice" && claims["client_id"] == "tv")
        #expect(claims["aud"] == [.string(TestWorld.api), .string(TestWorld.issuer)])
        #expect(claims["auth_time"] == .integer(session.authentication.at.secondsSinceEpoch))
        #expect(try await world.introspect(tokens.access)["active"] == true)
        let id = try UnverifiedToken(#require(tokens.id)).unverifiedClaims
        #expect(id["aud"] == "tv" && id["sub"] == "alice" && id["nonce"] == nil)
        _ = try Tokens(world.json(await world.refresh(tokens.refresh, client: "tv")))
        let consent = try await world.services.consents.find(
            subject: session.subject,
            client: try #require(ClientID("tv")),
            now: world.now
        )
        #expect(consent?.content.granted[TestWorld.api]?.description == "offline_access orders:read")
    }

    // MARK: - What the device is told while it waits

    @Test func `A device that was allowed takes part in the session, and one that was denied does not`() async throws {
        var browser = try await TestWorld.deviceWorld()
        let world = browser.world
        let id = try #require(ClientID("tv"))
        _ = try await world.services.clients.update(id, now: world.now, revocations: world.services.revocations) {
            $0.backchannelLogoutURI = LogoutURI("https://tv.example/backchannel")
        }
        let session = try await browser.signIn()
        _ = try await browser.connect(world.startDevice(), "deny")
        #expect(try await world.participations().isEmpty)
        _ = try await browser.connect(world.startDevice())
        #expect(try await world.participations().map(\.session) == [session.id])
    }

    @Test func `RFC 8628 §3.5: who asks too often is told so, and must wait 5 seconds longer from then on`()
        async throws
    {
        let world = try await TestWorld.deviceWorld().world
        let codes = try await world.startDevice()
        func ask(after seconds: Int) async throws -> ErrorCode? {
            world.time.advance(by: .seconds(seconds))
            return try await world.poll(codes.device).failure?.code
        }
        #expect(try await ask(after: 0) == .authorizationPending)
        #expect(try await ask(after: 5) == .authorizationPending)
        // What a network brings closer together is no haste.
        world.time.advance(by: .milliseconds(-900))
        #expect(try await ask(after: 5) == .authorizationPending)
        #expect(try await ask(after: 3) == .slowDown)
        #expect(try await world.deviceRecord(codes.device)?.content.intervalSeconds == 10)
        #expect(try await ask(after: 8) == .slowDown)
        #expect(try await world.deviceRecord(codes.device)?.content.intervalSeconds == 15)
        #expect(try await ask(after: 15) == .authorizationPending)
        for _ in 0..<40 { _ = try await ask(after: 0) }
        #expect(try await world.deviceRecord(codes.device)?.content.intervalSeconds == 60, "and no further")
        #expect(try await ask(after: 60) == .authorizationPending)
    }

    @Test func `A person's answer is told at once, however often the device asked`() async throws {
        var browser = try await TestWorld.deviceWorld()
        try await browser.signIn()
        let codes = try await browser.world.startDevice()
        for _ in 0..<3 { _ = try await browser.world.poll(codes.device) }
        try await browser.connect(codes)
        _ = try Tokens(browser.world.json(await browser.world.poll(codes.device)))
    }

    @Test func `A clock that another node is behind blames nobody for asking early`() async throws {
        let world = try await TestWorld.deviceWorld().world
        let codes = try await world.startDevice()
        #expect(try await world.poll(codes.device).failure?.code == .authorizationPending)
        world.time.advance(by: .seconds(-30))
        #expect(try await world.poll(codes.device).failure?.code == .authorizationPending)
    }

    @Test func `RFC 8628 §3.5: a code that nobody answered expires, and the device is told that it did`() async throws {
        var browser = try await TestWorld.deviceWorld()
        let world = browser.world
        let codes = try await world.startDevice()
        world.time.advance(by: .seconds(600) - .milliseconds(1))
        #expect(try await world.poll(codes.device).failure?.code == .authorizationPending)
        world.time.advance(by: .milliseconds(1))
        #expect(try await world.poll(codes.device).failure?.code == .expiredToken)
        try await browser.signIn()
        #expect(try await browser.enter(codes.user).deviceCode?.problem == .unknownCode)
        world.time.advance(by: Limits.expiredDeviceCodeMemory)
        #expect(try await world.poll(codes.device).failure?.code == .invalidGrant, "it is forgotten")
    }

    @Test func `The lifetime is the operator's`() async throws {
        let world = try await TestWorld.deviceWorld(configure: { $0.deviceCodeLifetime = .seconds(120) }).world
        let codes = try await world.startDevice()
        #expect(codes.json["expires_in"] == 120)
        world.time.advance(by: .seconds(120))
        #expect(try await world.poll(codes.device).failure?.code == .expiredToken)
    }

    @Test func `RFC 8628 §3.5: a device that the person denied is told so every time`() async throws {
        var browser = try await TestWorld.deviceWorld()
        try await browser.signIn()
        let codes = try await browser.world.startDevice()
        #expect(try await browser.connect(codes, "deny").deviceAnswered?.verdict == .denied)
        for _ in 0..<3 { #expect(try await browser.world.poll(codes.device).failure?.code == .accessDenied) }
        #expect(try await browser.enter(codes.user).deviceCode?.problem == .unknownCode, "and nobody can allow it now")
        let consents = try await browser.world.services.consents.list(
            of: try #require(Subject("alice")),
            limit: 10,
            now: browser.world.now
        )
        #expect(consents.isEmpty)
    }

    // MARK: - What a code is bound to

    /// What differs from the poll that succeeds, and the answer.
    static let refusals: [(name: String, code: ErrorCode, change: [String: String?])] = [
        ("no device code", .invalidRequest, ["device_code": nil]),
        ("a forged one", .invalidGrant, ["device_code": "signet_dc_" + String(repeating: "A", count: 43)]),
        ("an over-long one", .invalidGrant, ["device_code": String(repeating: "A", count: 100_000)]),
        ("FIELD C9, CVE-2026-4282: an authorization code", .invalidGrant, ["device_code": "signet_ac_one"]),
        ("FIELD C10: the code of another client", .invalidGrant, ["client_id": "radio"]),
        ("a client without the grant", .unauthorizedClient, ["client_id": "app"]),
        ("another resource", .invalidTarget, ["resource": "https://other.example"]),
    ]

    @Test(arguments: refusals)
    func `A poll that differs in one field is refused, and the untouched twin succeeds`(
        _ row: (name: String, code: ErrorCode, change: [String: String?])
    ) async throws {
        var browser = try await TestWorld.deviceWorld()
        let world = browser.world
        try await world.deviceClient("radio")
        let app = try await world.publicClient()
        let session = try await browser.signIn()
        _ = try await world.code(client: app, session: session)
        let codes = try await world.startDevice()
        try await browser.connect(codes)
        let sound = ["grant_type": TestWorld.deviceGrant, "device_code": codes.device, "client_id": "tv"]
        var attacked = sound
        for (name, value) in row.change { attacked[name] = value }
        #expect(try await world.askToken(attacked).failure?.code == row.code)
        _ = try Tokens(world.json(await world.askToken(sound)))
    }

    @Test func `A user code is no device code, and a device code no authorization code`() async throws {
        var browser = try await TestWorld.deviceWorld(client: {
            $0.grantTypes += [.authorizationCode]
            $0.redirectURIs = [RedirectURI(TestWorld.redirectURI)].compactMap { $0 }
        })
        let world = browser.world
        try await browser.signIn()
        let codes = try await world.startDevice()
        try await browser.connect(codes)
        #expect(try await world.poll(codes.user).failure?.code == .invalidGrant)
        #expect(try await world.redeem(codes.device, client: "tv").failure?.code == .invalidGrant)
        _ = try Tokens(world.json(await world.poll(codes.device)))
    }

    @Test func `FIELD C8: a device code that comes again revokes everything that it paid for`() async throws {
        var browser = try await TestWorld.deviceWorld()
        let world = browser.world
        try await browser.signIn()
        let codes = try await world.startDevice()
        try await browser.connect(codes)
        let tokens = try Tokens(world.json(await world.poll(codes.device)))
        world.time.advance(by: .seconds(5 * 86400))
        let replay = try await world.poll(codes.device)
        #expect(
            replay.failure?.description == "the device code was already used; everything that it paid for is revoked"
        )
        #expect(try await world.refresh(tokens.refresh, client: "tv").failure?.description == "the grant has ended")
    }

    @Test(.timeLimit(.minutes(5)))
    func `Of 100 concurrent polls of an approved code at most one pays, and afterwards nothing of the grant verifies`()
        async throws
    {
        var browser = try await TestWorld.deviceWorld()
        let world = browser.world
        try await browser.signIn()
        let codes = try await world.startDevice()
        try await browser.connect(codes)
        let paid = try await withThrowingTaskGroup(of: String?.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    guard case .json(.object(let object)) = try await world.poll(codes.device).body else { return nil }
                    return object["access_token"]?.stringValue
                }
            }
            return try await group.reduce(into: [String]()) { if let token = $1 { $0.append(token) } }
        }
        #expect(paid.count == 1)
        #expect(try await world.introspect(#require(paid.first))["active"] == false)
    }

    @Test(.timeLimit(.minutes(5)))
    func `Of 100 concurrent polls of a code that waits none is answered but by pending or slow_down`() async throws {
        let world = try await TestWorld.deviceWorld().world
        let codes = try await world.startDevice()
        let answers = try await withThrowingTaskGroup(of: ErrorCode?.self) { group in
            for _ in 0..<100 { group.addTask { try await world.poll(codes.device).failure?.code } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers.allSatisfy { $0 == .authorizationPending || $0 == .slowDown })
        #expect(answers.contains(.slowDown))
    }
}

/// RFC 8628 §3.1: who may ask, and for what.
@Suite struct DeviceAuthorizationTests {
    @Test func `FIELD G25, CVE-2024-52287: a device gets no scope, API or default that its client may not have`()
        async throws
    {
        let world = try await TestWorld.deviceWorld().world
        let refusals: [(fields: KeyValuePairs<String, String>, code: ErrorCode)] = [
            (["client_id": "tv", "scope": "orders:write"], .invalidScope),
            (["client_id": "tv", "scope": "openid email"], .invalidScope),
            (["client_id": "tv", "scope": "no such thing"], .invalidScope),
            (["client_id": "tv", "scope": "bad\"scope"], .invalidScope),
            (["client_id": "tv", "scope": "orders:read", "resource": "https://other.example"], .invalidTarget),
            (["client_id": "tv", "scope": "openid", "resource": "https://other.example"], .invalidTarget),
            (["client_id": "tv", "scope": "openid", "resource": "not a uri"], .invalidTarget),
            (["client_id": "tv", "scope": "openid", "request": "eyJ"], .requestNotSupported),
        ]
        for (fields, code) in refusals {
            #expect(try await world.ask("/device_authorization", fields).failure?.code == code, "\(fields)")
        }
        _ = try await world.startDevice(scope: "orders:read")
    }

    @Test func `FIELD G25: a scope that was taken from the client before it redeems its code is not granted`()
        async throws
    {
        var browser = try await TestWorld.deviceWorld()
        let world = browser.world
        try await browser.signIn()
        let codes = try await world.startDevice()
        try await browser.connect(codes)
        _ = try await world.services.clients.update(
            try #require(ClientID("tv")),
            now: world.now,
            revocations: world.services.revocations
        ) { $0.scopes = [.openID] }
        #expect(try await world.poll(codes.device).failure?.code == .invalidScope)
    }

    @Test func `FIELD G25: what is shown is what was asked for, or nothing`() async throws {
        var browser = try await TestWorld.deviceWorld()
        let world = browser.world
        try await browser.signIn()
        let codes = try await world.startDevice()
        let page = try #require(await browser.enter(codes.user).deviceConsent)
        #expect(page.scopes.map(\.scope.value) == ["openid", "offline_access", "orders:read"])
        _ = try await world.services.clients.update(
            try #require(ClientID("tv")),
            now: world.now,
            revocations: world.services.revocations
        ) { $0.scopes = [.openID] }
        #expect(try await browser.answer(page, "allow").deviceCode?.problem == .unknownCode)
        #expect(try await browser.enter(codes.user).deviceCode?.problem == .unknownCode)
        #expect(try await world.deviceRecord(codes.device)?.content.answer == nil)
    }

    @Test func `FIELD G25: tokens for another API than the one that was shown are neither shown nor granted`()
        async throws
    {
        var browser = try await TestWorld.deviceWorld()
        let world = browser.world
        try await browser.signIn()
        let (allowed, asked) = (
            try await world.startDevice(scope: "openid"), try await world.startDevice(scope: "openid")
        )
        try await browser.connect(allowed)
        func change(_ resource: String?) async throws {
            _ = try await world.services.clients.update(
                try #require(ClientID("tv")),
                now: world.now,
                revocations: world.services.revocations
            ) { $0.defaultResource = resource.flatMap { ResourceIndicator($0) } }
        }
        try await change(TestWorld.api)
        #expect(try await world.poll(allowed.device).failure?.code == .invalidScope)
        #expect(try await browser.enter(asked.user).deviceCode?.problem == .unknownCode)
        try await change(nil)
        #expect(try await browser.enter(asked.user).deviceConsent != nil)
        _ = try Tokens(world.json(await world.poll(allowed.device)))
    }

    @Test func `RFC 8628 §3.1: a confidential device proves itself as at the token endpoint`() async throws {
        let world = try await TestWorld.deviceWorld().world
        _ = try await world.service("kiosk") {
            $0.grantTypes = [.deviceCode]
            $0.scopes = ScopeSet(parameter: "openid orders:read") ?? []
        }
        #expect(try await world.ask("/device_authorization", ["client_id": "kiosk"]).failure?.code == .invalidClient)
        #expect(try await world.ask("/device_authorization", ["client_id": "nobody"]).failure?.code == .invalidClient)
        #expect(try await world.ask("/device_authorization", [:]).failure?.code == .invalidClient)
        let wrong = TestWorld.basic("kiosk", TestWorld.secret + "x")
        #expect(try await world.ask("/device_authorization", [:], authorization: wrong).failure?.code == .invalidClient)
        let right = TestWorld.basic("kiosk")
        let answer = try world.json(
            await world.ask("/device_authorization", ["scope": "openid"], authorization: right)
        )
        #expect(answer["device_code"] != nil)
    }

    @Test func `A client without the device grant, or disabled, gets no code`() async throws {
        let world = try await TestWorld.deviceWorld().world
        _ = try await world.publicClient()
        #expect(
            try await world.ask("/device_authorization", ["client_id": "app", "scope": "openid"]).failure?.code
                == .unauthorizedClient
        )
        _ = try await world.services.clients.update(
            try #require(ClientID("tv")),
            now: world.now,
            revocations: world.services.revocations
        ) { $0.status = .disabled }
        #expect(try await world.ask("/device_authorization", ["client_id": "tv"]).failure?.code == .invalidClient)
    }

    @Test func `Where no refresh token can be given, offline_access is not either`() async throws {
        let browser = try await TestWorld.deviceWorld(client: { $0.grantTypes = [.deviceCode] })
        let codes = try await browser.world.startDevice(scope: "openid offline_access")
        #expect(try await browser.world.deviceRecord(codes.device)?.content.scope.description == "openid")
    }

    @Test func `User codes are drawn evenly from 20 letters, and another one where one is taken`() async throws {
        let world = try await TestWorld.deviceWorld().world
        var counts: [Character: Int] = [:]
        for _ in 0..<2000 {
            let code = try #require(UserCode(drawnFrom: world.services.random.bytes(32)))
            for letter in code.letters { counts[letter, default: 0] += 1 }
        }
        #expect(counts.count == 20)
        #expect(counts.values.allSatisfy { (600...1000).contains($0) }, "\(counts)")
        #expect(UserCode(drawnFrom: [UInt8](repeating: 255, count: 32)) == nil)
        let codes = try await (0..<50).asyncMap { _ in try await world.startDevice().user }
        #expect(Set(codes).count == 50)
    }
}

extension Sequence {
    fileprivate func asyncMap<Value>(_ transform: (Element) async throws -> Value) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await transform(element)) }
        return values
    }
}
