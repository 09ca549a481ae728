import Accounts
import HTTPTypes
import Hummingbird
import Instants
import JOSE
import Logging
import NIOCore
import NIOEmbedded
import OAuthVocabulary
import Storage
import Testing
import UpstreamLogin

@testable import AuthorizationServer
@testable import ServerHTTP

/// A whole server over a memory store, asked in process; the clock and the randomness are the test's.
final class HTTPWorld: Sendable {
    static let password = "correct horse battery staple"
    static let https = "https://id.example"
    static let loopback = "http://localhost:8080"

    let store: any Store
    let time = ManualTime()
    let log = CapturedLog()
    let people: People
    let sessions: Sessions
    let throttle: Throttle
    let hasher: PasswordHasher
    let provider: Provider
    let server: SignetServer

    init(
        issuer: String = https,
        store: any Store = MemoryStore(),
        features: [any Feature] = Features.all + [EchoFeature()],
        hashing: PasswordHasher.Limits = .standard,
        upstreams: UpstreamRegister? = nil,
        apart: SessionsApart? = nil,
        configure: (inout HTTPConfiguration) -> Void = { _ in },
        provide: (inout ProviderConfiguration) -> Void = { _ in }
    ) async throws {
        let random = SeededRandom(seed: 42)
        self.store = store
        var configuration = ProviderConfiguration(issuer: try #require(IssuerURL(issuer)))
        provide(&configuration)
        let endings = Endings(revocations: Revocations(store: store, configuration: configuration))
        hasher = PasswordHasher(
            parameters: .init(memoryKiB: 8, iterations: 1, lanes: 1),
            limits: hashing,
            randomness: random.bytes
        )
        people = People(store: store, passwords: hasher, randomness: random.bytes, endings: endings)
        sessions = Sessions(store: store, randomness: random.bytes, endings: endings, apart: apart)
        if apart != nil { try await sessions.begin(now: time.moment().steady) }
        throttle = Throttle(store: store)
        provider = try Provider(
            configuration: configuration,
            store: store,
            endUsers: AccountsEndUsers(people: people, sessions: sessions),
            applicationSessions: AccountsApplicationSessions(
                people: people,
                sessions: sessions,
                throttle: throttle,
                time: time
            ),
            throttle: AccountsThrottle(throttle),
            keys: try #require(MasterKey([UInt8](repeating: 7, count: 32)).map(DerivedKeys.init)),
            keyring: try await SharedKeyring.shared.keyring(),
            time: time,
            random: random,
            logger: log.logger,
            features: features
        )
        var http = HTTPConfiguration(listen: ListenAddress(host: "127.0.0.1", port: 0))
        configure(&http)
        server = SignetServer(
            provider: provider,
            people: people,
            sessions: sessions,
            throttle: throttle,
            upstreams: upstreams.map { [people] register in
                UpstreamLogins(
                    providers: register,
                    store: store,
                    accounts: UpstreamAccounts(people: people),
                    randomness: random.bytes
                )
            },
            configuration: http,
            logger: log.logger
        )
    }

    var now: Instant { time.moment().wall }
    var services: Services { provider.services }

    /// One request, in process.
    func send(
        _ method: HTTPRequest.Method = .get,
        _ target: String,
        headers: [(String, String)] = [],
        body: [UInt8] = [],
        peer: String = "192.0.2.1"
    ) async throws -> TestAnswer {
        var fields = HTTPFields()
        for (name, value) in headers {
            fields.append(HTTPField(name: try #require(HTTPField.Name(name)), value: value))
        }
        let head = HTTPRequest(
            method: method,
            scheme: "http",
            authority: "id.example",
            path: target,
            headerFields: fields
        )
        let channel = NIOAsyncTestingChannel()
        channel.remoteAddress = try SocketAddress(ipAddress: peer, port: 4711)
        let response = try await server.frontDoor.respond(
            to: Request(head: head, body: RequestBody(buffer: ByteBuffer(bytes: body))),
            context: ConnectionContext(source: .init(channel: channel, logger: log.logger))
        )
        let collector = BodyCollector()
        try await response.body.write(collector)
        return TestAnswer(status: response.status.code, headers: response.headers, bytes: collector.bytes)
    }

    /// A POST of a form.
    func post(
        _ target: String,
        _ form: KeyValuePairs<String, String>,
        headers: [(String, String)] = [],
        peer: String = "192.0.2.1"
    ) async throws -> TestAnswer {
        let text = FormEncoding.encode(form.map { (name: $0.key, value: $0.value) })
        return try await send(
            .post,
            target,
            headers: [("content-type", "application/x-www-form-urlencoded")] + headers,
            body: Array(text.utf8),
            peer: peer
        )
    }

    /// A public client for code and refresh.
    @discardableResult
    func client(
        _ id: String = "app",
        edit: (inout RegisteredClient) -> Void = { _ in }
    ) async throws -> RegisteredClient {
        var client = RegisteredClient(
            id: try #require(ClientID(id)),
            name: "Notes \(id)",
            type: .public,
            authenticationMethod: .none,
            createdAt: now
        )
        client.redirectURIs = [try #require(RedirectURI("https://\(id).example/callback"))]
        client.postLogoutRedirectURIs = client.redirectURIs
        client.grantTypes = [.authorizationCode, .refreshToken]
        client.scopes = try #require(ScopeSet(parameter: "openid profile email offline_access"))
        client.consent = .implicit
        edit(&client)
        try await services.clients.create(client, now: now)
        return client
    }

    @discardableResult
    func person(_ username: String = "alice", edit: (inout NewPerson) -> Void = { _ in }) async throws -> Person {
        var new = NewPerson(username: username, name: "Alice Example")
        edit(&new)
        return try await people.create(new, password: Secret(Self.password), now: now)
    }
}

/// What came back.
struct TestAnswer: Sendable {
    var status: Int
    var headers: HTTPFields
    var bytes: [UInt8]

    var text: String { String(decoding: bytes, as: UTF8.self) }
    subscript(name: String) -> String? { HTTPField.Name(name).flatMap { headers[$0] } }
    var setCookies: [String] { headers[values: .setCookie] }

    var json: JSONObject { get throws { try JSONObject(parsing: bytes) } }
    var error: String? { (try? json)?["error"]?.stringValue }
    /// The value of a hidden field of the page.
    func field(_ name: String) -> String? {
        guard let start = text.range(of: "name=\"\(name)\" value=\"") else { return nil }
        return String(text[start.upperBound...].prefix { $0 != "\"" })
    }
}

extension String {
    /// The first place of a text, without Foundation.
    func range(of needle: String) -> Range<String.Index>? { ranges(of: needle).first }
}

private final class BodyCollector: ResponseBodyWriter, Sendable {
    private let buffer = MutexBox<[UInt8]>([])
    var bytes: [UInt8] { buffer.value }

    func write(_ part: ByteBuffer) async throws { buffer.change { $0 += Array(part.readableBytesView) } }
    func finish(_ trailingHeaders: HTTPFields?) async throws {}
}

/// One keyring for all tests: making RSA keys is slow.
actor SharedKeyring {
    static let shared = SharedKeyring()
    private var made: Task<Keyring, any Error>?

    func keyring() async throws -> Keyring {
        if let made { return try await made.value }
        let task = Task {
            let keyring = Keyring()
            let keys = try #require(MasterKey([UInt8](repeating: 7, count: 32)).map(DerivedKeys.init))
            let issuer = try #require(IssuerURL(HTTPWorld.https))
            let signing = SigningKeys(
                store: MemoryStore(),
                keys: keys,
                configuration: ProviderConfiguration(issuer: issuer)
            )
            try await signing.refresh(keyring, now: Instant(secondsSinceEpoch: 1_800_000_000))
            return keyring
        }
        made = task
        return try await task.value
    }
}
