import Accounts
import AuthorizationServer
import HTTPTypes
import JOSE
import OAuthVocabulary
import ServerHTTP
import Storage
import Testing

@Suite("Signing out and consenting")
struct SignOutTests {
    static func signedIn(_ world: HTTPWorld) async throws -> TestBrowser {
        let browser = TestBrowser(world)
        _ = try await browser.signIn(try await browser.openSignIn())
        #expect(try await browser.get("/person").json["session"] != nil)
        return browser
    }

    @Test("the confirmed sign-out closes the session before it is answered, and clears the cookie")
    func confirmed() async throws {
        let world = try await SignInTests.world()
        let browser = try await Self.signedIn(world)
        let cookie = try #require(browser.cookies[SignInTests.sessionCookie])
        let question = try await browser.get("/logout")
        #expect(question.status == 200 && question.text.contains("Alice Example"))
        let token = try #require(question.field("form_token"))
        let answer = try await browser.post(
            "/logout",
            ["form_token": token, "decision": "sign-out"],
            headers: [("sec-fetch-site", "same-origin")]
        )
        #expect(answer.status == 200)
        #expect(
            answer.setCookies == ["\(SignInTests.sessionCookie)=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0"]
        )
        let thief = TestBrowser(world)
        thief.set(SignInTests.sessionCookie, cookie)
        #expect(try await thief.get("/person").json["session"] == nil)
    }

    @Test(
        "CVE-2020-10734: nobody else's form signs a person out",
        arguments: ["no token", "another token", "another site", "no decision"]
    )
    func forged(attack: String) async throws {
        let world = try await SignInTests.world()
        let browser = try await Self.signedIn(world)
        let token = try #require(try await browser.get("/logout").field("form_token"))
        let site = attack == "another site" ? "cross-site" : "same-origin"
        let answer = try await browser.post(
            "/logout",
            [
                "form_token": attack == "no token" ? "" : attack == "another token" ? "x\(token.dropFirst())" : token,
                "decision": attack == "no decision" ? "" : "sign-out",
            ],
            headers: [("sec-fetch-site", site)]
        )
        #expect(!answer.setCookies.contains { $0.contains("Max-Age=0") })
        #expect(try await browser.get("/person").json["session"] != nil)
        let real = try await browser.post("/logout", ["form_token": token, "decision": "sign-out"])
        #expect(real.setCookies.contains { $0.contains("Max-Age=0") })
    }

    @Test("a store that cannot close the session answers 503, and the session is said to be alive")
    func storeFailure() async throws {
        let store = BreakableStore()
        let world = try await HTTPWorld(store: store)
        try await world.client()
        try await world.person()
        let browser = try await Self.signedIn(world)
        let token = try #require(try await browser.get("/logout").field("form_token"))
        store.refuseWrites()
        let answer = try await browser.post("/logout", ["form_token": token, "decision": "sign-out"])
        #expect(answer.status == 503 && answer["retry-after"] != nil)
        #expect(!answer.setCookies.contains { $0.contains("Max-Age=0") })
        #expect(!answer.text.contains("signed out"))
    }

    /// A grant of the person in this browser, with a refresh token.
    static func grant(_ browser: TestBrowser, _ world: HTTPWorld, scope: String) async throws -> String {
        let authorize = HeaderTests.authorize.replacing("&scope=openid", with: "&scope=\(scope)")
        var page = try await browser.get(authorize)
        for _ in 0..<5 {
            if page.status == 303, page["location"]?.hasPrefix("https://app.example/") == true { break }
            if let token = page.field("form_token"), let interaction = page.field("interaction") {
                page = try await browser.post(
                    "/consent",
                    ["interaction": interaction, "form_token": token, "decision": "allow"]
                )
            } else {
                page = try await browser.follow(page)
            }
        }
        let location = try #require(page["location"])
        let query = location.split(separator: "?").last.flatMap { FormEncoding.pairs($0) } ?? []
        let code = try #require(query.first { $0.name == "code" }?.value, "\(location)")
        let answer = try await world.post(
            "/token",
            [
                "grant_type": "authorization_code", "code": code, "client_id": "app",
                "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
                "redirect_uri": "https://app.example/callback",
            ]
        )
        return try #require(try answer.json["refresh_token"]?.stringValue, "\(answer.text)")
    }

    static func refresh(_ token: String, _ world: HTTPWorld) async throws -> (status: Int, next: String?) {
        let form: KeyValuePairs = ["grant_type": "refresh_token", "refresh_token": token, "client_id": "app"]
        let answer = try await world.post("/token", form)
        return (answer.status, try? answer.json["refresh_token"]?.stringValue)
    }

    static func signOut(_ browser: TestBrowser, _ decision: String) async throws -> TestAnswer {
        let token = try #require(try await browser.get("/logout").field("form_token"))
        return try await browser.post("/logout", ["form_token": token, "decision": decision])
    }

    @Test("a session that ends, by the sign-out page or by its id, ends its refresh families and no others")
    func refreshFamilies() async throws {
        let world = try await SignInTests.world()
        let (here, there) = (try await Self.signedIn(world), try await Self.signedIn(world))
        let mine = try await Self.grant(here, world, scope: "openid")
        let offline = try await Self.grant(here, world, scope: "openid+offline_access")
        let others = try await Self.grant(there, world, scope: "openid")
        #expect(try await Self.signOut(here, "sign-out").status == 200)
        #expect(try await Self.refresh(mine, world).status == 400)
        // Back-Channel Logout §2.7: offline access is meant to outlive the session.
        #expect(try await Self.refresh(offline, world).status == 200)
        let left = try await Self.refresh(others, world)
        #expect(left.status == 200)
        // As the account page and commands end a session.
        let id = try #require(try await there.get("/person").json["session"]?.stringValue)
        try await world.sessions.close(try #require(SessionID(id)), now: world.now)
        #expect(try await Self.refresh(try #require(left.next), world).status == 400)
    }

    @Test("signing out everywhere ends every browser and every grant of the person, offline access too, nobody else's")
    func everywhere() async throws {
        let world = try await SignInTests.world()
        let (here, there) = (try await Self.signedIn(world), try await Self.signedIn(world))
        let offline = try await Self.grant(there, world, scope: "openid+offline_access")
        try await world.person("bob")
        let bystander = TestBrowser(world)
        _ = try await bystander.signIn(try await bystander.openSignIn(), username: "bob")
        world.time.advance(by: .seconds(1))
        let answer = try await Self.signOut(here, "sign-out-everywhere")
        #expect(answer.status == 200 && answer.text.contains("signed out"))
        #expect(answer.setCookies.contains { $0.contains("Max-Age=0") })
        for browser in [here, there] { #expect(try await browser.get("/person").json["session"] == nil) }
        #expect(try await bystander.get("/person").json["session"] != nil)
        #expect(try await Self.refresh(offline, world).status == 400)
        // The person may come back at once, and stays.
        world.time.advance(by: .seconds(1))
        _ = try await there.signIn(try await there.openSignIn())
        let again = try await Self.grant(there, world, scope: "openid+offline_access")
        #expect(try await Self.refresh(again, world).status == 200)
    }

    @Test("Front-Channel Logout §3: the page frames the session's applications, and its policy names no other origin")
    func frames() async throws {
        let world = try await HTTPWorld()
        try await world.client { $0.frontchannelLogoutURI = LogoutURI("https://app.example/bye") }
        try await world.person()
        let browser = try await Self.signedIn(world)
        _ = try await Self.grant(browser, world, scope: "openid")
        let page = try await Self.signOut(browser, "sign-out")
        let policy = try #require(page["content-security-policy"])
        #expect(policy.contains("; frame-src https://app.example;") && policy.contains("frame-ancestors 'none'"))
        #expect(page.text.contains("src=\"https://app.example/bye?iss=https%3A%2F%2Fid.example&amp;sid="))
        #expect(page["x-frame-options"] == "DENY" && page["cache-control"] == "no-store")
        // Once: the page of another sign-out has nobody to tell.
        let again = try await browser.get("/logout")
        #expect(!again.text.contains("<iframe"))
    }

    @Test("the consent page names who asks, for what, and who is asked; only its own form answers it")
    func consent() async throws {
        let world = try await HTTPWorld()
        try await world.client { $0.consent = .required }
        try await world.person()
        let browser = TestBrowser(world)
        let authorize = HeaderTests.authorize.replacing(
            "&scope=openid",
            with: "&scope=openid+profile+email+offline_access"
        )
        let signedIn = try await browser.signIn(try await browser.openSignIn(authorize))
        var page = try await browser.follow(signedIn)
        if page.status == 303 { page = try await browser.follow(page) }
        #expect(page.status == 200, "\(page.text)")
        for words in ["Notes app", "app.example", "Alice Example", "See your email address", "offline_access"] {
            #expect(page.text.contains(words), "\(words)")
        }
        let interaction = try #require(page.field("interaction"))
        let token = try #require(page.field("form_token"))
        let cross = try await browser.post(
            "/consent",
            ["interaction": interaction, "form_token": token, "decision": "allow"],
            headers: [("sec-fetch-site", "cross-site")]
        )
        #expect(cross.status == 403)
        let allowed = try await browser.post(
            "/consent",
            ["interaction": interaction, "form_token": token, "decision": "allow"],
            headers: [("sec-fetch-site", "same-origin")]
        )
        let back =
            allowed["location"]?.hasPrefix("https://app.example/") == true ? allowed : try await browser.follow(allowed)
        #expect(back["location"]?.contains("code=") == true, "\(back.status) \(back.text)")
    }
}
