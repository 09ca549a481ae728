import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// From the request to the code, over a memory store: RFC 6749 §4.1.1 and §4.1.2, OpenID Connect Core §3.1.2, RFC 9207 §2.
@Suite struct AuthorizationFlowTests {
    @Test func `Sign in, consent, and a code comes back with state and iss, and buys tokens`() async throws {
        var browser = try await TestWorld.browser()
        let world = browser.world
        let asked = try await browser.authorize([
            "scope": "openid profile offline_access orders:read", "login_hint": "alice@example.com",
            "ui_locales": "de-CH en <script>",
        ])
        let signIn = try #require(asked.signIn)
        #expect(signIn.applicationName == "app")
        #expect(signIn.loginHint == "alice@example.com")
        #expect(signIn.uiLocales == ["de-CH", "en"])
        #expect(signIn.redirectOrigin == "https://app.example")
        #expect(signIn.reauthenticating == nil)
        try await world.provider.interactions.check(
            interaction: signIn.interaction,
            formToken: signIn.formToken,
            browserBinding: browser.binding,
            now: world.now
        )

        try await browser.signIn()
        let consent = try #require(try await browser.resume(signIn.interaction).consent)
        #expect(consent.subject.value == "alice")
        #expect(consent.applicationHost == "app.example")
        #expect(consent.scopes.map(\.scope.value) == ["openid", "profile", "offline_access", "orders:read"])
        #expect(consent.scopes.map(\.text) == [nil, nil, nil, "See or change your orders"])
        #expect(try await world.codes().isEmpty)

        let answer = try await browser.answer(consent, "allow")
        #expect(answer.status == 303)
        #expect(answer.client["state"] == "af0ifjsldkj")
        #expect(answer.client["iss"] == TestWorld.issuer)
        let code = try #require(answer.client["code"])
        #expect(code.hasPrefix("signet_ac_"))
        let tokens = try world.json(await world.redeem(code))
        #expect(tokens["scope"] == "openid profile offline_access orders:read")
        let id = try UnverifiedToken(try #require(tokens["id_token"]?.stringValue)).unverifiedClaims
        #expect(id["nonce"] == "n-0S6_WzA2Mj")
        #expect(id["sid"] == browser.session.map { .string($0.id.value) })
    }

    @Test func `What the code stands for is what was asked, by whom, and when they signed in`() async throws {
        var browser = try await TestWorld.browser()
        let session = try await browser.signIn()
        browser.world.time.advance(by: .seconds(10))
        let code = try await browser.code(["scope": "openid orders:read"])
        let record = try #require(try await browser.world.codes().first)
        #expect(record.client.value == "app")
        #expect(record.redirectURI == TestWorld.redirectURI)
        #expect(record.codeChallenge == TestWorld.challenge)
        #expect(record.nonce == "n-0S6_WzA2Mj")
        #expect(record.scope.description == "openid orders:read")
        #expect(record.resource?.value == TestWorld.api)
        #expect(record.subject == session.subject)
        #expect(record.session == session.id)
        #expect(record.authentication == session.authentication)
        #expect(record.issuedAt == browser.world.now)
        let stored = try await browser.world.store.find(AuthorizationCodeRecord.key(code), now: browser.world.now)
        #expect(stored?.expiresAt == browser.world.now + .seconds(60))
        #expect(stored?.subject == "alice" && stored?.client == "app" && stored?.family == record.family.value)
    }

    @Test func `Whoever is signed in and has consented is asked nothing`() async throws {
        var browser = try await TestWorld.browser()
        let first = try await browser.code()
        let second = try #require(try await browser.authorize().client["code"])
        #expect(first != second)
        #expect(try await browser.authorize(["prompt": "none"]).client["code"] != nil)
    }

    @Test func `OAuth without OpenID Connect needs no openid`() async throws {
        var browser = try await TestWorld.browser()
        let code = try await browser.code(["scope": "orders:read", "nonce": nil, "state": nil])
        let tokens = try browser.world.json(await browser.world.redeem(code))
        #expect(tokens["id_token"] == nil)
        #expect(tokens["scope"] == "orders:read")
        #expect(try await browser.authorize(["scope": "orders:read", "state": nil]).client["state"] == nil)
    }

    @Test func `form_post answers, good or bad, are posted to the proven redirect URI`() async throws {
        var browser = try await TestWorld.browser()
        _ = try await browser.code()
        let granted = try await browser.authorize(["response_mode": "form_post"])
        guard case .formPost(let target, let fields) = granted.body else { throw TestFailure() }
        #expect(target.value == TestWorld.redirectURI)
        #expect(fields.map(\.name) == ["code", "state", "iss"])
        let refused = try await browser.authorize(["response_mode": "form_post", "prompt": "none login"])
        guard case .formPost(let destination, let errors) = refused.body else { throw TestFailure() }
        #expect(destination.value == TestWorld.redirectURI)
        #expect(errors.map(\.name) == ["error", "error_description", "state", "iss"])
    }

    @Test(arguments: [
        ("https://app.example/cb?a=b", "https://app.example/cb?a=b&code=", "https://app.example"),
        ("https://app.example/cb?", "https://app.example/cb?code=", "https://app.example"),
        ("https://app.example:8443/cb", "https://app.example:8443/cb?code=", "https://app.example:8443"),
        ("com.example.app:/cb", "com.example.app:/cb?code=", "com.example.app:"),
        ("http://127.0.0.1:49152/cb", "http://127.0.0.1:49152/cb?code=", "http://127.0.0.1:49152"),
        ("http://[::1]:49152/cb", "http://[::1]:49152/cb?code=", "http:"),
    ])
    func `A redirect URI keeps what it has, and pages may lead there`(
        _ uri: String,
        _ prefix: String,
        _ source: String
    ) async throws {
        let registered = uri.replacing(":49152", with: "")
        var browser = try await TestWorld.browser(client: {
            $0.redirectURIs = [RedirectURI(registered)].compactMap { $0 }
        })
        let signIn = try #require(try await browser.authorize(["redirect_uri": uri]).signIn)
        #expect(signIn.redirectOrigin == source)
        _ = try await browser.code(["redirect_uri": uri])
        let again = try await browser.authorize(["redirect_uri": uri])
        #expect(again.location?.hasPrefix(prefix) == true, "\(again.body)")
        #expect(try await browser.world.codes().allSatisfy { $0.redirectURI == uri })
    }

    @Test func `A POST becomes a GET with the same request, so that the session's cookie comes along`() async throws {
        let browser = try await TestWorld.browser()
        let request = TestWorld.authorization(["state": "a b&c"])
        var posted = request
        posted["client_secret"] = "oops"
        let response = try await browser.post("/authorize", posted)
        #expect(response.status == 303)
        let target = Target(try #require(response.location))
        #expect(target.path == "/authorize")
        #expect(target.parameters == request)
    }

    @Test func `offline_access is left out where the client cannot refresh, and kept where it can`() async throws {
        for (grants, scope) in [
            ([GrantType.authorizationCode], "openid"),
            ([GrantType.authorizationCode, .refreshToken], "openid offline_access"),
        ] {
            var browser = try await TestWorld.browser(client: { $0.grantTypes = grants })
            _ = try await browser.code(["scope": "openid offline_access"])
            #expect(try await browser.world.codes().map(\.scope.description) == [scope])
        }
    }

    @Test func `A confidential client that is exempt from PKCE gets a code for openid and a nonce`() async throws {
        var browser = try await TestWorld.browser(client: { AuthorizationRefusalTests.optionalPKCE(&$0) })
        _ = try await browser.code(["code_challenge": nil, "code_challenge_method": nil])
        #expect(try await browser.world.codes().map(\.codeChallenge) == [nil])
        // B7: what an exempt client sends all the same is kept, and then required at the token endpoint.
        _ = try await browser.code()
        #expect(try await browser.world.codes().contains { $0.codeChallenge == TestWorld.challenge })
    }

    @Test func `A store that cannot answer is a 503 here, and temporarily_unavailable at the client`() async throws {
        let store = MeddledStore()
        var browser = try await TestWorld.browser(store: store)
        _ = try await browser.code()
        await store.fail(.unavailable(reason: "disk full"))
        let response = try await browser.authorize()
        #expect(response.client["error"] == "temporarily_unavailable")
        #expect(response.client["code"] == nil)
        await store.fail(nil)
        #expect(try await browser.authorize().client["code"] != nil)
    }

    @Test func `The endpoints and what they can do are advertised`() async throws {
        let metadata = Dictionary(
            try await TestWorld().services.metadata.map { ($0.name, $0.value) }
        ) { first, _ in first }
        #expect(metadata["authorization_endpoint"] == .string(TestWorld.issuer + "/authorize"))
        #expect(metadata["end_session_endpoint"] == .string(TestWorld.issuer + "/logout"))
        #expect(metadata["response_types_supported"] == ["code"])
        #expect(metadata["response_modes_supported"] == ["query", "form_post"])
        #expect(metadata["code_challenge_methods_supported"] == ["S256"])
        #expect(metadata["prompt_values_supported"] == ["none", "login", "consent", "select_account"])
        #expect(metadata["authorization_response_iss_parameter_supported"] == true)
        for name in ["claims_parameter_supported", "request_parameter_supported", "request_uri_parameter_supported"] {
            #expect(metadata[name] == false)
        }
    }
}

/// What a decision rests on must still hold when the code is stored.
@Suite struct IssuanceRaceTests {
    enum Meddling: String, CaseIterable, Sendable { case client, person, session, consent }

    @Test(arguments: Meddling.allCases)
    func `No code is issued on what changed between the decision and the store`(_ meddling: Meddling) async throws {
        let store = MeddledStore()
        var browser = try await TestWorld.browser(store: store)
        let world = browser.world
        _ = try await browser.code()
        let session = try #require(browser.session)
        let before = try await world.codes().count
        let client = try #require(ClientID("app"))
        await store.beforeNextApply { store in
            switch meddling {
            case .client:
                _ = try await Clients(store: store, issuer: nil).update(
                    client,
                    now: world.now,
                    revocations: Revocations(store: store, configuration: world.services.configuration)
                ) { $0.status = .disabled }
            case .person:
                var person = try #require(try await world.endUsers.person(session.subject, now: world.now))
                person.isEnabled = false
                let record = try #require(try await store.find(person.key, now: world.now))
                _ = try await store.apply([.replace(record, ifVersion: record.version)], now: world.now)
                world.endUsers.put(person)
            case .session:
                _ = try await store.apply([.delete(session.key)], now: world.now)
                world.endUsers.remove(session.id)
            case .consent:
                let revocations = Revocations(store: store, configuration: world.services.configuration)
                try await Consents(store: store, revocations: revocations)
                    .withdraw(subject: session.subject, client: client, now: world.now)
            }
        }
        let response = try await browser.authorize()
        switch meddling {
        case .client: #expect(response.shownError?.code == .invalidClient)
        case .person, .session: #expect(response.signIn != nil)
        case .consent: #expect(response.consent != nil)
        }
        #expect(try await world.codes().count == before)
    }

    @Test func `A race with something harmless is run again and won`() async throws {
        let store = MeddledStore()
        var browser = try await TestWorld.browser(store: store)
        let world = browser.world
        _ = try await browser.code()
        let session = try #require(browser.session)
        await store.beforeNextApply { store in
            let record = try #require(try await store.find(session.key, now: world.now))
            _ = try await store.apply([.replace(record, ifVersion: record.version)], now: world.now)
        }
        #expect(try await browser.authorize().client["code"] != nil)
    }
}
