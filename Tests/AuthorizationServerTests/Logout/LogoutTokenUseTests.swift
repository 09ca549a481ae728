import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// FIELD F22: what a logout token is good for besides logging out, which is nothing.
@Suite struct LogoutTokenUseTests {
    /// A logout token as it was really posted, and the browser whose session goes on.
    static func token() async throws -> (token: String, browser: Browser) {
        var browser = try await TestWorld.takingPart()
        let world = browser.world
        let receiver = FakeReceiver()
        receiver.answer(status: 503)
        try await world.endSession(browser.session)
        try await LogoutPusher(world.deliveries, by: receiver).tick()
        let body = try #require(receiver.bodies.first)
        try await browser.signIn()
        return (body.dropPrefix("logout_token="), browser)
    }

    @Test func `FIELD F22, GHSA-7fpj-9hr8-28vh: a logout token is no access token, at userinfo or anywhere`()
        async throws
    {
        let (token, browser) = try await Self.token()
        let world = browser.world
        for path in ["/userinfo"] {
            let answer = try await world.ask(path, method: .get, authorization: "Bearer \(token)")
            #expect(answer.status == 401 && answer.failure?.code == .invalidToken)
        }
        let asked = try await world.introspect(token)
        #expect(asked == ["active": false])
        // It ends nothing at the revocation endpoint either, which knows no such token.
        let revoked = try await world.ask("/revoke", ["token": token, "client_id": "app"])
        #expect(revoked.status == 200 || revoked.failure?.code == .invalidRequest)
        let session = try #require(browser.session)
        #expect(try await world.services.endUsers.session(session.id, now: world.now) != nil)
    }

    @Test func `FIELD F22, GHSA-7fpj-9hr8-28vh: no grant takes a logout token for anything`() async throws {
        let (token, browser) = try await Self.token()
        for form in [
            ["grant_type": "refresh_token", "refresh_token": token, "client_id": "app"],
            [
                "grant_type": "authorization_code", "code": token, "client_id": "app",
                "code_verifier": TestWorld.verifier,
            ],
            [
                "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "subject_token": token,
                "subject_token_type": "urn:ietf:params:oauth:token-type:access_token", "client_id": "app",
            ],
            [
                "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": token, "client_id": "app",
            ],
            [
                "grant_type": "client_credentials", "client_assertion": token,
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ],
        ] {
            let answer = try await browser.world.askToken(form)
            #expect(answer.failure != nil && answer.status >= 400, "\(form["grant_type"] ?? "")")
        }
    }

    @Test func `FIELD F22: a logout token is no id_token_hint, at the logout or at a login`() async throws {
        let (token, browser) = try await Self.token()
        let session = try #require(browser.session)
        let refused = try await browser.get("/logout", ["id_token_hint": token])
        #expect(refused.shownError?.description == LogoutTests.notOurs && refused.endedSession == nil)
        let login = try await browser.authorize(["id_token_hint": token])
        #expect(login.client["code"] == nil)
        // The twin: the same claims as an ID token.
        let claims = try UnverifiedToken(token).unverifiedClaims
        var hint: JSONObject = ["sid": .string(session.id.value)]
        hint["sub"] = claims["sub"]
        let accepted = try await browser.get("/logout", ["id_token_hint": try browser.world.idToken(hint)])
        #expect(accepted.endedSession == session.id)
    }
}
