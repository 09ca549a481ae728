import Accounts
import Instants
import IssuerConnection
import JOSE
import OAuthClient
import OAuthVocabulary
import Testing
import UpstreamLogin

/// Logins at a provider that answers from a script.
@Suite(.timeLimit(.minutes(2))) struct LoginTests {
    @Test("A login goes there with everything that protects it, and comes back as a person")
    func login() async throws {
        let world = try World()
        let request = try await world.begin()
        #expect(request["response_type"] == "code" && request["client_id"] == "here")
        #expect(request["redirect_uri"] == "https://here.example/upstream/work/callback")
        #expect(request["scope"] == "openid profile email" && request["code_challenge_method"] == "S256")
        #expect((request["nonce"] ?? "").count >= 43 && (request["state"] ?? "").count >= 43)
        #expect(request["prompt"] == nil && request["max_age"] == nil)
        try world.grant(world.claims(request))
        guard case .signedIn(let person, "i-1") = try await world.finish("code=c&state=\(request["state"] ?? "")")
        else {
            Issue.record("nobody signed in")
            return
        }
        #expect(person.email == "ada@example.org" && person.emailVerified && person.name == "Ada Lovelace")
        let form = try #require(world.remote.forms("\(World.issuer)/token").first)
        #expect(form["code"] == "c" && form["redirect_uri"] == request["redirect_uri"] && form["code_verifier"] != nil)
        #expect(try await world.login().subject == person.subject)
    }

    /// What a provider may do wrong in its ID token.
    static let badTokens: [(String, JSONObject)] = [
        ("another issuer's token", ["iss": "https://evil.example"]),
        ("no sub", ["sub": .null]),
        ("an empty sub", ["sub": ""]),
        ("a sub that is a number", ["sub": 7]),
        ("a sub that is too long", ["sub": .string(String(repeating: "x", count: 300))]),
        ("another client's token", ["aud": "somebody-else"]),
        ("a token for us and strangers", ["aud": ["here", "stranger"]]),
        ("another login's nonce", ["nonce": "n"]),
        ("no nonce", ["nonce": .null]),
        ("an expired token", ["exp": 1_799_999_000]),
        ("no exp", ["exp": .null]),
        ("a logout token", ["events": [:]]),
    ]

    @Test("FIELD F23: a token that is not ours, of this login, signs nobody in", arguments: badTokens)
    func badToken(_ what: String, _ change: JSONObject) async throws {
        let world = try World()
        let kind = await failure { _ = try await world.login(change) }
        #expect(kind == .answerInvalid, "\(what)")
        #expect(try await world.people.list(limit: 10, now: start).isEmpty)
    }

    @Test("A token signed by another key, and one that is not signed, are refused")
    func badSignature() async throws {
        let world = try World()
        let request = try await world.begin()
        try world.grant(world.claims(request), by: try SigningKey.generate(.es256, keyID: "k1"))
        let query = "code=c&state=\(request["state"] ?? "")"
        #expect(await failure { _ = try await world.finish(query) } == .answerInvalid)
        let again = try await world.begin()
        let none = Base64URL.encode(Array(#"{"alg":"none"}"#.utf8))
        let body = Base64URL.encode(world.claims(again).serialized())
        world.remote.json(
            "\(World.issuer)/token",
            ["access_token": "at", "token_type": "Bearer", "id_token": .string("\(none).\(body).")]
        )
        #expect(await failure { _ = try await world.finish("code=c&state=\(again["state"] ?? "")") } == .answerInvalid)
    }

    @Test("A provider that rotates its keys is believed with the new one")
    func rotation() async throws {
        let world = try World()
        _ = try await world.login()
        try await world.clock.sleep(for: .seconds(60))
        let next = try SigningKey.generate(.es256, keyID: "k2")
        world.serve(issuer: World.issuer, keys: [next.publicJWK.members])
        let request = try await world.begin()
        try world.grant(world.claims(request), by: next)
        _ = try await world.finish("code=c&state=\(request["state"] ?? "")")
    }

    @Test("A changed sub is another person, whatever address it brings (nOAuth)")
    func changedSubject() async throws {
        let world = try World()
        let ada = try await world.login()
        #expect(await failure { _ = try await world.login(["sub": "u-2"]) } == .refused(.addressInUse))
        let other = try await world.login(["sub": "u-2", "email_verified": .null])
        #expect(other.subject != ada.subject && other.email == nil)
    }

    /// What a provider may answer to the browser or at its token endpoint, and how that ends.
    static let badAnswers: [(query: String, kind: UpstreamFailure.Kind)] = [
        ("error=access_denied", .cancelled),
        ("error=server_error", .unavailable),
        ("error=temporarily_unavailable", .unavailable),
        ("error=unauthorized_client&error_description=%3Cscript%3E", .answerInvalid),
        ("", .answerInvalid),
        ("code=", .answerInvalid),
        ("code=a&code=b", .answerInvalid),
        ("code=a&error=access_denied", .cancelled),
        ("code=c&iss=https%3A%2F%2Fevil.example", .answerInvalid),
        ("code=%FF", .expired),
        ("code=a%20b", .answerInvalid),
    ]

    @Test("FIELD P46: an answer that is an error, garbage or another issuer's", arguments: badAnswers)
    func badAnswer(_ query: String, _ kind: UpstreamFailure.Kind) async throws {
        let world = try World()
        let request = try await world.begin()
        try world.grant(world.claims(request))
        let state = "state=\(request["state"] ?? "")"
        #expect(await failure { _ = try await world.finish("\(query)&\(state)") } == kind)
        #expect(try await world.people.list(limit: 10, now: start).isEmpty)
    }

    /// What may come from the token endpoint instead of tokens.
    static let badEndpoints: [(status: Int, body: String, kind: UpstreamFailure.Kind)] = [
        (200, "<html>", .answerInvalid), (200, "", .answerInvalid), (200, "{}", .answerInvalid),
        (200, #"{"access_token":"a","token_type":"Bearer"}"#, .answerInvalid),
        (200, #"{"access_token":"a","token_type":"mac","id_token":"x"}"#, .answerInvalid),
        (200, #"{"access_token":"a","token_type":"Bearer","id_token":"x.y.z"}"#, .answerInvalid),
        (400, #"{"error":"invalid_grant"}"#, .answerInvalid), (401, #"{"error":"invalid_client"}"#, .answerInvalid),
        (302, "", .answerInvalid), (500, "{}", .unavailable), (503, "", .unavailable), (429, "", .unavailable),
        (200, "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", .answerInvalid),
    ]

    @Test("A token endpoint that fails or answers garbage grants nothing", arguments: badEndpoints)
    func badEndpoint(_ status: Int, _ body: String, _ kind: UpstreamFailure.Kind) async throws {
        let world = try World()
        let request = try await world.begin()
        world.remote.on("\(World.issuer)/token") { _ in TransportResponse(status: status, body: Array(body.utf8)) }
        let query = "code=c&state=\(request["state"] ?? "")"
        #expect(await failure { _ = try await world.finish(query) } == kind)
        #expect(try await world.people.list(limit: 10, now: start).isEmpty)
    }

    @Test("A provider that is down, or silent, is unavailable at the beginning and at the end")
    func down() async throws {
        for code in [TransportError.Code.unreachable, .timedOut, .connectionLost] {
            let world = try World()
            world.remote.on("\(World.issuer)/.well-known/openid-configuration") { _ throws(TransportError) in
                throw TransportError(code, reason: "down")
            }
            #expect(await failure { _ = try await world.begin() } == .unavailable)
            let later = try World()
            let request = try await later.begin()
            later.remote.on("\(World.issuer)/token") { _ throws(TransportError) in
                throw TransportError(code, reason: "down")
            }
            let query = "code=c&state=\(request["state"] ?? "")"
            #expect(await failure { _ = try await later.finish(query) } == .unavailable)
            // The code may have been taken: it is sent once.
            let sent = later.remote.forms("\(World.issuer)/token").count
            #expect(code == .unreachable ? sent == 2 : sent == 1)
        }
    }

    @Test("Metadata of another issuer, without endpoints, or with one on plain http are not used")
    func badMetadata() async throws {
        let place = "\(World.issuer)/.well-known/openid-configuration"
        let documents: [JSON] = [
            ["issuer": "https://evil.example", "authorization_endpoint": "https://evil.example/a"],
            ["issuer": .string(World.issuer)],
            ["issuer": .string(World.issuer), "authorization_endpoint": "http://id.example/authorize"],
            ["issuer": .string(World.issuer), "authorization_endpoint": "javascript:alert(1)"],
        ]
        for document in documents {
            let world = try World()
            world.remote.json(place, document)
            #expect(await failure { _ = try await world.begin() } == .misconfigured)
        }
    }
}
