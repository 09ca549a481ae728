import Accounts
import AuthorizationServer
import HTTPTypes
import JOSE
import OAuthVocabulary
import ServerHTTP
import Testing

@Suite("Session mode")
struct SessionModeTests {
    private func subject(_ stage: SessionStage) async throws -> Subject {
        try #require(try await stage.world.people.find(username: "alice", now: stage.world.now)).subject
    }

    @Test("a login gives a cookie and no token, and says who is signed in", arguments: [false, true])
    func login(apart: Bool) async throws {
        let stage = try await SessionStage(apart: apart)
        let answer = try await stage.login("web")
        #expect(answer.status == 200, "\(answer.text)")
        let members = try answer.json
        for name in ["access_token", "refresh_token", "id_token"] { #expect(members[name] == nil) }
        #expect(members["active"] == true && members["mode"] == "session")
        #expect(members["sub"] == .string(try await subject(stage).value))
        #expect(members["claims"]?.objectValue?["name"] == "Alice Example")
        #expect(members["expires_in"] == .integer(8 * 3600))
        let value = try #require(try stage.cookie("web"))
        #expect(
            answer.setCookies
                == ["\(try SessionStage.name("web"))=\(value); Path=/; HttpOnly; SameSite=Strict; Secure"]
        )
        #expect(!answer.text.contains(value))
        let state = try await stage.state("web")
        #expect(state["sub"] == members["sub"] && state["csrf_token"] == members["csrf_token"])
        // A server that was forwarded the cookie asks without an Origin.
        let asked = try await stage.world.send(
            .get,
            "/session?client_id=web",
            headers: [("cookie", "\(try SessionStage.name("web"))=\(value)")]
        )
        #expect(try asked.json["active"] == true)
    }

    @Test("what ends the session ends it at once: person, operator, password, client", arguments: 0..<6, [false, true])
    func revocation(way: Int, apart: Bool) async throws {
        let stage = try await SessionStage(apart: apart)
        _ = try await stage.login("web")
        #expect(try await stage.isActive("web"))
        let subject = try await subject(stage)
        let services = stage.world.services
        let session = try #require(
            try await stage.world.sessions.list(of: subject, now: stage.world.now).first
        )
        #expect(session.client == ClientID("web"))
        stage.world.time.advance(by: .milliseconds(1))
        let now = stage.world.now
        switch way {
        case 0: _ = try await stage.world.sessions.close(session.id, now: now)
        case 1: try await services.revocations.apply(ending: Ending(.subject(subject), because: .operatorAct), now: now)
        case 2: try await services.revocations.apply(ending: Ending(.everything, because: .operatorAct), now: now)
        case 3: _ = try await stage.world.people.setPassword(subject, to: Secret("another password"), now: now)
        case 4: _ = try await stage.world.people.disable(subject, now: now)
        default:
            let web = try #require(ClientID("web"))
            try await services.revocations.apply(ending: Ending(.client(web), because: .operatorAct), now: now)
        }
        #expect(try await stage.isActive("web") == false, "way \(way)")
        let refused = try await stage.refresh("web")
        #expect(refused.status == 401 && refused.error == "login_required")
        #expect(try stage.cookie("web") == nil)
    }

    @Test(
        "it slides with use, ends when idle, and ends at its absolute limit however much it is used",
        arguments: [false, true]
    )
    func lifetimes(apart: Bool) async throws {
        let stage = try await SessionStage(apart: apart)
        _ = try await stage.world.services.clients.update(
            try #require(ClientID("web")),
            now: stage.world.now,
            revocations: stage.world.services.revocations
        ) {
            $0.refreshIdleSeconds = 600
            $0.refreshAbsoluteSeconds = 3600
        }
        _ = try await stage.login("web")
        for _ in 0..<6 {
            stage.world.time.advance(by: .seconds(550))
            #expect(try await stage.isActive("web"))
        }
        stage.world.time.advance(by: .seconds(301))
        #expect(try await stage.isActive("web") == false, "3601 seconds after the login")
        _ = try await stage.login("web")
        stage.world.time.advance(by: .seconds(601))
        #expect(try await stage.isActive("web") == false, "idle")
    }

    @Test(
        "other rights of the person give the session another secret and another id at the next refresh",
        arguments: [false, true]
    )
    func privileges(apart: Bool) async throws {
        let stage = try await SessionStage(apart: apart)
        _ = try await stage.world.services.clients.update(
            try #require(ClientID("web")),
            now: stage.world.now,
            revocations: stage.world.services.revocations
        ) { $0.tokenClaims = ["roles"] }
        _ = try await stage.login("web")
        let old = try stage.cookie("web")
        let before = try await stage.state("web")
        #expect(before["renew"] == nil && before["roles"] == [])
        #expect(try await stage.refresh("web").setCookies.isEmpty)
        _ = try await stage.world.people.update(try await subject(stage), now: stage.world.now) {
            $0.roles = ["admin"]
        }
        let between = try await stage.state("web")
        #expect(between["renew"] == true && between["roles"] == nil, "the old secret does not get the new rights")
        let renewed = try await stage.refresh("web")
        #expect(renewed.status == 200 && renewed.setCookies.count == 1)
        let state = try await stage.state("web")
        #expect(state["renew"] == nil && state["roles"] == ["admin"] && state["auth_time"] == before["auth_time"])
        #expect(state["sid"] != before["sid"] && state["csrf_token"] != before["csrf_token"])
        let new = try stage.cookie("web")
        #expect(new != old)
        try stage.set(old, for: "web")
        #expect(try await stage.isActive("web") == false, "whoever knew the old secret has none of the new rights")
        try stage.set(new, for: "web")
        #expect(try await stage.isActive("web"))
        // Whoever saw the session under its old id, on the account page for one, ends it by that.
        let shown = try #require(before["sid"]?.stringValue.flatMap { SessionID($0) })
        #expect(try await stage.world.sessions.close(shown, now: stage.world.now) != nil)
        #expect(try await stage.isActive("web") == false)
    }

    @Test("another site that opens GET /session does not replace the cookie of a form that is open")
    func formCookieStays() async throws {
        let stage = try await SessionStage()
        let path = "/session?client_id=web"
        let foreign = try await stage.browser.get(path, headers: [("sec-fetch-site", "cross-site")])
        #expect(foreign.status == 200 && foreign.setCookies.isEmpty)
        let own = try await stage.browser.get(path, headers: [("sec-fetch-site", "same-site")])
        #expect(own.setCookies.count == 1)
    }

    @Test("FIELD F22: a session is worth something in its own cookie only", arguments: [false, true])
    func crossType(apart: Bool) async throws {
        let stage = try await SessionStage(apart: apart)
        try await stage.world.client("other") {
            $0.isFirstParty = true
            $0.browserSession = .session
            $0.grantTypes = []
            $0.origins = [SessionStage.origin]
        }
        _ = try await stage.login("web")
        _ = try await stage.login("spa")
        let secret = try #require(try stage.cookie("web"))
        // In another client's cookie, as a refresh token, and as the sign-on cookie.
        try stage.set(secret, for: "other")
        #expect(try await stage.isActive("other") == false)
        try stage.set(try stage.cookie("spa"), for: "other")
        #expect(try await stage.isActive("other") == false)
        try stage.set(secret, for: "code")
        #expect(try await stage.isActive("code") == false)
        try stage.set(try stage.cookie("spa"), for: "code")
        #expect(try await stage.isActive("code") == false, "another client's refresh token")
        stage.browser.set(SignInTests.sessionCookie, secret)
        let silent = try await stage.browser.get(
            "/authorize?response_type=code&client_id=code&redirect_uri=https://code.example/callback&prompt=none"
                + "&scope=openid&state=s&nonce=n&code_challenge=\(CookieDeliveryTests.challenge)"
                + "&code_challenge_method=S256"
        )
        #expect(silent["location"]?.contains("error=login_required") == true)
        // A sign-on session in an application's cookie.
        let page = try await stage.browser.openSignIn(
            "/authorize?response_type=code&client_id=code&redirect_uri=https://code.example/callback&scope=openid&state=s"
                + "&nonce=n&code_challenge=\(CookieDeliveryTests.challenge)&code_challenge_method=S256"
        )
        _ = try await stage.browser.signIn(page)
        let signOn = try #require(stage.browser.cookies[SignInTests.sessionCookie])
        #expect(signOn != secret)
        try stage.set(signOn, for: "web")
        #expect(try await stage.isActive("web") == false)
        try stage.set(secret, for: "web")
        #expect(try await stage.isActive("web"), "signing on elsewhere ended nothing here")
    }

    @Test(
        "a form signs in and out without scripts, and returns to registered addresses only",
        arguments: [false, true]
    )
    func forms(apart: Bool) async throws {
        let stage = try await SessionStage(apart: apart)
        _ = try await stage.world.services.clients.update(
            try #require(ClientID("web")),
            now: stage.world.now,
            revocations: stage.world.services.revocations
        ) { $0.redirectURIs = [try #require(RedirectURI("https://app.example/in"))] }
        func login(_ token: JSON?, password: String = HTTPWorld.password, to target: String) async throws -> TestAnswer
        {
            try await stage.browser.post(
                "/session/login",
                [
                    "client_id": "web", "username": "alice", "password": password, "redirect_uri": target,
                    "csrf_token": token?.stringValue ?? "",
                ],
                headers: [("origin", SessionStage.issuer), ("sec-fetch-site", "same-origin")]
            )
        }
        let here = "https://app.example/in"
        #expect(try await login(nil, to: here).status == 403, "no form was asked for")
        let token = try await stage.state("web")["csrf_token"]
        #expect(try await login(nil, to: here).status == 403)
        #expect(try await login("another", to: here).status == 403)
        #expect(try await login(token, to: "https://evil.example/in").error == "invalid_request")
        #expect(try await login(token, to: here + "/").error == "invalid_request")
        let wrong = try await login(token, password: "wrong", to: here)
        #expect(wrong.status == 303 && wrong["location"] == here + "?error=access_denied")
        let right = try await login(token, to: here)
        #expect(right.status == 303 && right["location"] == here)
        #expect(try await stage.isActive("web"))
        func logout(_ token: JSON?) async throws -> TestAnswer {
            try await stage.browser.post(
                "/session/logout",
                ["client_id": "web", "csrf_token": token?.stringValue ?? ""],
                headers: [("origin", SessionStage.origin)]
            )
        }
        #expect(try await logout(token).status == 403, "the token of the form before the login")
        #expect(try await stage.isActive("web"))
        #expect(try await logout(try await stage.state("web")["csrf_token"]).status == 204)
        #expect(try await stage.isActive("web") == false)
    }
}
