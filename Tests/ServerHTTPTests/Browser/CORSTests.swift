import AuthorizationServer
import HTTPTypes
import Instants
import JOSE
import OAuthVocabulary
import ServerHTTP
import Testing

@Suite("CORS")
struct CORSTests {
    static let spa = "https://spa.example"
    static let other = "https://other.example"
    static let stranger = "https://stranger.example"

    static func world() async throws -> HTTPWorld {
        let world = try await HTTPWorld()
        try await world.client("spa") { $0.origins = [spa] }
        try await world.client("other") { $0.origins = [other] }
        try await world.client("gone") {
            $0.origins = ["https://gone.example"]
            $0.status = .disabled
        }
        return world
    }

    static func preflight(_ world: HTTPWorld, _ path: String, _ origin: String) async throws -> TestAnswer {
        try await world.send(
            .options,
            path,
            headers: [
                ("origin", origin), ("access-control-request-method", "POST"),
                ("access-control-request-headers", "authorization"),
            ]
        )
    }

    @Test(
        "a preflight allows the origins of all enabled clients",
        arguments: [
            (spa, true), (other, true), (stranger, false), ("https://gone.example", false), ("null", false),
            ("https://spa.example.evil.example", false), ("HTTPS://SPA.EXAMPLE", false),
        ]
    )
    func union(origin: String, isAllowed: Bool) async throws {
        let world = try await Self.world()
        for path in ["/token", "/userinfo", "/revoke"] {
            let answer = try await Self.preflight(world, path, origin)
            #expect(answer.status == 204 && answer.bytes.isEmpty)
            #expect(answer["access-control-allow-origin"] == (isAllowed ? origin : nil))
            #expect((answer["access-control-allow-headers"] != nil) == isAllowed)
            #expect((answer["access-control-max-age"] == "600") == isAllowed)
            #expect(answer["vary"] == "Origin")
            #expect(answer["access-control-allow-credentials"] == nil)
        }
        let token = try await Self.preflight(world, "/token", origin)
        #expect(token["access-control-allow-methods"] == (isAllowed ? "POST" : nil))
    }

    @Test("discovery and keys are for everybody, without credentials")
    func everyone() async throws {
        let world = try await Self.world()
        for path in [
            "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/jwks.json",
        ] {
            let answer = try await world.send(.get, path, headers: [("origin", Self.stranger)])
            #expect(answer["access-control-allow-origin"] == "*")
            #expect(answer["access-control-allow-credentials"] == nil)
            #expect(try await Self.preflight(world, path, Self.stranger)["access-control-allow-origin"] == "*")
        }
    }

    @Test("after the preflight only the client's own origins may read the answer")
    func own() async throws {
        let world = try await Self.world()
        func allowed(_ client: String, _ origin: String) async throws -> String? {
            try await world.post("/form", ["client_id": client], headers: [("origin", origin)])[
                "access-control-allow-origin"
            ]
        }
        #expect(try await allowed("spa", Self.spa) == Self.spa)
        #expect(try await allowed("spa", Self.other) == nil)
        #expect(try await allowed("spa", Self.stranger) == nil)
        #expect(try await allowed("other", Self.other) == Self.other)
    }

    @Test("a refusal before any client is known can be read by registered origins")
    func refusal() async throws {
        let world = try await Self.world()
        for (origin, allowed) in [(Self.spa, Self.spa), (Self.stranger, nil)] as [(String, String?)] {
            let answer = try await world.send(
                .post,
                "/token",
                headers: [("origin", origin), ("content-type", "application/json")],
                body: Array("{}".utf8)
            )
            #expect(answer.status == 415)
            #expect(answer["access-control-allow-origin"] == allowed)
            #expect(answer["vary"] == "Origin")
            #expect((answer["access-control-expose-headers"]?.contains("Signet-Trace-Id") ?? false) == (allowed != nil))
        }
    }

    @Test(
        "pages, introspection and sign-in are for no script",
        arguments: ["/authorize", "/sign-in", "/introspect", "/"]
    )
    func none(path: String) async throws {
        let world = try await Self.world()
        let answer = try await Self.preflight(world, path, Self.spa)
        #expect(answer.status == 405 && answer["access-control-allow-origin"] == nil)
        #expect(try await world.send(.get, path, headers: [("origin", Self.spa)])["access-control-allow-origin"] == nil)
    }

    @Test("a client that was just registered works within a second, and one that is gone is forgotten within ten")
    func freshness() async throws {
        let world = try await Self.world()
        #expect(try await Self.preflight(world, "/token", Self.stranger)["access-control-allow-origin"] == nil)
        try await world.client("new") { $0.origins = [Self.stranger] }
        world.time.advance(by: .seconds(1))
        #expect(try await Self.preflight(world, "/token", Self.stranger)["access-control-allow-origin"] != nil)
        let id = try #require(ClientID("new"))
        try await world.services.clients.delete(id, now: world.now, revocations: world.services.revocations)
        world.time.advance(by: .seconds(10))
        #expect(try await Self.preflight(world, "/token", Self.stranger)["access-control-allow-origin"] == nil)
    }

    @Test("signet.js and its types may be loaded by every origin; what our pages load by none")
    func library() async throws {
        let world = try await HTTPWorld()
        for name in ["signet.js", "signet.d.ts"] {
            let answer = try await world.send(.get, "/assets/\(name)", headers: [("origin", "https://app.example")])
            #expect(answer.status == 200, "\(name)")
            #expect(answer["access-control-allow-origin"] == "*", "\(name)")
            #expect(answer["access-control-allow-credentials"] == nil, "\(name)")
            #expect(answer["cross-origin-resource-policy"] == "cross-origin", "\(name)")
            #expect(answer["cache-control"] == "public, max-age=300", "\(name)")
            let version = try #require(answer["etag"]).filter { $0 != "\"" }.prefix(8)
            let lasting = try await world.send(.get, "/assets/\(name)?v=\(version)")
            #expect(lasting["cache-control"] == "public, max-age=31536000, immutable", "\(name)")
            #expect(lasting.text == answer.text, "\(name)")
        }
        for name in ["signet.css", "signet.svg", "form-post.js"] {
            let answer = try await world.send(.get, "/assets/\(name)", headers: [("origin", "https://app.example")])
            #expect(answer["access-control-allow-origin"] == nil, "\(name)")
            #expect(answer["cross-origin-resource-policy"] == "same-origin", "\(name)")
        }
    }
}
