import Crypto
import Foundation
import Instants
import IssuerConnection
import JOSE
import OAuthClient
import Testing

/// Code, PKCE, state, nonce, `iss` and the ID token, each refusal beside a login that succeeds.
@Suite struct LoginTests {
    static let now = Instant(secondsSinceEpoch: 1_800_000_000)
    static let callback = "https://app.example/callback"

    let issuer: FakeIssuer
    let clock = SetClock(now: Self.now)
    let party: RelyingParty

    init() throws {
        issuer = try FakeIssuer()
        party = Self.party(issuer, clock)
    }

    static func party(_ issuer: FakeIssuer, _ clock: SetClock, policy: IDTokenPolicy = IDTokenPolicy()) -> RelyingParty
    {
        RelyingParty(
            ClientRegistration(issuer: issuer.url, clientID: "app", authentication: .secretBasic("s3cr3t-value")),
            redirectURI: callback,
            idTokens: policy,
            environment: .test(issuer, clock: clock)
        )
    }

    static func claims(_ start: LoginStart) -> JSONObject {
        [
            "iss": .string(FakeIssuer.url), "aud": "app", "sub": "alice", "exp": 1_800_000_300, "iat": 1_800_000_000,
            "nonce": (Received.query(of: start.url)["nonce"]).map(JSON.string) ?? .null, "auth_time": 1_799_999_990,
            "acr": "mfa",
        ]
    }

    /// What the issuer would send the browser back with.
    static func answer(_ start: LoginStart, _ more: String = "&iss=https%3A%2F%2Fissuer.example") -> String {
        "code=c0de-value&state=\(start.pending.state)\(more)"
    }

    /// Scripts the token endpoint and runs a login to its end.
    func login(
        options: LoginOptions = LoginOptions(),
        query: (LoginStart) -> String = { answer($0) },
        token: (JSONObject) throws -> String?
    ) async throws -> Login {
        let start = try await party.start(options)
        let idToken = try token(Self.claims(start))
        issuer.on("/token") { _ in .tokens("at", 600, idToken.map { ["id_token": .string($0)] } ?? [:]) }
        return try await party.finish(start.pending, query: query(start))
    }

    @Test(
        "RFC 7636 §4.1 and RFC 6749 §4.1: a login asks with challenge, state and nonce, and redeems with the verifier"
    )
    func happy() async throws {
        let start = try await party.start(
            LoginOptions(scopes: ["openid", "email"], resources: ["https://api.example"])
        )
        let query = Received.query(of: start.url)
        #expect(start.url.hasPrefix("https://issuer.example/authorize?"))
        #expect(query["response_type"] == "code" && query["client_id"] == "app" && query["scope"] == "openid email")
        #expect(query["redirect_uri"] == Self.callback && query["code_challenge_method"] == "S256")
        #expect(query["resource"] == "https://api.example" && query["state"] == start.pending.state)
        // 32 random bytes each.
        #expect(query["state"]?.count == 43 && query["nonce"]?.count == 43)
        let idToken = try issuer.idToken(Self.claims(start))
        issuer.on("/token") { _ in .tokens("at", 600, ["id_token": .string(idToken), "refresh_token": "rt"]) }
        // The pending login survives being stored.
        let stored = try JSONDecoder().decode(PendingLogin.self, from: JSONEncoder().encode(start.pending))
        let login = try await party.finish(stored, query: Self.answer(start))
        #expect(login.subject == "alice" && login.tokens.accessToken == "at" && login.tokens.refreshToken == "rt")
        #expect(login.tokens.expiresAt == Self.now + .seconds(600))
        let form = try #require(issuer.received("/token").first)
        #expect(form.form["code"] == "c0de-value" && form.form["grant_type"] == "authorization_code")
        #expect(form.form["redirect_uri"] == Self.callback)
        let challenge = Base64URL.encode(SHA256.hash(data: Data((form.form["code_verifier"] ?? "").utf8)))
        #expect(challenge == query["code_challenge"])
        #expect((form.form["code_verifier"] ?? "").count >= 43)
        #expect(!start.url.contains(form.form["code_verifier"] ?? "?"))
        #expect(form.header("Authorization") == "Basic \(Data("app:s3cr3t-value".utf8).base64EncodedString())")
    }

    @Test("Two logins share neither state nor nonce nor verifier")
    func fresh() async throws {
        let (one, other) = (try await party.start(), try await party.start())
        for name in ["state", "nonce", "code_challenge"] {
            #expect(Received.query(of: one.url)[name] != Received.query(of: other.url)[name])
        }
    }

    @Test(
        "RFC 6749 §3.1, §10.12 and RFC 9207 §2.4: an answer that is not to this login, or not from this issuer, is refused",
        arguments: [
            "code=c&state=other&iss=https%3A%2F%2Fissuer.example", "code=c&iss=https%3A%2F%2Fissuer.example",
            "code=c&state=&iss=https%3A%2F%2Fissuer.example", "code=c&state=STATE",
            "code=c&state=STATE&iss=https%3A%2F%2Fevil.example",
            "code=c&state=STATE&iss=https%3A%2F%2Fissuer.example%2F",
            "code=c&state=STATE&iss=https%3A%2F%2FISSUER.example", "code=c&state=STATE&iss=",
            "code=c&code=d&state=STATE&iss=https%3A%2F%2Fissuer.example",
            "code=c&state=STATE&state=STATE&iss=https%3A%2F%2Fissuer.example",
            "code=c&state=STATE&iss=https%3A%2F%2Fissuer.example&iss=https%3A%2F%2Fissuer.example",
            "state=STATE&iss=https%3A%2F%2Fissuer.example", "code=&state=STATE&iss=https%3A%2F%2Fissuer.example",
            "error=access_denied&state=other&iss=https%3A%2F%2Fissuer.example",
            "error=access_denied&state=STATE&iss=https%3A%2F%2Fevil.example", "error=access_denied&state=STATE",
            "code=%ZZ&state=STATE&iss=https%3A%2F%2Fissuer.example",
            "code=%FF&state=STATE&iss=https%3A%2F%2Fissuer.example",
            "code=a%0Ab&state=STATE&iss=https%3A%2F%2Fissuer.example", "",
        ]
    )
    func otherAnswers(query: String) async throws {
        let error = await refusal {
            _ = try await login {
                query.replacingOccurrences(of: "STATE", with: $0.pending.state)
            } token: {
                try issuer.idToken($0)
            }
        }
        #expect(error?.code == .responseInvalid)
        #expect(issuer.received("/token").isEmpty)
        #expect(try await login { try issuer.idToken($0) }.subject == "alice")
    }

    @Test("RFC 9207 §2.4: an issuer that does not promise iss may leave it out, and may not send another's")
    func withoutIssuer() async throws {
        let issuer = try FakeIssuer(metadata: ["authorization_response_iss_parameter_supported": .null])
        let party = Self.party(issuer, clock)
        let start = try await party.start()
        let idToken = try issuer.idToken(Self.claims(start))
        issuer.on("/token") { _ in .tokens("at", 600, ["id_token": .string(idToken)]) }
        let error = await refusal {
            _ = try await party.finish(start.pending, query: Self.answer(start, "&iss=https%3A%2F%2Fevil.example"))
        }
        #expect(error?.code == .responseInvalid)
        #expect(try await party.finish(start.pending, query: Self.answer(start, "")).subject == "alice")
    }

    @Test("An issuer's refusal comes with its words, cleaned; the code is then not looked at")
    func refused() async throws {
        let error = await refusal {
            _ = try await login { start in
                "error=login_required&error_description=sign%20in%07&code=c&state=\(start.pending.state)"
                    + "&iss=https%3A%2F%2Fissuer.example"
            } token: {
                try issuer.idToken($0)
            }
        }
        #expect(error?.code == .refused && error?.error == "login_required" && error?.errorDescription == "sign in")
        #expect(issuer.received("/token").isEmpty)
    }

    @Test("A login of another issuer, another client or another day is refused")
    func foreignPending() async throws {
        let other = try FakeIssuer("https://other.example")
        let start = try await Self.party(other, clock).start()
        let foreign = await refusal { _ = try await party.finish(start.pending, query: Self.answer(start)) }
        #expect(foreign?.code == .responseInvalid)
        let own = try await party.start()
        let idToken = try issuer.idToken(Self.claims(own).setting("exp", 1_800_002_000).setting("iat", 1_800_000_880))
        issuer.on("/token") { _ in .tokens("at", 600, ["id_token": .string(idToken)]) }
        clock.advance(by: .seconds(899))
        #expect(try await party.finish(own.pending, query: Self.answer(own)).subject == "alice")
        clock.advance(by: .seconds(1))
        let late = await refusal { _ = try await party.finish(own.pending, query: Self.answer(own)) }
        #expect(late?.code == .expired)
    }

    @Test(
        "OIDC Core §3.1.3.7 and OIDC Core §2: an ID token that is not as it must be is refused",
        arguments: [
            ("iss", "https://evil.example"), ("iss", nil), ("aud", "other"), ("aud", nil), ("aud", ["app", "other"]),
            ("azp", "other"), ("azp", 7), ("nonce", "other"), ("nonce", nil), ("nonce", 7), ("exp", 1_799_999_940),
            ("exp", nil), ("iat", 1_800_000_061), ("iat", 1_799_999_339), ("iat", nil), ("sub", nil), ("sub", ""),
            ("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), ("at_hash", 1), ("events", [:]),
        ] as [(String, JSON?)]
    )
    func idTokenClaims(name: String, value: JSON?) async throws {
        let error = await refusal { _ = try await login { try issuer.idToken($0.setting(name, value)) } }
        #expect(error?.code == .tokenInvalid, "\(name)")
        #expect(try await login { try issuer.idToken($0) }.subject == "alice")
    }

    @Test("OIDC Core §3.1.3.7: what may be there and is right is accepted")
    func goodVariants() async throws {
        let hash = SignatureAlgorithm.es256.tokenHash(of: "at")
        let variants: [(String, JSON)] = [
            ("at_hash", .string(hash)), ("azp", "app"), ("aud", ["app"]), ("exp", 1_799_999_941),
            ("iat", 1_800_000_060),
            ("iat", 1_799_999_340),
        ]
        for (name, value) in variants {
            #expect(try await login { try issuer.idToken($0.setting(name, value)) }.subject == "alice", "\(name)")
        }
    }

    @Test("OIDC Core §3.1.3.7: another audience is accepted only if it is trusted, and then azp must name the client")
    func audiences() async throws {
        let party = Self.party(issuer, clock, policy: IDTokenPolicy(trustedAudiences: ["other"]))
        for (azp, isAccepted) in [("app", true), ("other", false), (nil, false)] as [(String?, Bool)] {
            let start = try await party.start()
            let claims = Self.claims(start).setting("aud", ["app", "other"]).setting("azp", azp.map(JSON.string))
            let idToken = try issuer.idToken(claims)
            issuer.on("/token") { _ in .tokens("at", 600, ["id_token": .string(idToken)]) }
            let error = await refusal { _ = try await party.finish(start.pending, query: Self.answer(start)) }
            #expect((error == nil) == isAccepted)
        }
    }

    @Test("OIDC Core §3.1.3.7: an audience that is not trusted is refused, though azp names the client")
    func strangers() async throws {
        for (audience, isAccepted) in [(["app", "other"], false), (["app"], true)] as [(JSON, Bool)] {
            let error = await refusal {
                _ = try await login { try issuer.idToken($0.setting("aud", audience).setting("azp", "app")) }
            }
            #expect((error == nil) == isAccepted)
        }
    }

    @Test("FIELD F20, F22: another key, another algorithm or another kind of token is refused")
    func otherKeys() async throws {
        let stranger = try SigningKey.generate(.es256, keyID: "k1")
        let symmetric = try SigningKey.generate(.hs256, keyID: "k1")
        for key in [stranger, symmetric] {
            let error = await refusal { _ = try await login { try issuer.idToken($0, by: key) } }
            #expect(error?.code == .tokenInvalid)
        }
        for type in ["at+jwt", "logout+jwt", "application/at+jwt"] {
            let error = await refusal { _ = try await login { try issuer.idToken($0, type: type) } }
            #expect(error?.code == .tokenInvalid)
        }
        #expect(await refusal { _ = try await login { _ in "a.b.c" } }?.code == .tokenInvalid)
        // OIDC Core §3.1.3.3
        #expect(await refusal { _ = try await login { _ in nil } }?.code == .tokenInvalid)
        #expect(try await login { try issuer.idToken($0, type: "jwt") }.subject == "alice")
    }

    @Test("The client's algorithms decide, not the token's")
    func algorithms() async throws {
        for (algorithms, isAccepted) in [([SignatureAlgorithm.rs256], false), ([.es256], true)] {
            let party = Self.party(issuer, clock, policy: IDTokenPolicy(algorithms: algorithms))
            let start = try await party.start()
            let idToken = try issuer.idToken(Self.claims(start))
            issuer.on("/token") { _ in .tokens("at", 600, ["id_token": .string(idToken)]) }
            let error = await refusal { _ = try await party.finish(start.pending, query: Self.answer(start)) }
            #expect((error == nil) == isAccepted)
        }
    }

    @Test("OIDC Core §3.1.2.1: max_age is sent, and auth_time is required and looked at; acr likewise")
    func freshness() async throws {
        let options = LoginOptions(maximumAge: .seconds(100), requiredACR: ["mfa", "hw"])
        for (name, value) in [
            ("auth_time", nil), ("auth_time", 1_799_999_839), ("auth_time", "x"), ("acr", "pwd"), ("acr", nil),
        ]
            as [(String, JSON?)]
        {
            let error = await refusal {
                _ = try await login(options: options) { try issuer.idToken($0.setting(name, value)) }
            }
            #expect(error?.code == .tokenInvalid)
        }
        let edge = try await login(options: options) { try issuer.idToken($0.setting("auth_time", 1_799_999_840)) }
        #expect(edge.authenticatedAt == Instant(secondsSinceEpoch: 1_799_999_840))
        let query = Received.query(of: try await party.start(options).url)
        #expect(query["max_age"] == "100" && query["acr_values"] == "mfa hw")
    }

    @Test(
        "A key that is new since the set was fetched is found, and invented ones do not make the client ask again and again"
    )
    func rotation() async throws {
        #expect(try await login { try issuer.idToken($0) }.subject == "alice")
        let next = try SigningKey.generate(.es256, keyID: "k2")
        issuer.on("/jwks") { _ in .json(["keys": [.object(next.publicJWK.members)]]) }
        for _ in 0..<20 {
            #expect(await refusal { _ = try await login { try issuer.idToken($0, by: next) } }?.code == .tokenInvalid)
        }
        #expect(issuer.received("/jwks").count == 1)
        clock.advance(by: .seconds(10))
        #expect(try await login { try issuer.idToken($0, by: next) }.subject == "alice")
        #expect(issuer.received("/jwks").count == 2)
    }

    @Test("RFC 6749 §4.1.2: a code is sent once, whatever becomes of the answer; where nothing arrived, again")
    func codeOnce() async throws {
        for (code, count) in [(TransportError.Code.timedOut, 1), (.connectionLost, 1), (.unreachable, 4)] {
            let issuer = try FakeIssuer()
            let party = Self.party(issuer, clock)
            let start = try await party.start()
            issuer.on("/token") { _ throws(TransportError) in throw TransportError(code, reason: "scripted") }
            let error = await refusal { _ = try await party.finish(start.pending, query: Self.answer(start)) }
            #expect(error?.code == .transport)
            #expect(issuer.received("/token").count == count)
        }
    }

    @Test("Scopes and parameters that cannot be sent are refused before anything is sent")
    func requests() async throws {
        var options = LoginOptions()
        options.parameters = ["state": "mine"]
        #expect(await refusal { _ = try await party.start(options) }?.code == .requestInvalid)
        // RFC 6749 §3.3
        for scope in ["a b", "a\"", "", "é"] {
            #expect(await refusal { _ = try await party.start(LoginOptions(scopes: [scope])) }?.code == .requestInvalid)
        }
        // RFC 8707 §2
        #expect(await refusal { _ = try await party.start(LoginOptions(resources: ["api"])) }?.code == .requestInvalid)
        options.parameters = ["audience": "x y"]
        #expect(Received.query(of: try await party.start(options).url)["audience"] == "x y")
    }

    @Test("Nothing that is shown holds a secret")
    func concealed() async throws {
        let start = try await party.start()
        let login = try await login { try issuer.idToken($0) }
        var shown = ""
        dump((start, start.pending, login, login.tokens, party.registration), to: &shown)
        shown +=
            "\(start) \(start.pending) \(login) \(login.tokens) \(party.registration) \(party.registration.authentication)"
        shown += String(reflecting: login.tokens)
        let secrets = [start.pending.state, "c0de-value", "s3cr3t-value", login.tokens.idToken ?? "?", "\"at\""]
        for secret in secrets { #expect(!shown.contains(secret)) }
    }
}
