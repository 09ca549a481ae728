import Accounts
import AuthorizationServer
import HTTPTypes
import Instants
import IssuerConnection
import JOSE
import OAuthVocabulary
import ServerHTTP
import Storage
import Testing
import UpstreamLogin

/// A provider of which only the metadata can be had: whoever begins a login is sent there.
private struct Metadata: HTTPTransport {
    func send(_ request: TransportRequest) async throws(TransportError) -> TransportResponse {
        guard request.url == "https://work.example/.well-known/openid-configuration" else {
            return TransportResponse(status: 404)
        }
        let document: JSON = [
            "issuer": "https://work.example", "authorization_endpoint": "https://work.example/authorize",
            "token_endpoint": "https://work.example/token", "jwks_uri": "https://work.example/jwks",
        ]
        return TransportResponse(status: 200, body: document.serialized())
    }

    func stream(
        _ request: TransportRequest,
        idleTimeout: Duration,
        onHead: (TransportResponse) throws -> Void,
        onBytes: ([UInt8]) throws -> Void
    ) async throws(TransportError) {
        throw TransportError(.unreachable, reason: "nothing is streamed here")
    }
}

@Suite("Signing in at another provider: what the addresses let in")
struct UpstreamDoorTests {
    static func world() async throws -> HTTPWorld {
        let issuer = try #require(IssuerURL(HTTPWorld.https))
        let register = UpstreamRegister(issuer: issuer, surroundings: UpstreamSurroundings(transport: Metadata()))
        var providers: [UpstreamProvider] = []
        for (name, fields) in [
            ("work", [UpstreamField.issuer: ["https://work.example"]]), ("google", [.preset: ["google"]]),
        ] {
            var all = fields
            all[.clientID] = ["here"]
            providers.append(
                try UpstreamProvider(
                    try #require(UpstreamName(name)),
                    UpstreamDescription(all),
                    secrets: UpstreamSecrets(clientSecret: "s3cret")
                )
            )
        }
        try register.replace(with: providers)
        let world = try await HTTPWorld(upstreams: register)
        try await world.client()
        try await world.person()
        return world
    }

    func begin(
        _ browser: TestBrowser,
        _ page: TestAnswer,
        token: String? = nil,
        headers: [(String, String)] = []
    ) async throws -> TestAnswer {
        let form: KeyValuePairs = [
            "interaction": page.field("interaction") ?? "", "form_token": token ?? page.field("form_token") ?? "",
        ]
        return try await browser.post("/upstream/work/start", form, headers: headers)
    }

    @Test("A button on the sign-in page leads there by a page that the form's policy does not bind")
    func begin() async throws {
        let world = try await Self.world()
        let browser = TestBrowser(world)
        let page = try await browser.openSignIn()
        #expect(page.text.contains("formaction=\"/upstream/work/start\""))
        #expect(page.text.contains("formaction=\"/upstream/google/start\""))
        let answer = try await begin(browser, page)
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer.text.contains("http-equiv=\"refresh\" content=\"0;url=https://work.example/authorize?"))
        #expect(answer["content-security-policy"]?.contains("form-action 'self'") == true)
    }

    @Test("Login CSRF: nobody else's form begins a login, CVE-2020-10734")
    func csrf() async throws {
        let world = try await Self.world()
        let browser = TestBrowser(world)
        let page = try await browser.openSignIn()
        #expect(try await begin(browser, page, token: "x").status == 403)
        let victim = TestBrowser(world)
        _ = try await victim.openSignIn()
        #expect(try await begin(victim, page).status == 403)
        for site in ["cross-site", "same-site"] {
            #expect(try await begin(browser, page, headers: [("sec-fetch-site", site)]).status == 403)
        }
        #expect(try await begin(browser, page, headers: [("origin", "https://evil.example")]).status == 403)
        #expect(try await browser.get("/upstream/work/start").status == 405)
        #expect(try await begin(browser, page).status == 200)
    }

    @Test(
        "No spelling of an address reaches a provider that is not there",
        arguments: [
            "/upstream/none/callback", "/upstream/work/callback/", "/upstream/WORK/callback",
            "/upstream/wor%6b/callback",
            "/upstream//callback", "/upstream/work/Callback", "/upstream/work/../work/callback", "/upstream/work",
        ]
    )
    func addresses(_ path: String) async throws {
        let world = try await Self.world()
        let answer = try await TestBrowser(world).get("\(path)?code=c&state=s", headers: [("accept", "text/html")])
        #expect(path == "/upstream/none/callback" ? answer.status == 410 : answer.status == 404)
        #expect(answer.setCookies.allSatisfy { !$0.contains("session") })
    }

    @Test("A callback with a state that never was is over, and says nothing of what it brought")
    func unknownState() async throws {
        let world = try await Self.world()
        let browser = TestBrowser(world)
        let answer = try await browser.get("/upstream/work/callback?code=planted&state=planted")
        #expect(answer.status == 410 && !answer.text.contains("planted"))
        #expect(answer.text.contains("This sign-in is over"))
        let form = try await browser.post("/upstream/work/callback", ["code": "planted", "state": "planted"])
        #expect(form.status == 410)
        #expect(try await browser.get("/upstream/work/callback?state=a&state=b&code=c").status == 410)
    }

    @Test("CVE-2023-6787: who has a password proves it again by that, or at a provider that proves it")
    func again() async throws {
        let world = try await Self.world()
        let browser = TestBrowser(world)
        _ = try await browser.follow(try await browser.signIn(try await browser.openSignIn()))
        let page = try await browser.openSignIn(HeaderTests.authorize + "&prompt=login")
        #expect(page.text.contains("/upstream/work/start") && !page.text.contains("/upstream/google/start"))
        let form: KeyValuePairs = [
            "interaction": page.field("interaction") ?? "", "form_token": page.field("form_token") ?? "",
        ]
        #expect(try await browser.post("/upstream/google/start", form).status == 404)
        let asked = try await begin(browser, page)
        #expect(asked.text.contains("prompt=login") && asked.text.contains("max_age=0"))
    }

    @Test("The page of linked accounts is for somebody who signed in lately, and its form carries a token")
    func links() async throws {
        let world = try await Self.world()
        let browser = TestBrowser(world)
        let sent = try await browser.get("/account/links")
        #expect(sent.status == 303 && sent["location"]?.contains("/sign-in?interaction=") == true)
        let page = try await browser.follow(
            try await browser.follow(try await browser.signIn(try await browser.follow(sent)))
        )
        #expect(page.status == 200 && page.text.contains("Linked accounts"))
        let token = page.field("form_token") ?? ""
        #expect(try await browser.post("/account/links", ["link": "work"]).status == 403)
        #expect(try await browser.post("/account/links", ["link": "work", "form_token": "x"]).status == 403)
        #expect(try await browser.post("/account/links", ["form_token": token]).status == 400)
        let linking = try await browser.post("/account/links", ["link": "work", "form_token": token])
        #expect(linking.text.contains("https://work.example/authorize?"))
        world.time.advance(by: .seconds(601))
        #expect(try await browser.get("/account/links").status == 303)
        let late = try await browser.post("/account/links", ["link": "work", "form_token": token])
        #expect(late.status == 303 && late["location"]?.contains("/sign-in?interaction=") == true)
    }
}
