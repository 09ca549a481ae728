import AuthorizationServer
import JOSE
import OAuthVocabulary
import ServerHTTP
import Testing

@Suite("Refresh tokens in cookies")
struct CookieDeliveryTests {
    static let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    static let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

    /// A code of the client for the person who signs in at the server's own page.
    static func code(_ stage: SessionStage, client: String = "code", scope: String = "openid") async throws -> String {
        let address =
            "/authorize?response_type=code&client_id=\(client)&redirect_uri=https://\(client).example/callback"
            + "&scope=\(scope)&state=s&nonce=n&code_challenge=\(challenge)&code_challenge_method=S256"
        var answer = try await stage.browser.get(address)
        if let page = answer["location"], page.contains("/sign-in") {
            answer = try await stage.browser.signIn(try await stage.browser.follow(answer))
            answer = try await stage.browser.follow(answer)
        }
        let location = try #require(answer["location"], "\(answer.status) \(answer.text)")
        let query = try #require(location.split(separator: "?").last)
        return try #require(FormEncoding.pairs(String(query))?.first { $0.name == "code" }?.value, "\(location)")
    }

    static func redeem(
        _ stage: SessionStage,
        _ code: String,
        client: String = "code",
        headers: [(String, String)] = [("origin", SessionStage.origin)]
    ) async throws -> TestAnswer {
        try await stage.browser.post(
            "/token",
            [
                "grant_type": "authorization_code", "client_id": client, "code": code, "code_verifier": verifier,
                "redirect_uri": "https://\(client).example/callback",
            ],
            headers: headers
        )
    }

    @Test("the code grant sets the cookie instead of the member, and /session/refresh goes on from there")
    func delivery() async throws {
        let stage = try await SessionStage()
        let answer = try await Self.redeem(stage, try await Self.code(stage))
        #expect(answer.status == 200, "\(answer.text)")
        #expect(try answer.json["refresh_token"] == nil && !answer.text.contains("signet_rt_"))
        #expect(try stage.cookie("code")?.hasPrefix("signet_rt_") == true)
        #expect(answer["access-control-allow-credentials"] == "true")
        let refreshed = try await stage.refresh("code")
        #expect(refreshed.status == 200, "\(refreshed.text)")
        #expect(try await stage.opens(refreshed))
        #expect(try await stage.state("code")["mode"] == "tokens")
        #expect(try await stage.logout("code").status == 204)
        #expect(try await stage.opens(refreshed) == false)
        // The sign-on session is every application's: it stays.
        _ = try await Self.redeem(stage, try await Self.code(stage))
        #expect(try await stage.isActive("code"))
    }

    @Test("a client with the answer's body is given none of it in a cookie")
    func body() async throws {
        let stage = try await SessionStage()
        let answer = try await Self.redeem(
            stage,
            try await Self.code(stage, client: "plain"),
            client: "plain",
            headers: [("origin", "https://spa.example")]
        )
        #expect(try answer.json["refresh_token"] != nil && answer.setCookies.isEmpty)
        #expect(answer["access-control-allow-origin"] == "https://spa.example")
        #expect(answer["access-control-allow-credentials"] == nil)
        let refused = try await stage.post("/session/refresh", ["client_id": "plain"], origin: "https://spa.example")
        #expect(refused.status == 400 && refused.error == "unauthorized_client")
        #expect(refused["access-control-allow-credentials"] == nil)
    }

    @Test(
        "a code that another site posts is refused before it is spent, and signs nobody in",
        arguments: [
            [], [("origin", "https://evil.example")], [("origin", "null")],
            [("origin", SessionStage.origin), ("sec-fetch-site", "cross-site")],
            [("origin", SessionStage.origin), ("origin", SessionStage.origin)],
        ]
    )
    func foreignCode(headers: [(String, String)]) async throws {
        let stage = try await SessionStage()
        let code = try await Self.code(stage)
        let refused = try await Self.redeem(stage, code, headers: headers)
        #expect(refused.status == 403 && refused.error == "access_denied")
        #expect(refused.setCookies.isEmpty)
        #expect(try await Self.redeem(stage, code).status == 200)
    }

    @Test("the token endpoint takes no refresh token of a client whose tokens are in cookies")
    func noBodyRefresh() async throws {
        let stage = try await SessionStage()
        _ = try await stage.login()
        let token = try #require(try stage.cookie("spa"))
        let refused = try await stage.browser.post(
            "/token",
            ["grant_type": "refresh_token", "client_id": "spa", "refresh_token": token],
            headers: [("origin", SessionStage.origin)]
        )
        #expect(refused.status == 400 && refused.error == "unauthorized_client")
        #expect(try await stage.refresh().status == 200)
    }

    @Test("no other endpoint honours the cookie")
    func elsewhere() async throws {
        let stage = try await SessionStage()
        _ = try await stage.login("spa", ["scope": "openid"])
        _ = try await stage.login("web")
        let origin = [("origin", SessionStage.origin)]
        let token = try await stage.browser.post(
            "/token",
            ["grant_type": "refresh_token", "client_id": "spa"],
            headers: origin
        )
        #expect(token.status == 400)
        #expect(try await stage.browser.get("/userinfo", headers: origin).status == 401)
        let silent = try await stage.browser.get(
            "/authorize?response_type=code&client_id=code&redirect_uri=https://code.example/callback&prompt=none"
                + "&scope=openid&state=s&nonce=n&code_challenge=\(Self.challenge)&code_challenge_method=S256"
        )
        #expect(silent["location"]?.contains("error=login_required") == true)
        let echo = try await stage.browser.get("/echo")
        #expect(!echo.text.contains("signet_rt_"))
    }

    @Test("credentials are for origins of clients with cookies, at /token and /session alone")
    func credentials() async throws {
        let stage = try await SessionStage()
        func preflight(_ path: String, _ origin: String) async throws -> (origin: String?, credentials: String?) {
            let answer = try await CORSTests.preflight(stage.world, path, origin)
            #expect(answer["vary"] == "Origin")
            return (answer["access-control-allow-origin"], answer["access-control-allow-credentials"])
        }
        for path in ["/token", "/session", "/session/login", "/session/refresh", "/session/logout"] {
            #expect(try await preflight(path, SessionStage.origin) == (SessionStage.origin, "true"))
            #expect(try await preflight(path, "https://evil.example") == (nil, nil))
            #expect(try await preflight(path, "null") == (nil, nil))
        }
        #expect(try await preflight("/token", "https://spa.example") == ("https://spa.example", nil))
        #expect(try await preflight("/session/refresh", "https://spa.example") == (nil, nil))
        for path in ["/userinfo", "/revoke"] {
            #expect(try await preflight(path, SessionStage.origin) == (SessionStage.origin, nil))
        }
        let headers = try await CORSTests.preflight(stage.world, "/session/refresh", SessionStage.origin)
        #expect(headers["access-control-allow-headers"]?.contains("Signet-CSRF") == true)
        let other = try await stage.browser.get("/session?client_id=spa", headers: [("origin", "https://evil.example")])
        #expect(other["access-control-allow-origin"] == nil)
    }
}
