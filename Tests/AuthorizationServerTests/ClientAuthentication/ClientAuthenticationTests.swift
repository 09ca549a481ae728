import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// RFC 6749 §2.3, RFC 7523 §3 and FIELD E16-E19.
@Suite struct ClientAuthenticationTests {
    static let fields = ["grant_type": "client_credentials", "scope": "orders:read"]

    func world(_ edit: @Sendable (inout RegisteredClient) -> Void = { _ in }) async throws -> TestWorld {
        let world = try await TestWorld()
        _ = try await world.ordersAPI()
        _ = try await world.service(edit: edit)
        return world
    }

    @Test func `client_secret_basic with the right secret succeeds`() async throws {
        let world = try await world()
        let answer = try world.json(
            await world.askToken(Self.fields, authorization: TestWorld.basic("service"))
        )
        let claims = try UnverifiedToken(#require(answer["access_token"]?.stringValue)).unverifiedClaims
        #expect(claims["sub"] == "service", "RFC 9068 §2.2: without a person, sub is the client")
        #expect(claims["client_id"] == "service")
        #expect(claims["aud"] == .string(TestWorld.api))
        #expect(answer["refresh_token"] == nil && answer["id_token"] == nil)
    }

    /// FIELD E18: loose decoding of Basic. The twin is the test above: the same header, well-formed.
    static let malformedBasic = [
        "Basic", "Basic ", "Basic c2VydmljZQ==", "Basic !!!!", "Basic c2VydmljZTo=",
        "Basic " + TestWorld.base64("service:%zz"), "Basic " + TestWorld.base64("service:%ff%fe"),
        String(TestWorld.basic("service").dropLast(2)), TestWorld.basic("service") + " x",
        TestWorld.basic("service", "signet_cs_wrong"), TestWorld.basic("nobody"), TestWorld.basic(""),
    ]

    @Test(arguments: malformedBasic)
    func `A Basic header that is malformed or wrong is refused with one answer`(_ header: String) async throws {
        let world = try await world()
        let refused = try await world.askToken(Self.fields, authorization: header)
        #expect(refused.failure?.code == .invalidClient)
        #expect(refused.failure?.description == "client authentication failed")
        #expect(refused.status == 401)
        #expect(refused.failure?.challenge == .basic)
    }

    @Test func `client_secret_post works for a client registered for it, and only for it`() async throws {
        let world = try await world { $0.authenticationMethod = .clientSecretPost }
        var fields = Self.fields
        fields["client_id"] = "service"
        fields["client_secret"] = TestWorld.secret
        _ = try world.json(await world.askToken(fields))
        let basic = try await world.askToken(Self.fields, authorization: TestWorld.basic("service"))
        #expect(basic.failure?.code == .invalidClient)
        #expect(
            basic.failure?.detail.contains("registered for client_secret_post but used client_secret_basic") == true
        )
    }

    @Test func `A confidential client cannot pass as public by leaving its secret out`() async throws {
        let world = try await world()
        var fields = Self.fields
        fields["client_id"] = "service"
        #expect(try await world.askToken(fields).failure?.code == .invalidClient)
    }

    @Test func `Two ways of authentication in one request are refused`() async throws {
        let world = try await world()
        var fields = Self.fields
        fields["client_id"] = "service"
        fields["client_secret"] = TestWorld.secret
        let refused = try await world.askToken(fields, authorization: TestWorld.basic("service"))
        #expect(refused.failure?.description == "the request uses more than one way of client authentication")
        fields["client_secret"] = nil
        _ = try world.json(await world.askToken(fields, authorization: TestWorld.basic("service")))
    }

    @Test func `CVE-2025-64521, CVE-2026-1609: a disabled client gets nothing, and its tokens are void`() async throws {
        let world = try await world()
        let header = TestWorld.basic("service")
        let token = try #require(
            world.json(await world.askToken(Self.fields, authorization: header))["access_token"]?.stringValue
        )
        #expect(try await world.introspect(token)["active"] == true)
        world.time.advance(by: .milliseconds(1))
        _ = try await world.services.clients.update(
            #require(ClientID("service")),
            now: world.now,
            revocations: world.services.revocations
        ) { $0.status = .disabled }
        #expect(try await world.askToken(Self.fields, authorization: header).failure?.code == .invalidClient)
        #expect(try await world.introspect(token)["active"] == false)
        world.time.advance(by: .milliseconds(1))
        _ = try await world.services.clients.update(
            #require(ClientID("service")),
            now: world.now,
            revocations: world.services.revocations
        ) { $0.status = .enabled }
        #expect(try await world.introspect(token)["active"] == false, "what was revoked stays revoked")
        _ = try world.json(await world.askToken(Self.fields, authorization: header))
    }

    @Test func `Failures are counted, and a throttled caller is told how long to wait before its secret is looked at`()
        async throws
    {
        let world = try await world()
        _ = try await world.askToken(Self.fields, authorization: TestWorld.basic("service", "wrong"))
        #expect(world.throttle.failures == 1)
        world.throttle.demandWait(.seconds(30))
        let refused = try await world.askToken(Self.fields, authorization: TestWorld.basic("service"))
        #expect(refused.status == 429)
        #expect(refused.failure?.retryAfter == .seconds(30))
        world.throttle.demandWait(nil)
        _ = try world.json(await world.askToken(Self.fields, authorization: TestWorld.basic("service")))
        #expect(world.throttle.failures == 1)
    }

    // MARK: - private_key_jwt

    struct Assertion: Sendable, CustomTestStringConvertible {
        var name: String
        var isRefused: Bool
        var edit: @Sendable (inout JSONObject, TestWorld) throws -> Void
        var testDescription: String { name }
    }

    static let assertions: [Assertion] = [
        Assertion(name: "sound", isRefused: false) { _, _ in },
        Assertion(name: "audience is the token endpoint", isRefused: false) { claims, _ in
            claims["aud"] = .string(TestWorld.issuer + "/token")
        },
        Assertion(name: "audience of another server", isRefused: true) { claims, _ in
            claims["aud"] = "https://evil.example"
        },
        Assertion(name: "two audiences", isRefused: true) { claims, _ in
            claims["aud"] = [.string(TestWorld.issuer), "https://evil.example"]
        },
        Assertion(name: "no audience", isRefused: true) { claims, _ in claims["aud"] = nil },
        Assertion(name: "another issuer", isRefused: true) { claims, _ in claims["iss"] = "other" },
        Assertion(name: "another subject", isRefused: true) { claims, _ in claims["sub"] = "other" },
        Assertion(name: "expired", isRefused: true) { claims, world in
            claims["exp"] = .integer(world.now.secondsSinceEpoch - 31)
        },
        Assertion(name: "no expiry", isRefused: true) { claims, _ in claims["exp"] = nil },
        Assertion(name: "lives too long", isRefused: true) { claims, world in
            claims["exp"] = .integer(world.now.secondsSinceEpoch + 3600 + 31)
        },
        Assertion(name: "issued in the future", isRefused: true) { claims, world in
            claims["nbf"] = .integer(world.now.secondsSinceEpoch + 60)
        },
        Assertion(name: "no jti", isRefused: true) { claims, _ in claims["jti"] = nil },
        Assertion(name: "empty jti", isRefused: true) { claims, _ in claims["jti"] = "" },
    ]

    @Test(arguments: assertions)
    func `An assertion counts only as RFC 7523 §3 has it`(_ row: Assertion) async throws {
        let key = try SigningKey.generate(.es256)
        let world = try await assertionWorld(key)
        var claims = Self.claims(at: world.now)
        try row.edit(&claims, world)
        let response = try await world.askToken(Self.request(JWT.signed(claims, type: "JWT", by: key)))
        if row.isRefused {
            #expect(response.failure?.code == .invalidClient)
        } else {
            _ = try world.json(response)
        }
    }

    @Test func `CVE-2020-5300, CVE-2020-15222: an assertion counts once`() async throws {
        let key = try SigningKey.generate(.es256)
        let world = try await assertionWorld(key)
        let assertion = try JWT.signed(Self.claims(at: world.now), type: "JWT", by: key)
        _ = try world.json(await world.askToken(Self.request(assertion)))
        let replay = try await world.askToken(Self.request(assertion))
        #expect(replay.failure?.code == .invalidClient)
        #expect(replay.failure?.detail.contains("used before") == true)
        var claims = Self.claims(at: world.now)
        claims["jti"] = "another"
        _ = try world.json(await world.askToken(Self.request(JWT.signed(claims, type: "JWT", by: key))))
    }

    @Test(.timeLimit(.minutes(5)))
    func `Of 50 concurrent uses of one assertion one counts`() async throws {
        let key = try SigningKey.generate(.es256)
        let world = try await assertionWorld(key)
        let assertion = try JWT.signed(Self.claims(at: world.now), type: "JWT", by: key)
        let successes = try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<50 {
                group.addTask { try await world.askToken(Self.request(assertion)).failure == nil }
            }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(successes == 1)
    }

    @Test func `CVE-2020-5300: an assertion counts once, though the wall clock was set back`() async throws {
        let key = try SigningKey.generate(.es256)
        let world = try await assertionWorld(key)
        world.time.stepBack(by: .seconds(3600))
        let assertion = try JWT.signed(Self.claims(at: world.time.moment().wall), type: "JWT", by: key)
        _ = try world.json(await world.askToken(Self.request(assertion)))
        for _ in 0..<2 {
            let replay = try await world.askToken(Self.request(assertion))
            #expect(replay.failure?.detail == "the assertion of service was used before")
            world.time.advance(by: .seconds(59))
        }
    }

    @Test func `An assertion is spent even where the request is refused for another reason`() async throws {
        let key = try SigningKey.generate(.es256)
        let world = try await assertionWorld(key)
        var request = try Self.request(JWT.signed(Self.claims(at: world.now), type: "JWT", by: key))
        request["grant_type"] = "unknown"
        #expect(try await world.askToken(request).failure?.code == .unsupportedGrantType)
        request["grant_type"] = "client_credentials"
        #expect(try await world.askToken(request).failure?.code == .invalidClient)
    }

    @Test(.timeLimit(.minutes(5)), arguments: ["/revoke", "/introspect"])
    func `FIELD E16: of 50 concurrent uses of one assertion elsewhere one counts, and the others are told why`(
        _ path: String
    ) async throws {
        let key = try SigningKey.generate(.es256)
        let world = try await assertionWorld(key)
        var claims = Self.claims(at: world.now)
        claims["jti"] = "first"
        let answer = try world.json(await world.askToken(Self.request(JWT.signed(claims, type: "JWT", by: key))))
        let token = try #require(answer["access_token"]?.stringValue)
        let assertion = try JWT.signed(Self.claims(at: world.now), type: "JWT", by: key)
        let codes = try await withThrowingTaskGroup(of: ErrorCode?.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    try await world.ask(
                        path,
                        [
                            "token": token, "client_assertion": assertion,
                            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                        ]
                    ).failure?.code
                }
            }
            return try await group.reduce(into: [ErrorCode?]()) { $0.append($1) }
        }
        #expect(codes.filter { $0 == nil }.count == 1)
        #expect(codes.filter { $0 == .invalidClient }.count == 49)
    }

    @Test func `An assertion signed with another client's key, or an HMAC over the public key, is refused`()
        async throws
    {
        let key = try SigningKey.generate(.es256)
        let world = try await assertionWorld(key)
        let other = try SigningKey.generate(.es256, keyID: key.keyID)
        let forged = try JWT.signed(Self.claims(at: world.now), type: "JWT", by: other)
        #expect(try await world.askToken(Self.request(forged)).failure?.code == .invalidClient)
        let publicBytes = key.publicJWK.members.serialized()
        let mac = try SigningKey(
            JWK(["kty": "oct", "alg": "HS256", "kid": .string(key.keyID), "k": .string(Base64URL.encode(publicBytes))])
        )
        let confused = try JWT.signed(Self.claims(at: world.now), type: "JWT", by: mac)
        #expect(try await world.askToken(Self.request(confused)).failure?.code == .invalidClient)
        let sound = try JWT.signed(Self.claims(at: world.now), type: "JWT", by: key)
        _ = try world.json(await world.askToken(Self.request(sound)))
    }

    private func assertionWorld(_ key: SigningKey) async throws -> TestWorld {
        let document = JSON.object(["keys": [.object(key.publicJWK.members)]]).serialized()
        return try await world {
            $0.authenticationMethod = .privateKeyJWT
            $0.secretHash = nil
            $0.keySet = String(decoding: document, as: UTF8.self)
        }
    }

    private static func claims(at now: Instant) -> JSONObject {
        [
            "iss": "service", "sub": "service", "aud": .string(TestWorld.issuer),
            "exp": .integer(now.secondsSinceEpoch + 60), "iat": .integer(now.secondsSinceEpoch), "jti": "one",
        ]
    }

    private static func request(_ assertion: String) -> [String: String] {
        fields.merging([
            "client_assertion": assertion,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        ]) { first, _ in first }
    }
}
