internal import Instants
public import IssuerConnection
public import JOSE
public import ResourceServer
internal import RevocationFeed
internal import Synchronization

/// An issuer in the process of a test: keys, introspection and a revocation feed, and tokens of every kind.
///
/// It is the transport of the verifiers that believe it, so that nothing leaves the process, and its clock is theirs.
///
/// ```swift
/// let issuer = try TestIssuer(audience: "https://api.example.com/orders")
/// try await issuer.withVerifier { verifier in
///     let orders = OrdersAPI(verifier: verifier)
///     let token = try issuer.token(scope: "orders:read")
///     #expect(await orders.list(authorization: "Bearer \(token)").status == 200)
///
///     for flaw in TokenFlaw.all {
///         let broken = try issuer.token(scope: "orders:read", with: flaw)
///         #expect(await orders.list(authorization: "Bearer \(broken)").status == 401)
///     }
///
///     await issuer.revoke(token)
///     #expect(await orders.list(authorization: "Bearer \(token)").status == 401)
/// }
/// ```
///
/// ``advance(by:)`` lets time pass while the feed keeps up; `clock.advance(by:)` lets it pass in silence, as when the
/// network is cut; ``goDown()`` answers nothing at all.
public final class TestIssuer: HTTPTransport {
    /// The issuer identifier that tokens name.
    public let issuer: String
    /// The audience that tokens are for, unless they are minted for another.
    public let audience: String
    /// What everybody's time is told by.
    public let clock: TestClock
    /// With which an API may introspect and follow the feed.
    public let credentials = APICredentials(clientID: "test-api", secret: "test-secret")

    let feedKey: SigningKey
    /// A key that the issuer never publishes.
    let foreignKey: SigningKey
    let state: Mutex<State>
    /// The server's steady clock: the wall as it was at first, and the time since.
    private let beginning: Instant

    /// A token that the issuer knows as its own.
    struct MintedToken {
        let claims: JSONObject
        let keyID: String
    }

    /// What the issuer has done so far.
    struct State {
        var signingKeys: [SigningKey]
        var keyCount = 1
        /// What is published instead of the keys.
        var keySetDocument: [UInt8]?
        var isUp = true
        var isHeld = false
        var held: [CheckedContinuation<Void, Never>] = []
        var requests: [String] = []
        var tokenCount = 0
        var minted: [String: MintedToken] = [:]
        var revokedKeys: Set<String> = []
        var entries: [FeedEntry] = []
        var start: FeedPosition
        var head: FeedPosition
        var lines: [ObjectIdentifier: FeedLine] = [:]
    }

    /// An issuer of this name.
    ///
    /// - Parameters:
    ///   - issuer: an https URL; nothing is ever sent to it.
    ///   - audience: the API that is tested.
    ///   - clock: shared with the verifiers.
    ///   - algorithm: what tokens are signed with.
    /// - Throws: `signingFailed` if no key can be made.
    public init(
        issuer: String = "https://issuer.test",
        audience: String = "https://api.test",
        clock: TestClock = TestClock(),
        algorithm: SignatureAlgorithm = .es256
    ) throws(JOSEError) {
        self.issuer = issuer
        self.audience = audience
        self.clock = clock
        beginning = clock.now
        feedKey = try SigningKey.generate(.edDSA, keyID: "feed-1")
        foreignKey = try SigningKey.generate(algorithm, keyID: "foreign")
        let start = FeedPosition.beginning(epoch: "test-epoch", audience: audience)
        let key = try SigningKey.generate(algorithm, keyID: "key-1")
        state = Mutex(State(signingKeys: [key], start: start, head: start))
    }

    var steadyNow: Instant { beginning + clock.uptime }

    // MARK: - Verifiers

    /// A verifier that believes this issuer and follows its feed, once it runs.
    ///
    /// - Parameter configure: changes the configuration.
    public func verifier(_ configure: (inout VerifierConfiguration) -> Void = { _ in }) -> TokenVerifier {
        var configuration = VerifierConfiguration(revocation: .feed(credentials))
        configure(&configuration)
        return TokenVerifier(
            issuer: issuer,
            audience: audience,
            configuration: configuration,
            transport: self,
            clock: clock,
            logger: TokenVerifier.quietLogger
        )
    }

    /// Runs a verifier for as long as `body` takes, which begins when it has keys and follows the feed.
    ///
    /// - Parameter configuration: by default to follow the feed.
    /// - Throws: what `body` throws, or ``TokenRefusal`` if the verifier cannot start.
    public func withVerifier<Answer: Sendable>(
        configured configuration: VerifierConfiguration? = nil,
        _ body: (TokenVerifier) async throws -> Answer
    ) async throws -> Answer {
        let verifier = verifier { $0 = configuration ?? $0 }
        let running = Task { try await verifier.run() }
        do {
            try await verifier.start()
            let answer = try await body(verifier)
            running.cancel()
            _ = await running.result
            return answer
        } catch {
            running.cancel()
            _ = await running.result
            throw error
        }
    }

    // MARK: - Trouble

    /// Answers nothing any more, and cuts the streams.
    public func goDown() {
        let lines = state.withLock { state in
            state.isUp = false
            defer { state.lines = [:] }
            return Array(state.lines.values)
        }
        for line in lines { line.close() }
        release()
    }

    /// Answers again.
    public func comeBack() { state.withLock { $0.isUp = true } }

    /// Cuts the streams, as a network does; who comes again is answered.
    public func cutStreams() {
        let lines = state.withLock { state in
            defer { state.lines = [:] }
            return Array(state.lines.values)
        }
        for line in lines { line.close() }
    }

    /// Keeps everybody waiting who sends a request from now on, until ``release()``.
    public func hold() { state.withLock { $0.isHeld = true } }

    /// Answers whoever was kept waiting.
    public func release() {
        let held = state.withLock { state in
            state.isHeld = false
            defer { state.held = [] }
            return state.held
        }
        for continuation in held { continuation.resume() }
    }

    /// How many are kept waiting.
    public var heldCount: Int { state.withLock { $0.held.count } }

    /// Every request so far, as `GET /jwks`.
    public var requests: [String] { state.withLock { $0.requests } }

    /// How often this was asked for, by its path below the issuer, such as `/jwks` or `/introspect`.
    public func requestCount(of path: String) -> Int {
        state.withLock { $0.requests.count { $0.hasSuffix(" " + path) } }
    }

    // MARK: - Keys

    /// Signs with a new key from now on; the old ones stay published.
    ///
    /// - Throws: `signingFailed` if no key can be made.
    public func rotateKeys() async throws {
        let (algorithm, number) = state.withLock { state in
            state.keyCount += 1
            return (state.signingKeys[0].algorithm, state.keyCount)
        }
        let key = try SigningKey.generate(algorithm, keyID: "key-\(number)")
        state.withLock { $0.signingKeys.insert(key, at: 0) }
        await publishKeys()
    }

    /// Takes back every key but the newest, and says so on the feed: what they signed is void.
    public func retireOldKeys() async {
        let retired = state.withLock { state in
            defer { state.signingKeys = Array(state.signingKeys.prefix(1)) }
            return state.signingKeys.dropFirst().map(\.keyID)
        }
        state.withLock { $0.revokedKeys.formUnion(retired) }
        for keyID in retired { await end(FeedEntry.handle(ofKey: keyID), kind: .signingKey) }
        await publishKeys()
    }

    /// Publishes this instead of a key set; nil for the true one again.
    public func publishInsteadOfKeys(_ document: String?) {
        state.withLock { $0.keySetDocument = document.map { Array($0.utf8) } }
    }

    /// The key set as it is published.
    var keySet: [UInt8] {
        state.withLock { state in
            if let document = state.keySetDocument { return document }
            let keys = state.signingKeys.map { JSON.object($0.publicJWK.members) }
            return JSONObject(dictionaryLiteral: ("keys", .array(keys))).serialized()
        }
    }
}
