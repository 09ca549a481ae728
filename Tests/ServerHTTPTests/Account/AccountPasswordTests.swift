import Accounts
import AuthorizationServer
import HTTPTypes
import JOSE
import OAuthVocabulary
import ServerHTTP
import Testing

/// Changing the password: who may, what ends, and what guessing costs. FIELD D14, L35, M39.
@Suite("Changing the password")
struct AccountPasswordTests {
    static let new = "a new and longer password"

    static func change(
        _ browser: TestBrowser,
        current: String = HTTPWorld.password,
        new: String = new,
        again: String? = nil
    ) async throws -> TestAnswer {
        let form = try #require(try await browser.get("/account/password").form("change-password"))
        return try await browser.send(
            form,
            ["current_password": current, "new_password": new, "repeat_password": again ?? new]
        )
    }

    @Test("M39, D14: a new password ends every other session and every grant, and this browser goes on with a new one")
    func everythingEnds() async throws {
        let house = try await AccountWorld()
        let elsewhere = try await house.browser(of: "alice")
        let mallory = try await house.browser(of: "mallory")
        let here = try await house.world.tokens(for: house.alice)
        let there = try await house.world.tokens(for: elsewhere, client: "mail")
        let hers = try await house.world.tokens(for: mallory)
        let before = try #require(house.alice.cookies[SeveralAccountsTests.cookie])
        let id = try await house.alice.get("/person").json["session"]

        // The clock stands still: what begins with the end would end with it.
        let answer = try await Self.change(house.alice)
        #expect(answer.status == 303)
        let page = try await house.alice.follow(answer)
        #expect(page.status == 200 && page.text.contains("role=\"status\""), "\(page.text)")
        #expect(house.alice.cookies[SeveralAccountsTests.cookie] != before)
        let after = try await house.alice.get("/person").json["session"]
        #expect(after != nil && after != id)
        let thief = TestBrowser(house.world)
        thief.set(SeveralAccountsTests.cookie, before)
        #expect(try await house.isSignedIn(thief) == false)
        #expect(try await house.isSignedIn(elsewhere) == false)
        for (tokens, client) in [(here, "app"), (there, "mail")] {
            #expect(try await house.world.pays(tokens, client: client) == (false, false))
        }
        #expect(try await house.isSignedIn(mallory))
        #expect(try await house.world.pays(hers) == (true, true))

        let fresh = TestBrowser(house.world)
        #expect(try await fresh.signIn(try await fresh.openSignIn()).status == 401)
        #expect(try await fresh.signIn(try await fresh.openSignIn(), password: Self.new).status == 303)
        // The new session is as good as any: an application gets tokens by it.
        house.world.time.advance(by: .seconds(1))
        #expect(try await house.world.pays(try await house.world.tokens(for: house.alice)) == (true, true))
    }

    @Test("what slipped through between the act and its commit is ended once more, and the new session outlives that")
    func slippedThrough() async throws {
        let house = try await AccountWorld()
        let world = house.world
        let alice = try await world.subject("alice")
        let form = try #require(try await house.alice.get("/account/password").form("change-password"))
        let before = world.now
        // Every question for the time is a little later: the act and its end do not fall on one moment.
        world.time.creep(by: .milliseconds(1))
        let answer = try await house.alice.send(
            form,
            ["current_password": HTTPWorld.password, "new_password": Self.new, "repeat_password": Self.new]
        )
        world.time.creep(by: .zero)
        #expect(answer.status == 303)
        let changed = try #require(try await world.people.find(subject: alice, now: world.now)).credentialsChangedAt
        let cutOff = try #require(try await world.services.revocations.cutOff(for: [.subject(alice)], now: world.now))
        #expect(before < changed && changed < cutOff)
        #expect(try await house.alice.follow(answer).status == 200)
    }

    @Test(
        "a new password that cannot be is refused before the current one is judged",
        arguments: [("short", nil), (String(repeating: "x", count: 1025), nil), (new, "another"), (new, "")]
            as [(String, String?)]
    )
    func unusable(new: String, again: String?) async throws {
        let house = try await AccountWorld()
        let computations = house.world.hasher.work.computations
        let answer = try await Self.change(house.alice, new: new, again: again)
        #expect(answer.status == 400 && answer.text.contains("role=\"alert\""))
        #expect(!answer.text.contains("value=\"\(new)\""))
        #expect(house.world.hasher.work.computations == computations)
        #expect(try await Self.change(house.alice).status == 303)
    }

    @Test("the password of before is no new one")
    func unchanged() async throws {
        let house = try await AccountWorld()
        let answer = try await Self.change(house.alice, new: HTTPWorld.password)
        #expect(answer.status == 400 && answer.text.contains("role=\"alert\""))
        #expect(try await house.isSignedIn(house.alice))
    }

    @Test("L35, FIELD L36: guessing the current password waits together with the sign-in form")
    func throttled() async throws {
        let house = try await AccountWorld()
        let world = house.world
        var answer = try await Self.change(house.alice, current: "wrong password")
        #expect(answer.status == 401 && answer.text.contains("role=\"alert\""))
        for _ in 0..<20 where answer.status != 429 {
            answer = try await Self.change(house.alice, current: "wrong password")
        }
        #expect(answer.status == 429)
        let wait = try #require(answer["retry-after"].flatMap { Int64($0) })
        let computations = world.hasher.work.computations
        #expect(try await Self.change(house.alice).status == 429)
        let form = TestBrowser(world)
        #expect(try await form.signIn(try await form.openSignIn()).status == 429, "one counter for both")
        #expect(world.hasher.work.computations == computations, "no password was looked at")
        world.time.advance(by: .seconds(wait + 1))
        #expect(try await Self.change(house.alice).status == 303)
    }

    @Test("an empty, a missing and somebody else's password change nothing", arguments: ["", nil, "other"])
    func wrong(current: String?) async throws {
        let house = try await AccountWorld()
        let mallory = try await house.world.subject("mallory")
        try await house.world.people.setPassword(mallory, to: Secret("other-password"), now: house.world.now)
        let form = try #require(try await house.alice.get("/account/password").form("change-password"))
        var fields = ["new_password": Self.new, "repeat_password": Self.new]
        fields["current_password"] = current.map { $0 == "other" ? "other-password" : $0 }
        #expect(try await house.alice.send(form, fields).status == 401)
        let fresh = TestBrowser(house.world)
        #expect(try await fresh.signIn(try await fresh.openSignIn()).status == 303)
    }

    @Test("whoever has no password is told so, and gets no form")
    func withoutPassword() async throws {
        let world = try await SignInTests.world()
        let carol = try await world.people.create(NewPerson(username: "carol"), password: nil, now: world.now)
        let (cookie, _) = try await world.sessions.create(
            for: carol,
            amr: ["fed"],
            acr: "1",
            now: world.now,
            replacing: []
        )
        let browser = TestBrowser(world)
        browser.set(SeveralAccountsTests.cookie, cookie.exposed)
        let page = try await browser.get("/account/password")
        #expect(page.status == 200 && page.forms.isEmpty)
    }

    @Test("FIELD: no password is ever logged")
    func log() async throws {
        let house = try await AccountWorld()
        _ = try await Self.change(house.alice, current: "wrong password!")
        _ = try await Self.change(house.alice)
        for secret in ["wrong password!", HTTPWorld.password, Self.new] {
            #expect(!house.world.log.text.contains(secret))
        }
    }
}
