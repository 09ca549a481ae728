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
