import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// RFC 9068, RFC 8707: what a token is for and what it says.
@Suite struct AccessTokenTests {
    func claims(
        _ world: TestWorld,
        _ fields: [String: String],
        as client: String = "service"
    ) async throws -> JSONObject {
        var all = fields
        all["grant_type"] = "client_credentials"
        let answer = try world.json(await world.askToken(all, authorization: TestWorld.basic(client)))
        return try UnverifiedToken(#require(answer["access_token"]?.stringValue)).unverifiedClaims
    }

    @Test func `Scope and resource choose the audience`() async throws {
        let world = try await TestWorld()
        _ = try await world.ordersAPI()
        _ = try await world.service()
        #expect(try await claims(world, [:])["aud"] == .string(TestWorld.api))
        #expect(try await claims(world, [:])["scope"] == "orders:read")
        #expect(try await claims(world, ["scope": "orders:read"])["aud"] == .string(TestWorld.api))
        #expect(try await claims(world, ["resource": TestWorld.api])["scope"] == "orders:read")
    }

    struct Refusal: Sendable, CustomTestStringConvertible {
        var fields: [String: String]
        var code: ErrorCode
        var description: String
        var testDescription: String { "\(fields)" }
    }

    static let refusals: [Refusal] = [
        Refusal(
            fields: ["scope": "nothing:known"],
            code: .invalidScope,
            description: "a requested scope is unknown or does not belong to the requested resource"
        ),
        Refusal(
            fields: ["scope": "orders:write"],
            code: .invalidScope,
            description: "a requested scope is not allowed for this client"
        ),
        Refusal(
            fields: ["scope": "orders:read  "],
            code: .invalidScope,
            description: "scope must be scope-tokens separated by single spaces"
        ),
        Refusal(
            fields: ["scope": "orders:read\"x"],
            code: .invalidScope,
            description: "scope must be scope-tokens separated by single spaces"
        ),
        Refusal(
            fields: ["scope": "openid"],
            code: .invalidScope,
            description: "a requested scope is not allowed for this client"
        ),
        Refusal(
            fields: ["resource": "https://unknown.example"],
            code: .invalidTarget,
            description: "the requested resource is unknown"
        ),
        Refusal(
            fields: ["resource": "orders"],
            code: .invalidTarget,
            description: "resource must be an absolute URI without a fragment"
        ),
        Refusal(
            fields: ["resource": TestWorld.api + "#x"],
            code: .invalidTarget,
            description: "resource must be an absolute URI without a fragment"
        ),
        Refusal(
            fields: ["scope": "orders:read", "resource": "https://api.example/stock"],
            code: .invalidScope,
            description: "a requested scope is unknown or does not belong to the requested resource"
        ),
        Refusal(
            fields: ["scope": "orders:read stock:read"],
            code: .invalidScope,
            description: "the requested scopes belong to more than one API; name one with resource"
        ),
        Refusal(
            fields: ["resource": "https://api.example/closed"],
            code: .invalidTarget,
            description: "this client has no scope of the requested resource"
        ),
    ]

    @Test(arguments: refusals)
    func `An unknown, foreign or ambiguous scope or resource is refused`(_ row: Refusal) async throws {
        let world = try await TestWorld()
        _ = try await world.ordersAPI()
        try await world.otherAPI("https://api.example/stock", scope: "stock:read")
        try await world.otherAPI("https://api.example/closed", scope: "closed:read")
        _ = try await world.service { $0.scopes = ScopeSet(parameter: "orders:read stock:read") ?? [] }
        var fields = row.fields
        fields["grant_type"] = "client_credentials"
        let refused = try await world.askToken(fields, authorization: TestWorld.basic("service"))
        #expect(refused.failure?.code == row.code)
        #expect(refused.failure?.description == row.description)
        #expect(try await claims(world, ["scope": "orders:read", "resource": TestWorld.api])["scope"] == "orders:read")
    }

    @Test func `Roles and own claims enter by name, personal data only by its own list`() async throws {
        let world = try await TestWorld()
        _ = try await world.ordersAPI { $0.tokenClaims = ["roles", "department", "email", "iss"] }
        let client = try await world.publicClient { $0.tokenClaims = ["groups"] }
        let session = try await world.signIn { $0.ownClaims["email"] = "own@example.com" }
        let first = try Tokens(
            world.json(await world.redeem(world.code("signet_ac_1", client: client, session: session)))
        )
        let claims = try UnverifiedToken(first.access).unverifiedClaims
        #expect(claims["roles"] == ["admin"] && claims["groups"] == ["staff"] && claims["department"] == "sales")
        #expect(claims["entitlements"] == nil && claims["email"] == nil)
        #expect(claims["iss"] == .string(TestWorld.issuer))
        _ = try await world.services.apis.update(#require(ResourceIndicator(TestWorld.api)), now: world.now) {
            $0.personalTokenClaims = ["email", "department"]
        }
        let second = try Tokens(
            world.json(await world.redeem(world.code("signet_ac_2", client: client, session: session)))
        )
        #expect(try UnverifiedToken(second.access).unverifiedClaims["email"] == "alice@example.com")
    }

    @Test func `An API that asks for opaque tokens gets handles that say nothing and live like JWTs`() async throws {
        let world = try await TestWorld()
        _ = try await world.ordersAPI { $0.tokenFormat = .opaque }
        let client = try await world.publicClient()
        let code = try await world.code(client: client, session: world.signIn())
        let tokens = try Tokens(world.json(await world.redeem(code)))
        #expect(tokens.access.hasPrefix("signet_at_"))
        #expect(!tokens.access.contains("."))
        let answer = try await world.introspect(tokens.access)
        #expect(answer["active"] == true && answer["sub"] == "alice")
        let userinfo = try world.json(
            await world.ask("/userinfo", method: .get, authorization: "Bearer \(tokens.access)")
        )
        #expect(userinfo["sub"] == "alice")
        let last = try #require(tokens.access.last)
        let flipped = String(tokens.access.dropLast(2)) + (last == "A" ? "BA" : "AA")
        #expect(try await world.introspect(flipped) == ["active": false])
        _ = try await world.ask("/revoke", ["token": tokens.access, "client_id": "app"])
        #expect(try await world.introspect(tokens.access) == ["active": false])
    }

    @Test func `An opaque token expires like any other`() async throws {
        let world = try await TestWorld()
        _ = try await world.ordersAPI { $0.tokenFormat = .opaque }
        _ = try await world.service()
        let answer = try world.json(
            await world.askToken(["grant_type": "client_credentials"], authorization: TestWorld.basic("service"))
        )
        let token = try #require(answer["access_token"]?.stringValue)
        world.time.advance(by: .milliseconds(899_999))
        #expect(try await world.introspect(token)["active"] == true)
        world.time.advance(by: .milliseconds(1))
        #expect(try await world.introspect(token) == ["active": false])
    }

    @Test func `Two tokens of one second are told apart by a cut-off between them`() async throws {
        let world = try await TestWorld()
        let before = try await world.grant()
        world.time.advance(by: .milliseconds(1))
        try await world.services.revocations.apply(ending: .subject(#require(Subject("alice"))), now: world.now)
        world.time.advance(by: .milliseconds(1))
        let after = try await world.grant()
        #expect(try await world.introspect(before.access) == ["active": false])
        #expect(try await world.introspect(after.access)["active"] == true)
    }

    @Test(arguments: [("password", ErrorCode.unsupportedGrantType), ("implicit", .unsupportedGrantType)])
    func `Grants that OAuth 2.1 dropped are not there`(_ grantType: String, _ code: ErrorCode) async throws {
        let world = try await TestWorld()
        _ = try await world.ordersAPI()
        _ = try await world.service()
        let fields = ["grant_type": grantType, "username": "alice", "password": "x"]
        #expect(try await world.askToken(fields, authorization: TestWorld.basic("service")).failure?.code == code)
    }

    @Test func `A client uses only the grants that it registered`() async throws {
        let world = try await TestWorld()
        _ = try await world.ordersAPI()
        _ = try await world.service()
        let refused = try await world.askToken(
            ["grant_type": "authorization_code", "code": "x"],
            authorization: TestWorld.basic("service")
        )
        #expect(refused.failure?.code == .unauthorizedClient)
        let missing = try await world.askToken([:], authorization: TestWorld.basic("service"))
        #expect(missing.failure?.code == .invalidRequest)
    }
}

extension TestWorld {
    func otherAPI(_ audience: String, scope: String) async throws {
        var api = RegisteredAPI(
            audience: try #require(ResourceIndicator(audience)),
            name: audience,
            credentialID: try #require(ClientID("api_" + scope)),
            secretHash: ClientSecret.hash(Secret(Self.secret)),
            createdAt: now
        )
        api.scopes = [RegisteredAPI.ScopeDescription(scope: try #require(Scope(scope)), text: "Something")]
        try await services.apis.create(api, now: now)
    }
}
