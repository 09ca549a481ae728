import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// OpenID Connect Front-Channel Logout 1.0, and signing out everywhere.
@Suite struct FrontchannelTests {
    static func signedOut(_ response: EndpointResponse) throws -> SignedOutScreen {
        guard case .screen(.signedOut(let screen)) = response.body else { throw TestFailure() }
        return screen
    }

    static func hint(_ browser: Browser) throws -> String {
        try browser.world.idToken(["sid": .string(try #require(browser.session).id.value)])
    }

    @Test func `§3: the page after signing out shows a frame for each application of the session, with iss and sid`()
        async throws
    {
        let browser = try await TestWorld.takingPart {
            $0.postLogoutRedirectURIs = [RedirectURI(LogoutTests.target)].compactMap { $0 }
        }
        let session = try #require(browser.session)
        let response = try await browser.get(
            "/logout",
            ["id_token_hint": try Self.hint(browser), "post_logout_redirect_uri": LogoutTests.target, "state": "s"]
        )
        let screen = try Self.signedOut(response)
        #expect(response.endedSession == session.id)
        // §3: "If either is included, both MUST be."
        #expect(
            screen.frames == [
                TestWorld.frontchannel + "?iss=https%3A%2F%2Fid.example&sid=\(session.id.value)"
            ]
        )
        #expect(screen.continueURL == LogoutTests.target + "?state=s" && screen.applicationName == "app")
    }

    @Test func `§2: an address that has a query keeps it`() async throws {
        let browser = try await TestWorld.takingPart {
            $0.frontchannelLogoutURI = LogoutURI(TestWorld.frontchannel + "?a=b")
        }
        let screen = try Self.signedOut(try await browser.get("/logout", ["id_token_hint": try Self.hint(browser)]))
        #expect(screen.frames.count == 1)
        #expect(screen.frames.allSatisfy { $0.hasPrefix(TestWorld.frontchannel + "?a=b&iss=https") })
    }

    @Test func `The applications of earlier sign-ins in this browser are shown, those of others are not`() async throws
    {
        var browser = try await TestWorld.takingPart()
        let first = try #require(browser.session)
        var other = Browser(world: browser.world)
        try await other.signIn("bob")
        _ = try await other.code(person: "bob")
        try await browser.signIn()
        browser.session?.earlierIDs = [first.id]
        let screen = try Self.signedOut(try await browser.get("/logout", ["id_token_hint": try Self.hint(browser)]))
        #expect(screen.frames.count == 1 && screen.frames.allSatisfy { $0.hasSuffix("sid=\(first.id.value)") })
    }

    @Test(arguments: ["nobody signed in", "disabled", "back channel only", "no session ended"])
    func `Without an application to tell there is no frame`(_ kind: String) async throws {
        var browser = try await TestWorld.takingPart {
            if kind == "back channel only" { $0.frontchannelLogoutURI = nil }
        }
        let world = browser.world
        var parameters = ["id_token_hint": try Self.hint(browser)]
        if kind == "disabled" {
            let id = try #require(ClientID("app"))
            _ = try await world.services.clients.update(id, now: world.now, revocations: world.services.revocations) {
                $0.status = .disabled
            }
        }
        if kind == "nobody signed in" { browser.session = nil }
        if kind == "no session ended" { parameters = [:] }
        let response = try await browser.get("/logout", parameters)
        if kind == "no session ended" {
            guard case .screen(.confirmSignOut) = response.body else { throw TestFailure() }
        } else {
            #expect(try Self.signedOut(response).frames.isEmpty)
        }
    }

    @Test func `FIELD K34, CVE-2020-10734: signing out everywhere takes the person's own form`() async throws {
        let browser = try await TestWorld.takingPart()
        let session = try #require(browser.session)
        let asked = try await browser.get("/logout")
        guard case .screen(.confirmSignOut(let screen)) = asked.body else { throw TestFailure() }
        for token in [nil, "x", screen.formToken + "x"] {
            var form = ["decision": "sign-out-everywhere"]
            form["form_token"] = token
            let refused = try await browser.post("/logout", form)
            #expect(refused.endedPerson == nil && refused.endedSession == nil && refused.shownError != nil)
        }
        // Nor does an application's request carry it, hint or no hint.
        let hinted = try await browser.get(
            "/logout",
            ["id_token_hint": try Self.hint(browser), "decision": "sign-out-everywhere"]
        )
        #expect(hinted.endedPerson == nil && hinted.endedSession == session.id)
        let done = try await browser.post(
            "/logout",
            ["decision": "sign-out-everywhere", "form_token": screen.formToken]
        )
        #expect(done.endedPerson == session.subject && done.endedSession == session.id)
        #expect(try Self.signedOut(done).frames.count == 1)
    }

    @Test func `Discovery says what is there: Back-Channel Logout §2.1, Front-Channel Logout §3`() async throws {
        let world = try await TestWorld()
        let response = try await world.fetch(.wellKnown("openid-configuration"))
        guard case .prepared(_, let bytes) = response.body else { throw TestFailure() }
        let document = try JSONObject(parsing: bytes)
        for name in [
            "backchannel_logout_supported", "backchannel_logout_session_supported", "frontchannel_logout_supported",
            "frontchannel_logout_session_supported",
        ] {
            #expect(document[name] == true, "\(name)")
        }
    }
}
