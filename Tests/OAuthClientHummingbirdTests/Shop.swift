import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Instants
import IssuerConnection
import Logging
import OAuthClient
import OAuthClientHummingbird
import Synchronization
import Testing

/// A small application behind a login.
struct Shop {
    let clock: FixedClock
    let issuer: ScriptedIssuer
    let login: WebLogin
    let sessions: RecordingStore
    let log = CapturedLog()
    let origin: String

    init(at origin: String = "https://shop.example", options: WebLoginOptions = WebLoginOptions()) throws {
        self.origin = origin
        clock = FixedClock()
        issuer = try ScriptedIssuer(clock: clock)
        sessions = RecordingStore()
        login = try WebLogin(
            ClientRegistration(
                issuer: ScriptedIssuer.issuer,
                clientID: "shop",
                authentication: .secretBasic("secret-of-the-shop")
            ),
            at: origin,
            options: options,
            sessions: sessions,
            environment: ClientEnvironment(transport: issuer, clock: clock, randomness: CountingRandomness())
        )
    }

    /// Runs the application for a test.
    func open(_ body: @Sendable @escaping (Browser) async throws -> Void) async throws {
        let router = Router(context: LoginContext.self)
        login.addRoutes(to: router)
        router.protected("account", by: login)
            .get { _, context in "Hello, \(context.person.subject)" }
            .get("token") { _, context in try await context.person.accessToken() }
            .get("form") { _, context in context.person.formToken }
            .post { _, _ in "changed" }
        router.group("front").add(middleware: LoginCheck(login, .optional))
            .get { _, context in context.person?.subject ?? "nobody" }
        let log = log
        var logger = Logger(label: "shop", factory: { _ in log })
        logger.logLevel = .trace
        let application = Application(router: router, logger: logger)
        try await application.test(.router) { client in try await body(Browser(client, self)) }
    }
}

/// A browser: it keeps cookies and follows nothing by itself.
final class Browser: Sendable {
    private let client: any TestClientProtocol
    private let shop: Shop
    let cookies = Mutex<[String: String]>([:])

    init(_ client: any TestClientProtocol, _ shop: Shop) {
        self.client = client
        self.shop = shop
    }

    /// Another browser in front of the same application.
    var another: Browser { Browser(client, shop) }

    func send(
        _ method: HTTPRequest.Method,
        _ path: String,
        _ headers: HTTPFields = [:],
        body: String? = nil
    ) async throws -> TestResponse {
        var headers = headers
        let line = cookies.withLock { $0.map { "\($0.key)=\($0.value)" }.sorted().joined(separator: "; ") }
        if !line.isEmpty, headers[.cookie] == nil { headers[.cookie] = line }
        let response = try await client.executeRequest(
            uri: path,
            method: method,
            headers: headers,
            body: body.map { ByteBuffer(string: $0) }
        )
        for line in response.headers[values: .setCookie] { keep(line) }
        return response
    }

    func get(_ path: String, _ headers: HTTPFields = [:]) async throws -> TestResponse {
        try await send(.get, path, headers)
    }

    /// The content of a page.
    func text(_ path: String) async throws -> String { String(buffer: try await get(path).body) }

    private func keep(_ line: String) {
        let pair = line.prefix { $0 != ";" }.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        cookies.withLock { $0[String(pair[0])] = line.contains("Max-Age=0") ? nil : String(pair[1]) }
    }

    /// The value of the session's cookie.
    var session: String? { cookies.withLock { $0.first { $0.key.contains("session") }?.value } }

    /// Begins a login; where the issuer sends the browser back to.
    func begin(_ path: String = "/login") async throws -> String {
        let response = try await get(path)
        let address = try #require(response.headers[.location])
        try #require(address.hasPrefix("\(ScriptedIssuer.issuer)/authorize?"))
        return "/login/callback?" + shop.issuer.answer(to: address)
    }

    /// Signs in; the last answer.
    @discardableResult
    func signIn(_ path: String = "/login") async throws -> TestResponse { try await get(try await begin(path)) }
}

/// Sessions in memory, with the keys that they were kept under.
final class RecordingStore: SessionStore {
    private let memory = MemorySessionStore()
    let keys = Mutex<[String]>([])

    func find(_ key: String) async throws -> WebSession? { await memory.find(key) }
    func insert(_ session: WebSession, as key: String) async throws {
        keys.withLock { $0.append(key) }
        await memory.insert(session, as: key)
    }
    func setTokens(_ tokens: TokenSet, of key: String) async throws { await memory.setTokens(tokens, of: key) }
    func setUse(_ moment: Instant, of key: String) async throws { await memory.setUse(moment, of: key) }
    func remove(_ key: String) async throws { await memory.remove(key) }
    func remove(_ selector: LogoutSelector) async throws {
        if let failure = failure.withLock({ $0 }) { throw failure }
        await memory.remove(selector)
    }

    /// What is thrown where a logout comes.
    let failure = Mutex<(any Error)?>(nil)
}

/// Everything that was logged, in one text.
final class CapturedLog: LogHandler {
    private let lines = Mutex<[String]>([])

    var text: String { lines.withLock { $0.joined(separator: "\n") } }

    func log(event: LogEvent) {
        lines.withLock { $0.append("\(event.level) \(event.message) \(event.metadata ?? [:])") }
    }

    subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { nil }
        set {}
    }
    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }
}
