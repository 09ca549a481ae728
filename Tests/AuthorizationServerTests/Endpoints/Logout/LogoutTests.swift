import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// OpenID Connect RP-Initiated Logout 1.0; FIELD A6, K34.
@Suite struct LogoutTests {
    static let target = "https://app.example/signed-out"

    /// A browser with a session, and a client that registered where to go afterwards.
    static func signedIn(client edit: (inout RegisteredClient) -> Void = { _ in }) async throws -> Browser {
        var browser = try await TestWorld.browser(client: {
            $0.postLogoutRedirectURIs = [RedirectURI(target)].compactMap { $0 }
            edit(&$0)
        })
        try await browser.signIn()
        return browser
    }

    static func hint(_ browser: Browser, _ changes: JSONObject = [:]) throws -> String {
        var claims: JSONObject = ["sid": .string(try #require(browser.session).id.value)]
        for member in changes { claims[member.name] = member.value }
        return try browser.world.idToken(claims)
    }

    @Test func `An ID token of this session signs out at once and goes back with the state`() async throws {
        let browser = try await Self.signedIn()
        let response = try await browser.get(
            "/logout",
            ["id_token_hint": try Self.hint(browser), "post_logout_redirect_uri": Self.target, "state": "a b&c"]
        )
        #expect(response.endedSession == browser.session?.id)
        #expect(response.location == Self.target + "?state=a%20b%26c")
    }

    @Test func `Without an address the person reads that they are signed out`() async throws {
        let browser = try await Self.signedIn()
        let response = try await browser.get("/logout", ["id_token_hint": try Self.hint(browser)])
        #expect(response.endedSession == browser.session?.id)
        guard case .screen(.signedOut(let screen)) = response.body else { throw TestFailure() }
        #expect(screen.applicationName == "app" && screen.frames.isEmpty && screen.continueURL == nil)
    }

    @Test(arguments: [
        JSONObject(), ["sid": "another-session"], ["sub": "bob"], ["sid": nil], ["exp": 1_700_000_000, "sid": "x"],
    ])
    func `CVE-2020-10734: any proof short of this session's ID token asks the person`(_ claims: JSONObject) async throws
    {
        let browser = try await Self.signedIn()
        var parameters = ["client_id": "app", "post_logout_redirect_uri": Self.target]
        if !claims.isEmpty { parameters["id_token_hint"] = try Self.hint(browser, claims) }
        let response = try await browser.get("/logout", parameters)
        #expect(response.endedSession == nil)
        guard case .screen(.confirmSignOut(let screen)) = response.body else { throw TestFailure() }
        #expect(screen.subject.value == "alice")
        #expect(screen.applicationName == "app")
        #expect(screen.redirectOrigin == "https://app.example")
        // The twin: the same request with this session's token, expired or not.
        parameters["id_token_hint"] = try Self.hint(browser, ["exp": 1_700_000_000, "iat": 1_600_000_000])
        #expect(try await browser.get("/logout", parameters).endedSession == browser.session?.id)
    }

    @Test func `The person's answer signs out and goes back, or stays and does not`() async throws {
        let browser = try await Self.signedIn()
        let asked = try await browser.get(
            "/logout",
            ["client_id": "app", "post_logout_redirect_uri": Self.target, "state": "s", "other": "x"]
        )
        guard case .screen(.confirmSignOut(let screen)) = asked.body else { throw TestFailure() }
        #expect(screen.fields.map(\.name) == ["client_id", "post_logout_redirect_uri", "state"])
        var form = Dictionary(screen.fields.map { ($0.name, $0.value) }) { $1 }
        form["form_token"] = screen.formToken
        form["decision"] = "stay"
        let stayed = try await browser.post("/logout", form)
        #expect(stayed.endedSession == nil && stayed.location == TestWorld.issuer + "/")
        form["decision"] = "sign-out"
        let left = try await browser.post("/logout", form)
        #expect(left.endedSession == browser.session?.id)
        #expect(left.location == Self.target + "?state=s")
    }

    @Test(arguments: ["none", "wrong", "of a sign-in", "of another browser", "of another session"])
    func `K34: a confirmation without the token of its own page ends nothing`(_ kind: String) async throws {
        let browser = try await Self.signedIn()
        let interactions = browser.world.provider.interactions
        let session = try #require(browser.session)
        let token: String? =
            switch kind {
            case "none": nil
            case "wrong": "x"
            case "of a sign-in": interactions.formToken(.signIn, interaction: "", browserBinding: browser.binding)
            case "of another browser":
                interactions.formToken(.signOut, interaction: "", browserBinding: "other", session: session)
            default: interactions.formToken(.signOut, interaction: "", browserBinding: browser.binding)
            }
        var form = ["decision": "sign-out"]
        form["form_token"] = token
        let refused = try await browser.post("/logout", form)
        #expect(refused.endedSession == nil)
        #expect(refused.shownError?.description == InteractionTests.stale)
        form["form_token"] = interactions.formToken(
            .signOut,
            interaction: "",
            browserBinding: browser.binding,
            session: session
        )
        #expect(try await browser.post("/logout", form).endedSession == session.id)
    }

    @Test func `A POST with a session is taken as it is; without one it becomes a GET`() async throws {
        var browser = try await Self.signedIn()
        let request = ["id_token_hint": try Self.hint(browser), "client_id": "app"]
        #expect(try await browser.post("/logout", request).endedSession == browser.session?.id)
        browser.session = nil
        let redirected = Target(try #require(try await browser.post("/logout", request).location))
        #expect(redirected.path == "/logout" && redirected.parameters == request)
    }

    @Test func `Whoever is not signed in still goes where the application registered`() async throws {
        var browser = try await Self.signedIn()
        browser.session = nil
        let response = try await browser.get("/logout", ["client_id": "app", "post_logout_redirect_uri": Self.target])
        #expect(response.location == Self.target)
        #expect(response.endedSession == nil)
    }

    static let notRegistered = "post_logout_redirect_uri is not registered for this application"

    @Test(arguments: [
        target + "/", target + "?a=b", target + "#x", "https://app.example/signed-out/../x", TestWorld.redirectURI,
        "https://app.example.evil.test/signed-out", "https://app.example\\@evil.test/signed-out", "//evil.test/",
        "/\\evil.test", "/signed-out", "javascript:alert(1)", "http://127.0.0.1:1/x",
    ])
    func `A6, CVE-2024-39694: an address that is not registered byte for byte is never visited`(
        _ presented: String
    ) async throws {
        let browser = try await Self.signedIn(client: {
            $0.postLogoutRedirectURIs += [RedirectURI("http://127.0.0.1/x")].compactMap { $0 }
        })
        let hint = try Self.hint(browser)
        let refused = try await browser.get("/logout", ["id_token_hint": hint, "post_logout_redirect_uri": presented])
        #expect(refused.shownError?.description == Self.notRegistered)
        #expect(refused.location == nil && refused.endedSession == nil)
        let accepted = try await browser.get(
            "/logout",
            ["id_token_hint": hint, "post_logout_redirect_uri": Self.target]
        )
        #expect(accepted.location == Self.target)
    }

    @Test func `An address without a client, or of a disabled one, is never visited`() async throws {
        let browser = try await Self.signedIn()
        let world = browser.world
        #expect(
            try await browser.get("/logout", ["post_logout_redirect_uri": Self.target]).shownError?.description
                == Self.notRegistered
        )
        let request = ["client_id": "app", "post_logout_redirect_uri": Self.target]
        #expect(try await browser.get("/logout", request).failure == nil)
        let app = try #require(ClientID("app"))
        _ = try await world.services.clients.update(
            app,
            now: world.now,
            revocations: world.services.revocations
        ) { $0.status = .disabled }
        #expect(try await browser.get("/logout", request).shownError?.description == Self.notRegistered)
    }

    static let notOurs = "id_token_hint is not an ID token of this server"

    @Test(arguments: ["an access token (F22)", "another issuer's", "forged", "alg none"])
    func `F22: a hint that is no ID token of ours ends nothing`(_ kind: String) async throws {
        let browser = try await Self.signedIn()
        let genuine = try Self.hint(browser)
        let claims = try UnverifiedToken(genuine).unverifiedClaims
        let hint =
            switch kind {
            case "another issuer's": try Self.hint(browser, ["iss": "https://evil.test"])
            case "forged":
                try JWT.signed(
                    claims,
                    type: "JWT",
                    by: SigningKey.generate(.es256, keyID: try UnverifiedToken(genuine).header["kid"]?.stringValue)
                )
            case "alg none":
                Base64URL.encode(Array(#"{"alg":"none","typ":"JWT"}"#.utf8)) + "."
                    + Base64URL.encode(claims.serialized())
                    + "."
            default: try browser.world.idToken(claims, type: "at+jwt")
            }
        let refused = try await browser.get("/logout", ["id_token_hint": hint])
        #expect(refused.shownError?.description == Self.notOurs)
        #expect(refused.endedSession == nil)
        #expect(try await browser.get("/logout", ["id_token_hint": genuine]).endedSession == browser.session?.id)
    }

    @Test func `client_id must be the one that the hint was issued to`() async throws {
        let browser = try await Self.signedIn()
        _ = try await browser.world.publicClient("other")
        let hint = try Self.hint(browser)
        let refused = try await browser.get("/logout", ["id_token_hint": hint, "client_id": "other"])
        #expect(refused.shownError?.description == "client_id is not the application that id_token_hint was issued to")
        #expect(refused.endedSession == nil)
        let accepted = try await browser.get("/logout", ["id_token_hint": hint, "client_id": "app"])
        #expect(accepted.endedSession == browser.session?.id)
    }

    @Test(arguments: ["state", "logout_hint"])
    func `state and logout_hint may have 2048 bytes`(_ name: String) async throws {
        let browser = try await Self.signedIn()
        #expect(try await browser.get("/logout", [name: AuthorizationRefusalTests.fits]).failure == nil)
        #expect(
            try await browser.get("/logout", [name: AuthorizationRefusalTests.long]).shownError?.description
                == "state and logout_hint may have at most 2048 bytes"
        )
    }
}
