import Instants
import JOSE
import Logging
import OAuthVocabulary
import Storage
import Synchronization
import Testing

@testable import AuthorizationServer

/// A provider over a memory store, with a clock and randomness that the test sets.
final class TestWorld: Sendable {
    let store: any Store
    let time = ManualTime()
    let endUsers = FakeEndUsers()
    let throttle = FakeThrottle()
    let provider: Provider

    static let start = Instant(secondsSinceEpoch: 1_800_000_000)
    static let issuer = "https://id.example"

    init(
        store: any Store = MemoryStore(),
        features: [any Feature] = Features.all,
        feedLimits: FeedLimits = FeedLimits(),
        configure: (inout ProviderConfiguration) -> Void = { _ in }
    ) async throws {
        self.store = store
        var configuration = ProviderConfiguration(issuer: try #require(IssuerURL(Self.issuer)))
        configure(&configuration)
        provider = try Provider(
            configuration: configuration,
            store: store,
            endUsers: endUsers,
            throttle: throttle,
            keys: try #require(MasterKey([UInt8](repeating: 7, count: 32)).map(DerivedKeys.init)),
            keyring: try await SharedKeyring.shared.keyring(),
            time: time,
            random: SeededRandom(seed: 42),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            features: features,
            feedLimits: feedLimits
        )
    }

    var services: Services { provider.services }
    var now: Instant { time.moment().steady }

    /// Asks an endpoint by its path, as a program would.
    func ask(
        _ path: String,
        _ parameters: KeyValuePairs<String, String> = [:],
        method: EndpointRequest.Method = .post,
        authorization: String? = nil
    ) async throws -> EndpointResponse {
        let endpoint = try #require(provider.endpoints.first { $0.location == .belowIssuer(path) })
        let pairs = parameters.map { (name: $0.key, value: $0.value) }
        let request = EndpointRequest(
            method: method,
            parameters: try Parameters(pairs),
            authorization: authorization
        )
        return await endpoint.respond(to: request, with: services)
    }

    /// The members of a JSON answer, or a failed expectation with the refusal.
    func json(_ response: EndpointResponse, _ location: SourceLocation = #_sourceLocation) throws -> JSONObject {
        if case .prepared("application/json", let bytes) = response.body { return try JSONObject(parsing: bytes) }
        guard case .json(.object(let object)) = response.body else {
            Issue.record(
                "no JSON: \(response.status) \(String(describing: response.failure))",
                sourceLocation: location
            )
            throw TestFailure()
        }
        return object
    }
}

struct TestFailure: Error {}

/// A clock that stands still until it is moved.
final class ManualTime: TimeSource {
    private let state = Mutex(Moment(TestWorld.start))

    func moment() -> Moment { state.withLock { $0 } }

    /// Both clocks go on.
    func advance(by duration: Duration) {
        state.withLock { $0 = Moment(wall: $0.wall + duration, steady: $0.steady + duration) }
    }

    /// The wall clock is set back; the steady clock is not.
    func stepBack(by duration: Duration) {
        state.withLock { $0 = Moment(wall: $0.wall - duration, steady: $0.steady) }
    }

    /// A restart with a wall clock that was set back and nothing that remembers it.
    func forgetSteadyClock(at instant: Instant) { state.withLock { $0 = Moment(instant) } }
}

/// Repeatable bytes, different at every call (SplitMix64).
final class SeededRandom: RandomSource {
    private let state: Mutex<UInt64>

    init(seed: UInt64) { state = Mutex(seed) }

    func bytes(_ count: Int) -> [UInt8] {
        state.withLock { state in
            (0..<count).map { _ in
                state &+= 0x9E37_79B9_7F4A_7C15
                var mixed = state
                mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
                mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
                return UInt8(truncatingIfNeeded: mixed >> 31)
            }
        }
    }
}

/// People and sessions that the test puts there.
final class FakeEndUsers: EndUsers {
    private struct State {
        var people: [Subject: PersonSnapshot] = [:]
        var sessions: [SessionID: SessionSnapshot] = [:]
    }

    private let state = Mutex(State())

    func person(_ subject: Subject, now: Instant) async throws(StoreError) -> PersonSnapshot? {
        state.withLock { $0.people[subject] }
    }

    func session(_ id: SessionID, now: Instant) async throws(StoreError) -> SessionSnapshot? {
        state.withLock { $0.sessions[id] }
    }

    func put(_ person: PersonSnapshot) { state.withLock { $0.people[person.subject] = person } }
    func put(_ session: SessionSnapshot) { state.withLock { $0.sessions[session.id] = session } }
    func remove(_ session: SessionID) { state.withLock { $0.sessions[session] = nil } }
}

/// Counts failures and makes callers wait when the test says so.
final class FakeThrottle: AttemptThrottle {
    private struct State {
        var wait: Duration?
        var failures = 0
        var userCodes = 0
    }

    private let state = Mutex(State())

    var failures: Int { state.withLock { $0.failures } }
    /// Attempts at user codes that were not given back.
    var userCodes: Int { state.withLock { $0.userCodes } }
    func demandWait(_ duration: Duration?) { state.withLock { $0.wait = duration } }

    func wait(client: ClientID?, address: String, now: Instant) async throws(StoreError) -> Duration? {
        state.withLock { $0.wait }
    }

    func recordFailure(client: ClientID?, address: String, now: Instant) async throws(StoreError) {
        state.withLock { $0.failures += 1 }
    }

    func reserveUserCode(by person: Subject, address: String, now: Instant) async throws(StoreError) -> Duration? {
        state.withLock { state in
            if state.wait == nil { state.userCodes += 1 }
            return state.wait
        }
    }

    func giveBackUserCode(by person: Subject, address: String, now: Instant) async throws(StoreError) {
        state.withLock { $0.userCodes -= 1 }
    }
}

/// Making an RSA key is slow: every world shares one keyring.
actor SharedKeyring {
    static let shared = SharedKeyring()
    private var made: Task<Keyring, any Error>?

    func keyring() async throws -> Keyring {
        if let made { return try await made.value }
        let task = Task {
            let keyring = Keyring()
            let issuer = try #require(IssuerURL(TestWorld.issuer))
            let keys = try #require(MasterKey([UInt8](repeating: 7, count: 32)).map(DerivedKeys.init))
            let signing = SigningKeys(
                store: MemoryStore(),
                keys: keys,
                configuration: ProviderConfiguration(issuer: issuer)
            )
            try await signing.refresh(keyring, now: TestWorld.start)
            return keyring
        }
        made = task
        return try await task.value
    }
}
