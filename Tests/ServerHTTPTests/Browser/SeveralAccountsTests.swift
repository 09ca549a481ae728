import Accounts
import AuthorizationServer
import HTTPTypes
import JOSE
import OAuthVocabulary
import ServerHTTP
import Testing

/// One browser, several people: the sign-on cookie holds up to five secrets, the current one first. FIELD K30 to K32.
@Suite("Several people in one browser")
struct SeveralAccountsTests {
    static let cookie = SignInTests.sessionCookie

    /// A browser in which these have signed in, the last one last, and their subjects.
    static func signedIn(
        _ names: [String],
        _ world: HTTPWorld
    ) async throws -> (browser: TestBrowser, subjects: [String: String]) {
        let browser = TestBrowser(world)
        var subjects: [String: String] = [:]
        for name in names {
            if try await world.people.find(username: name, now: world.now) == nil { try await world.person(name) }
            let page = try await browser.openSignIn(HeaderTests.authorize + "&prompt=login")
            #expect(try await browser.signIn(page, username: name).status == 303)
            world.time.advance(by: .seconds(1))
            subjects[name] = try await world.people.find(username: name, now: world.now)?.subject.value
        }
        return (browser, subjects)
    }

    static func people(_ browser: TestBrowser) async throws -> [String] {
        try await browser.get("/person").json["people"]?.arrayValue?.compactMap(\.stringValue) ?? []
    }

    @Test("whoever signs in comes first, everybody else stays, and signing in again replaces only oneself")
    func order() async throws {
        let world = try await SignInTests.world()
        let (browser, subjects) = try await Self.signedIn(["alice", "bob", "carol"], world)
        let expected = ["carol", "bob", "alice"].compactMap { subjects[$0] }
        #expect(try await Self.people(browser) == expected)
        let before = try #require(browser.cookies[Self.cookie]).split(separator: ".")
        #expect(before.count == 3 && Set(before).count == 3)

        let page = try await browser.openSignIn(HeaderTests.authorize + "&prompt=login")
        _ = try await browser.signIn(page, username: "bob")
        #expect(try await Self.people(browser) == ["bob", "carol", "alice"].compactMap { subjects[$0] })
        let after = try #require(browser.cookies[Self.cookie]).split(separator: ".")
        #expect(after.count == 3 && !before.contains(after[0]))
        #expect(Array(after.dropFirst()) == [before[0], before[2]], "the others' secrets are theirs")
    }

    @Test("K31, CVE-2025-12390: each of two people has an id of their own, which the other never answers to")
    func ids() async throws {
        let world = try await SignInTests.world()
        let (browser, subjects) = try await Self.signedIn(["alice", "bob"], world)
        for name in ["alice", "bob"] {
            let subject = try #require(subjects[name].flatMap { Subject($0) })
            let session = try #require(try await world.sessions.list(of: subject, now: world.now).first)
            #expect(session.earlierIDs.isEmpty)
            try await world.sessions.close(session.id, now: world.now)
            #expect(try await Self.people(browser) == (name == "alice" ? [subjects["bob"]].compactMap(\.self) : []))
        }
        #expect(browser.cookies[Self.cookie] == nil, "a cookie of which nothing is alive is taken back")
    }

    @Test("K31: refresh families and consents of two people in one browser never mix")
    func familiesAndConsents() async throws {
        let world = try await SignInTests.world()
        try await world.client("shop") { $0.consent = .required }
        let (browser, subjects) = try await Self.signedIn(["alice", "bob"], world)
        let bobs = try await world.tokens(for: browser, client: "shop", scope: "openid")
        let asked =
            HeaderTests.authorize.replacing("=app&", with: "=shop&")
            .replacing("app.example", with: "shop.example") + "&login_hint=alice"
        // What Bob allowed, Alice is asked about.
        let page = try await browser.follow(try await browser.get(asked))
        #expect(page.text.contains("Alice Example") && page.text.contains("value=\"allow\""))
        let alices = try await world.tokens(for: browser, client: "shop", scope: "openid&login_hint=alice")
        #expect(try await Self.people(browser) == ["bob", "alice"].compactMap { subjects[$0] })

        let token = try #require(try await browser.get("/logout").field("form_token"))
        _ = try await browser.post("/logout", ["form_token": token, "decision": "sign-out"])
        #expect(try await world.pays(bobs, client: "shop") == (false, false))
        #expect(try await world.pays(alices, client: "shop") == (true, true))
    }

    @Test("of six people the one who was current longest ago is signed out, and no secret lives on unseen")
    func six() async throws {
        let world = try await SignInTests.world()
        let names = ["alice", "bob", "carol", "dave", "erin", "frank"]
        let (browser, subjects) = try await Self.signedIn(names, world)
        let value = try #require(browser.cookies[Self.cookie])
        #expect(value.utf8.count == 5 * 43 + 4)
        #expect(try await Self.people(browser) == names.dropFirst().reversed().compactMap { subjects[$0] })
        let alice = try #require(subjects["alice"].flatMap { Subject($0) })
        #expect(try await world.sessions.list(of: alice, now: world.now).isEmpty)
    }

    @Test("signing out one of them leaves the others, and the next one is current")
    func signOut() async throws {
        let world = try await SignInTests.world()
        let (browser, subjects) = try await Self.signedIn(["alice", "bob"], world)
        let token = try #require(try await browser.get("/logout").field("form_token"))
        let answer = try await browser.post("/logout", ["form_token": token, "decision": "sign-out"])
        #expect(answer.status == 200)
        #expect(try await Self.people(browser) == [subjects["alice"]].compactMap(\.self))
        let bob = try #require(subjects["bob"].flatMap { Subject($0) })
        #expect(try await world.sessions.list(of: bob, now: world.now).isEmpty)
    }

    @Test("the chooser names both, and whoever is chosen is current in this browser from then on")
    func chooser() async throws {
        let world = try await SignInTests.world()
        let (browser, subjects) = try await Self.signedIn(["alice", "bob"], world)
        world.time.advance(by: .seconds(60))
        let page = try await browser.follow(browser.get(HeaderTests.authorize + "&prompt=select_account"))
        let alice = try #require(subjects["alice"])
        #expect(page.text.contains("value=\"\(alice)\"") && page.text.contains("value=\"\(subjects["bob"] ?? "?")\""))
        let chosen = try await browser.post(
            "/choose-account",
            [
                "interaction": try #require(page.field("interaction")),
                "form_token": try #require(page.field("form_token")), "account": alice,
            ],
            headers: [("sec-fetch-site", "same-origin")]
        )
        #expect(try await browser.follow(chosen)["location"]?.contains("code=") == true)
        #expect(try await Self.people(browser) == ["alice", "bob"].compactMap { subjects[$0] })
    }

    @Test(
        "K32, CVE-2026-109373: forged, doubled, reordered and over-long cookies open nothing but what their secrets open",
        arguments: [
            ("A.B", ["A", "B"]), ("B.A", ["B", "A"]), ("A.A.B", ["A", "B"]), ("x.A", ["A"]), ("A.x", ["A"]),
            (".A..B.", ["A", "B"]), ("AB", []), ("A B", []), ("A,B", []), ("A.A.A.A.A.B", []), ("x.x.x.x.x.A", []),
            ("", []), ("....", []), ("A.B.A.B.A", ["A", "B"]), ("a", []), ("id", []),
        ] as [(String, [String])]
    )
    func malformed(_ recipe: String, expected: [String]) async throws {
        let world = try await SignInTests.world()
        let (both, subjects) = try await Self.signedIn(["alice", "bob"], world)
        let secrets = try #require(both.cookies[Self.cookie]).split(separator: ".").map(String.init)
        let id = try #require(try await both.get("/person").json["session"]?.stringValue)
        let value =
            recipe == "id"
            ? id
            : recipe.map { letter -> String in
                switch letter {
                case "A": secrets[0]
                case "B": secrets[1]
                case "x": String(repeating: "Q", count: 43)
                case "a": String(secrets[0].dropLast())
                default: String(letter)
                }
            }.joined()
        let browser = TestBrowser(world)
        browser.set(Self.cookie, value)
        let answer = try await browser.get("/person")
        #expect(answer.status == 200)
        let names = expected.compactMap { subjects[$0 == "A" ? "bob" : "alice"] }
        #expect(try answer.json["people"]?.arrayValue?.compactMap(\.stringValue) == names)
    }

    @Test("K30: dead secrets leave the cookie at the next answer, and an answer that signs in is not overruled")
    func deadSecrets() async throws {
        let world = try await SignInTests.world()
        let (browser, subjects) = try await Self.signedIn(["alice", "bob"], world)
        let bob = try #require(subjects["bob"].flatMap { Subject($0) })
        let alices = try #require(browser.cookies[Self.cookie]?.split(separator: ".").last.map(String.init))
        try await world.people.disable(bob, now: world.now)
        let page = try await browser.get("/logout")
        #expect(page.text.contains("Alice Example"))
        #expect(browser.cookies[Self.cookie] == alices)
        #expect(try await browser.get("/person").setCookies.isEmpty, "said once")
        let form = try await browser.openSignIn(HeaderTests.authorize + "&prompt=login")
        browser.set(Self.cookie, String(repeating: "Q", count: 43) + "." + alices)
        let signedIn = try await browser.signIn(form)
        #expect(signedIn.setCookies.filter { $0.hasPrefix(Self.cookie + "=") }.count == 1)
        #expect(try await Self.people(browser) == [subjects["alice"]].compactMap(\.self))
    }
}
