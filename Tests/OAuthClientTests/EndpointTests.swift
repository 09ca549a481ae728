import Foundation
import Instants
import IssuerConnection
import JOSE
import OAuthClient
import Testing

/// Userinfo, logout, revocation, client authentication, errors.
@Suite struct EndpointTests {
    let issuer: FakeIssuer
    let clock = SetClock()

    init() throws { issuer = try FakeIssuer() }

    func party(_ authentication: ClientAuthentication = .none, id: String = "app") -> RelyingParty {
        RelyingParty(
            ClientRegistration(issuer: issuer.url, clientID: id, authentication: authentication),
            redirectURI: "https://app.example/callback",
            environment: .test(issuer, clock: clock)
        )
    }

    @Test("OIDC Core §5.3.2: userinfo about somebody else is not believed")
    func userInfo() async throws {
        issuer.on("/userinfo") { _ in .json(["sub": "alice", "email": "a@example.org"]) }
        let info = try await party().userInfo(accessToken: "at-value", expecting: "alice")
        #expect(info["email"] == "a@example.org")
        #expect(issuer.received("/userinfo").first?.header("Authorization") == "Bearer at-value")
        let other = await refusal { _ = try await party().userInfo(accessToken: "at-value", expecting: "bob") }
        #expect(other?.code == .tokenInvalid)
        // "Exactly": what Unicode holds for equivalent is another person.
        issuer.on("/userinfo") { _ in .json(["sub": "jose\u{301}"]) }
        let equivalent = await refusal { _ = try await party().userInfo(accessToken: "at", expecting: "jos\u{E9}") }
        #expect(equivalent?.code == .tokenInvalid)
        issuer.on("/userinfo") { _ in
            .json([:], status: 401, [(name: "WWW-Authenticate", value: "Bearer error=\"invalid_token\"")])
        }
        let ended = await refusal { _ = try await party().userInfo(accessToken: "at-value", expecting: "alice") }
        #expect(ended?.code == .refused && ended?.error == "invalid_token" && ended?.status == 401)
    }

    @Test("The logout URL says whose session ends and where to return")
    func logout() async throws {
        let url = try await party().logoutURL(idToken: "a.b.c", returningTo: "https://app.example/?x=1&y", state: "s")
        #expect(url.hasPrefix("https://issuer.example/logout?"))
        #expect(
            Received.query(of: url) == [
                "client_id": "app", "id_token_hint": "a.b.c", "post_logout_redirect_uri": "https://app.example/?x=1&y",
                "state": "s",
            ]
        )
    }

    @Test(
        "RFC 7009 §2.2.1: a revocation is tried again while the issuer is in trouble, and then it is said that it failed"
    )
    func revocation() async throws {
        let calls = Counter()
        issuer.on("/revoke") { _ in calls.add() < 3 ? .json([:], status: 503) : .json([:]) }
        try await party().revoke("rt-value")
        #expect(calls.count == 3)
        let form = try #require(issuer.received("/revoke").last).form
        #expect(form == ["token": "rt-value", "token_type_hint": "refresh_token", "client_id": "app"])
        issuer.on("/revoke") { _ in .json([:], status: 503, [(name: "Retry-After", value: "100")]) }
        let error = await refusal { try await party().revoke("rt-value") }
        #expect(error?.code == .unavailable && error?.retryAfter == .seconds(100) && error?.isTransient == true)
    }

    @Test("RFC 6749 §2.3.1: id and secret are form-encoded before they become Basic credentials")
    func basic() async throws {
        issuer.on("/revoke") { _ in .json([:]) }
        try await party(.secretBasic("p:ä +%/~*"), id: "a:b c").revoke("x")
        let header = try #require(issuer.received("/revoke").first?.header("Authorization"))
        let pair = try #require(Data(base64Encoded: String(header.dropFirst("Basic ".count))))
        #expect(String(decoding: pair, as: UTF8.self) == "a%3Ab%20c:p%3A%C3%A4%20%2B%25%2F%7E*")
        #expect(issuer.received("/revoke").first?.form["client_id"] == nil)
        try await party(.secretPost("p:ä +%")).revoke("x")
        #expect(issuer.received("/revoke").last?.form["client_secret"] == "p:ä +%")
        #expect(issuer.received("/revoke").last?.header("Authorization") == nil)
    }

    @Test("RFC 7523 §3: an assertion is ours, for this issuer, short-lived, and new for every attempt")
    func assertion() async throws {
        let key = try SigningKey.generate(.edDSA)
        let calls = Counter()
        issuer.on("/revoke") { _ in calls.add() == 1 ? .json([:], status: 503) : .json([:]) }
        try await party(.privateKeyJWT(key)).revoke("x")
        var identifiers: Set<String> = []
        for request in issuer.received("/revoke") {
            #expect(request.form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
            let token = try UnverifiedToken(request.form["client_assertion"] ?? "").verified(
                by: KeySet([key.verificationKey]),
                expecting: Expectations(
                    issuer: .exactly("app"),
                    audience: .exactly(issuer.url),
                    type: .exactly("JWT"),
                    algorithms: [.edDSA],
                    now: clock.now,
                    leeway: .seconds(5)
                )
            )
            #expect(token.subject == "app" && token.audience.count == 1)
            let lifetime = try #require(token.expiresAt) - (try #require(token.issuedAt))
            #expect(lifetime == .seconds(60))
            identifiers.insert(token.tokenID ?? "")
        }
        #expect(identifiers.count == 2)
        try await party(.privateKeyJWT(key, audience: "https://issuer.example/token")).revoke("x")
        let other = try UnverifiedToken(issuer.received("/revoke").last?.form["client_assertion"] ?? "")
        #expect(other.unverifiedClaims["aud"] == "https://issuer.example/token")
    }

    @Test(
        "An error carries the issuer's words, the status and the trace, and no credential even if the issuer repeats one"
    )
    func errors() async throws {
        issuer.on("/revoke") { _ in .refusal("invalid_client", status: 401) }
        let error = try #require(await refusal { try await party(.secretBasic("s3cr3t-value")).revoke("t0ken-value") })
        #expect(error.code == .refused && error.error == "invalid_client" && error.errorDescription == "as scripted")
        #expect(error.status == 401 && error.traceID == "trace-1" && !error.isTransient && !error.isInvalidGrant)
        for leaked in ["s3cr3t-value", "t0ken-value"] {
            issuer.on("/revoke") { _ in
                .json(["error": "invalid_request", "error_description": .string("what is \(leaked)?")], status: 400)
            }
            let error = try #require(
                await refusal { try await party(.secretBasic("s3cr3t-value")).revoke("t0ken-value") }
            )
            #expect(error.error == "invalid_request")
            #expect(!"\(error)".contains(leaked))
        }
    }

    @Test(
        "A token response that is not one is refused",
        arguments: [
            (#"{"token_type":"Bearer"}"#, nil), (#"{"access_token":"at"}"#, nil),
            // RFC 6749 §7.1
            (#"{"access_token":"at","token_type":"mac"}"#, nil), (#"{"access_token":"at","token_type":"DPoP"}"#, nil),
            (#"{"access_token":"a\nb","token_type":"Bearer"}"#, nil),
            (#"{"access_token":"","token_type":"Bearer"}"#, nil),
            (#"{"access_token":7,"token_type":"Bearer"}"#, nil), ("[]", nil), ("<html>", nil), ("", nil),
            (#"{"access_token":"at","token_type":"Bearer","expires_in":"soon"}"#, nil),
            (#"{"access_token":"at","access_token":"bt","token_type":"Bearer"}"#, nil),
            (#"{"access_token":"at","token_type":"bearer"}"#, "at"),
            (#"{"access_token":"at","token_type":"BEARER","expires_in":"60"}"#, "at"),
        ] as [(String, String?)]
    )
    func tokenResponses(body: String, token: String?) async throws {
        issuer.on("/token") { _ in TransportResponse(status: 200, body: Array(body.utf8)) }
        let tokens = ServiceTokens(
            ClientRegistration(issuer: issuer.url, clientID: "app", authentication: .none),
            environment: .test(issuer, clock: clock)
        )
        var got: String?
        let error = await refusal { got = try await tokens.token().accessToken }
        #expect(got == token)
        #expect(token != nil || error?.code == .responseMalformed)
    }

    @Test("An endpoint that the issuer does not have is said to be missing; a document in doubt is not used")
    func unsupported() async throws {
        let bare = try FakeIssuer(metadata: ["revocation_endpoint": .null])
        let party = RelyingParty(
            ClientRegistration(issuer: bare.url, clientID: "app", authentication: .none),
            redirectURI: "https://app.example/callback",
            environment: .test(bare, clock: clock)
        )
        #expect(await refusal { try await party.revoke("x") }?.code == .unsupported)
        let wrong = try FakeIssuer(metadata: ["issuer": "https://evil.example"])
        let misled = RelyingParty(
            ClientRegistration(issuer: wrong.url, clientID: "app", authentication: .none),
            redirectURI: "https://app.example/callback",
            environment: .test(wrong, clock: clock)
        )
        #expect(await refusal { _ = try await misled.start() }?.code == .discovery)
    }

    @Test("Metadata is asked for once by a hundred, again after an hour, and kept while the issuer is down")
    func metadata() async throws {
        let party = party()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<100 { group.addTask { _ = try? await party.start() } }
        }
        let path = "/.well-known/oauth-authorization-server"
        #expect(issuer.received(path).count == 1)
        clock.advance(by: .seconds(3600))
        issuer.on(path) { _ throws(TransportError) in throw TransportError(.unreachable, reason: "down") }
        #expect(try await party.start().url.hasPrefix("https://issuer.example/authorize"))
        let asked = issuer.received(path).count
        #expect(asked > 1)
        _ = try await party.start()
        #expect(issuer.received(path).count == asked)
    }
}
