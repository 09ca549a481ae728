import Accounts
import Instants
import IssuerConnection
import JOSE
import OAuthVocabulary
import Testing
import UpstreamLogin

/// What is peculiar to Google, Apple, Microsoft and GitHub, from their documented formats.
@Suite(.timeLimit(.minutes(2))) struct PresetTests {
    static let tenant = "1a1a1a1a-2b2b-3c3c-4d4d-5e5e5e5e5e5e"
    static let otherTenant = "99999999-8888-7777-6666-555555555555"
    static let template = "https://login.microsoftonline.com/{tenantid}/v2.0"

    static func issuer(_ tenant: String) -> String { "https://login.microsoftonline.com/\(tenant)/v2.0" }

    func microsoft(_ fields: [UpstreamField: [String]] = [:], keyOwner: String? = nil) throws -> World {
        var all: [UpstreamField: [String]] = [.preset: ["microsoft"], .issuer: ["https://login.microsoftonline.com"]]
        for (field, texts) in fields { all[field] = texts }
        let world = try World(all)
        var key = world.key.publicJWK.members
        key["issuer"] = keyOwner.map(JSON.string)
        let place = "https://login.microsoftonline.com/common/v2.0"
        world.serve(issuer: Self.template, at: place, keys: [key])
        return world
    }

    @Test("Microsoft: the issuer of a token is that of its own tenant, to the octet")
    func microsoftTenant() async throws {
        let good: JSONObject = ["iss": .string(Self.issuer(Self.tenant)), "tid": .string(Self.tenant)]
        let world = try microsoft(keyOwner: Self.template)
        let person = try await world.login(good)
        let link = try #require(try await world.accounts.list(of: person.subject, now: start).first)
        #expect(link.identity.issuer == Self.issuer(Self.tenant) && link.identity.subject == "u-1")
        let bad: [JSONObject] = [
            ["iss": .string(Self.issuer(Self.tenant)), "tid": .string(Self.otherTenant)],
            ["iss": .string(Self.issuer(Self.tenant)), "tid": .null],
            ["iss": .string(Self.template), "tid": "{tenantid}"],
            ["iss": .string(Self.issuer("common")), "tid": "common"],
            ["iss": .string(Self.issuer(Self.tenant.uppercased())), "tid": .string(Self.tenant.uppercased())],
            ["iss": .string("https://evil.example/\(Self.tenant)/v2.0"), "tid": .string(Self.tenant)],
            ["iss": .string(Self.issuer(Self.tenant) + "/"), "tid": .string(Self.tenant)],
            ["iss": .string(Self.issuer("\(Self.tenant)/../\(Self.tenant)")), "tid": .string(Self.tenant)],
            ["iss": .string("https://login.microsoftonline.com/common/v2.0"), "tid": .string(Self.tenant)],
        ]
        for change in bad {
            let world = try microsoft()
            #expect(await failure { _ = try await world.login(change) } == .answerInvalid, "\(change)")
        }
    }

    @Test("Microsoft: the same subject in two tenants is two people")
    func microsoftTwoTenants() async throws {
        let world = try microsoft()
        func login(_ tenant: String) async throws -> Person {
            try await world.login(["iss": .string(Self.issuer(tenant)), "tid": .string(tenant)])
        }
        #expect(try await login(Self.tenant).subject != login(Self.otherTenant).subject)
    }

    @Test("Microsoft: a list of tenants lets no other in, and a key of one tenant signs for no other")
    func microsoftAllowList() async throws {
        let listed = try microsoft([.tenants: [Self.tenant]])
        let other: JSONObject = ["iss": .string(Self.issuer(Self.otherTenant)), "tid": .string(Self.otherTenant)]
        #expect(await failure { _ = try await listed.login(other) } == .answerInvalid)
        _ = try await listed.login(["iss": .string(Self.issuer(Self.tenant)), "tid": .string(Self.tenant)])
        let keyed = try microsoft(keyOwner: Self.issuer(Self.tenant))
        #expect(await failure { _ = try await keyed.login(other) } == .answerInvalid)
        _ = try await keyed.login(["iss": .string(Self.issuer(Self.tenant)), "tid": .string(Self.tenant)])
    }

    @Test("nOAuth: Microsoft's address joins nobody, unless the tenant has proven its domain")
    func nOAuth() async throws {
        let world = try microsoft([.authoritativeFor: ["example.org"], .tenants: [Self.tenant]])
        let new = NewPerson(username: "ada", email: "ada@example.org", emailVerification: .verified)
        let victim = try await world.people.create(new, password: nil, now: start)
        // The administrator of any tenant writes any address, and `email_verified` too if a mapping makes it.
        let attacker: JSONObject = ["iss": .string(Self.issuer(Self.tenant)), "tid": .string(Self.tenant)]
        let person = try await world.login(attacker)
        #expect(person.subject != victim.subject && person.email == nil)
        var proven = attacker
        proven["sub"] = "u-2"
        proven["xms_edov"] = true
        #expect(try await world.login(proven).subject == victim.subject)
    }

    @Test("CVE-2023-6787: who has a password proves it again by that, not at a provider that may ask nobody")
    func freshness() async throws {
        let world = try microsoft()
        let tenant: JSONObject = ["iss": .string(Self.issuer(Self.tenant)), "tid": .string(Self.tenant)]
        func login(_ freshness: UpstreamLogins.Freshness) async throws {
            let request = try await world.begin(freshness)
            try world.grant(world.claims(request, tenant))
            _ = try await world.finish("code=c&state=\(request["state"] ?? "")")
        }
        // Without a password there is no other way; that the sign-in there may be old, decision 0023 says.
        let person = try await world.login(tenant)
        try await login(.again)
        try await world.people.setPassword(person.subject, to: Secret("correct horse battery"), now: start)
        #expect(await failure { try await login(.again) } == .providerOff)
        try await login(.any)
    }

    @Test("Microsoft: one tenant, and people with accounts of their own, are ordinary issuers")
    func microsoftOneTenant() throws {
        func issuer(_ tenant: String) throws -> String {
            let fields: [UpstreamField: [String]] = [.preset: ["microsoft"], .clientID: ["c"], .tenant: [tenant]]
            let name = try #require(UpstreamName("ms"))
            return try UpstreamProvider(name, UpstreamDescription(fields), secrets: .init(clientSecret: "s")).issuer
        }
        #expect(try issuer(Self.tenant) == Self.issuer(Self.tenant))
        #expect(try issuer("consumers") == Self.issuer("9188040d-6c67-4c5b-b112-36a304b66dad"))
        #expect(try issuer("organizations") == Self.issuer("organizations"))
        #expect(throws: UpstreamFaults.self) { try issuer("contoso.onmicrosoft.com") }
    }

    @Test("Google: hd is asked for and checked in the token, not believed from the page")
    func google() async throws {
        let fields: [UpstreamField: [String]] = [
            .preset: ["google"], .domains: ["example.org"], .issuer: ["https://accounts.google.com"],
        ]
        func login(_ claims: JSONObject) async throws -> Person {
            let world = try World(fields)
            var claims = claims
            claims["iss"] = "https://accounts.google.com"
            return try await world.login(claims)
        }
        let world = try World(fields)
        #expect(try await world.begin()["hd"] == "example.org")
        _ = try await login(["hd": "example.org"])
        #expect(await failure { _ = try await login([:]) } == .refused(.domainNotAllowed))
        #expect(await failure { _ = try await login(["hd": "evil.example"]) } == .refused(.domainNotAllowed))
        // The legacy spelling of its issuer is not the one that its metadata have.
        let legacy = try World(fields)
        #expect(await failure { _ = try await legacy.login(["iss": "accounts.google.com"]) } == .answerInvalid)
    }

    func apple() throws -> World {
        let key = try SigningKey.generate(.es256)
        return try World(
            [
                .preset: ["apple"], .issuer: ["https://appleid.apple.com"], .teamID: ["TEAM123456"],
                .keyID: ["KEY1234567"], .clientID: ["org.example.signin"],
            ],
            secrets: .init(privateKey: try key.privateJWK.pem())
        )
    }

    static let appleClaims: JSONObject = [
        "iss": "https://appleid.apple.com", "aud": "org.example.signin", "sub": "001234.abc.0001", "name": .null,
        "email": "x@privaterelay.appleid.com", "email_verified": "true", "is_private_email": "true",
    ]

    @Test("Apple: the secret is an ES256 JWT of five minutes, the answer a form, the name beside it")
    func appleLogin() async throws {
        let world = try apple()
        let request = try await world.begin()
        #expect(request["response_mode"] == "form_post" && request["scope"] == "openid name email")
        try world.grant(world.claims(request, Self.appleClaims))
        let user = #"{"name":{"firstName":"Ada","lastName":"Love\u0000lace"},"email":"evil@example.org"}"#
        let form = FormEncoding.encode([
            (name: "code", value: "c.0.x"), (name: "state", value: request["state"] ?? ""), (name: "user", value: user),
        ])
        let query = try await world.logins.keep(form, from: world.name, now: world.clock.now)
        guard case .signedIn(let person, _) = try await world.finish(query) else { throw CancellationError() }
        #expect(person.name == "Ada Lovelace" && person.email == "x@privaterelay.appleid.com" && person.emailVerified)
        let sent = try #require(world.remote.forms("\(World.issuer)/token").first)
        let secret = try UnverifiedToken(try #require(sent["client_secret"]))
        #expect(secret.header["alg"] == "ES256" && secret.header["kid"] == "KEY1234567")
        let claims = secret.unverifiedClaims
        #expect(claims["iss"] == "TEAM123456" && claims["sub"] == "org.example.signin")
        #expect(
            claims["aud"]?.stringValue == "https://appleid.apple.com" || claims["aud"] == ["https://appleid.apple.com"]
        )
        let lifetime = (claims["exp"]?.integerValue ?? 0) - (claims["iat"]?.integerValue ?? 0)
        #expect(lifetime > 0 && lifetime <= 15_777_000)
    }

    @Test("Apple: a form that was kept counts with its handle, in its browser, once, and only the first")
    func appleForm() async throws {
        let world = try apple()
        let request = try await world.begin()
        try world.grant(world.claims(request, Self.appleClaims))
        let state = request["state"] ?? ""
        let form = "code=c&state=\(state)"
        let query = try await world.logins.keep(form, from: world.name, now: world.clock.now)
        // A second form for the same login is somebody else's.
        #expect(
            await failure { _ = try await world.logins.keep("code=evil&state=\(state)", from: world.name, now: start) }
                == .expired
        )
        for wrong in ["state=\(state)", "state=\(state)&handle=x", "code=evil&state=\(state)"] {
            #expect(await failure { _ = try await world.finish(wrong) } == .expired)
        }
        #expect(await failure { _ = try await world.finish(query, binding: "browser-2") } == .expired)
        #expect(world.remote.forms("\(World.issuer)/token").isEmpty)
        _ = try await world.finish(query)
        #expect(world.remote.forms("\(World.issuer)/token").first?["code"] == "c")
        #expect(await failure { _ = try await world.finish(query) } == .expired)
        // Others do not answer by form.
        let plain = try World()
        let begun = try await plain.begin()
        let kind = await failure {
            _ = try await plain.logins.keep("code=c&state=\(begun["state"] ?? "")", from: plain.name, now: start)
        }
        #expect(kind == .expired)
    }

    func gitHub(_ user: JSON = ["id": 583_231, "login": "octocat", "name": "The Octocat"]) throws -> World {
        let world = try World(
            [.preset: ["github"], .issuer: ["https://github.com"]],
            secrets: .init(clientSecret: "s3cret")
        )
        world.remote.json(
            "https://github.com/login/oauth/access_token",
            [
                "access_token": "gho_16C7e42F292c6912E7710c838347Ae178B4a", "scope": "read:user,user:email",
                "token_type": "bearer",
            ]
        )
        world.remote.json("https://api.github.com/user", user)
        world.remote.json(
            "https://api.github.com/user/emails",
            [
                ["email": "old@example.org", "verified": true, "primary": false, "visibility": .null],
                ["email": "octocat@example.org", "verified": true, "primary": true, "visibility": "public"],
            ]
        )
        return world
    }

    @Test("GitHub: the number is the identity, the verified primary address the address")
    func gitHubLogin() async throws {
        let world = try gitHub()
        let request = try await world.begin()
        #expect(
            request["scope"] == "read:user user:email" && request["nonce"] == nil && request["code_challenge"] != nil
        )
        guard case .signedIn(let person, _) = try await world.finish("code=c&state=\(request["state"] ?? "")") else {
            throw CancellationError()
        }
        #expect(person.email == "octocat@example.org" && person.emailVerified && person.name == "The Octocat")
        let link = try #require(try await world.accounts.list(of: person.subject, now: start).first)
        #expect(link.identity.subject == "583231" && link.identity.issuer == "https://github.com")
        let asked = try #require(world.remote.requests.first { $0.url == "https://api.github.com/user" })
        #expect(asked.header("Authorization") == "Bearer gho_16C7e42F292c6912E7710c838347Ae178B4a")
        #expect(asked.header("User-Agent") == "signet")
        let token = try #require(world.remote.requests.first { $0.url.hasSuffix("access_token") })
        #expect(token.header("Accept") == "application/json")
    }

    @Test("GitHub: errors come with status 200, and an address that is not verified is none")
    func gitHubPeculiar() async throws {
        let refused = try gitHub()
        refused.remote.json(
            "https://github.com/login/oauth/access_token",
            ["error": "bad_verification_code", "error_description": "The code passed is incorrect or expired."]
        )
        func finish(_ world: World) async throws -> Person {
            let request = try await world.begin()
            guard case .signedIn(let person, _) = try await world.finish("code=c&state=\(request["state"] ?? "")")
            else {
                throw CancellationError()
            }
            return person
        }
        #expect(await failure { _ = try await finish(refused) } == .answerInvalid)
        let unverified = try gitHub()
        unverified.remote.json(
            "https://api.github.com/user/emails",
            [["email": "victim@example.org", "verified": false, "primary": true]]
        )
        #expect(try await finish(unverified).email == nil)
        let silent = try gitHub()
        silent.remote.json("https://api.github.com/user/emails", [:], status: 404)
        #expect(try await finish(silent).email == nil)
        for user: JSON in [[:], ["id": "583231"], ["id": 0], ["id": .null, "login": "octocat"], [], "x"] {
            let world = try gitHub(user)
            #expect(await failure { _ = try await finish(world) } == .answerInvalid)
        }
        let down = try gitHub()
        down.remote.json("https://api.github.com/user", [:], status: 503)
        #expect(await failure { _ = try await finish(down) } == .unavailable)
    }
}
