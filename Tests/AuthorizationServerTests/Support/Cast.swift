import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// The people, clients and APIs that tests put on the stage, each sound until the test changes one thing.
extension TestWorld {
    static let secret = "signet_cs_correct-horse-battery-staple-0123456789"
    static let redirectURI = "https://app.example/callback"
    static let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    static let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    static let api = "https://api.example/orders"

    /// A public client for code and refresh.
    func publicClient(
        _ id: String = "app",
        edit: (inout RegisteredClient) -> Void = { _ in }
    ) async throws -> RegisteredClient {
        try await client(id, type: .public, method: .none) {
            $0.redirectURIs = [RedirectURI(Self.redirectURI)].compactMap { $0 }
            $0.grantTypes = [.authorizationCode, .refreshToken]
            $0.scopes = ScopeSet(parameter: "openid profile email offline_access orders:read orders:write") ?? []
            edit(&$0)
        }
    }

    /// A confidential client for client credentials.
    func service(
        _ id: String = "service",
        edit: (inout RegisteredClient) -> Void = { _ in }
    ) async throws -> RegisteredClient {
        try await client(id, type: .confidential, method: .clientSecretBasic) {
            $0.secretHash = ClientSecret.hash(Secret(Self.secret))
            $0.grantTypes = [.clientCredentials]
            $0.scopes = ScopeSet(parameter: "orders:read") ?? []
            edit(&$0)
        }
    }

    func client(
        _ id: String,
        type: RegisteredClient.ClientType,
        method: ClientAuthenticationMethod,
        edit: (inout RegisteredClient) -> Void
    ) async throws -> RegisteredClient {
        var client = RegisteredClient(
            id: try #require(ClientID(id)),
            name: id,
            type: type,
            authenticationMethod: method,
            createdAt: now
        )
        edit(&client)
        try await services.clients.create(client, now: now)
        return client
    }

    func ordersAPI(edit: (inout RegisteredAPI) -> Void = { _ in }) async throws -> RegisteredAPI {
        var api = RegisteredAPI(
            audience: try #require(ResourceIndicator(Self.api)),
            name: "Orders",
            credentialID: try #require(ClientID("api_orders")),
            secretHash: ClientSecret.hash(Secret(Self.secret)),
            createdAt: now
        )
        api.scopes = ["orders:read", "orders:write"].compactMap { Scope($0) }.map {
            RegisteredAPI.ScopeDescription(scope: $0, text: "See or change your orders")
        }
        edit(&api)
        try await services.apis.create(api, now: now)
        return api
    }

    static func basic(_ id: String, _ secret: String = secret) -> String {
        "Basic " + base64("\(FormEncoding.encode(id)):\(FormEncoding.encode(secret))")
    }

    static func base64(_ text: String) -> String {
        let plain = Base64URL.encode(Array(text.utf8)).map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 }
        return String(plain) + String(repeating: "=", count: (4 - plain.count % 4) % 4)
    }

    /// A person with a live session.
    @discardableResult
    func signIn(
        _ name: String = "alice",
        session: String = "s1",
        edit: (inout PersonSnapshot) -> Void = { _ in }
    ) async throws -> SessionSnapshot {
        let subject = try #require(Subject(name))
        let key = RecordKey(RecordKind("person"), name)
        let existing = try await store.find(key, now: now)
        if existing == nil { _ = try await store.apply([.insert(Record(key: key, payload: []))], now: now) }
        var person = PersonSnapshot(
            subject: subject,
            isEnabled: true,
            credentialsChangedAt: now - .seconds(3600),
            standardClaims: [
                "name": "Alice Example", "preferred_username": .string(name), "email": "alice@example.com",
            ],
            roles: ["admin"],
            groups: ["staff"],
            entitlements: ["beta"],
            ownClaims: ["department": "sales"],
            key: key,
            version: existing?.version ?? 1
        )
        edit(&person)
        endUsers.put(person)
        let snapshot = SessionSnapshot(
            id: try #require(SessionID(session)),
            subject: subject,
            authentication: AuthenticationEvent(at: now - .seconds(60), acr: "1", amr: ["pwd"]),
            key: RecordKey(RecordKind("session"), session)
        )
        endUsers.put(snapshot)
        return snapshot
    }

    /// An authorization code as the authorization endpoint would have stored it.
    func code(
        _ text: String = "signet_ac_one",
        client: RegisteredClient,
        session: SessionSnapshot,
        scope: String = "openid offline_access orders:read",
        edit: (inout AuthorizationCodeRecord) -> Void = { _ in }
    ) async throws -> String {
        var record = AuthorizationCodeRecord(
            client: client.id,
            redirectURI: Self.redirectURI,
            codeChallenge: Self.challenge,
            nonce: "n-0S6_WzA2Mj",
            scope: try #require(ScopeSet(parameter: scope)),
            resource: scope.contains("orders:") ? ResourceIndicator(Self.api) : nil,
            subject: session.subject,
            session: session.id,
            authentication: session.authentication,
            family: try services.random.familyID(),
            issuedAt: now
        )
        edit(&record)
        let insertion = try record.insertion(code: text, lifetime: services.configuration.authorizationCodeLifetime)
        #expect(try await store.apply([insertion], now: now) == .applied)
        return text
    }

    func redeem(_ code: String, client: String = "app") async throws -> EndpointResponse {
        try await ask(
            "/token",
            [
                "grant_type": "authorization_code", "code": code, "client_id": client,
                "redirect_uri": Self.redirectURI, "code_verifier": Self.verifier,
            ]
        )
    }

    func refresh(_ token: String, client: String = "app", scope: String? = nil) async throws -> EndpointResponse {
        if let scope {
            return try await ask(
                "/token",
                ["grant_type": "refresh_token", "refresh_token": token, "client_id": client, "scope": scope]
            )
        }
        return try await ask(
            "/token",
            ["grant_type": "refresh_token", "refresh_token": token, "client_id": client]
        )
    }

    func introspect(_ token: String) async throws -> JSONObject {
        try json(
            try await ask("/introspect", ["token": token], authorization: Self.basic("api_orders"))
        )
    }

    /// The tokens of a fresh grant of a person to the public client.
    func grant(scope: String = "openid offline_access orders:read") async throws -> Tokens {
        let client = try await services.clients.find(try #require(ClientID("app")), now: now)?.content
        let known: RegisteredClient
        if let client { known = client } else { known = try await publicClient() }
        if try await services.apis.find(try #require(ResourceIndicator(Self.api)), now: now) == nil {
            _ = try await ordersAPI()
        }
        let session = try await signIn()
        let text = "signet_ac_" + services.random.text(8)
        return try Tokens(json(await redeem(code(text, client: known, session: session, scope: scope))))
    }
}

/// What a token answer held.
struct Tokens {
    var access: String
    var refresh: String
    var id: String?

    init(_ object: JSONObject) throws {
        access = try #require(object["access_token"]?.stringValue)
        refresh = try #require(object["refresh_token"]?.stringValue)
        id = object["id_token"]?.stringValue
    }
}

extension Revocations {
    /// Ends a target as an operator does.
    @discardableResult
    func apply(ending target: RevocationTarget, now: Instant) async throws -> ApplyOutcome {
        try await apply(ending: AuthorizationServer.Ending(target, because: .operatorAct), now: now)
    }
}
