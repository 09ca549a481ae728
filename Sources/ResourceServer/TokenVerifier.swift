public import IssuerConnection
public import JOSE
public import Logging
public import ServiceLifecycle

/// Verifies the access tokens of one issuer for one API, without a request to the issuer, and knows which were revoked.
///
/// ```swift
/// let verifier = TokenVerifier(
///     issuer: "https://id.example.com", audience: "https://api.example.com/orders",
///     configuration: VerifierConfiguration(revocation: .feed(APICredentials(clientID: id, secret: secret)))
/// )
/// // Run it with the application's other services: it fetches keys and follows the revocation feed.
/// let group = ServiceGroup(services: [verifier, server], logger: logger)
/// ```
///
/// A request is judged by ``authorize(_:for:)``, which asks the issuer where it must, or by ``verify(_:for:)``, which
/// never waits. The issuer may be down: what is known goes on counting within the route's ``FreshnessPolicy``.
public final class TokenVerifier: Service {
    /// The issuer, byte for byte as tokens name it.
    public let issuer: String
    /// The API's own identifier, which tokens must have in `aud`.
    public let audience: String

    let configuration: VerifierConfiguration
    let keys: IssuerKeys
    let cache: VerifiedTokenCache
    let expectations: Expectations
    let feed: (any RevocationFollowing)?
    let introspector: Introspector?
    let clock: any ClientClock
    let logger: Logger

    /// A verifier; nothing is fetched before it runs, starts or has to.
    ///
    /// - Parameters:
    ///   - issuer: an https URL (http on loopback), byte for byte as tokens name it.
    ///   - audience: the API's identifier, byte for byte as tokens name it.
    ///   - configuration: where revocations are known from, and everything else that has a default.
    ///   - transport: the way to the issuer.
    ///   - clock: by which tokens are judged.
    ///   - logger: gets no token and no secret.
    public convenience init(
        issuer: String,
        audience: String,
        configuration: VerifierConfiguration,
        transport: any HTTPTransport = HTTPClientTransport.shared,
        clock: any ClientClock = SystemClientClock(),
        logger: Logger = Logger(label: "signet.verifier")
    ) {
        let surroundings = Surroundings(transport: transport, clock: clock, logger: logger)
        let keys = IssuerKeys(
            issuer: issuer,
            policy: configuration.keys,
            algorithms: configuration.pinnedAlgorithms,
            transport: transport,
            clock: clock,
            logger: logger
        )
        self.init(
            Introspector.Party(issuer: issuer, audience: audience),
            configuration: configuration,
            surroundings: surroundings,
            keys: keys,
            feed: Self.feed(of: issuer, for: audience, configuration, surroundings, keys)
        )
    }

    /// What a verifier is given to work with.
    struct Surroundings: Sendable {
        let transport: any HTTPTransport
        let clock: any ClientClock
        let logger: Logger
    }

    /// A verifier that hears of revocations from `feed`.
    init(
        _ party: Introspector.Party,
        configuration: VerifierConfiguration,
        surroundings: Surroundings,
        keys: IssuerKeys,
        feed: (any RevocationFollowing)?
    ) {
        issuer = party.issuer
        audience = party.audience
        self.configuration = configuration
        self.keys = keys
        self.feed = feed
        clock = surroundings.clock
        logger = surroundings.logger
        cache = VerifiedTokenCache(limits: configuration.cacheLimits, tokenLimits: configuration.tokenLimits)
        expectations = configuration.expectations(of: party)
        introspector = configuration.revocation.credentials.map { credentials in
            Introspector(
                party: party,
                credentials: credentials,
                policy: configuration.introspection,
                transport: surroundings.transport,
                clock: surroundings.clock,
                logger: surroundings.logger,
                endpoint: { await keys.discovered()?.introspectionEndpoint }
            )
        }
    }

    private static func feed(
        of issuer: String,
        for audience: String,
        _ configuration: VerifierConfiguration,
        _ surroundings: Surroundings,
        _ keys: IssuerKeys
    ) -> (any RevocationFollowing)? {
        guard case .feed = configuration.revocation.kind, let credentials = configuration.revocation.credentials else {
            return nil
        }
        var limits = FeedLimits()
        // An entry must outlive every token that is still taken to be alive.
        limits.retention = max(limits.retention, configuration.leeway * 2)
        return FeedReader(
            FeedSubscription(
                issuer: issuer,
                audience: audience,
                clientID: credentials.clientID,
                secret: credentials.secret
            ),
            transport: surroundings.transport,
            clock: surroundings.clock,
            logger: surroundings.logger,
            limits: limits,
            onKeys: { keys.adopt($0) }
        )
    }

    /// A logger that says nothing, for tests.
    package static let quietLogger = Logger(label: "signet.verifier") { _ in SwiftLogNoOpLogHandler() }

    // MARK: - Running

    /// Fetches keys, keeps them fresh and follows the feed, until the task is cancelled or shut down gracefully.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.keepKeys() }
                if let feed = self.feed { group.addTask { await feed.run() } }
                await group.waitForAll()
            }
        }
    }

    /// Waits until tokens can be verified: until the keys are there and, if a feed is followed, its first snapshot.
    ///
    /// For those who want to fail early: call it while ``run()`` runs. Without it the first requests wait for the keys, or
    /// are refused with 503.
    /// - Throws: ``TokenRefusal`` with `keysUnavailable` or `revocationStale` if it does not come to pass in time.
    public func start(within timeout: Duration = .seconds(10)) async throws(TokenRefusal) {
        // In real time, whatever clock tokens are judged by: what is waited for is the network.
        let attempts = max(1, Int(timeout / Self.startPause))
        await keys.refreshIfDue()
        for _ in 0..<attempts {
            let hasKeys = keys.current.keys != nil
            if hasKeys, feed == nil || feed?.freshness.staleness != nil { return }
            if !hasKeys { await keys.refreshIfDue() }
            guard (try? await Task.sleep(for: Self.startPause)) != nil else { break }
        }
        throw TokenRefusal(
            keys.current.keys == nil ? .keysUnavailable : .revocationStale,
            detail: "not within \(timeout)"
        )
    }

    private static let startPause: Duration = .milliseconds(5)
    private static let tick: Duration = .milliseconds(500)

    private func keepKeys() async {
        while !Task.isCancelled {
            await refreshKeysIfDue()
            guard (try? await clock.sleep(for: Self.tick)) != nil else { return }
        }
    }

    /// Fetches the keys if their time has come, or the feed says that they are others.
    func refreshKeysIfDue() async {
        await keys.refreshIfDue(published: feed?.keySetDigest)
    }

    /// What the verifier has done and knows, for metrics.
    public var statistics: VerifierStatistics {
        let (fetches, keyFailures) = keys.history
        let asked = introspector?.history
        return VerifierStatistics(
            cache: cache.statistics,
            keyFetches: fetches,
            keyFailuresInARow: keyFailures,
            introspections: asked?.calls ?? 0,
            introspectionFailures: asked?.failures ?? 0,
            staleness: feed?.freshness.staleness
        )
    }

    // MARK: - Answering

    /// The header fields of the answer to a refused request: the challenge, `Retry-After`, `Cache-Control`.
    public func headers(for refusal: TokenRefusal) -> [(name: String, value: String)] {
        refusal.headers(realm: configuration.realm, resourceMetadata: configuration.metadata?.url)
    }
}

/// What a ``TokenVerifier`` has done and knows.
public struct VerifierStatistics: Hashable, Sendable {
    /// The cache of verified tokens.
    public var cache: TokenCacheStatistics
    /// How often the issuer was asked for its keys.
    public var keyFetches: UInt64
    /// How often in a row that failed; 0 if the last time did not.
    public var keyFailuresInARow: Int
    /// How often the issuer was asked about a token.
    public var introspections: UInt64
    /// How often it did not answer.
    public var introspectionFailures: UInt64
    /// How old the knowledge of revocations is; nil without a feed, or before its first snapshot.
    public var staleness: Duration?
}
