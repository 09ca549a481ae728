import Accounts
import AuthorizationServer
import JOSE
import OAuthVocabulary
import ServerHTTP
import Testing

@Suite("Browser sessions with tokens")
struct TokenSessionTests {
    @Test("a login gives the access token to the script and the refresh token to nobody but the cookie")
    func login() async throws {
        let stage = try await SessionStage()
        let answer = try await stage.login("spa", ["scope": "openid profile"])
        #expect(answer.status == 200, "\(answer.text)")
        let members = try answer.json
        #expect(members["refresh_token"] == nil && !answer.text.contains("signet_rt_"))
        #expect(members["token_type"] == "Bearer" && members["scope"] == "openid profile")
        #expect(members["id_token"] != nil)
        #expect(try await stage.opens(answer))
        let value = try #require(try stage.cookie("spa"))
        let name = try SessionStage.name("spa")
        #expect(value.hasPrefix("signet_rt_"))
        // RFC 6265bis §4.1.3.2: a __Host- cookie needs Secure, Path=/ and no Domain.
        #expect(
            answer.setCookies == ["\(name)=\(value); Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=604800"]
        )
        #expect(answer["access-control-allow-origin"] == SessionStage.origin)
        #expect(answer["access-control-allow-credentials"] == "true")
    }

    @Test(
        "RP-Initiated Logout §2: the ID token of the application's own session ends that session, another client's does not"
    )
    func logoutByHint() async throws {
        let stage = try await SessionStage()
        try await stage.world.client("other") {
            $0.isFirstParty = true
            $0.browserSession = .tokens
            $0.tokenDelivery = .cookie
            $0.origins = [SessionStage.origin]
        }
        let answer = try await stage.login("spa", ["scope": "openid"])
        let hint = try #require(try answer.json["id_token"]?.stringValue)
        let target = "https://spa.example/callback"
        func leave(_ client: String, _ target: String) async throws -> TestAnswer {
            let query = FormEncoding.encode([
                (name: "client_id", value: client), (name: "id_token_hint", value: hint),
                (name: "post_logout_redirect_uri", value: target),
            ])
            return try await TestBrowser(stage.world).get("/logout?\(query)")
        }
        #expect(try await leave("other", "https://other.example/callback").status == 400)
        #expect(try await stage.isActive())
        let left = try await leave("spa", target)
        #expect(left.status == 303 && left["location"] == target)
        #expect(try await stage.isActive() == false)
        #expect(try await stage.refresh().status == 401)
    }

    @Test("a refresh rotates the cookie, and the token it gives names the same session")
    func refresh() async throws {
        let stage = try await SessionStage()
        _ = try await stage.login("spa", ["scope": "openid"])
        let first = try stage.cookie("spa")
        let session = try await stage.state()["sid"]
        let answer = try await stage.refresh()
        #expect(answer.status == 200, "\(answer.text)")
        #expect(try stage.cookie("spa") != first)
        #expect(try await stage.opens(answer))
        #expect(try await stage.state()["sid"] == session)
        let narrowed = try await stage.refresh("spa", ["scope": "openid"])
        #expect(try narrowed.json["scope"] == "openid")
        let widened = try await stage.refresh("spa", ["scope": "openid email"])
        #expect(widened.status == 400 && widened.error == "invalid_scope")
        #expect(try await stage.isActive())
    }

    @Test("two tabs that refresh at once are given the same successor, and stay signed in")
    func twoTabs() async throws {
        let stage = try await SessionStage()
        _ = try await stage.login()
        let shared = try stage.cookie("spa")
        #expect(try await stage.refresh().status == 200)
        let successor = try stage.cookie("spa")
        try stage.set(shared, for: "spa")
        stage.world.time.advance(by: .seconds(5))
        #expect(try await stage.refresh().status == 200)
        #expect(try stage.cookie("spa") == successor)
        #expect(try await stage.refresh().status == 200)
    }

    @Test("a tab that was overtaken twice is told to ask again, and its browser stays signed in")
    func overtaken() async throws {
        let stage = try await SessionStage()
        _ = try await stage.login()
        let old = try stage.cookie("spa")
        _ = try await stage.refresh()
        _ = try await stage.refresh()
        let current = try stage.cookie("spa")
        try stage.set(old, for: "spa")
        let answer = try await stage.refresh()
        #expect(answer.status == 409 && answer.error == "temporarily_unavailable")
        #expect(answer.setCookies.isEmpty)
        #expect(try await stage.isActive())
        try stage.set(current, for: "spa")
        #expect(try await stage.refresh().status == 200)
    }

    @Test("RFC 9700 §4.14.2: a cookie that comes again after its window ends the family and is cleared")
    func replay() async throws {
        let stage = try await SessionStage()
        let login = try await stage.login("spa", ["scope": "openid"])
        let stolen = try stage.cookie("spa")
        let renewed = try await stage.refresh()
        let current = try stage.cookie("spa")
        stage.world.time.advance(by: .seconds(11))
        try stage.set(stolen, for: "spa")
        #expect(try await stage.isActive() == false)
        let answer = try await stage.refresh()
        #expect(answer.status == 401 && answer.error == "login_required")
        #expect(try stage.cookie("spa") == nil)
        try stage.set(current, for: "spa")
        #expect(try await stage.refresh().status == 401)
        #expect(try await stage.opens(login) == false)
        #expect(try await stage.opens(renewed) == false)
        #expect(stage.world.log.text.contains("refresh token reuse"))
        #expect(!stage.world.log.text.contains(try #require(stolen)))
    }

    @Test("a logout ends the session, its tokens and its cookie, and is no error where there is none")
    func logout() async throws {
        let stage = try await SessionStage()
        let login = try await stage.login("spa", ["scope": "openid"])
        let cookie = try stage.cookie("spa")
        let answer = try await stage.logout()
        #expect(answer.status == 204 && answer.bytes.isEmpty)
        let name = try SessionStage.name("spa")
        #expect(answer.setCookies == ["\(name)=; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=0"])
        #expect(try await stage.opens(login) == false)
        try stage.set(cookie, for: "spa")
        #expect(try await stage.isActive() == false)
        #expect(try await stage.refresh().status == 401)
        let again = try await stage.logout()
        #expect(again.status == 204 && again.setCookies.isEmpty)
    }

    @Test("a browser session ends with what it rests on: session, person, password, client")
    func endings() async throws {
        for ending in 0..<4 {
            let stage = try await SessionStage()
            let person = try #require(try await stage.world.people.find(username: "alice", now: stage.world.now))
            let login = try await stage.login("spa", ["scope": "openid"])
            #expect(try await stage.isActive())
            stage.world.time.advance(by: .seconds(1))
            let now = stage.world.now
            switch ending {
            case 0: _ = try await stage.world.sessions.closeAll(of: person.subject, now: now)
            case 1: _ = try await stage.world.people.disable(person.subject, now: now)
            case 2:
                _ = try await stage.world.people.setPassword(person.subject, to: Secret("another password"), now: now)
            default:
                _ = try await stage.world.services.clients.update(
                    try #require(ClientID("spa")),
                    now: now,
                    revocations: stage.world.services.revocations
                ) { $0.status = .disabled }
            }
            if ending < 3 {
                #expect(try await stage.isActive() == false, "ending \(ending)")
                #expect(try await stage.refresh().status == 401, "ending \(ending)")
            } else {
                #expect(try await stage.refresh().error == "unauthorized_client")
            }
            #expect(try await stage.opens(login) == false, "ending \(ending)")
        }
    }

    @Test("it idles out by the refresh lifetime, and a refresh keeps its session alive as long")
    func lifetimes() async throws {
        let stage = try await SessionStage()
        _ = try await stage.world.services.clients.update(
            try #require(ClientID("spa")),
            now: stage.world.now,
            revocations: stage.world.services.revocations
        ) {
            $0.refreshIdleSeconds = 3600
            $0.refreshAbsoluteSeconds = 4 * 3600
        }
        _ = try await stage.login()
        for _ in 0..<4 {
            stage.world.time.advance(by: .seconds(3000))
            #expect(try await stage.refresh().status == 200)
        }
        // 12000 seconds on, the end is near: 14400 however much it is used.
        stage.world.time.advance(by: .seconds(2300))
        #expect(try await stage.refresh().status == 200)
        stage.world.time.advance(by: .seconds(101))
        #expect(try await stage.refresh().status == 401)
        _ = try await stage.login()
        stage.world.time.advance(by: .seconds(3601))
        #expect(try await stage.isActive() == false)
        #expect(try await stage.refresh().status == 401)
    }
}
