import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// RFC 7662, RFC 7009, OpenID Connect Core §5.3, and FIELD F22, F23.
@Suite struct ProtectedEndpointTests {
    // MARK: - Introspection

    @Test func `Introspection answers the audience's API and the client of the token, and nobody else`() async throws {
        let world = try await TestWorld()
        let tokens = try await world.grant()
        _ = try await world.service()
        let answer = try await world.introspect(tokens.access)
        #expect(answer["active"] == true)
        #expect(answer["sub"] == "alice" && answer["client_id"] == "app" && answer["token_type"] == "Bearer")
        #expect(answer["username"] == "alice")
        var foreign = try #require(ResourceIndicator("https://api.example/other")).value
        foreign = "api_other"
        try await world.services.apis.create(
            RegisteredAPI(
                audience: #require(ResourceIndicator("https://api.example/other")),
                name: "Other",
                credentialID: #require(ClientID(foreign)),
                secretHash: ClientSecret.hash(Secret(TestWorld.secret)),
                createdAt: world.now
            ),
            now: world.now
        )
        for caller in ["api_other", "service"] {
            let inactive = try world.json(
                await world.ask("/introspect", ["token": tokens.access], authorization: TestWorld.basic(caller))
            )
            #expect(
                inactive == ["active": false],
                "FIELD F23, CVE-2024-47077: introspection of another client's tokens by \(caller)"
            )
        }
    }

    @Test func `RFC 7662 §2.1: introspection refuses a caller that cannot authenticate`() async throws {
        let world = try await TestWorld()
        let tokens = try await world.grant()
        let anonymous = try await world.ask("/introspect", ["token": tokens.access])
        #expect(anonymous.failure?.code == .invalidClient)
        let publicClient = try await world.ask("/introspect", ["token": tokens.access, "client_id": "app"])
        #expect(publicClient.failure?.description == "introspection needs client authentication")
        let wrong = try await world.ask(
            "/introspect",
            ["token": tokens.access],
            authorization: TestWorld.basic("api_orders", "wrong")
        )
        #expect(wrong.status == 401)
    }

    @Test func `A confidential client sees its own refresh token, and looking changes nothing`() async throws {
        let world = try await TestWorld()
        _ = try await world.ordersAPI()
        let client = try await world.publicClient("web") {
            $0.type = .confidential
            $0.authenticationMethod = .clientSecretBasic
            $0.secretHash = ClientSecret.hash(Secret(TestWorld.secret))
        }
        let code = try await world.code(client: client, session: world.signIn())
        let fields = [
            "grant_type": "authorization_code", "code": code, "redirect_uri": TestWorld.redirectURI,
            "code_verifier": TestWorld.verifier,
        ]
        let tokens = try Tokens(world.json(await world.askToken(fields, authorization: TestWorld.basic("web"))))
        for _ in 0..<3 {
            let answer = try world.json(
                await world.ask("/introspect", ["token": tokens.refresh], authorization: TestWorld.basic("web"))
            )
            #expect(answer["active"] == true && answer["sub"] == "alice")
        }
        let atAPI = try await world.introspect(tokens.refresh)
        #expect(atAPI == ["active": false], "a refresh token is nothing that an API may know")
        let next = try Tokens(
            world.json(
                await world.askToken(
                    ["grant_type": "refresh_token", "refresh_token": tokens.refresh],
                    authorization: TestWorld.basic("web")
                )
            )
        )
        let spent = try world.json(
            await world.ask("/introspect", ["token": tokens.refresh], authorization: TestWorld.basic("web"))
        )
        #expect(spent == ["active": false])
        let current = try world.json(
            await world.ask("/introspect", ["token": next.refresh], authorization: TestWorld.basic("web"))
        )
        #expect(current["active"] == true)
    }

    @Test func `An expired, garbled, foreign or wrongly typed token is inactive`() async throws {
        let world = try await TestWorld()
        let tokens = try await world.grant()
        let id = try #require(tokens.id)
        // FIELD F22: an ID token is no access token, GHSA-7fpj-9hr8-28vh and CVE-2019-3868.
        #expect(try await world.introspect(id) == ["active": false])
        let key = try SigningKey.generate(.es256)
        let claims = try UnverifiedToken(tokens.access).unverifiedClaims
        #expect(try await world.introspect(JWT.signed(claims, type: "at+jwt", by: key)) == ["active": false])
        for text in ["x", "a.b.c", tokens.access + "A", "signet_at_AAAA"] {
            #expect(try await world.introspect(text) == ["active": false])
        }
        #expect(try await world.introspect(tokens.access)["active"] == true)
        world.time.advance(by: .seconds(900))
        #expect(try await world.introspect(tokens.access) == ["active": false])
    }

    @Test func `FIELD F22: our own signature over an access token's claims counts only under its own type`()
        async throws
    {
        let world = try await TestWorld()
        let claims = try UnverifiedToken(await world.grant().access).unverifiedClaims
        let key = try #require(world.services.keyring.current.signing["ES256"])
        #expect(try await world.introspect(JWT.signed(claims, type: "JWT", by: key)) == ["active": false])
        #expect(try await world.introspect(JWT.signed(claims, type: "at+jwt", by: key))["active"] == true)
    }

    @Test func `RFC 7662 §2.2: what is said of a token is its claims, and none of its claims can say it in our place`()
        async throws
    {
        let world = try await TestWorld()
        var claims = try UnverifiedToken(await world.grant().access).unverifiedClaims
        let key = try #require(world.services.keyring.current.signing["ES256"])
        // Asked twice: the second time what was read of the token is remembered.
        let token = try JWT.signed(claims, type: "at+jwt", by: key)
        for _ in 0..<2 {
            let answer = try await world.introspect(token)
            for (name, value) in claims { #expect(answer[name] == value, "\(name)") }
            #expect(answer.count == claims.count + 3)
        }
        claims["note"] = "a \"quoted\" \\ text, \u{7}ü"
        #expect(try await world.introspect(JWT.signed(claims, type: "at+jwt", by: key))["note"] == claims["note"])
        claims["active"] = "never"
        claims["username"] = "mallory"
        claims["token_type"] = "N_A"
        let impostor = try JWT.signed(claims, type: "at+jwt", by: key)
        for _ in 0..<2 {
            let answer = try await world.introspect(impostor)
            #expect(answer["active"] == true)
            #expect(answer["username"] == "alice" && answer["token_type"] == "Bearer")
            #expect(answer["jti"] == claims["jti"])
        }
    }

    // MARK: - Revocation

    @Test func `A revoked access token is inactive at once, and its sibling lives`() async throws {
        let world = try await TestWorld()
        let tokens = try await world.grant()
        let next = try Tokens(world.json(await world.refresh(tokens.refresh)))
        let answer = try await world.ask("/revoke", ["token": tokens.access, "client_id": "app"])
        #expect(answer.status == 200 && answer.failure == nil)
        #expect(try await world.introspect(tokens.access) == ["active": false])
        #expect(try await world.introspect(next.access)["active"] == true)
        let userinfo = try await world.ask("/userinfo", method: .get, authorization: "Bearer \(tokens.access)")
        #expect(userinfo.failure?.code == .invalidToken)
    }

    @Test func `A revoked refresh token ends its grant and every access token of it`() async throws {
        let world = try await TestWorld()
        let tokens = try await world.grant()
        let other = try await world.grant()
        _ = try await world.ask(
            "/revoke",
            ["token": tokens.refresh, "client_id": "app", "token_type_hint": "access_token"]
        )
        #expect(try await world.refresh(tokens.refresh).failure?.description == "the grant has ended")
        #expect(try await world.introspect(tokens.access) == ["active": false])
        #expect(try await world.introspect(other.access)["active"] == true, "another grant of the same person")
        #expect(try await world.ask("/revoke", ["token": tokens.refresh, "client_id": "app"]).failure == nil)
    }

    @Test func `RFC 7009 §2.1, §2.2: a client cannot revoke another client's tokens, and an unknown token is no error`()
        async throws
    {
        let world = try await TestWorld()
        let tokens = try await world.grant()
        _ = try await world.publicClient("other")
        let refused = try await world.ask("/revoke", ["token": tokens.access, "client_id": "other"])
        #expect(refused.failure?.code == .unauthorizedClient)
        #expect(try await world.ask("/revoke", ["token": tokens.refresh, "client_id": "other"]).failure == nil)
        #expect(try await world.ask("/revoke", ["token": "garbage", "client_id": "other"]).failure == nil)
        #expect(try await world.ask("/revoke", ["client_id": "other"]).failure?.code == .invalidRequest)
        #expect(try await world.introspect(tokens.access)["active"] == true)
        _ = try Tokens(world.json(await world.refresh(tokens.refresh)))
    }

    @Test func `A revoked token stays revoked however short lifetimes have become`() async throws {
        let store = MemoryStore()
        let before = try await TestWorld(store: store) { $0.accessTokenLifetime = .seconds(86400) }
        let tokens = try await before.grant()
        let after = try await TestWorld(store: store) {
            $0.accessTokenLifetime = .seconds(60)
            $0.idTokenLifetime = .seconds(60)
        }
        try await after.signIn()
        _ = try await after.ask("/revoke", ["token": tokens.access, "client_id": "app"])
        #expect(try await after.introspect(tokens.access) == ["active": false])
        after.time.advance(by: .seconds(80000))
        #expect(try await after.introspect(tokens.access) == ["active": false])
    }

    @Test func `A token that claims a later moment than its key's retirement is refused`() async throws {
        let world = try await TestWorld()
        let tokens = try await world.grant()
        let key = try #require(try UnverifiedToken(tokens.access).header["kid"]?.stringValue)
        #expect(try await world.introspect(tokens.access)["active"] == true)
        try await world.services.revocations.apply(ending: .signingKey(key), now: world.now - .seconds(60))
        #expect(try await world.introspect(tokens.access) == ["active": false])
    }

    // MARK: - UserInfo

    @Test func `UserInfo gives the claims of the granted scopes, by header or form`() async throws {
        let world = try await TestWorld()
        let tokens = try await world.grant(scope: "openid email")
        for response in [
            try await world.ask("/userinfo", method: .get, authorization: "Bearer \(tokens.access)"),
            try await world.ask("/userinfo", method: .post, authorization: "bearer \(tokens.access)"),
            try await world.ask("/userinfo", ["access_token": tokens.access], method: .post),
        ] {
            let claims = try world.json(response)
            #expect(claims == ["sub": "alice", "email": "alice@example.com"])
        }
    }

    @Test func `UserInfo answers each missing right as RFC 6750 §3.1 has it`() async throws {
        let world = try await TestWorld()
        let tokens = try await world.grant()
        let none = try await world.ask("/userinfo", method: .get)
        #expect(none.status == 401 && none.failure?.challenge == .bearerWithoutError)
        let inQuery = try await world.ask("/userinfo", ["access_token": tokens.access], method: .get)
        #expect(inQuery.failure?.challenge == .bearerWithoutError, "RFC 6750 §2.3: not from a query")
        let both = try await world.ask(
            "/userinfo",
            ["access_token": tokens.access],
            method: .post,
            authorization: "Bearer \(tokens.access)"
        )
        #expect(both.failure?.code == .invalidRequest, "RFC 6750 §2: not more than one way")
        let plain = try Tokens(world.json(await world.refresh(tokens.refresh, scope: "orders:read")))
        let scope = try await world.ask("/userinfo", method: .get, authorization: "Bearer \(plain.access)")
        #expect(scope.status == 403 && scope.failure?.code == .insufficientScope)
        #expect(scope.failure?.requiredScope == [.openID])
        world.time.advance(by: .seconds(900))
        let late = try await world.ask("/userinfo", method: .get, authorization: "Bearer \(tokens.access)")
        #expect(late.failure?.description == "the access token has expired")
        let bad = try await world.ask("/userinfo", method: .get, authorization: "Bearer x")
        #expect(bad.failure?.description == "the access token is not valid")
    }

    @Test func `A token for the issuer without the scope openid is not enough for UserInfo`() async throws {
        let world = try await TestWorld()
        let plain = try await world.grant(scope: "profile")
        let refused = try await world.ask("/userinfo", method: .get, authorization: "Bearer \(plain.access)")
        #expect(refused.status == 403 && refused.failure?.code == .insufficientScope)
        let sound = try await world.grant(scope: "openid profile")
        _ = try world.json(await world.ask("/userinfo", method: .get, authorization: "Bearer \(sound.access)"))
    }

    @Test(arguments: GrantEnding.allCases)
    func `What ends a right ends its access tokens where we are asked`(_ ending: GrantEnding) async throws {
        let world = try await TestWorld()
        let tokens = try await world.grant(scope: "openid orders:read")
        #expect(try await world.introspect(tokens.access)["active"] == true)
        world.time.advance(by: .milliseconds(1))
        try await ending.apply(to: world)
        if ending == .passwordChanged {
            // Accounts writes the cut-off in the same apply as the password.
            try await world.services.revocations.apply(ending: .subject(#require(Subject("alice"))), now: world.now)
        }
        #expect(try await world.introspect(tokens.access) == ["active": false])
    }

    // MARK: - Discovery

    @Test func `Both discovery documents advertise what is mounted and nothing else`() async throws {
        let world = try await TestWorld()
        let wellKnown = world.provider.endpoints.filter {
            // What the transmitter of security events says has a test of its own.
            if case .wellKnown(let name) = $0.location { name != "ssf-configuration" } else { false }
        }
        #expect(wellKnown.count == 2)
        let paths = Set(
            world.provider.endpoints.compactMap { endpoint -> String? in
                guard case .belowIssuer(let path) = endpoint.location else { return nil }
                return path
            }
        )
        for endpoint in wellKnown {
            let response = await endpoint.respond(
                to: EndpointRequest(method: .get, parameters: Parameters()),
                with: world.services
            )
            guard case .prepared("application/json", let bytes) = response.body else { throw TestFailure() }
            let document = try JSONObject(parsing: bytes)
            #expect(document["issuer"] == .string(TestWorld.issuer))
            for (name, value) in document where name.hasSuffix("_endpoint") || name == "jwks_uri" {
                let url = try #require(value.stringValue)
                #expect(url.hasPrefix(TestWorld.issuer))
                let path = String(url.dropFirst(TestWorld.issuer.count))
                // The revocation feed names the folder that its addresses lie in.
                #expect(paths.contains { $0 == path || $0.hasPrefix(path + "/") }, "\(name) is not mounted")
            }
            #expect(
                document["grant_types_supported"] == [
                    "authorization_code", "client_credentials", "refresh_token",
                    "urn:ietf:params:oauth:grant-type:device_code",
                ]
            )
            #expect(document["id_token_signing_alg_values_supported"] == ["RS256", "ES256", "EdDSA"])
            #expect(document["subject_types_supported"] == ["public"])
        }
    }
}
