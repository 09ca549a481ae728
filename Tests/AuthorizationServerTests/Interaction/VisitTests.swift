import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// Pages of ours that wait for their person to sign in. FIELD K30, K33, K34.
@Suite struct VisitTests {
    /// A page that says who looks at it.
    struct MirrorFeature: Feature {
        func contribute(to assembly: inout Assembly) { assembly.add(MirrorEndpoint()) }
    }

    struct MirrorEndpoint: Endpoint {
        let location = EndpointLocation.belowIssuer("/mirror")
        let methods: Set<EndpointRequest.Method> = [.get]
        let browserAccess = BrowserAccess.none
        let audience = EndpointAudience.people

        func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
            do throws(OAuthError) {
                let visitor = try await services.visits.visitor(
                    at: "/mirror",
                    fields: request.parameters.restricted(to: ["colour"]).pairs,
                    maximumAge: request.parameters["fresh"].map { _ in .seconds(300) },
                    request,
                    now: services.time.moment().wall
                )
                return switch visitor {
                case .signedIn(let signOn):
                    EndpointResponse(body: .json(["sub": .string(signOn.subject.value)]))
                case .mustSignIn(let response): response
                }
            } catch {
                return .errorScreen(error)
            }
        }
    }

    static func browser() async throws -> Browser {
        Browser(world: try await TestWorld(features: Features.all + [MirrorFeature()]))
    }

    @Test func `Who is signed in sees the page, who is not signs in first and comes back to it`() async throws {
        var browser = try await Self.browser()
        let screen = try #require(try await browser.follow(browser.get("/mirror", ["colour": "red"])).signIn)
        #expect(screen.applicationName == nil && screen.redirectOrigin == nil && screen.reauthenticating == nil)
        try await browser.signIn()
        let back = try await browser.get("/authorize/resume", ["interaction": screen.interaction])
        #expect(back.location == "https://id.example/mirror?colour=red")
        let page = try await browser.follow(back)
        #expect(try browser.world.json(page)["sub"]?.stringValue == "alice")
    }

    @Test func `K33: a page that wants a fresh sign-in gets one, and walking away from the form is none`() async throws
    {
        var browser = try await Self.browser()
        try await browser.signIn()
        browser.world.time.advance(by: .seconds(301))
        let screen = try #require(try await browser.follow(browser.get("/mirror", ["fresh": "1"])).signIn)
        #expect(screen.reauthenticating?.value == "alice")
        let walkedAway = try await browser.resume(screen.interaction)
        #expect(walkedAway.signIn?.interaction == screen.interaction)
        try await browser.signIn()
        let back = try await browser.get("/authorize/resume", ["interaction": screen.interaction])
        #expect(back.location == "https://id.example/mirror")
    }

    @Test func `A visit is answered once`() async throws {
        var browser = try await Self.browser()
        let screen = try #require(try await browser.follow(browser.get("/mirror")).signIn)
        try await browser.signIn()
        #expect(try await browser.resume(screen.interaction).failure == nil)
        let again = try await browser.get("/authorize/resume", ["interaction": screen.interaction])
        #expect(again.shownError == .answeredInteraction)
    }

    @Test(arguments: ["/sign-in", "/authorize/resume"])
    func `K30, CVE-2026-7507: another browser's visit is as unknown as one that never was`(_ path: String)
        async throws
    {
        let victim = try await Self.browser()
        let screen = try #require(try await victim.follow(victim.get("/mirror")).signIn)
        var attacker = victim
        attacker.binding = "binding-of-another-browser"
        #expect(try await attacker.get(path, ["interaction": screen.interaction]).shownError == .unknownInteraction)
        #expect(try await attacker.get(path, ["interaction": "never-was"]).shownError == .unknownInteraction)
        #expect(try await victim.get(path, ["interaction": screen.interaction]).failure == nil)
    }

    @Test func `K34: giving a visit up takes the form's own token`() async throws {
        let browser = try await Self.browser()
        let screen = try #require(try await browser.follow(browser.get("/mirror")).signIn)
        var form = ["interaction": screen.interaction, "form_token": "forged", "decision": "cancel"]
        #expect(try await browser.post("/authorize/resume", form).shownError == .staleForm)
        form["form_token"] = screen.formToken
        form["decision"] = "unheard-of"
        #expect(try await browser.post("/authorize/resume", form).shownError == .unansweredForm)
        form["decision"] = "cancel"
        #expect(try await browser.post("/authorize/resume", form).location == "https://id.example/")
        let after = try await browser.get("/sign-in", ["interaction": screen.interaction])
        #expect(after.shownError == .answeredInteraction)
    }

    @Test func `K34, CVE-2026-49443: the sign-in form of a visit is checked before a password is`() async throws {
        let browser = try await Self.browser()
        let world = browser.world
        let screen = try #require(try await browser.follow(browser.get("/mirror")).signIn)
        let checked = try await world.provider.interactions.check(
            interaction: screen.interaction,
            formToken: screen.formToken,
            browserBinding: browser.binding,
            now: world.now
        )
        #expect(checked.interaction == screen.interaction)
        await #expect(throws: OAuthError.staleForm) {
            try await world.provider.interactions.check(
                interaction: screen.interaction,
                formToken: "",
                browserBinding: browser.binding,
                now: world.now
            )
        }
    }
}
