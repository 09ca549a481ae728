import AuthorizationServer
import HTTPTypes
import JOSE
import OAuthVocabulary
import ServerHTTP
import Testing

@Suite("Requests that other sites have a browser send")
struct ForgeryTests {
    static let strange: [(origin: String?, headers: [(String, String)])] = [
        (nil, []), ("null", []), ("https://evil.example", []), ("https://app.example.evil.test", []),
        ("https://app.example:444", []), ("HTTPS://APP.EXAMPLE", []), ("http://app.example", []),
        (SessionStage.origin, [("origin", SessionStage.origin)]),
        (SessionStage.origin, [("sec-fetch-site", "cross-site")]), (SessionStage.origin, [("sec-fetch-site", "none")]),
        (SessionStage.origin, [("sec-fetch-site", "same-site"), ("sec-fetch-site", "cross-site")]),
    ]

    @Test("FIELD K34: a POST from elsewhere, or that does not say where from, changes nothing", arguments: strange)
    func origin(of strange: (origin: String?, headers: [(String, String)])) async throws {
        for client in ["spa", "web"] {
            let stage = try await SessionStage()
            #expect(try await stage.login(client).status == 200)
            let cookie = try stage.cookie(client)
            for path in ["/session/refresh", "/session/logout", "/session/login"] {
                let answer = try await stage.post(
                    path,
                    ["client_id": .string(client), "username": "alice", "password": .string(HTTPWorld.password)],
                    origin: strange.origin,
                    headers: strange.headers
                )
                #expect(answer.status == 403 && answer.error == "access_denied", "\(path) \(answer.text)")
                #expect(answer.setCookies.isEmpty)
            }
            #expect(try stage.cookie(client) == cookie)
            #expect(try await stage.isActive(client))
            // The twins: the application's own page, and one of the server's.
            for origin in [SessionStage.origin, SessionStage.issuer] {
                let own = try await stage.post(
                    "/session/refresh",
                    ["client_id": .string(client)],
                    origin: origin,
                    headers: [("sec-fetch-site", "same-site")]
                )
                #expect(own.status == 200, "\(own.text)")
            }
        }
    }

    @Test("JSON without the header or with another value is refused", arguments: [nil, "", "0", "1, 1", "true"])
    func marker(_ marker: String?) async throws {
        let stage = try await SessionStage()
        _ = try await stage.login("web")
        let answer = try await stage.post("/session/logout", ["client_id": "web"], marker: marker)
        #expect(answer.status == 403, "\(answer.text)")
        #expect(try await stage.isActive("web"))
    }

    @Test(
        "what a page can send without a preflight is no JSON",
        arguments: [
            "text/plain", "text/plain;charset=UTF-8", "multipart/form-data; boundary=x", "application/jsonp", "",
        ]
    )
    func contentType(_ type: String) async throws {
        let stage = try await SessionStage()
        _ = try await stage.login("web")
        let answer = try await stage.browser.post(
            "/session/logout",
            json: Array("{\"client_id\":\"web\"}".utf8),
            contentType: type,
            headers: [("origin", SessionStage.origin), ("signet-csrf", "1")]
        )
        #expect(answer.status == 415, "\(answer.text)")
        #expect(try await stage.isActive("web"))
    }

    @Test("a form needs the token of this sign-in: not none, not another client's, not another person's")
    func formToken() async throws {
        let stage = try await SessionStage()
        _ = try await stage.login("web")
        _ = try await stage.login("spa")
        let other = SessionStage(sharing: stage)
        _ = try await other.login("web")
        let tokens = [
            nil, try await stage.state("spa")["csrf_token"]?.stringValue,
            try await other.state("web")["csrf_token"]?.stringValue, String(repeating: "A", count: 43),
        ]
        func logout(_ token: String?) async throws -> TestAnswer {
            try await stage.browser.post(
                "/session/logout",
                ["client_id": "web", "csrf_token": token ?? ""],
                headers: [("origin", SessionStage.origin), ("signet-csrf", "1")]
            )
        }
        for token in tokens { #expect(try await logout(token).status == 403) }
        #expect(try await stage.isActive("web"))
        #expect(try await other.isActive("web"))
        #expect(try await logout(try await stage.state("web")["csrf_token"]?.stringValue).status == 204)
        #expect(try await other.isActive("web"))
    }

    static let cookies: [String] = [
        "", "signet_rt_", "signet_rt_AAAA", "%00", "a b", "\"quoted\"", "ü", "..", String(repeating: "A", count: 43),
        String(repeating: "A", count: 257), String(repeating: "A", count: 20000), "eyJhbGciOiJub25lIn0.e30.",
    ]

    @Test("a forged, malformed or over-long cookie is as none, with a clear answer", arguments: cookies)
    func malformed(_ value: String) async throws {
        for client in ["spa", "web"] {
            let stage = try await SessionStage()
            let header = [("cookie", "\(try SessionStage.name(client))=\(value)"), ("origin", SessionStage.origin)]
            let state = try await stage.world.send(.get, "/session?client_id=\(client)", headers: header)
            #expect(state.status == 200, "\(state.text)")
            #expect(try state.json["active"] == false)
            let body = Array("{\"client_id\":\"\(client)\"}".utf8)
            let more = header + [("signet-csrf", "1"), ("content-type", "application/json")]
            let refresh = try await stage.world.send(.post, "/session/refresh", headers: more, body: body)
            #expect(refresh.status == 401 && refresh.error == "login_required", "\(refresh.text)")
            #expect(try await stage.world.send(.post, "/session/logout", headers: more, body: body).status == 204)
        }
    }

    @Test("of two cookies that differ neither counts, also where one is right (GHSA-mq4x-r2w3-j7mr)")
    func doubled() async throws {
        for client in ["spa", "web"] {
            let stage = try await SessionStage()
            _ = try await stage.login(client)
            let name = try SessionStage.name(client)
            let right = try #require(try stage.cookie(client))
            func active(_ header: String) async throws -> Bool? {
                let answer = try await stage.world.send(
                    .get,
                    "/session?client_id=\(client)",
                    headers: [("cookie", header)]
                )
                return try answer.json["active"]?.boolValue
            }
            #expect(try await active("\(name)=\(right)") == true)
            #expect(try await active("\(name)=\(right); \(name)=\(right)") == true)
            #expect(try await active("\(name)=\(right); \(name)=planted") == false)
            #expect(try await active("\(name)=; \(name)=\(right)") == false)
            // Without the prefix anybody's sibling could have written it.
            #expect(try await active("\(name.dropFirst("__Host-".count))=\(right)") == false)
            let many = (0..<100).map { "__Host-signet-client-\($0)=x" }.joined(separator: "; ")
            #expect(try await active(many) == false)
        }
    }

    @Test("a byte more or less in the cookie finds nothing and ends nothing")
    func altered() async throws {
        let stage = try await SessionStage()
        _ = try await stage.login()
        let right = try #require(try stage.cookie("spa"))
        for wrong in [String(right.dropLast()), right + "A", right.replacing("signet_rt_A", with: "signet_rt_B")] {
            #expect(wrong != right)
            try stage.set(wrong, for: "spa")
            #expect(try await stage.refresh().status == 401)
        }
        try stage.set(right, for: "spa")
        #expect(try await stage.refresh().status == 200)
    }

    @Test("an answer to a request without the cookie leaves the browser's cookies alone")
    func untouched() async throws {
        let stage = try await SessionStage()
        for client in ["spa", "web"] {
            #expect(try await stage.logout(client).setCookies.isEmpty)
            #expect(try await stage.refresh(client).setCookies.isEmpty)
        }
    }
}
