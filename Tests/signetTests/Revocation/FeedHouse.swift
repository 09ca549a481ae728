import Accounts
import AsyncHTTPClient
import Foundation
import Instants
import IssuerConnection
import JOSE
import NIOCore
import NIOHTTP1
import OAuthVocabulary
import ResourceServer
import SQLiteStore
import Storage
import Synchronization
import Testing

@testable import AuthorizationServer
@testable import signet

/// A server as it runs for an operator, with one API, a service and an application; it can be stopped, killed and started
/// again on the same folder, port and name.
///
/// `bench` is another opener of the same database: what it does, a command in another process does.
final class FeedHouse: Sendable {
    static let audience = "https://orders.example"
    static let service = "billing"
    static let secret = "signet_cs_correct-horse-battery-staple-0123456789"

    let temporary: TemporaryFolder
    let port: Int
    let issuer: String
    private let running = Mutex<RunningServer?>(nil)
    private let opened = Mutex<Workbench?>(nil)

    var data: String { temporary.path + "/data" }
    var server: RunningServer { get throws { try #require(running.withLock { $0 }) } }
    var bench: Workbench { get throws { try #require(opened.withLock { $0 }) } }

    private init() throws {
        temporary = try TemporaryFolder()
        port = Executable.freePort()
        issuer = "http://localhost:\(port)"
    }

    /// Runs the body beside a server, and leaves nothing behind.
    static func with(_ body: (FeedHouse) async throws -> Void) async throws {
        let house = try FeedHouse()
        do {
            try await house.start()
            try await house.register()
            try await body(house)
        } catch {
            await house.kill()
            await house.closeBench()
            throw error
        }
        await house.kill()
        await house.closeBench()
    }

    // MARK: - The server

    func start() async throws {
        let child = try await serve(on: port)
        running.withLock { $0 = RunningServer(child: child, issuer: issuer, port: port) }
    }

    /// One more server of the same issuer on the same folder, as behind a balancer.
    func serve(on port: Int) async throws -> Child {
        let child = try Child(
            ["serve", "--data-dir", data, "--listen", "127.0.0.1:\(port)", "--issuer", issuer],
            // A refresh token that comes again is a theft at once, and no lost answer.
            environment: ["SIGNET_REFRESH_RETRY_WINDOW": "0"]
        )
        while !child.text(of: "output").contains("Ctrl-C stops it.") {
            guard child.isRunning else { throw Executable.NotStarted(outcome: await child.outcome()) }
            try await Task.sleep(for: .milliseconds(10))
        }
        return child
    }

    /// SIGTERM, and the end of it.
    func stop() async {
        guard let child = running.withLock({ $0?.child }) else { return }
        child.terminate()
        _ = await child.outcome()
        running.withLock { $0 = nil }
    }

    /// SIGKILL: nothing is written any more, no lease given back.
    func kill() async {
        guard let child = running.withLock({ $0?.child }) else { return }
        child.kill()
        _ = await child.outcome()
        running.withLock { $0 = nil }
    }

    func openBench() async throws {
        var settings = Settings()
        settings.dataDirectory = data
        let bench = try await Workbench.open(settings, missing: .refuse)
        opened.withLock { $0 = bench }
    }

    func closeBench() async {
        let bench = opened.withLock { slot in
            defer { slot = nil }
            return slot
        }
        await bench?.close()
    }

    /// A command in a process of its own.
    func command(_ arguments: String...) async throws {
        let outcome = await (try Child(arguments + ["--data-dir", data, "--json"])).outcome()
        try #require(outcome.status == 0, "\(arguments): \(outcome)")
    }

    // MARK: - Who is there

    private func register() async throws {
        try await openBench()
        let bench = try bench
        var api = RegisteredAPI(
            audience: try #require(ResourceIndicator(Self.audience)),
            name: "Orders",
            credentialID: try #require(ClientID("orders-api")),
            secretHash: ClientSecret.hash(Secret(Self.secret)),
            createdAt: bench.now
        )
        let scope = try #require(Scope("orders:read"))
        api.scopes = [RegisteredAPI.ScopeDescription(scope: scope, text: "See your orders")]
        try await bench.apis.create(api, now: bench.now)
        var billing = try client(Self.service)
        billing.grantTypes = [.clientCredentials]
        billing.scopes = [scope]
        try await bench.clients.create(billing, now: bench.now)
    }

    private func client(_ id: String) throws -> RegisteredClient {
        var client = RegisteredClient(
            id: try #require(ClientID(id)),
            name: id,
            type: .confidential,
            authenticationMethod: .clientSecretBasic,
            createdAt: try bench.now
        )
        client.secretHash = ClientSecret.hash(Secret(Self.secret))
        return client
    }

    var credentials: APICredentials { APICredentials(clientID: "orders-api", secret: Self.secret) }

    // MARK: - Tokens

    /// A token of the service, from this server or another one of the issuer.
    func token(at server: RunningServer? = nil) async throws -> String {
        let answer = try await (server ?? self.server).post(
            "/token",
            "grant_type=client_credentials",
            authorization: RunningServer.basic(Self.service, Self.secret)
        )
        return try #require(answer["access_token"].stringValue, "\(answer)")
    }

    /// The revocation endpoint, acknowledged.
    func revoke(_ token: String, of client: String = service, at server: RunningServer? = nil) async throws {
        let status = try await post("/revoke", "token=\(token)", client: client, at: server ?? self.server)
        try #require(status == 200)
    }

    /// Posts a form for its status alone.
    func post(_ path: String, _ form: String, client: String, at server: RunningServer) async throws -> UInt {
        var request = HTTPClientRequest(url: server.issuer + path)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
        request.headers.add(name: "Authorization", value: RunningServer.basic(client, Self.secret))
        request.body = .bytes(ByteBuffer(string: form))
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        _ = try await response.body.collect(upTo: 1 << 20)
        return response.status.code
    }

    /// A person who has signed in to an application of their own.
    struct Holder: Sendable {
        var subject: Subject
        var session: SessionID
        var cookie: Secret
        var client: String
        var access: String
        var refresh: String
    }

    func holder(_ name: String) async throws -> Holder {
        let bench = try bench
        var application = try client("app-" + name)
        application.grantTypes = [.authorizationCode, .refreshToken]
        application.redirectURIs = [try #require(RedirectURI("https://app.example/callback"))]
        application.scopes = [.openID, .offlineAccess, try #require(Scope("orders:read"))]
        try await bench.clients.create(application, now: bench.now)
        let person = try await bench.people.create(NewPerson(username: name), password: nil, now: bench.now)
        let (cookie, session) = try await bench.sessions.create(
            for: person,
            amr: ["pwd"],
            acr: "1",
            now: bench.now,
            replacing: []
        )
        let code = AuthorizationCodeRecord(
            client: application.id,
            redirectURI: "https://app.example/callback",
            codeChallenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            nonce: nil,
            scope: try #require(ScopeSet(parameter: "openid offline_access orders:read")),
            resource: ResourceIndicator(Self.audience),
            subject: person.subject,
            session: session.id,
            authentication: AuthenticationEvent(at: bench.now, acr: "1", amr: ["pwd"]),
            family: try bench.random.familyID(),
            issuedAt: bench.now
        )
        let text = "signet_ac_\(name)"
        let insertion = try code.insertion(code: text, lifetime: .seconds(60))
        try #require(try await bench.store.apply([insertion], now: bench.now) == .applied)
        let answer = try await server.post(
            "/token",
            "grant_type=authorization_code&code=\(text)&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback"
                + "&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            authorization: RunningServer.basic("app-" + name, Self.secret)
        )
        return Holder(
            subject: person.subject,
            session: session.id,
            cookie: cookie,
            client: "app-" + name,
            access: try #require(answer["access_token"].stringValue, "\(answer)"),
            refresh: try #require(answer["refresh_token"].stringValue, "\(answer)")
        )
    }

    /// What a claim of a token says, unverified.
    static func claim(_ name: String, of token: String) throws -> JSON {
        try JSON(parsing: Base64URL.decode(String(token.split(separator: ".")[1])))[name]
    }

    static func keyID(of token: String) throws -> String {
        let header = try JSON(parsing: Base64URL.decode(String(token.split(separator: ".")[0])))
        return try #require(header["kid"].stringValue)
    }
}

/// Waits until the condition holds; `false` if it does not for long.
func becomesTrue(_ limit: Duration = .seconds(60), _ condition: () async throws -> Bool) async rethrows -> Bool {
    let clock = ContinuousClock()
    let begun = clock.now
    while clock.now - begun < limit {
        if try await condition() { return true }
        try? await Task.sleep(for: .milliseconds(5))
    }
    return try await condition()
}
