import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// RFC 6749 §4.1.3 and FIELD B7, C8, C9: each refusal beside a twin that differs only in the attacked field and succeeds.
@Suite struct AuthorizationCodeGrantTests {
    @Test func `A code buys an access token, a refresh token and an ID token with the claims that the RFCs name`()
        async throws
    {
        let world = try await TestWorld()
        _ = try await world.ordersAPI()
        let client = try await world.publicClient()
        let session = try await world.signIn()
        let answer = try world.json(await world.redeem(world.code(client: client, session: session)))
        #expect(answer["token_type"] == "Bearer")
        #expect(answer["expires_in"] == 900)
        #expect(answer["scope"] == "openid offline_access orders:read")
        let tokens = try Tokens(answer)
        let access = try UnverifiedToken(tokens.access)
        #expect(access.header["typ"] == "at+jwt")
        #expect(access.header["alg"] == "ES256")
        let claims = access.unverifiedClaims
        #expect(claims["iss"] == .string(TestWorld.issuer))
        #expect(claims["sub"] == "alice")
        #expect(claims["aud"] == [.string(TestWorld.api), .string(TestWorld.issuer)])
        #expect(claims["client_id"] == "app")
        #expect(claims["sid"] == "s1")
        #expect(claims["gen"] == 0)
        #expect(claims["auth_time"] == .integer(TestWorld.start.secondsSinceEpoch - 60))
        #expect(claims["grant_id"]?.stringValue != nil)
        #expect(claims["email"] == nil && claims["name"] == nil && claims["roles"] == nil)
        let id = try UnverifiedToken(#require(tokens.id))
        #expect(id.header["alg"] == "RS256")
        #expect(id.unverifiedClaims["aud"] == "app")
        #expect(id.unverifiedClaims["nonce"] == "n-0S6_WzA2Mj")
        #expect(id.unverifiedClaims["at_hash"] == .string(SignatureAlgorithm.rs256.tokenHash(of: tokens.access)))
    }

    /// One row a refusal: what is changed against the request that succeeds, and the answer.
    struct Refusal: Sendable, CustomTestStringConvertible {
        var name: String
        var code: ErrorCode
        var description: String
        var change: @Sendable (inout [String: String]) -> Void
        var testDescription: String { name }
    }

    static let refusals: [Refusal] = [
        Refusal(name: "no code", code: .invalidRequest, description: "a required parameter is missing") {
            $0["code"] = nil
        },
        Refusal(
            name: "an unknown code",
            code: .invalidGrant,
            description: "the authorization code is unknown or has expired"
        ) { $0["code"] = "signet_ac_other" },
        Refusal(
            name: "CVE-2026-4282: a refresh token offered as a code",
            code: .invalidGrant,
            description: "the authorization code is unknown or has expired"
        ) { $0["code"] = "signet_rt_AAAA" },
        Refusal(
            name: "the code of another client",
            code: .invalidGrant,
            description: "the authorization code was issued to another client"
        ) { $0["client_id"] = "other" },
        Refusal(
            name: "another redirect URI",
            code: .invalidGrant,
            description: "redirect_uri differs from the one in the authorization request"
        ) { $0["redirect_uri"] = "https://app.example/callback/" },
        Refusal(
            name: "CVE-2023-48228: the verifier left out",
            code: .invalidGrant,
            description: "code_verifier"
        ) { $0["code_verifier"] = nil },
        Refusal(name: "another verifier", code: .invalidGrant, description: "code_verifier") {
            $0["code_verifier"] = String(repeating: "a", count: 43)
        },
        Refusal(name: "the challenge itself as verifier", code: .invalidGrant, description: "code_verifier") {
            $0["code_verifier"] = TestWorld.challenge
        },
        Refusal(
            name: "another resource",
            code: .invalidTarget,
            description: "the requested resource was not part of the authorization"
        ) { $0["resource"] = "https://other.example" },
    ]

    @Test(arguments: refusals)
    func `A request that differs in one field is refused, and the untouched twin succeeds`(_ row: Refusal) async throws
    {
        let world = try await TestWorld()
        _ = try await world.ordersAPI()
        let client = try await world.publicClient()
        _ = try await world.publicClient("other")
        let code = try await world.code(client: client, session: world.signIn())
        let sound = [
            "grant_type": "authorization_code", "code": code, "client_id": "app",
            "redirect_uri": TestWorld.redirectURI, "code_verifier": TestWorld.verifier,
        ]
        var attacked = sound
        row.change(&attacked)
        let refused = try await world.askToken(attacked)
        #expect(refused.failure?.code == row.code)
        #expect(
            refused.failure?.description.contains(row.description) == true,
            "\(String(describing: refused.failure))"
        )
        #expect(refused.status == 400)
        _ = try Tokens(world.json(await world.askToken(sound)))
    }

    @Test func `CVE-2024-23647: a verifier for a code without a challenge is refused`() async throws {
        let world = try await TestWorld()
        _ = try await world.ordersAPI()
        let client = try await world.publicClient()
        let session = try await world.signIn()
        let bare = try await world.code("signet_ac_bare", client: client, session: session) { $0.codeChallenge = nil }
        #expect(try await world.redeem(bare).failure?.code == .invalidGrant)
        let twin = try await world.code("signet_ac_twin", client: client, session: session)
        _ = try Tokens(world.json(await world.redeem(twin)))
    }

    @Test func `A code dies after its lifetime`() async throws {
        let world = try await TestWorld()
        _ = try await world.ordersAPI()
        let client = try await world.publicClient()
        let session = try await world.signIn()
        let late = try await world.code("signet_ac_late", client: client, session: session)
        world.time.advance(by: .seconds(60))
        #expect(try await world.redeem(late).failure?.description == "the authorization code is unknown or has expired")
        let code = try await world.code("signet_ac_fresh", client: client, session: session)
        world.time.advance(by: .milliseconds(59_999))
        _ = try Tokens(world.json(await world.redeem(code)))
    }

    @Test func `FIELD C8: a replayed code revokes everything that it paid for`() async throws {
        let world = try await TestWorld()
        _ = try await world.ordersAPI()
        let client = try await world.publicClient()
        let code = try await world.code(client: client, session: world.signIn())
        let tokens = try Tokens(world.json(await world.redeem(code)))
        #expect(try await world.introspect(tokens.access)["active"] == true)
        world.time.advance(by: .seconds(5))
        let replay = try await world.redeem(code)
        #expect(replay.failure?.code == .invalidGrant)
        #expect(
            replay.failure?.description
                == "the authorization code was already used; everything that it paid for is revoked"
        )
        #expect(try await world.introspect(tokens.access)["active"] == false)
        #expect(try await world.refresh(tokens.refresh).failure?.code == .invalidGrant)
    }

    @Test func `A replay long after the code's lifetime still revokes the family`() async throws {
        let world = try await TestWorld()
        _ = try await world.ordersAPI()
        let client = try await world.publicClient()
        let code = try await world.code(client: client, session: world.signIn())
        let tokens = try Tokens(world.json(await world.redeem(code)))
        world.time.advance(by: .seconds(5 * 86400))
        #expect(try await world.redeem(code).failure?.description.contains("already used") == true)
        #expect(try await world.refresh(tokens.refresh).failure?.description == "the grant has ended")
    }

    @Test(.timeLimit(.minutes(5)))
    func `Of 100 concurrent redemptions at most one pays, and afterwards nothing of the grant verifies`() async throws {
        let world = try await TestWorld()
        _ = try await world.ordersAPI()
        let client = try await world.publicClient()
        let code = try await world.code(client: client, session: world.signIn())
        let paid = try await withThrowingTaskGroup(of: String?.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    guard case .json(.object(let object)) = try await world.redeem(code).body else { return nil }
                    return object["access_token"]?.stringValue
                }
            }
            return try await group.reduce(into: [String]()) { if let token = $1 { $0.append(token) } }
        }
        #expect(paid.count == 1)
        #expect(try await world.introspect(#require(paid.first))["active"] == false)
    }

    @Test(arguments: GrantEnding.allCases)
    func `What ended the person's right between code and token refuses the code`(_ ending: GrantEnding) async throws {
        let world = try await TestWorld()
        _ = try await world.ordersAPI()
        let client = try await world.publicClient()
        let code = try await world.code(client: client, session: world.signIn())
        world.time.advance(by: .milliseconds(10))
        try await ending.apply(to: world)
        #expect([.invalidGrant, .invalidClient].contains(try await world.redeem(code).failure?.code))
    }

    @Test func `A client that may not refresh gets no refresh token`() async throws {
        let world = try await TestWorld()
        _ = try await world.ordersAPI()
        let client = try await world.publicClient { $0.grantTypes = [.authorizationCode] }
        let answer = try world.json(await world.redeem(world.code(client: client, session: world.signIn())))
        #expect(answer["refresh_token"] == nil)
        #expect(answer["access_token"] != nil)
    }
}

extension TestWorld {
    func askToken(_ fields: [String: String], authorization: String? = nil) async throws -> EndpointResponse {
        let endpoint = try #require(provider.endpoints.first { $0.location == .belowIssuer("/token") })
        let pairs = fields.map { (name: $0.key, value: $0.value) }
        let request = EndpointRequest(
            method: .post,
            parameters: try Parameters(pairs),
            authorization: authorization
        )
        return await endpoint.respond(to: request, with: services)
    }
}
