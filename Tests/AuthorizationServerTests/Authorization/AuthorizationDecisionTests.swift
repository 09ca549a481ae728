import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// When a person is asked, and what prompt=none gets instead: OpenID Connect Core §3.1.2.1 to §3.1.2.4, FIELD K33.
@Suite struct AuthorizationDecisionTests {
    /// A browser whose person signed in and consented a minute ago.
    static func known(client edit: (inout RegisteredClient) -> Void = { _ in }) async throws -> Browser {
        var browser = try await TestWorld.browser(client: edit)
        _ = try await browser.code()
        browser.world.time.advance(by: .seconds(60))
        return browser
    }

    // MARK: - prompt=none

    @Test func `prompt=none: nobody signed in is login_required, somebody is a code`() async throws {
        let known = try await Self.known()
        var stranger = known
        stranger.session = nil
        let refused = try await stranger.authorize(["prompt": "none"])
        #expect(refused.client["error"] == "login_required")
        #expect(refused.client["state"] == "af0ifjsldkj")
        #expect(try await known.authorize(["prompt": "none"]).client["code"] != nil)
    }

    @Test(arguments: [
        (["max_age": "59"], ["max_age": "60"], "login_required"),
        (["scope": "openid email"], ["scope": "openid profile"], "consent_required"),
        (["scope": "openid offline_access"], ["scope": "openid"], "consent_required"),
        (["scope": "openid orders:read"], ["scope": "openid"], "consent_required"),
    ])
    func `prompt=none is answered with an error by redirect where a person would be asked`(
        _ asking: [String: String],
        _ silent: [String: String],
        _ code: String
    ) async throws {
        let browser = try await Self.known()
        let none = ["prompt": "none"]
        let refused = try await browser.authorize(asking.merging(none) { $1 })
        #expect(refused.client["error"] == code)
        #expect(refused.client["iss"] == TestWorld.issuer)
        #expect(try await browser.authorize(silent.merging(none) { $1 }).client["code"] != nil)
        let interactions = try await browser.world.store.page(
            InteractionRecord.kind,
            filter: .all,
            after: nil,
            limit: 10,
            now: browser.world.now
        )
        #expect(interactions.count == 1, "only the first sign-in left one")
    }

    // MARK: - prompt=login, max_age

    @Test(arguments: [["prompt": "login"], ["max_age": "30"], ["max_age": "0"], ["prompt": "login consent"]])
    func `CVE-2023-6787: asking for a fresh sign-in takes one; walking past the page is none`(
        _ request: [String: String]
    ) async throws {
        var browser = try await Self.known()
        let signIn = try #require(try await browser.authorize(request).signIn)
        #expect(signIn.reauthenticating?.value == "alice")
        // Cancelled, and the old session presented again.
        #expect(try await browser.resume(signIn.interaction).signIn != nil)
        #expect(
            try await browser.get("/consent", ["interaction": signIn.interaction]).location?.contains("resume") == true
        )
        #expect(try await browser.world.codes().isEmpty)
        // The twin: a fresh sign-in.
        browser.world.time.advance(by: .seconds(5))
        try await browser.signIn()
        browser.world.time.advance(by: .seconds(5))
        let answer = try await browser.resume(signIn.interaction)
        if request["prompt"]?.contains("consent") == true {
            #expect(answer.consent != nil)
        } else {
            #expect(answer.client["code"] != nil)
            let code = try #require(try await browser.world.codes().first)
            #expect(code.authentication.at == browser.world.now - .seconds(5))
        }
    }

    @Test func `CVE-2023-6787: a session that began before the request is not fresh, whenever it arrives`() async throws
    {
        var browser = try await Self.known()
        let old = browser.session
        try await browser.signIn()
        let newer = browser.session
        browser.world.time.advance(by: .seconds(1))
        browser.session = old
        let signIn = try #require(try await browser.authorize(["prompt": "login"]).signIn)
        browser.session = newer
        #expect(try await browser.resume(signIn.interaction).signIn != nil)
    }

    @Test func `max_age is measured from the authentication, to the second`() async throws {
        let browser = try await Self.known()
        #expect(try await browser.authorize(["max_age": "60"]).client["code"] != nil)
        browser.world.time.advance(by: .milliseconds(1))
        #expect(try await browser.authorize(["max_age": "60"]).signIn != nil)
        #expect(try await browser.authorize(["max_age": "61"]).client["code"] != nil)
    }

    // MARK: - id_token_hint

    @Test func `id_token_hint of the person who is signed in changes nothing`() async throws {
        let browser = try await Self.known()
        let hint = try browser.world.idToken([:])
        #expect(try await browser.authorize(["id_token_hint": hint, "prompt": "none"]).client["code"] != nil)
    }

    @Test func `An expired id_token_hint is as good`() async throws {
        let browser = try await Self.known()
        let hint = try browser.world.idToken(["exp": 1_700_000_000, "iat": 1_600_000_000])
        #expect(try await browser.authorize(["id_token_hint": hint, "prompt": "none"]).client["code"] != nil)
    }

    @Test func `id_token_hint of another: login_required for prompt=none, else a sign-in of that person`() async throws
    {
        var browser = try await Self.known()
        let hint = try browser.world.idToken(["sub": "bob"])
        let none = try await browser.authorize(["id_token_hint": hint, "prompt": "none"])
        #expect(none.client["error"] == "login_required")
        let signIn = try #require(try await browser.authorize(["id_token_hint": hint]).signIn)
        #expect(signIn.reauthenticating?.value == "bob")
        try await browser.signIn("alice")
        let stubborn = try await browser.resume(signIn.interaction)
        #expect(stubborn.client["error"] == "login_required")
        let again = try #require(try await browser.authorize(["id_token_hint": hint]).signIn)
        try await browser.signIn("bob")
        #expect(try await browser.resume(again.interaction).consent?.subject.value == "bob")
    }

    @Test(arguments: ["another client's", "an access token (F22, GHSA-7fpj-9hr8-28vh)", "another issuer's", "forged"])
    func `A hint that is no ID token of ours for this client is refused`(_ kind: String) async throws {
        let browser = try await Self.known()
        let world = browser.world
        let genuine = try world.idToken([:])
        let hint =
            switch kind {
            case "another client's": try world.idToken(["aud": "other"])
            case "another issuer's": try world.idToken(["iss": "https://evil.test"])
            case "forged":
                try JWT.signed(
                    try UnverifiedToken(genuine).unverifiedClaims,
                    type: "JWT",
                    by: SigningKey.generate(.es256, keyID: try UnverifiedToken(genuine).header["kid"]?.stringValue)
                )
            default: try world.idToken([:], type: "at+jwt")
            }
        let refused = try await browser.authorize(["id_token_hint": hint, "prompt": "none"])
        #expect(refused.client["error"] == "invalid_request")
        #expect(try await browser.authorize(["id_token_hint": genuine, "prompt": "none"]).client["code"] != nil)
    }

    // MARK: - select_account

    @Test func `prompt=select_account offers the account of this browser, or another`() async throws {
        var browser = try await Self.known()
        let screen = try #require(try await browser.authorize(["prompt": "select_account"]).chooseAccount)
        #expect(screen.accounts.map(\.value) == ["alice"])
        let form = ["interaction": screen.interaction, "form_token": screen.formToken]
        // Walking past the page chooses nothing.
        #expect(try await browser.resume(screen.interaction).chooseAccount != nil)
        let forged = try await browser.post("/choose-account", ["interaction": screen.interaction, "account": "alice"])
        #expect(forged.shownError?.status == 403)
        let stranger = try await browser.post("/choose-account", form.merging(["account": "bob"]) { $1 })
        #expect(stranger.shownError?.status == 403)

        let other = try await browser.follow(browser.post("/choose-account", form))
        #expect(other.signIn?.reauthenticating == nil && other.signIn != nil)
        let chosen = try await browser.follow(
            browser.post("/choose-account", form.merging(["account": "alice"]) { $1 })
        )
        #expect(chosen.client["code"] != nil)

        let second = try #require(try await browser.authorize(["prompt": "select_account"]).chooseAccount)
        try await browser.signIn("bob")
        #expect(try await browser.resume(second.interaction).consent?.subject.value == "bob")
    }

    // MARK: - The session

    enum Ending: String, CaseIterable, Sendable {
        case disabled, password, subjectRevoked, sessionRevoked, everything, closed
    }

    @Test(arguments: Ending.allCases)
    func `K: a session that was ended, or whose person was, signs nobody on`(_ ending: Ending) async throws {
        let browser = try await Self.known()
        let world = browser.world
        let session = try #require(browser.session)
        #expect(try await browser.authorize().client["code"] != nil)
        let issued = try await world.codes().count
        switch ending {
        case .disabled, .password:
            var person = try #require(try await world.endUsers.person(session.subject, now: world.now))
            if ending == .disabled { person.isEnabled = false } else { person.credentialsChangedAt = world.now }
            world.endUsers.put(person)
        case .subjectRevoked:
            try await world.services.revocations.apply(ending: .subject(session.subject), now: world.now)
        case .sessionRevoked: try await world.services.revocations.apply(ending: .session(session.id), now: world.now)
        case .everything: try await world.services.revocations.apply(ending: .everything, now: world.now)
        case .closed: world.endUsers.remove(session.id)
        }
        #expect(try await browser.authorize().signIn != nil)
        #expect(try await browser.authorize(["prompt": "none"]).client["error"] == "login_required")
        #expect(try await world.codes().count == issued)
    }
}
