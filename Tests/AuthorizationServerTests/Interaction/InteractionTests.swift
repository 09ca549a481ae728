import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// Requests that wait for a person: bound to one browser, answered once. FIELD K30 to K34.
@Suite struct InteractionTests {
    static let unknown =
        "this sign-in was started in another browser or has expired; go back to the application and start again"
    static let answered = "this sign-in has been completed already; go back to the application and start again"
    static let stale = "this form is out of date or did not come from our page; go back and try again"

    @Test(arguments: ["/sign-in", "/authorize/resume", "/consent", "/choose-account"])
    func `K30, CVE-2026-7507: another browser's interaction is refused, with its own it is not`(_ path: String)
        async throws
    {
        var victim = try await TestWorld.browser()
        let signIn = try #require(try await victim.authorize().signIn)
        try await victim.signIn()
        var attacker = victim
        attacker.binding = "binding-of-another-browser"
        let refused = try await attacker.get(path, ["interaction": signIn.interaction])
        #expect(refused.shownError?.description == Self.unknown)
        #expect(refused.status == 410)
        #expect(try await victim.get(path, ["interaction": signIn.interaction]).failure == nil)
    }

    @Test(arguments: ["/consent", "/choose-account", "/authorize/resume"])
    func `K30: another browser's forms are refused before anything is read from them`(_ path: String) async throws {
        let victim = try await TestWorld.browser()
        let signIn = try #require(try await victim.authorize().signIn)
        var attacker = victim
        attacker.binding = "binding-of-another-browser"
        let form = [
            "interaction": signIn.interaction, "form_token": signIn.formToken,
            "decision": path == "/consent" ? "allow" : "cancel",
        ]
        #expect(try await attacker.post(path, form).shownError?.description == Self.unknown)
    }

    @Test func `K30: the sign-in form is checked before a password is: browser, token, interaction`() async throws {
        let browser = try await TestWorld.browser()
        let world = browser.world
        let interactions = world.provider.interactions
        let screen = try #require(try await browser.authorize().signIn)
        let again = try await interactions.check(
            interaction: screen.interaction,
            formToken: screen.formToken,
            browserBinding: browser.binding,
            now: world.now
        )
        #expect(again.formToken == screen.formToken && again.applicationName == "app")
        let other = try #require(try await browser.authorize().signIn)
        for (interaction, token, binding) in [
            (screen.interaction, screen.formToken, "binding-of-another-browser"),
            (screen.interaction, other.formToken, browser.binding),
            (screen.interaction, "", browser.binding),
            (other.interaction, screen.formToken, browser.binding),
        ] {
            let error = await #expect(throws: OAuthError.self) {
                try await interactions.check(
                    interaction: interaction,
                    formToken: token,
                    browserBinding: binding,
                    now: world.now
                )
            }
            #expect(error?.description == Self.stale)
            #expect(error?.status == 403)
        }
    }

    @Test func `An interaction ends with its time, and serves until then`() async throws {
        let browser = try await TestWorld.browser()
        let signIn = try #require(try await browser.authorize().signIn)
        browser.world.time.advance(by: .seconds(30 * 60) - .milliseconds(1))
        #expect(try await browser.get("/sign-in", ["interaction": signIn.interaction]).signIn != nil)
        browser.world.time.advance(by: .milliseconds(1))
        #expect(
            try await browser.get("/sign-in", ["interaction": signIn.interaction]).shownError?.description
                == Self.unknown
        )
    }

    @Test(arguments: [nil, "", "x", "../../etc/passwd\n"] as [String?])
    func `An interaction that never was is refused like another browser's`(_ id: String?) async throws {
        let browser = try await TestWorld.browser()
        let response = try await browser.get("/authorize/resume", id.map { ["interaction": $0] } ?? [:])
        #expect(response.shownError?.description == Self.unknown)
    }

    @Test func `K32, CVE-2026-109373: identifiers are 32 random bytes, and stored only as a hash`() async throws {
        let browser = try await TestWorld.browser()
        let first = try #require(try await browser.authorize().signIn).interaction
        let second = try #require(try await browser.authorize().signIn).interaction
        #expect(first != second)
        #expect(try Base64URL.decode(first).count == 32)
        let records = try await browser.world.store.page(
            InteractionRecord.kind,
            filter: .all,
            after: nil,
            limit: 10,
            now: browser.world.now
        )
        #expect(records.count == 2)
        #expect(records.allSatisfy { !String(decoding: $0.payload, as: UTF8.self).contains(first) })
    }

    @Test func `Going back after the answer issues nothing more`() async throws {
        var browser = try await TestWorld.browser()
        let signIn = try #require(try await browser.authorize().signIn)
        try await browser.signIn()
        let consent = try #require(try await browser.resume(signIn.interaction).consent)
        #expect(try await browser.answer(consent, "allow").client["code"] != nil)
        for response in [
            try await browser.answer(consent, "allow"), try await browser.answer(consent, "deny"),
            try await browser.resume(signIn.interaction),
            try await browser.get("/sign-in", ["interaction": signIn.interaction]),
            try await browser.get("/consent", ["interaction": signIn.interaction]),
        ] {
            #expect(response.shownError?.description == Self.answered)
            #expect(response.status == 410)
        }
        #expect(try await browser.world.codes().count == 1)
    }

    @Test func `Cancelling the sign-in tells the application once, and takes our own form`() async throws {
        let browser = try await TestWorld.browser()
        let signIn = try #require(try await browser.authorize().signIn)
        let form = ["interaction": signIn.interaction, "form_token": signIn.formToken, "decision": "cancel"]
        let forged = try await browser.post("/authorize/resume", form.merging(["form_token": "x"]) { $1 })
        #expect(forged.shownError?.description == Self.stale)
        let empty = try await browser.post("/authorize/resume", form.filter { $0.key != "decision" })
        #expect(empty.shownError?.description == "the form came without a decision")
        let cancelled = try await browser.post("/authorize/resume", form)
        #expect(cancelled.client["error"] == "access_denied")
        #expect(cancelled.client["state"] == "af0ifjsldkj")
        #expect(try await browser.post("/authorize/resume", form).shownError?.description == Self.answered)
    }

    @Test func `A client that is disabled meanwhile gets nothing, enabled it does`() async throws {
        var browser = try await TestWorld.browser()
        let world = browser.world
        let signIn = try #require(try await browser.authorize().signIn)
        try await browser.signIn()
        let id = try #require(ClientID("app"))
        for status in [RegisteredClient.Status.disabled, .enabled] {
            _ = try await world.services.clients.update(
                id,
                now: world.now,
                revocations: world.services.revocations
            ) { $0.status = status }
            let response = try await browser.resume(signIn.interaction)
            #expect((response.consent != nil) == (status == .enabled))
            #expect((response.shownError?.code == .invalidClient) == (status == .disabled))
        }
    }

    @Test func `What a request may get is settled when it starts`() async throws {
        var browser = try await TestWorld.browser(client: {
            $0.scopes = ScopeSet(parameter: "openid orders:read") ?? []
        })
        let world = browser.world
        let steady = try #require(try await browser.authorize(["scope": "openid"]).signIn)
        let changing = try #require(try await browser.authorize(["scope": nil]).signIn)
        try await browser.signIn()
        // The request names no scope and gets the client's own; those grow before the person answers.
        _ = try await world.services.clients.update(
            try #require(ClientID("app")),
            now: world.now,
            revocations: world.services.revocations
        ) { $0.scopes = ScopeSet(parameter: "openid orders:read orders:write") ?? [] }
        #expect(try await browser.resume(changing.interaction).client["error"] == "invalid_scope")
        #expect(try await browser.resume(steady.interaction).consent != nil)
    }

    @Test func `Without a browser binding nothing is started`() async throws {
        let world = try await TestWorld.browser().world
        let parameters = try Parameters(TestWorld.authorization().map { (name: $0.key, value: $0.value) })
        let response = await AuthorizationEndpoint().respond(
            to: EndpointRequest(method: .get, parameters: parameters),
            with: world.services
        )
        #expect(response.client["error"] == "server_error")
    }

    @Test func `Only parameters that the endpoint knows are kept`() async throws {
        let browser = try await TestWorld.browser()
        _ = try await browser.authorize(["client_secret": "oops", "password": "oops"])
        let records = try await browser.world.store.page(
            InteractionRecord.kind,
            filter: .all,
            after: nil,
            limit: 10,
            now: browser.world.now
        )
        #expect(records.count == 1)
        #expect(records.allSatisfy { !String(decoding: $0.payload, as: UTF8.self).contains("oops") })
    }

    @Test func `A stored interaction of version 1 can be read`() throws {
        let payload = #"""
            {"body":{"audience":["https://api.example/orders"],"authenticatedAtStart":1799999940000,"browserBinding":"b",\#
            "chosenAccount":"alice","client":"app","fields":[{"name":"client_id","value":"app"}],"scope":"openid",\#
            "sessionAtStart":"s1","startedAt":1800000000000,"subjectAtStart":"alice"},"v":1}
            """#
        let record = try InteractionRecord(
            from: Record(key: InteractionRecord.key("x"), payload: Array(payload.utf8))
        )
        #expect(record.fields == [InteractionRecord.Field(name: "client_id", value: "app")])
        #expect(record.startedAt == TestWorld.start)
        #expect(record.authenticatedAtStart == TestWorld.start - .seconds(60))
        #expect(record.chosenAccount?.value == "alice" && record.sessionAtStart?.value == "s1")
        #expect(try record.encoded() == Array(payload.utf8))
    }
}
