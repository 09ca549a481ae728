import Accounts
import AuthorizationServer
import HTTPTypes
import JOSE
import OAuthVocabulary
import ServerHTTP
import Storage
import Testing

/// One of two stores, in memory.
private final class HalfStore: StoreBackend, ForwardingStore {
    let destination: any Store = MemoryStore()
    let location = "memory"

    func checkHealth() async throws(StoreError) {}
    func announcements() -> AsyncStream<Void>? { nil }
    func close() async throws(StoreError) {}
}

/// A server with one person, an application with tokens, one with sessions, and one that uses code and PKCE.
struct SessionStage {
    static let origin = "https://app.example"
    static let issuer = "https://id.app.example"

    let world: HTTPWorld
    let browser: TestBrowser

    /// - Parameter apart: whether sessions of session mode lie in a store of their own.
    init(apart: Bool = false, provide: (inout ProviderConfiguration) -> Void = { _ in }) async throws {
        world =
            if apart {
                try await HTTPWorld(
                    issuer: Self.issuer,
                    store: SplitStore(durable: HalfStore(), volatile: HalfStore(), kinds: [.applicationSession]),
                    apart: SessionsApart { Digest.sha256([1] + $0) },
                    provide: provide
                )
            } else {
                try await HTTPWorld(issuer: Self.issuer, provide: provide)
            }
        try await world.person { $0.email = "alice@example.com" }
        try await world.client("spa") {
            $0.isFirstParty = true
            $0.browserSession = .tokens
            $0.tokenDelivery = .cookie
            $0.origins = [Self.origin]
        }
        try await world.client("web") {
            $0.isFirstParty = true
            $0.browserSession = .session
            $0.grantTypes = []
            $0.origins = [Self.origin]
        }
        try await world.client("code") {
            $0.tokenDelivery = .cookie
            $0.origins = [Self.origin]
        }
        try await world.client("plain") { $0.origins = ["https://spa.example"] }
        browser = TestBrowser(world)
    }

    /// Another browser before the same server.
    init(sharing stage: SessionStage) {
        world = stage.world
        browser = TestBrowser(stage.world, peer: "192.0.2.8")
    }

    static func name(_ client: String) throws -> String {
        "__Host-" + SessionCookie.name(of: try #require(ClientID(client))).value
    }

    func cookie(_ client: String) throws -> String? { browser.cookies[try Self.name(client)] }
    func set(_ value: String?, for client: String) throws { browser.set(try Self.name(client), value) }

    /// A POST as the application's page sends it.
    func post(
        _ path: String,
        _ members: JSONObject,
        origin: String? = origin,
        marker: String? = "1",
        headers: [(String, String)] = []
    ) async throws -> TestAnswer {
        var all = headers
        if let origin { all.append(("origin", origin)) }
        if let marker { all.append(("signet-csrf", marker)) }
        return try await browser.post(path, json: members.serialized(), headers: all)
    }

    func login(
        _ client: String = "spa",
        _ more: JSONObject = [:],
        username: String = "alice",
        password: String = HTTPWorld.password
    ) async throws -> TestAnswer {
        var members: JSONObject = [
            "client_id": .string(client), "username": .string(username), "password": .string(password),
        ]
        for member in more { members[member.name] = member.value }
        return try await post("/session/login", members)
    }

    func refresh(_ client: String = "spa", _ more: JSONObject = [:]) async throws -> TestAnswer {
        var members: JSONObject = ["client_id": .string(client)]
        for member in more { members[member.name] = member.value }
        return try await post("/session/refresh", members)
    }

    func logout(_ client: String = "spa") async throws -> TestAnswer {
        try await post("/session/logout", ["client_id": .string(client)])
    }

    func state(_ client: String = "spa") async throws -> JSONObject {
        let answer = try await browser.get("/session?client_id=\(client)")
        #expect(answer.status == 200, "\(answer.text)")
        return try answer.json
    }

    func isActive(_ client: String = "spa") async throws -> Bool {
        try #require(try await state(client)["active"]?.boolValue)
    }

    /// Whether the access token of an answer still opens something.
    func opens(_ answer: TestAnswer) async throws -> Bool {
        let token = try #require(try answer.json["access_token"]?.stringValue)
        return try await world.send(.get, "/userinfo", headers: [("authorization", "Bearer \(token)")]).status == 200
    }
}
