// A provider behind the transport: it answers from a script, with real keys, and remembers what it was asked.

import Accounts
import FoundationEssentials
import Instants
import IssuerConnection
import JOSE
import OAuthClient
import OAuthVocabulary
import Storage
import Synchronization
import Testing
import UpstreamLogin

let start = Instant(secondsSinceEpoch: 1_800_000_000)

/// A clock that stands until somebody sleeps on it.
final class SetClock: ClientClock {
    private let state = Mutex<Duration>(.zero)

    var now: Instant { start + state.withLock { $0 } }
    var uptime: Duration { .seconds(1000) + state.withLock { $0 } }

    func sleep(for duration: Duration) async throws { state.withLock { $0 += duration } }
}

/// Bytes that are different each time and the same in every run.
final class Counting: ClientRandomness {
    private let count = Mutex<UInt64>(0)

    func bytes(_ number: Int) -> [UInt8] {
        (0..<number).map { _ in
            count.withLock { value in
                value = value &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: value >> 33)
            }
        }
    }
}

final class ScriptedProvider: HTTPTransport {
    typealias Handler = @Sendable (TransportRequest) async throws(TransportError) -> TransportResponse

    private let handlers = Mutex<[String: Handler]>([:])
    private let log = Mutex<[TransportRequest]>([])

    /// What happens at an address.
    func on(_ url: String, _ handler: @escaping Handler) { handlers.withLock { $0[url] = handler } }
    func json(_ url: String, _ value: JSON, status: Int = 200) {
        on(url) { _ in TransportResponse(status: status, body: value.serialized()) }
    }

    var requests: [TransportRequest] { log.withLock { $0 } }
    func forms(_ url: String) -> [[String: String]] {
        requests.filter { $0.url == url }.map { Self.fields(String(decoding: $0.body, as: UTF8.self)) }
    }

    static func fields(_ text: String) -> [String: String] {
        Dictionary((FormEncoding.pairs(text) ?? []).map { ($0.name, $0.value) }) { first, _ in first }
    }

    func send(_ request: TransportRequest) async throws(TransportError) -> TransportResponse {
        log.withLock { $0.append(request) }
        guard let handler = handlers.withLock({ $0[request.url] }) else { return TransportResponse(status: 404) }
        return try await handler(request)
    }

    func stream(
        _ request: TransportRequest,
        idleTimeout: Duration,
        onHead: (TransportResponse) throws -> Void,
        onBytes: ([UInt8]) throws -> Void
    ) async throws(TransportError) {
        throw TransportError(.unreachable, reason: "nothing is streamed here")
    }
}

/// A server with one provider, `work`, and whatever a test makes of it.
struct World: Sendable {
    static let issuer = "https://id.example"
    static let binding = "browser-1"

    let remote = ScriptedProvider()
    let clock = SetClock()
    let store = MemoryStore()
    let register: UpstreamRegister
    let logins: UpstreamLogins
    let people: People
    let accounts: UpstreamAccounts
    let key: SigningKey
    let name: UpstreamName

    init(_ fields: [UpstreamField: [String]] = [:], secrets: UpstreamSecrets = .init(clientSecret: "s3cret")) throws {
        let random = Counting()
        key = try SigningKey.generate(.es256, keyID: "k1")
        people = People(
            store: store,
            passwords: PasswordHasher(
                parameters: .init(memoryKiB: 8, iterations: 1, lanes: 1),
                randomness: { random.bytes($0) }
            ),
            randomness: { random.bytes($0) },
            endings: .none
        )
        accounts = UpstreamAccounts(people: people)
        name = try #require(UpstreamName("work"))
        let here = try #require(IssuerURL("https://here.example"))
        register = UpstreamRegister(
            issuer: here,
            surroundings: UpstreamSurroundings(clock: clock, randomness: random, transport: remote)
        )
        logins = UpstreamLogins(providers: register, store: store, accounts: accounts) { random.bytes($0) }
        var all: [UpstreamField: [String]] = [.issuer: [Self.issuer], .clientID: ["here"], .signUp: ["true"]]
        for (field, texts) in fields { all[field] = texts }
        try register.replace(with: [UpstreamProvider(name, UpstreamDescription(all), secrets: secrets)])
        serve(issuer: all[.issuer]?.first ?? Self.issuer)
    }

    /// Metadata and keys of an issuer.
    func serve(issuer: String, at place: String? = nil, keys: [JSONObject]? = nil) {
        let place = place ?? issuer
        remote.json(
            "\(place)/.well-known/openid-configuration",
            [
                "issuer": .string(issuer), "authorization_endpoint": .string("\(Self.issuer)/authorize"),
                "token_endpoint": .string("\(Self.issuer)/token"), "jwks_uri": .string("\(Self.issuer)/jwks"),
            ]
        )
        let set = keys ?? [key.publicJWK.members]
        remote.json("\(Self.issuer)/jwks", ["keys": .array(set.map { .object($0) })])
    }

    /// Begins a login; the query that the browser took to the provider.
    func begin(
        binding: String = World.binding,
        _ freshness: UpstreamLogins.Freshness = .any
    ) async throws -> [String: String] {
        let url = try await logins.begin(
            name,
            for: .signIn(interaction: "i-1"),
            freshness,
            browserBinding: binding,
            now: clock.now
        )
        return ScriptedProvider.fields(String(url.split(separator: "?", maxSplits: 1)[1]))
    }

    /// The claims of a good ID token for a request.
    func claims(_ request: [String: String], _ more: JSONObject = [:]) -> JSONObject {
        var claims: JSONObject = [
            "iss": .string(Self.issuer), "sub": "u-1", "aud": "here", "iat": .integer(clock.now.secondsSinceEpoch),
            "exp": .integer(clock.now.secondsSinceEpoch + 600), "nonce": .string(request["nonce"] ?? ""),
            "name": "Ada Lovelace", "email": "ada@example.org", "email_verified": true,
        ]
        for (name, value) in more { claims[name] = value == .null ? nil : value }
        return claims
    }

    func grant(_ claims: JSONObject, by key: SigningKey? = nil) throws {
        let token = try JWT.signed(claims, type: "JWT", by: key ?? self.key)
        remote.json(
            "\(Self.issuer)/token",
            ["access_token": "at", "token_type": "Bearer", "id_token": .string(token), "expires_in": 60]
        )
    }

    func finish(
        _ query: String,
        binding: String = World.binding,
        session: Session? = nil
    ) async throws -> UpstreamLogins.Outcome {
        try await logins.finish(name, query: query, browserBinding: binding, session: session, now: clock.now)
    }

    /// A whole login with these claims; who it was.
    func login(_ more: JSONObject = [:]) async throws -> Person {
        let request = try await begin()
        try grant(claims(request, more))
        guard case .signedIn(let person, "i-1") = try await finish("code=c&state=\(request["state"] ?? "")") else {
            throw CancellationError()
        }
        return person
    }
}

/// How a login fails.
func failure(_ body: () async throws -> Void) async -> UpstreamFailure.Kind? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? UpstreamFailure)?.kind
    }
}
