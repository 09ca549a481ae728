import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// What a device was answered.
struct DeviceCodes {
    var device: String
    var user: String
    var json: JSONObject
}

extension TestWorld {
    static let deviceGrant = GrantType.deviceCode.value

    /// A television: a public client for device codes and refresh.
    @discardableResult
    func deviceClient(
        _ id: String = "tv",
        edit: (inout RegisteredClient) -> Void = { _ in }
    ) async throws -> RegisteredClient {
        try await client(id, type: .public, method: .none) {
            $0.name = "Television \(id)"
            $0.grantTypes = [.deviceCode, .refreshToken]
            $0.scopes = ScopeSet(parameter: "openid profile offline_access orders:read") ?? []
            edit(&$0)
        }
    }

    /// A browser before a world with a device's client and an API.
    static func deviceWorld(
        store: any Store = MemoryStore(),
        configure: (inout ProviderConfiguration) -> Void = { _ in },
        client edit: (inout RegisteredClient) -> Void = { _ in }
    ) async throws -> Browser {
        let world = try await TestWorld(store: store, configure: configure)
        _ = try await world.ordersAPI()
        try await world.deviceClient(edit: edit)
        return Browser(world: world)
    }

    func startDevice(
        _ client: String = "tv",
        scope: String = "openid offline_access orders:read",
        address: String = "203.0.113.9"
    ) async throws -> DeviceCodes {
        let endpoint = try #require(provider.endpoints.first { $0.location == .belowIssuer("/device_authorization") })
        let request = EndpointRequest(
            method: .post,
            parameters: try Parameters([(name: "client_id", value: client), (name: "scope", value: scope)]),
            remoteAddress: address
        )
        let answer = try json(await endpoint.respond(to: request, with: services))
        return DeviceCodes(
            device: try #require(answer["device_code"]?.stringValue),
            user: try #require(answer["user_code"]?.stringValue),
            json: answer
        )
    }

    func poll(_ code: String, client: String = "tv") async throws -> EndpointResponse {
        try await askToken(["grant_type": Self.deviceGrant, "device_code": code, "client_id": client])
    }

    func deviceRecord(_ code: String) async throws -> Stored<DeviceCodeRecord>? {
        try await store.find(DeviceCodeRecord.key(code), now: now).map { try Stored($0) }
    }
}

extension Browser {
    /// The page that asks for the code; the person must be signed in.
    func codePage(_ code: String? = nil) async throws -> DeviceCodeScreen {
        let answer = try await get("/device", code.map { ["user_code": $0] } ?? [:])
        return try #require(answer.deviceCode, "\(answer.body)")
    }

    func enter(_ code: String) async throws -> EndpointResponse {
        let page = try await codePage()
        return try await post("/device", ["user_code": code, "form_token": page.formToken])
    }

    func answer(
        _ screen: DeviceConsentScreen,
        _ decision: String,
        changes: [String: String?] = [:]
    ) async throws -> EndpointResponse {
        var fields = [
            "user_code": screen.userCode.shown, "request": screen.request, "form_token": screen.formToken,
            "decision": decision,
        ]
        for (name, value) in changes { fields[name] = value }
        return try await post("/device/answer", fields)
    }

    /// The person enters the code and answers.
    @discardableResult
    func connect(_ codes: DeviceCodes, _ decision: String = "allow") async throws -> EndpointResponse {
        let page = try await enter(codes.user)
        return try await answer(try #require(page.deviceConsent, "\(page.body)"), decision)
    }
}

extension EndpointResponse {
    var deviceCode: DeviceCodeScreen? {
        guard case .screen(.deviceCode(let screen)) = body else { return nil }
        return screen
    }

    var deviceConsent: DeviceConsentScreen? {
        guard case .screen(.deviceConsent(let screen)) = body else { return nil }
        return screen
    }

    var deviceAnswered: DeviceAnsweredScreen? {
        guard case .screen(.deviceAnswered(let screen)) = body else { return nil }
        return screen
    }
}
