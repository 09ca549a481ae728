import Instants
import IssuerConnection
import JOSE
import OAuthClient
import Testing

/// RFC 8628.
@Suite(.timeLimit(.minutes(5))) struct DeviceTests {
    let issuer: FakeIssuer
    let clock = SetClock()
    let device: DeviceLogin

    init() throws {
        issuer = try FakeIssuer()
        device = DeviceLogin(
            ClientRegistration(issuer: issuer.url, clientID: "tv", authentication: .none),
            environment: .test(issuer, clock: clock)
        )
        answer()
    }

    func answer(_ changes: JSONObject = [:]) {
        var body: JSONObject = [
            "device_code": "dev1ce-code", "user_code": "WDJB-MJHT", "verification_uri": "https://issuer.example/device",
            "verification_uri_complete": "https://issuer.example/device?user_code=WDJB-MJHT", "expires_in": 1800,
            "interval": 5,
        ]
        for (name, value) in changes { body[name] = value == .null ? nil : value }
        let served = body
        issuer.on("/device") { _ in .json(.object(served)) }
    }

    /// What the token endpoint says, one after another, and then tokens.
    func script(_ answers: [Result<TransportResponse, TransportError>]) throws {
        let calls = Counter()
        let now = clock.now.secondsSinceEpoch
        let idToken = try issuer.idToken([
            "iss": .string(issuer.url), "aud": "tv", "sub": "alice", "iat": .integer(now), "exp": .integer(now + 3600),
        ])
        issuer.on("/token") { _ throws(TransportError) in
            let number = calls.add()
            guard number <= answers.count else { return .tokens("at", 600, ["id_token": .string(idToken)]) }
            return try answers[number - 1].get()
        }
    }

    static let pending = Result<TransportResponse, TransportError>.success(.refusal("authorization_pending"))
    static let slowDown = Result<TransportResponse, TransportError>.success(.refusal("slow_down"))
    static let timedOut = Result<TransportResponse, TransportError>.failure(.init(.timedOut, reason: "scripted"))

    @Test("RFC 8628 §3.2: the codes and addresses are read, and the device code is not shown")
    func start() async throws {
        let started = try await device.start(scopes: ["openid", "email"], resources: ["https://api.example"])
        #expect(started.userCode == "WDJB-MJHT" && started.verificationURI == "https://issuer.example/device")
        #expect(started.verificationURIComplete == "https://issuer.example/device?user_code=WDJB-MJHT")
        #expect(started.interval == .seconds(5) && started.expiresAt == clock.now + .seconds(1800))
        let form = try #require(issuer.received("/device").first).form
        #expect(form == ["client_id": "tv", "scope": "openid email", "resource": "https://api.example"])
        var shown = "\(started)"
        dump(started, to: &shown)
        #expect(!shown.contains("dev1ce-code"))
    }

    @Test(
        "RFC 8628 §3.5: the issuer's interval is kept, grows by five seconds when it says slow_down, and doubles when nothing comes",
        arguments: [
            ([], [5]), ([pending, pending], [5, 5, 5]), ([pending, slowDown, pending], [5, 5, 10, 10]),
            ([slowDown, slowDown], [5, 10, 15]), ([timedOut, pending], [5, 10, 10]),
            ([timedOut, timedOut], [5, 10, 20]),
            ([.success(.json([:], status: 503, [(name: "Retry-After", value: "30")]))], [5, 30]),
        ] as [([Result<TransportResponse, TransportError>], [Int])]
    )
    func pace(answers: [Result<TransportResponse, TransportError>], waits: [Int]) async throws {
        try script(answers)
        let started = try await device.start()
        let login = try await device.wait(for: started)
        #expect(login.subject == "alice" && login.tokens.accessToken == "at")
        #expect(clock.waits == waits.map { .seconds($0) })
        let form = try #require(issuer.received("/token").first).form
        #expect(
            form["grant_type"] == "urn:ietf:params:oauth:grant-type:device_code" && form["device_code"] == "dev1ce-code"
        )
    }

    @Test(
        "RFC 8628 §3.5: every other refusal ends the polling",
        arguments: ["access_denied", "expired_token", "invalid_grant", "invalid_client", "unauthorized_client"]
    )
    func refused(error: String) async throws {
        try script([Self.pending, .success(.refusal(error)), Self.pending])
        let started = try await device.start()
        let refused = await refusal { _ = try await device.wait(for: started) }
        #expect(refused?.code == .refused && refused?.error == error && refused?.traceID == "trace-1")
        #expect(issuer.received("/token").count == 2)
    }

    @Test("A code whose time is over is not asked for any more")
    func over() async throws {
        try script(Array(repeating: Self.pending, count: 1000))
        answer(["expires_in": 23])
        let started = try await device.start()
        #expect(await refusal { _ = try await device.wait(for: started) }?.code == .expired)
        #expect(issuer.received("/token").count == 4)
    }

    @Test("A cancelled task stops waiting")
    func cancelled() async throws {
        try script(Array(repeating: Self.pending, count: 1000))
        let patient = DeviceLogin(
            ClientRegistration(issuer: issuer.url, clientID: "tv", authentication: .none),
            environment: ClientEnvironment(transport: issuer)
        )
        let started = try await patient.start()
        let task = Task { await refusal { _ = try await patient.wait(for: started) } }
        task.cancel()
        #expect(await task.value?.code == .cancelled)
    }

    @Test(
        "RFC 8628 §3.2: an answer without codes, or with an address that nobody should visit, is refused",
        arguments: [
            ["device_code": .null], ["user_code": .null], ["verification_uri": .null], ["expires_in": .null],
            ["expires_in": 0], ["verification_uri": "http://issuer.example/device"],
            ["verification_uri": "javascript:alert(1)"], ["user_code": "a\u{1B}[2J"], ["device_code": "a b"],
        ] as [JSONObject]
    )
    func malformed(changes: JSONObject) async throws {
        answer(changes)
        #expect(await refusal { _ = try await device.start() }?.code == .responseMalformed)
        answer()
        #expect(try await device.start().userCode == "WDJB-MJHT")
    }

    @Test("Without an interval it is five seconds; a complete address that nobody should visit is left out")
    func defaults() async throws {
        answer(["interval": .null, "verification_uri_complete": "javascript:alert(1)"])
        let started = try await device.start()
        #expect(started.interval == .seconds(5) && started.verificationURIComplete == nil)
    }

    @Test("An ID token that must not be believed ends the login")
    func idToken() async throws {
        issuer.on("/token") { _ in .tokens("at", 600, ["id_token": "a.b.c"]) }
        let started = try await device.start()
        #expect(await refusal { _ = try await device.wait(for: started) }?.code == .tokenInvalid)
        let plain = try await device.start(scopes: ["read"])
        #expect(try await device.wait(for: plain).subject == nil)
    }
}
