import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// One browser in which several people are signed in: OpenID Connect Core §3.1.2.1, FIELD K31, K33.
@Suite struct SessionChoiceTests {
    /// Alice, then Bob signed in here a while ago, so that Bob is the current one; both know the application.
    static func both() async throws -> Browser {
        var browser = try await TestWorld.browser(client: { $0.consent = .implicit })
        try await browser.signIn("alice") { $0.standardClaims["email"] = "alice@example.com" }
        browser.world.time.advance(by: .seconds(60))
        try await browser.signInBeside("bob")
        browser.world.time.advance(by: .seconds(60))
        return browser
    }

    /// For whom the last code is.
    static func subject(_ response: EndpointResponse, _ browser: Browser) async throws -> String? {
        guard let code = response.client["code"] else { return nil }
        let record = try await browser.world.store.find(AuthorizationCodeRecord.key(code), now: browser.world.now)
        return try record.map { try AuthorizationCodeRecord(from: $0).subject.value }
    }

    @Test(
        arguments: [
            ([:], "bob"), (["login_hint": "alice"], "alice"), (["login_hint": "ALICE@example.com"], "alice"),
            (["login_hint": "bob"], "bob"), (["login_hint": "carol"], "bob"), (["login_hint": ""], "bob"),
        ] as [([String: String], String)]
    )
    func `OpenID Connect Core §3.1.2.1: login_hint picks among those who are signed in, else it is the current one`(
        _ hint: [String: String],
        _ subject: String
    ) async throws {
        let browser = try await Self.both()
        let response = try await browser.authorize(hint.merging(["prompt": "none"]) { $1 })
        #expect(try await Self.subject(response, browser) == subject)
        #expect((response.usedSession == nil) == (subject == "bob"), "the use of another session is noted")
    }

    @Test func `OpenID Connect Core §3.1.2.1: id_token_hint is answered for its person`() async throws {
        let browser = try await Self.both()
        for name in ["alice", "bob"] {
            let hint = try browser.world.idToken(["sub": .string(name)])
            let response = try await browser.authorize(["prompt": "none", "id_token_hint": hint])
            #expect(try await Self.subject(response, browser) == name)
        }
        let stranger = try browser.world.idToken(["sub": "carol"])
        let refused = try await browser.authorize(["prompt": "none", "id_token_hint": stranger])
        #expect(refused.client["error"] == "login_required")
    }

    @Test func `K31: a code for one of two people names that person's session`() async throws {
        let browser = try await Self.both()
        for session in [try #require(browser.session)] + browser.others {
            let hint = try browser.world.idToken(["sub": .string(session.subject.value)])
            let response = try await browser.authorize(["prompt": "none", "id_token_hint": hint])
            let code = try #require(response.client["code"])
            let stored = try await browser.world.store.find(AuthorizationCodeRecord.key(code), now: browser.world.now)
            let record = try AuthorizationCodeRecord(from: try #require(stored))
            #expect(record.subject == session.subject && record.session == session.id)
            #expect(record.authentication == session.authentication)
        }
    }

    @Test func `prompt=select_account shows everybody, and goes on with whoever is chosen`() async throws {
        for name in ["alice", "bob"] {
            var browser = try await Self.both()
            let screen = try #require(try await browser.authorize(["prompt": "select_account"]).chooseAccount)
            #expect(screen.accounts.map(\.value) == ["bob", "alice"])
            let chosen = try await browser.post(
                "/choose-account",
                ["interaction": screen.interaction, "form_token": screen.formToken, "account": name]
            )
            browser.obey(chosen)
            #expect(browser.session?.subject.value == name)
            let response = try await browser.follow(chosen)
            #expect(try await Self.subject(response, browser) == name)
            // From now on that is the current person.
            #expect(try await Self.subject(try await browser.authorize(["prompt": "none"]), browser) == name)
        }
    }

    @Test(arguments: ["carol", "", " alice", "ALICE"])
    func `P44, CVE-2026-55106: an account that is not signed in here cannot be chosen`(_ name: String) async throws {
        let browser = try await Self.both()
        let screen = try #require(try await browser.authorize(["prompt": "select_account"]).chooseAccount)
        // Carol is signed in somewhere else.
        var elsewhere = browser
        elsewhere.others = []
        try await elsewhere.signIn("carol")
        let form = ["interaction": screen.interaction, "form_token": screen.formToken, "account": name]
        let response = try await browser.post("/choose-account", form)
        #expect(response.chosenSession == nil)
        #expect(name.isEmpty ? response.location != nil : response.shownError?.status == 403)
    }

    @Test func `K34: the form of another interaction or session chooses nothing`() async throws {
        let browser = try await Self.both()
        let first = try #require(try await browser.authorize(["prompt": "select_account"]).chooseAccount)
        let second = try #require(try await browser.authorize(["prompt": "select_account"]).chooseAccount)
        let form = ["interaction": first.interaction, "form_token": first.formToken, "account": "alice"]
        let otherToken = try await browser.post(
            "/choose-account",
            form.merging(["form_token": second.formToken]) { $1 }
        )
        #expect(otherToken.shownError?.status == 403 && otherToken.chosenSession == nil)
        var reordered = browser
        reordered.session = browser.others.first
        reordered.others = [try #require(browser.session)]
        #expect(try await reordered.post("/choose-account", form).shownError?.status == 403)
        #expect(try await browser.post("/choose-account", form).chosenSession != nil)
    }

    @Test func `K33, CVE-2023-6787: prompt=login is not met by another person's session`() async throws {
        var browser = try await Self.both()
        let hint = try browser.world.idToken(["sub": "alice"])
        let signIn = try #require(try await browser.authorize(["prompt": "login", "id_token_hint": hint]).signIn)
        #expect(signIn.reauthenticating?.value == "alice")
        #expect(try await browser.resume(signIn.interaction).signIn != nil, "nobody has signed in since")
        // Whoever else signs in instead is refused, and not passed over for the one who was there.
        try await browser.signInBeside("carol")
        #expect(try await browser.resume(signIn.interaction).client["error"] == "login_required")
        let again = try #require(try await browser.authorize(["prompt": "login", "id_token_hint": hint]).signIn)
        browser.others.removeAll { $0.subject.value == "alice" }
        browser.world.time.advance(by: .seconds(1))
        try await browser.signInBeside("alice")
        let response = try await browser.resume(again.interaction)
        #expect(try await Self.subject(response, browser) == "alice")
    }

    @Test func `max_age is measured on the session that is meant, not on the current one`() async throws {
        let browser = try await Self.both()
        let hint = try browser.world.idToken(["sub": "alice"])
        let asked = try await browser.authorize(["max_age": "90", "id_token_hint": hint])
        #expect(asked.signIn?.reauthenticating?.value == "alice")
        #expect(try await Self.subject(try await browser.authorize(["max_age": "90"]), browser) == "bob")
    }

    @Test func `A session that died among several is neither offered nor meant`() async throws {
        let browser = try await Self.both()
        let alice = try #require(browser.others.first)
        try await browser.world.services.revocations.apply(ending: .session(alice.id), now: browser.world.now)
        let screen = try #require(try await browser.authorize(["prompt": "select_account"]).chooseAccount)
        #expect(screen.accounts.map(\.value) == ["bob"])
        let hint = try browser.world.idToken(["sub": "alice"])
        let refused = try await browser.authorize(["prompt": "none", "id_token_hint": hint])
        #expect(refused.client["error"] == "login_required")
    }

    // MARK: - Signing out

    @Test func `RP-Initiated Logout §2: a hint of one of several sessions ends that one only`() async throws {
        let browser = try await Self.both()
        for session in [try #require(browser.session)] + browser.others {
            let hint = try browser.world.idToken([
                "sub": .string(session.subject.value), "sid": .string(session.id.value),
            ])
            #expect(try await browser.get("/logout", ["id_token_hint": hint]).endedSession == session.id)
        }
        // A sid of one and a subject of another prove nothing.
        let mixed = try browser.world.idToken([
            "sub": "alice", "sid": .string(try #require(browser.session).id.value),
        ])
        let asked = try await browser.get("/logout", ["id_token_hint": mixed])
        #expect(asked.endedSession == nil)
        guard case .screen(.confirmSignOut(let screen)) = asked.body else { throw TestFailure() }
        #expect(screen.subject.value == "alice", "the person of the hint is asked about")
    }

    @Test func `RP-Initiated Logout §2: a hint from an earlier sign-in belongs to the session`() async throws {
        var browser = try await Self.both()
        let old = try #require(SessionID("an-earlier-sign-in"))
        browser.session?.earlierIDs = [old]
        let hint = try browser.world.idToken(["sub": "bob", "sid": .string(old.value)])
        #expect(try await browser.get("/logout", ["id_token_hint": hint]).endedSession == browser.session?.id)
    }
}
