import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// A person's browser: it is bound, carries a session once somebody signed in, and follows our own redirects.
struct Browser {
    let world: TestWorld
    var binding = "binding-of-this-browser"
    var session: SessionSnapshot?
    /// Who else is signed in here.
    var others: [SessionSnapshot] = []

    /// Somebody else signs in here, now, beside those who are.
    mutating func signInBeside(_ name: String) async throws {
        let before = session
        try await signIn(name) { $0.standardClaims["email"] = .string("\(name)@example.com") }
        if let before { others.insert(before, at: 0) }
    }

    /// What the HTTP room does with the session that was chosen.
    mutating func obey(_ response: EndpointResponse) {
        guard let chosen = response.chosenSession else { return }
        let all = (session.map { [$0] } ?? []) + others
        session = all.first { $0.id == chosen }
        others = all.filter { $0.id != chosen }
    }

    /// Somebody signs in here, now, in a new session.
    @discardableResult
    mutating func signIn(
        _ name: String = "alice",
        edit: (inout PersonSnapshot) -> Void = { _ in }
    ) async throws -> SessionSnapshot {
        let id = "session-" + world.services.random.text(6)
        var snapshot = try await world.signIn(name, session: id, edit: edit)
        snapshot.authentication.at = world.now
        world.endUsers.put(snapshot)
        let inserted = try await world.store.apply([.insert(Record(key: snapshot.key, payload: []))], now: world.now)
        #expect(inserted == .applied)
        session = snapshot
        return snapshot
    }

    func get(_ path: String, _ parameters: [String: String] = [:]) async throws -> EndpointResponse {
        try await ask(.get, path, parameters)
    }

    func post(_ path: String, _ parameters: [String: String] = [:]) async throws -> EndpointResponse {
        try await ask(.post, path, parameters)
    }

    private func ask(
        _ method: EndpointRequest.Method,
        _ path: String,
        _ parameters: [String: String]
    ) async throws -> EndpointResponse {
        let endpoint = try #require(world.provider.endpoints.first { $0.location == .belowIssuer(path) })
        #expect(endpoint.methods.contains(method))
        let request = EndpointRequest(
            method: method,
            parameters: try Parameters(parameters.map { (name: $0.key, value: $0.value) }),
            browserSession: session,
            otherSessions: others,
            browserBinding: binding
        )
        return await endpoint.respond(to: request, with: world.services)
    }

    /// Visits our own addresses until there is a page, or an answer for the client.
    func follow(_ response: EndpointResponse) async throws -> EndpointResponse {
        var response = response
        for _ in 0..<5 {
            guard let location = response.location, location.hasPrefix(TestWorld.issuer) else { return response }
            let target = Target(location)
            response = try await get(target.path, target.parameters)
        }
        Issue.record("redirected in a circle, last to \(response.location ?? "nowhere")")
        return response
    }

    /// Asks for a code as far as it goes without a person.
    func authorize(_ changes: [String: String?] = [:]) async throws -> EndpointResponse {
        try await follow(get("/authorize", TestWorld.authorization(changes)))
    }

    /// Asks for a code; the person signs in where asked, and allows what is asked for.
    mutating func code(_ changes: [String: String?] = [:], person: String = "alice") async throws -> String {
        var response = try await authorize(changes)
        if case .screen(.signIn(let screen)) = response.body {
            try await signIn(person)
            response = try await resume(screen.interaction)
        }
        if case .screen(.consent(let screen)) = response.body { response = try await answer(screen, "allow") }
        return try #require(response.client["code"], "\(response.body)")
    }

    func resume(_ interaction: String) async throws -> EndpointResponse {
        try await follow(get("/authorize/resume", ["interaction": interaction]))
    }

    func answer(_ screen: ConsentScreen, _ decision: String) async throws -> EndpointResponse {
        try await post(
            "/consent",
            ["interaction": screen.interaction, "form_token": screen.formToken, "decision": decision]
        )
    }
}

/// An address, taken apart.
struct Target {
    var path: String
    var parameters: [String: String]

    init(_ location: String) {
        let halves = location.split(separator: "?", maxSplits: 1).map(String.init)
        path = String(halves[0].dropFirst(TestWorld.issuer.count))
        let pairs = FormEncoding.pairs(halves.count == 2 ? halves[1] : "") ?? []
        parameters = Dictionary(pairs.map { ($0.name, $0.value) }) { _, last in last }
    }
}

extension EndpointResponse {
    var location: String? {
        guard case .redirect(let location) = body else { return nil }
        return location
    }

    /// What the client receives, in either response mode; empty if nothing goes there.
    var client: [String: String] {
        switch body {
        case .redirect(let location) where !location.hasPrefix(TestWorld.issuer): Target(location).parameters
        case .formPost(_, let fields): Dictionary(fields.map { ($0.name, $0.value) }) { _, last in last }
        default: [:]
        }
    }

    var signIn: SignInScreen? {
        guard case .screen(.signIn(let screen)) = body else { return nil }
        return screen
    }

    var consent: ConsentScreen? {
        guard case .screen(.consent(let screen)) = body else { return nil }
        return screen
    }

    var chooseAccount: ChooseAccountScreen? {
        guard case .screen(.chooseAccount(let screen)) = body else { return nil }
        return screen
    }

    var shownError: OAuthError? {
        guard case .screen(.error(let error)) = body else { return nil }
        return error
    }
}

extension TestWorld {
    /// An authorization request that succeeds, with changes; `nil` leaves a parameter out.
    static func authorization(_ changes: [String: String?] = [:]) -> [String: String] {
        var parameters: [String: String] = [
            "client_id": "app", "redirect_uri": redirectURI, "response_type": "code", "scope": "openid profile",
            "state": "af0ifjsldkj", "nonce": "n-0S6_WzA2Mj", "code_challenge": challenge,
            "code_challenge_method": "S256",
        ]
        for (name, value) in changes { parameters[name] = value }
        return parameters
    }

    /// A browser before a world with one public client and one API.
    static func browser(
        store: any Store = MemoryStore(),
        configure: (inout ProviderConfiguration) -> Void = { _ in },
        client edit: (inout RegisteredClient) -> Void = { _ in }
    ) async throws -> Browser {
        let world = try await TestWorld(store: store, configure: configure)
        _ = try await world.ordersAPI()
        _ = try await world.publicClient(edit: edit)
        return Browser(world: world)
    }

    /// An ID token of this issuer, as somebody may bring it back.
    func idToken(_ claims: JSONObject, type: String = "JWT") throws -> String {
        var all: JSONObject = [
            "iss": .string(Self.issuer), "aud": "app", "sub": "alice", "iat": .integer(now.secondsSinceEpoch),
            "exp": .integer((now + .seconds(3600)).secondsSinceEpoch),
        ]
        for member in claims { all[member.name] = member.value }
        let key = try #require(services.keyring.current.signing["RS256"])
        return try JWT.signed(all, type: type, by: key)
    }

    /// How many codes were ever issued and have not expired.
    func codes() async throws -> [AuthorizationCodeRecord] {
        try await store.page(AuthorizationCodeRecord.kind, filter: .all, after: nil, limit: 1000, now: now)
            .map { try AuthorizationCodeRecord(from: $0) }
    }
}

/// A store in which something happens just before the next apply.
final class MeddledStore: ForwardingStore {
    let destination: any Store = MemoryStore()
    private let meddling = Meddling()

    actor Meddling {
        var act: (@Sendable (any Store) async throws -> Void)?
        var failure: StoreError?

        func set(_ act: (@Sendable (any Store) async throws -> Void)?) { self.act = act }
        func fail(_ failure: StoreError?) { self.failure = failure }
        func take() -> (@Sendable (any Store) async throws -> Void)? {
            defer { act = nil }
            return act
        }
    }

    func beforeNextApply(_ act: @escaping @Sendable (any Store) async throws -> Void) async { await meddling.set(act) }
    func fail(_ failure: StoreError?) async { await meddling.fail(failure) }

    func apply(_ changes: [Change], now: Instant) async throws(StoreError) -> ApplyOutcome {
        if let failure = await meddling.failure { throw failure }
        if let act = await meddling.take() {
            do { try await act(destination) } catch { Issue.record(error) }
        }
        return try await destination.apply(changes, now: now)
    }
}
