import Accounts
import AuthorizationServer
import HTTPTypes
import Instants
import JOSE
import OAuthVocabulary
import ServerHTTP
import Storage
import Testing

@Suite("Signing in")
struct SignInTests {
    static func world(
        issuer: String = HTTPWorld.https,
        hashing: PasswordHasher.Limits = .standard
    ) async throws -> HTTPWorld {
        let world = try await HTTPWorld(issuer: issuer, hashing: hashing)
        try await world.client()
        try await world.person()
        return world
    }

    static let sessionCookie = "__Host-signet-session"

    @Test("the right password leads back to the application with a code that pays for tokens")
    func journey() async throws {
        let world = try await Self.world()
        let browser = TestBrowser(world)
        let signedIn = try await browser.signIn(try await browser.openSignIn())
        #expect(signedIn.status == 303)
        let cookie = try #require(signedIn.setCookies.first { $0.hasPrefix("\(Self.sessionCookie)=") })
        #expect(cookie.hasSuffix("; Path=/; HttpOnly; SameSite=Lax; Secure"))
        let back = try await browser.follow(signedIn)
        let location = try #require(back["location"])
        #expect(back.status == 303 && location.hasPrefix("https://app.example/callback?code="))
        #expect(location.contains("&state=s") && location.contains("iss=https%3A%2F%2Fid.example"))

        let code = String(location.dropFirst("https://app.example/callback?code=".count).prefix { $0 != "&" })
        let tokens = try await world.post(
            "/token",
            [
                "grant_type": "authorization_code", "code": code, "client_id": "app",
                "redirect_uri": "https://app.example/callback",
                "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            ]
        )
        #expect(tokens.status == 200, "\(tokens.text)")
        #expect(tokens["cache-control"] == "no-store")
        let access = try #require(try tokens.json["access_token"]?.stringValue)
        let info = try await world.send(.get, "/userinfo", headers: [("authorization", "Bearer \(access)")])
        #expect(try info.json["sub"] != nil)

        // Single sign-on: the next request needs no form.
        let again = try await browser.get(HeaderTests.authorize)
        #expect(again["location"]?.hasPrefix("https://app.example/callback?code=") == true)
    }

    @Test("CVE-2026-23511, FIELD L35: unknown person, wrong password and disabled person get one answer")
    func oneAnswer() async throws {
        let world = try await Self.world()
        let disabled = try await world.person("bob")
        _ = try await world.people.disable(disabled.subject, now: world.now)
        var pages: [String] = []
        for (username, password) in [
            ("nobody", HTTPWorld.password), ("alice", "wrong password"), ("bob", HTTPWorld.password),
        ] {
            let browser = TestBrowser(world)
            let page = try await browser.openSignIn()
            let before = world.hasher.work.computations
            let answer = try await browser.signIn(page, username: username, password: password)
            #expect(answer.status == 401)
            #expect(world.hasher.work.computations == before + 1, "the same work")
            #expect(!answer.setCookies.contains { $0.hasPrefix(Self.sessionCookie) })
            #expect(answer.text.contains("role=\"alert\"") && !answer.text.contains(password))
            let secrets = [
                try #require(answer.field("interaction")), try #require(answer.field("form_token")), username,
            ]
            pages.append(secrets.reduce(answer.text) { $0.replacing($1, with: "…") })
        }
        #expect(Set(pages).count == 1)
        let browser = TestBrowser(world)
        #expect(try await browser.signIn(try await browser.openSignIn()).status == 303)
    }

    @Test("the form that failed can be sent again")
    func again() async throws {
        let world = try await Self.world()
        let browser = TestBrowser(world)
        let failed = try await browser.signIn(try await browser.openSignIn(), password: "wrong password")
        #expect(failed.field("interaction") != nil)
        #expect(try await browser.signIn(failed).status == 303)
    }

    enum Attack: String, CaseIterable, Sendable {
        case noToken, otherToken, tokenOfAnotherBrowser, noInteraction, otherInteraction, noBrowserCookie
        case otherBrowserCookie, crossSite, foreignOrigin
    }

    @Test("CVE-2020-10734, CVE-2026-49443: a form that was not ours signs nobody in", arguments: Attack.allCases)
    func csrf(_ attack: Attack) async throws {
        let world = try await Self.world()
        let victim = TestBrowser(world)
        let attacker = TestBrowser(world)
        let page = try await victim.openSignIn()
        let foreign = try await attacker.openSignIn()
        var interaction = page.field("interaction")
        var token = page.field("form_token")
        var headers: [(String, String)] = [("sec-fetch-site", "same-origin"), ("origin", HTTPWorld.https)]
        let own = victim.cookies
        switch attack {
        case .noToken: token = nil
        case .otherToken: token = String(repeating: "A", count: 43)
        case .tokenOfAnotherBrowser: token = foreign.field("form_token")
        case .noInteraction: interaction = nil
        case .otherInteraction:
            interaction = foreign.field("interaction")
            token = foreign.field("form_token")
        case .noBrowserCookie: victim.set("__Host-signet-browser", nil)
        case .otherBrowserCookie: victim.set("__Host-signet-browser", attacker.cookies["__Host-signet-browser"])
        case .crossSite: headers = [("sec-fetch-site", "cross-site")]
        case .foreignOrigin: headers = [("origin", "https://evil.example")]
        }
        let before = world.hasher.work.computations
        let answer = try await victim.post(
            "/sign-in",
            [
                "interaction": interaction ?? "", "form_token": token ?? "", "username": "alice",
                "password": HTTPWorld.password,
            ],
            headers: headers
        )
        #expect([400, 403, 410].contains(answer.status), "\(answer.status)")
        #expect(!answer.setCookies.contains { $0.hasPrefix(Self.sessionCookie) })
        #expect(world.hasher.work.computations == before, "no password was looked at")

        for (name, value) in own { victim.set(name, value) }
        #expect(try await victim.signIn(page, headers: [("sec-fetch-site", "same-origin")]).status == 303)
    }

    @Test("CVE-2026-7507, CVE-2024-7341: a planted session cookie is replaced and never becomes the person's")
    func fixation() async throws {
        let world = try await Self.world()
        try await world.person("mallory")
        // The attacker signs in, and plants the cookie of that session in the victim's browser.
        let attacker = TestBrowser(world)
        _ = try await attacker.signIn(try await attacker.openSignIn(), username: "mallory")
        let planted = try #require(attacker.cookies[Self.sessionCookie])
        let before = try await attacker.get("/person").json["session"]

        let victim = TestBrowser(world)
        victim.set(Self.sessionCookie, planted)
        let page = try await victim.openSignIn(HeaderTests.authorize + "&prompt=login")
        let signedIn = try await victim.signIn(page)
        #expect(signedIn.status == 303)
        let own = try #require(victim.cookies[Self.sessionCookie])
        #expect(own.split(separator: ".").map(String.init) == [String(own.prefix(43)), planted])
        // CVE-2025-12390: the id is new as well, and the planted secret opens nothing but what it opened before.
        let session = try await victim.get("/person").json["session"]
        #expect(session != nil && session != before)
        #expect(try await attacker.get("/person").json["session"] == before)
        // A cookie of the attacker's invention is worth as little.
        let other = TestBrowser(world)
        other.set(Self.sessionCookie, String(repeating: "A", count: 43))
        _ = try await other.signIn(try await other.openSignIn())
        #expect(other.cookies[Self.sessionCookie] != String(repeating: "A", count: 43))
    }

    @Test("CVE-2026-109373: a token, an id or a guessed cookie is no session", arguments: ["id", "access", "guess"])
    func sessionCookieIsOnlyTheCookie(kind: String) async throws {
        let world = try await Self.world()
        let browser = TestBrowser(world)
        _ = try await browser.signIn(try await browser.openSignIn())
        let id = try #require(try await browser.get("/person").json["session"]?.stringValue)
        let forged = TestBrowser(world)
        forged.set(
            Self.sessionCookie,
            kind == "id" ? id : kind == "access" ? "eyJhbGciOiJub25lIn0.e30.x" : "AAAAAAAAAAAA"
        )
        #expect(try await forged.get("/person").json["session"] == nil)
    }

    @Test("FIELD L36: guessing is slowed down with 429 and Retry-After, and the right password works afterwards")
    func throttling() async throws {
        let world = try await Self.world()
        let browser = TestBrowser(world)
        var page = try await browser.openSignIn()
        var answer = page
        for _ in 0..<20 {
            answer = try await browser.signIn(page, password: "wrong password")
            page = answer
            if answer.status == 429 { break }
        }
        #expect(answer.status == 429)
        let wait = try #require(answer["retry-after"].flatMap { Int64($0) })
        let computations = world.hasher.work.computations
        #expect(try await browser.signIn(page).status == 429)
        #expect(world.hasher.work.computations == computations, "no password was looked at")
        // CVE-2024-47070: a header buys no other address.
        #expect(try await browser.signIn(page, headers: [("x-forwarded-for", "198.51.100.9")]).status == 429)
        world.time.advance(by: .seconds(wait + 1))
        #expect(try await browser.signIn(page).status == 303)
    }

    @Test("a login storm is answered with 503 and Retry-After, and counts as no failure")
    func busy() async throws {
        let world = try await Self.world(hashing: .init(threads: 1, waiting: 1))
        let pages = try await withThrowingTaskGroup(of: (TestBrowser, TestAnswer).self) { group in
            for index in 0..<40 {
                group.addTask {
                    let browser = TestBrowser(world, peer: "192.0.2.\(index + 1)")
                    return (browser, try await browser.openSignIn())
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let statuses = try await withThrowingTaskGroup(of: TestAnswer.self) { group in
            for (browser, page) in pages { group.addTask { try await browser.signIn(page) } }
            return try await group.reduce(into: [TestAnswer]()) { $0.append($1) }
        }
        let refused = statuses.filter { $0.status == 503 }
        #expect(statuses.allSatisfy { [303, 503].contains($0.status) })
        #expect(refused.allSatisfy { $0["retry-after"] != nil && $0.field("form_token") != nil })
        for (browser, page) in pages where browser.cookies[Self.sessionCookie] == nil {
            #expect(try await browser.signIn(page).status == 303)
        }
    }

    @Test("attempts that were not judged do not add up to a wait")
    func unjudged() async throws {
        let store = BreakableStore()
        let world = try await HTTPWorld(store: store)
        try await world.client()
        try await world.person()
        let browser = TestBrowser(world)
        let page = try await browser.openSignIn()
        store.refuse(reading: "person")
        for _ in 0..<20 {
            let answer = try await browser.signIn(page)
            #expect(answer.status == 503 && answer["retry-after"] != nil)
        }
        store.refuse(reading: nil)
        #expect(try await browser.signIn(page).status == 303)
    }

    @Test("cancelling goes back to the application with access_denied")
    func cancel() async throws {
        let world = try await Self.world()
        let browser = TestBrowser(world)
        let page = try await browser.openSignIn()
        #expect(page.text.contains("formaction=\"/authorize/resume\""))
        let answer = try await browser.post(
            "/authorize/resume",
            [
                "interaction": try #require(page.field("interaction")),
                "form_token": try #require(page.field("form_token")), "decision": "cancel",
            ]
        )
        #expect(answer["location"]?.hasPrefix("https://app.example/callback?error=access_denied") == true)
    }

    @Test("OpenID Connect Core §3.1.2.1: a POST to the authorization endpoint becomes a GET that finds the session")
    func postedAuthorization() async throws {
        let world = try await Self.world()
        let browser = TestBrowser(world)
        _ = try await browser.signIn(try await browser.openSignIn())
        let answer = try await world.post(
            "/authorize",
            [
                "response_type": "code", "client_id": "app", "redirect_uri": "https://app.example/callback",
                "scope": "openid", "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
                "code_challenge_method": "S256",
            ],
            headers: [("sec-fetch-site", "cross-site"), ("origin", "https://app.example")]
        )
        #expect(answer.status == 303)
        #expect(try await browser.follow(answer)["location"]?.contains("code=") == true)
    }

    @Test("on loopback http the whole journey works with bare cookies")
    func loopback() async throws {
        let world = try await Self.world(issuer: HTTPWorld.loopback)
        let browser = TestBrowser(world)
        let signedIn = try await browser.signIn(try await browser.openSignIn())
        #expect(browser.cookies["signet-session"] != nil)
        #expect(try await browser.follow(signedIn)["location"]?.contains("code=") == true)
    }

    @Test("an issuer with a path has its forms and redirects below it")
    func issuerWithPath() async throws {
        let world = try await Self.world(issuer: "https://id.example/tenant")
        let browser = TestBrowser(world)
        let page = try await browser.openSignIn("/tenant" + HeaderTests.authorize)
        #expect(page.text.contains("action=\"/tenant/sign-in\""))
        let answer = try await browser.post(
            "/tenant/sign-in",
            [
                "interaction": try #require(page.field("interaction")),
                "form_token": try #require(page.field("form_token")), "username": "alice",
                "password": HTTPWorld.password,
            ]
        )
        #expect(answer["location"]?.hasPrefix("https://id.example/tenant/authorize/resume?interaction=") == true)
        #expect(try await browser.follow(answer)["location"]?.contains("code=") == true)
    }
}
