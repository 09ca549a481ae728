import Accounts
import AuthorizationServer
import HTTPTypes
import JOSE
import OAuthVocabulary
import ServerHTTP
import Testing

@Suite("Passwords at /session/login")
struct SessionLoginTests {
    @Test("FIELD L35: unknown person, wrong password and disabled person get one answer, cookies and all")
    func oneAnswer() async throws {
        let stage = try await SessionStage()
        let disabled = try await stage.world.person("bob")
        _ = try await stage.world.people.disable(disabled.subject, now: stage.world.now)
        var answers: [TestAnswer] = []
        for (name, password) in [("nobody", HTTPWorld.password), ("alice", "wrong"), ("bob", HTTPWorld.password)] {
            answers.append(try await stage.login("spa", username: name, password: password))
        }
        let description = try answers[0].json["error_description"]
        for answer in answers {
            #expect(answer.status == 401 && answer.error == "access_denied")
            #expect(answer.setCookies.isEmpty)
            #expect(try answer.json["error_description"] == description)
            #expect(answer.headers.map(\.name) == answers[0].headers.map(\.name))
        }
        #expect(try await stage.login().status == 200)
    }

    @Test("one throttle stands before both doors: failures here slow the sign-in page down")
    func throttle() async throws {
        let stage = try await SessionStage()
        var status = 401
        for _ in 0..<20 where status == 401 { status = try await stage.login("spa", password: "wrong").status }
        #expect(status == 429)
        let refused = try await stage.login("spa")
        #expect(refused.status == 429 && refused["retry-after"] != nil, "also the right password waits")
        let page = try await stage.browser.openSignIn(
            "/authorize?response_type=code&client_id=code&redirect_uri=https://code.example/callback&scope=openid&state=s"
                + "&nonce=n&code_challenge=\(CookieDeliveryTests.challenge)&code_challenge_method=S256"
        )
        #expect(try await stage.browser.signIn(page).status == 429)
        stage.world.time.advance(by: .seconds(3600))
        #expect(try await stage.login("spa").status == 200)
    }

    @Test(
        "who is not first-party, not registered for it, disabled or unknown is refused before a password is looked at"
    )
    func notTheirs() async throws {
        let stage = try await SessionStage()
        try await stage.world.client("off") {
            $0.isFirstParty = true
            $0.browserSession = .session
            $0.grantTypes = []
            $0.status = .disabled
        }
        for client in ["code", "plain", "off", "unknown", "ü", ""] {
            for _ in 0..<20 {
                let answer = try await stage.login(client, password: "wrong")
                #expect(answer.status == 400 && answer.setCookies.isEmpty)
                #expect(["unauthorized_client", "invalid_request"].contains(answer.error))
            }
        }
        #expect(try await stage.login("spa").status == 200, "none of them counted as an attempt")
    }

    @Test("a mistake in scope or resource costs no attempt and opens nothing")
    func scopes() async throws {
        let stage = try await SessionStage()
        for (scope, error) in [
            ("openid offline_access", "invalid_scope"), ("openid admin", "invalid_scope"), ("a  b", "invalid_scope"),
        ] {
            let answer = try await stage.login("spa", ["scope": .string(scope)])
            #expect(answer.status == 400 && answer.error == error && answer.setCookies.isEmpty)
        }
        let resource = try await stage.login("spa", ["resource": "https://unknown.example"])
        #expect(resource.status == 400 && resource.error == "invalid_target")
        let person = try #require(try await stage.world.people.find(username: "alice", now: stage.world.now))
        #expect(try await stage.world.sessions.list(of: person.subject, now: stage.world.now).isEmpty)
    }

    @Test("FIELD K30, K31, K32: a login draws a new id and a new secret, and what the browser had is over")
    func fixation() async throws {
        for client in ["spa", "web"] {
            let stage = try await SessionStage()
            try await stage.world.person("bob")
            // Planted before anybody signed in.
            let planted = "c2lnbmV0LXBsYW50ZWQtYnktYW4tYXR0YWNrZXI-"
            try stage.set(planted, for: client)
            #expect(try await stage.login(client).status == 200)
            let first = try #require(try stage.cookie(client))
            #expect(first != planted)
            let firstID = try await stage.state(client)["sid"]
            #expect(try await stage.login(client, username: "bob").status == 200)
            let second = try #require(try stage.cookie(client))
            #expect(first != second)
            #expect(try await stage.state(client)["sid"] != firstID)
            try stage.set(first, for: client)
            #expect(try await stage.isActive(client) == false, "the first person's session is over")
            try stage.set(planted, for: client)
            #expect(try await stage.isActive(client) == false)
            try stage.set(second, for: client)
            #expect(try await stage.isActive(client))
        }
    }

    @Test("too many at once are told to come back, and are not counted as failures")
    func busy() async throws {
        let world = try await HTTPWorld(issuer: SessionStage.issuer, hashing: .init(threads: 1, waiting: 1))
        try await world.person()
        try await world.client("web") {
            $0.isFirstParty = true
            $0.browserSession = .session
            $0.grantTypes = []
            $0.origins = [SessionStage.origin]
        }
        @Sendable func login(_ index: Int) async throws -> TestAnswer {
            let browser = TestBrowser(world, peer: "192.0.2.\(index + 1)")
            let body: JSONObject = [
                "client_id": "web", "username": "alice", "password": .string(HTTPWorld.password),
            ]
            return try await browser.post(
                "/session/login",
                json: body.serialized(),
                headers: [("origin", SessionStage.origin), ("signet-csrf", "1")]
            )
        }
        let answers = try await withThrowingTaskGroup(of: TestAnswer.self) { group in
            for index in 0..<40 { group.addTask { try await login(index) } }
            return try await group.reduce(into: [TestAnswer]()) { $0.append($1) }
        }
        #expect(answers.allSatisfy { [200, 503].contains($0.status) })
        #expect(answers.filter { $0.status == 503 }.allSatisfy { $0["retry-after"] != nil })
        #expect(try await login(50).status == 200)
    }

    @Test(
        "a body that is no request is refused with a clear answer",
        arguments: [
            ("[]", 400), ("null", 400), ("{", 400), ("{\"client_id\":7}", 400), ("{}", 400), ("", 400),
            ("{\"client_id\":\"web\",\"username\":[\"alice\"],\"password\":\"x\"}", 400),
            ("{\"client_id\":\"web\",\"username\":\"alice\"}", 400),
            ("{\"client_id\":\"web\",\"client_id\":\"spa\",\"username\":\"alice\",\"password\":\"x\"}", 400),
            ("{\"client_id\":\"\(String(repeating: "x", count: 17000))\"}", 413),
        ]
    )
    func malformed(body: String, status: Int) async throws {
        let stage = try await SessionStage()
        let answer = try await stage.browser.post(
            "/session/login",
            json: Array(body.utf8),
            headers: [("origin", SessionStage.origin), ("signet-csrf", "1")]
        )
        #expect(answer.status == status && answer.error == "invalid_request", "\(answer.text)")
        #expect(answer.setCookies.isEmpty)
        #expect(stage.world.log.text.contains(try #require(answer["signet-trace-id"])))
        #expect(try await stage.login("web").status == 200)
    }

    @Test("no password, cookie or token of a login is ever logged")
    func secrecy() async throws {
        let stage = try await SessionStage()
        let wrong = "an-unmistakable-wrong-password"
        _ = try await stage.login("web", password: wrong)
        _ = try await stage.login("web")
        _ = try await stage.login("spa")
        let secrets = [try stage.cookie("web"), try stage.cookie("spa"), wrong, HTTPWorld.password].compactMap { $0 }
        #expect(secrets.count == 4)
        try stage.set(secrets[0] + "x", for: "web")
        _ = try await stage.refresh("web")
        let log = stage.world.log.text
        for secret in secrets { #expect(!log.contains(secret)) }
    }
}
