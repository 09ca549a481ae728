import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// What a person allows, and that nobody else allows it: OpenID Connect Core §3.1.2.4, §11; FIELD K31, K34.
@Suite struct ConsentTests {
    /// A browser at the consent page.
    static func asked(_ changes: [String: String?] = [:]) async throws -> (browser: Browser, screen: ConsentScreen) {
        var browser = try await TestWorld.browser()
        try await browser.signIn()
        return (browser, try #require(try await browser.authorize(changes).consent))
    }

    @Test func `Denying tells the application, once, and records nothing`() async throws {
        let (browser, screen) = try await Self.asked()
        let denied = try await browser.answer(screen, "deny")
        #expect(denied.client["error"] == "access_denied")
        #expect(denied.client["error_description"] == "the person did not allow it")
        #expect(denied.client["state"] == "af0ifjsldkj")
        #expect(try await browser.answer(screen, "allow").shownError?.description == InteractionTests.answered)
        #expect(try await browser.world.codes().isEmpty)
        #expect(try await browser.authorize().consent != nil)
    }

    @Test(arguments: [nil, "", "maybe", "Allow"] as [String?])
    func `CVE-2026-49443: a form without a decision skips nothing and ends nothing`(_ decision: String?) async throws {
        let (browser, screen) = try await Self.asked()
        var form = ["interaction": screen.interaction, "form_token": screen.formToken]
        form["decision"] = decision
        let refused = try await browser.post("/consent", form)
        #expect(refused.shownError?.description == "the form came without a decision")
        #expect(try await browser.world.codes().isEmpty)
        #expect(try await browser.answer(screen, "allow").client["code"] != nil)
    }

    @Test(
        arguments: ["none", "wrong", "of the sign-in form", "of another interaction", "of another session"],
        ["allow", "deny"]
    )
    func `K34, CVE-2020-10734: a consent without the token of its own page is refused`(
        _ kind: String,
        _ decision: String
    ) async throws {
        let (browser, screen) = try await Self.asked()
        let interactions = browser.world.provider.interactions
        let token: String? =
            switch kind {
            case "none": nil
            case "wrong": "x"
            case "of the sign-in form":
                interactions.formToken(.signIn, interaction: screen.interaction, browserBinding: browser.binding)
            case "of another interaction": try #require(try await browser.authorize().consent).formToken
            default:
                interactions.formToken(
                    .consent,
                    interaction: screen.interaction,
                    browserBinding: browser.binding,
                    session: try await { () async throws in
                        var other = browser
                        return try await other.signIn()
                    }()
                )
            }
        var form = ["interaction": screen.interaction, "decision": decision]
        form["form_token"] = token
        let refused = try await browser.post("/consent", form)
        #expect(refused.shownError?.description == InteractionTests.stale)
        #expect(refused.status == 403)
        #expect(try await browser.world.codes().isEmpty)
        form["form_token"] = screen.formToken
        #expect(try await browser.post("/consent", form).client[decision == "allow" ? "code" : "error"] != nil)
    }

    @Test func `K31, CVE-2025-12390: a page shown to one person is not answered by the next`() async throws {
        let (browser, screen) = try await Self.asked()
        var next = browser
        try await next.signIn("bob")
        #expect(try await next.answer(screen, "allow").shownError?.description == InteractionTests.stale)
        #expect(try await next.resume(screen.interaction).consent?.subject.value == "bob")
        #expect(try await next.world.codes().isEmpty)
        #expect(try await browser.answer(screen, "allow").client["code"] != nil)
        #expect(try await browser.world.codes().map(\.subject.value) == ["alice"])
    }

    @Test func `A consent without a session leads to the sign-in`() async throws {
        var (browser, screen) = try await Self.asked()
        browser.session = nil
        let response = try await browser.follow(browser.answer(screen, "allow"))
        #expect(response.signIn != nil)
        #expect(try await browser.world.codes().isEmpty)
    }

    @Test func `C: fifty posts of one consent issue one code`() async throws {
        let (browser, screen) = try await Self.asked()
        let answers = try await withThrowingTaskGroup(of: EndpointResponse.self) { group in
            for _ in 0..<50 { group.addTask { try await browser.answer(screen, "allow") } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers.count { $0.client["code"] != nil } == 1)
        #expect(answers.count { $0.shownError?.description == InteractionTests.answered } == 49)
        #expect(try await browser.world.codes().count == 1)
    }

    @Test func `Consents given side by side are all kept`() async throws {
        var browser = try await TestWorld.browser()
        try await browser.signIn()
        let ready = browser
        var screens: [ConsentScreen] = []
        for scope in ["openid profile", "openid email", "orders:read", "orders:write", "openid offline_access"] {
            screens.append(try #require(try await ready.authorize(["scope": scope]).consent))
        }
        let answers = try await withThrowingTaskGroup(of: EndpointResponse.self) { group in
            for screen in screens { group.addTask { try await ready.answer(screen, "allow") } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers.allSatisfy { $0.client["code"] != nil })
        for scope in ["openid profile email offline_access", "orders:write orders:read"] {
            #expect(try await ready.authorize(["scope": scope]).client["code"] != nil)
        }
    }

    // MARK: - What is asked

    @Test func `Only what was allowed is allowed: a wider scope asks again, a narrower one does not`() async throws {
        var browser = try await TestWorld.browser()
        _ = try await browser.code(["scope": "openid profile orders:read"])
        #expect(try await browser.authorize(["scope": "orders:read"]).client["code"] != nil)
        #expect(try await browser.authorize(["scope": "openid"]).client["code"] != nil)
        let wider = try #require(
            try await browser.authorize(["scope": "openid profile orders:read orders:write"]).consent
        )
        #expect(wider.scopes.count == 4)
        _ = try await browser.answer(wider, "allow")
        #expect(try await browser.authorize(["scope": "openid profile orders:read orders:write"]).client["code"] != nil)
    }

    @Test func `prompt=consent asks whoever has consented; without it they are not asked`() async throws {
        var browser = try await TestWorld.browser()
        _ = try await browser.code()
        let screen = try #require(try await browser.authorize(["prompt": "consent"]).consent)
        #expect(try await browser.resume(screen.interaction).consent != nil)
        #expect(try await browser.answer(screen, "allow").client["code"] != nil)
        #expect(try await browser.authorize().client["code"] != nil)
    }

    @Test func `The operator's own client asks for nothing but offline_access`() async throws {
        var browser = try await TestWorld.browser(client: { $0.consent = .implicit })
        try await browser.signIn()
        #expect(try await browser.authorize(["scope": "openid profile orders:read"]).client["code"] != nil)
        #expect(try await browser.authorize(["prompt": "consent"]).consent != nil)
        let screen = try #require(try await browser.authorize(["scope": "openid offline_access"]).consent)
        _ = try await browser.answer(screen, "allow")
        #expect(try await browser.authorize(["scope": "openid offline_access"]).client["code"] != nil)
    }

    @Test func `offline_access for one API is not offline_access for another`() async throws {
        var browser = try await TestWorld.browser()
        _ = try await browser.code(["scope": "openid"])
        _ = try await browser.code(["scope": "orders:read"])
        _ = try await browser.code(["scope": "openid offline_access"])
        #expect(try await browser.authorize(["scope": "openid offline_access"]).client["code"] != nil)
        #expect(try await browser.authorize(["scope": "offline_access orders:read"]).consent != nil)
    }

    @Test func `A consent is one person's and one client's`() async throws {
        var browser = try await TestWorld.browser()
        _ = try await browser.world.publicClient("other")
        _ = try await browser.code()
        #expect(try await browser.authorize(["client_id": "other"]).consent != nil)
        try await browser.signIn("bob")
        #expect(try await browser.authorize().consent != nil)
    }

    // MARK: - Withdrawing

    @Test func `Consents are listed by person, and what is withdrawn is asked for again`() async throws {
        var browser = try await TestWorld.browser()
        let world = browser.world
        _ = try await world.publicClient("other")
        _ = try await browser.code(["scope": "openid orders:read"])
        _ = try await browser.code(["client_id": "other"])
        let alice = try #require(browser.session).subject
        let consents = world.services.consents
        let first = try await consents.list(of: alice, limit: 1, now: world.now)
        let second = try await consents.list(of: alice, after: first.last, limit: 1, now: world.now)
        #expect(Set((first + second).map(\.client.value)) == ["app", "other"])
        #expect(try await consents.list(of: alice, after: second.last, limit: 1, now: world.now).isEmpty)
        let app = try #require(ClientID("app"))
        let consent = try #require(try await consents.find(subject: alice, client: app, now: world.now)).content
        #expect(
            consent.granted == [TestWorld.issuer: [.openID], TestWorld.api: ScopeSet(parameter: "orders:read") ?? []]
        )

        #expect(try await consents.withdraw(subject: alice, client: app, now: world.now))
        #expect(try await consents.find(subject: alice, client: app, now: world.now) == nil)
        #expect(try await browser.authorize(["scope": "openid"]).consent != nil)
        #expect(try await browser.authorize(["client_id": "other"]).client["code"] != nil)
        let nobody = try #require(Subject("nobody"))
        #expect(try await !consents.withdraw(subject: nobody, client: app, now: world.now))
    }

    @Test func `Withdrawing ends what the client holds, used and unused, and no other client's`() async throws {
        var browser = try await TestWorld.browser()
        let world = browser.world
        _ = try await world.publicClient("other")
        let offline: [String: String?] = ["scope": "openid offline_access orders:read"]
        let tokens = try Tokens(world.json(await world.redeem(try await browser.code(offline))))
        let unused = try await browser.code(offline)
        let others = try Tokens(
            world.json(
                await world.redeem(
                    try await browser.code(offline.merging(["client_id": "other"]) { $1 }),
                    client: "other"
                )
            )
        )
        let alice = try #require(browser.session).subject
        try await world.services.consents.withdraw(
            subject: alice,
            client: try #require(ClientID("app")),
            now: world.now
        )
        world.time.advance(by: .seconds(1))
        #expect(try await world.refresh(tokens.refresh).failure?.code == .invalidGrant)
        #expect(try await world.redeem(unused).failure?.code == .invalidGrant)
        #expect(try await world.introspect(tokens.access)["active"] == false)
        #expect(try await world.introspect(others.access)["active"] == true)
        #expect(try await world.refresh(others.refresh, client: "other").failure == nil)
    }

    /// A clock that is later than the act.
    private struct Later: TimeSource {
        let wall: Instant
        func moment() -> Moment { Moment(wall) }
    }

    @Test func `What slipped through while a consent was withdrawn is ended once more`() async throws {
        var browser = try await TestWorld.browser()
        let world = browser.world
        _ = try await world.redeem(try await browser.code(["scope": "openid offline_access orders:read"]))
        let alice = try #require(browser.session).subject
        let families = try await world.store.page(
            RefreshFamily.kind,
            filter: .subject(alice.value),
            after: nil,
            limit: 10,
            now: world.now
        )
        let family = try #require(families.first?.family.flatMap(FamilyID.init))
        let committed = world.now + .milliseconds(5)
        try await world.services.consents.withdraw(
            subject: alice,
            client: try #require(ClientID("app")),
            now: world.now,
            settlingBy: Later(wall: committed)
        )
        let cutOff = try await world.services.revocations.cutOff(for: [.grant(family)], now: committed)
        #expect(cutOff == committed)
    }

    @Test func `What is connected is told by consents and refresh families, without what is spent`() async throws {
        var browser = try await TestWorld.browser()
        let world = browser.world
        let connected = world.services.connectedApplications
        _ = try await world.publicClient("other")
        let tokens = try Tokens(
            world.json(
                await world.redeem(try await browser.code(["scope": "openid offline_access orders:read"]))
            )
        )
        _ = try await browser.code(["client_id": "other", "scope": "openid"])
        let alice = try #require(browser.session).subject
        world.time.advance(by: .seconds(3600))
        _ = try await world.refresh(tokens.refresh)
        let list = try await connected.list(of: alice, now: world.now)
        #expect(list.map(\.client.value) == ["app", "other"])
        #expect(list.map(\.since) == [TestWorld.start, TestWorld.start])
        #expect(list.map(\.lastUsedAt) == [world.now, nil], "a rotation is a use; nothing else is written")
        #expect(list.first?.scopes.map(\.scope.value) == ["offline_access", "openid", "orders:read"])
        #expect(list.first?.scopes.last?.text != nil, "the sentence of its API")
        #expect(try await connected.list(of: try #require(Subject("bob")), now: world.now).isEmpty)

        for application in list {
            try await world.services.consents.withdraw(subject: alice, client: application.client, now: world.now)
        }
        #expect(try await connected.list(of: alice, now: world.now).isEmpty)
    }

    @Test func `A stored consent of version 1 can be read`() throws {
        let payload = #"""
            {"body":{"client":"app","granted":{"https://id.example":"openid profile"},"grantedAt":1800000000000,\#
            "subject":"alice"},"v":1}
            """#
        let record = try ConsentRecord(
            from: Record(key: RecordKey(ConsentRecord.kind, "x"), payload: Array(payload.utf8))
        )
        #expect(record.granted == ["https://id.example": [.openID, .profile]])
        #expect(record.grantedAt == TestWorld.start)
        #expect(try record.encoded() == Array(payload.utf8))
    }
}
