import Instants
import IssuerConnection
import JOSE
import Logging
import OAuthVocabulary
import RedisClient
import RedisDenylist
import RedisTesting
import ResourceServer
import ResourceServerRedis
import ResourceServerTesting
import RevocationFeed
import Storage
import Testing

@testable import AuthorizationServer

struct FixedTime: TimeSource {
    let now: Instant

    func moment() -> Moment { Moment(now) }
}

/// A store in which something happens before every reading.
struct IntrudedStore: ForwardingStore {
    let destination: any Store
    let intrusion: @Sendable () async throws -> Void

    func find(_ lookups: [Lookup], now: Instant) async throws(StoreError) -> [Record?] {
        do { try await intrusion() } catch { Issue.record(error) }
        return try await destination.find(lookups, now: now)
    }
}

struct Bench {
    static let audience = "https://api.test"
    let now = Instant(secondsSinceEpoch: 1_767_225_600)
    let store = MemoryStore()
    let keys: DerivedKeys
    let configuration: ProviderConfiguration
    let publisher: FeedPublisher
    let issuer: TestIssuer

    /// - Parameters:
    ///   - isFeedOpen: whether the publisher has learnt of the API; it looks for new ones once a second, and this clock
    ///     stands still.
    ///   - tokenAudience: whom tokens are for.
    init(
        isFeedOpen: Bool = true,
        hasAPI: Bool = true,
        tokensFor tokenAudience: String = Self.audience,
        key: UInt8 = 3,
        issuer name: String = "https://issuer.test",
        configure: (inout ProviderConfiguration) -> Void = { _ in }
    ) async throws {
        keys = DerivedKeys(try #require(MasterKey([UInt8](repeating: key, count: 32))))
        var configuration = ProviderConfiguration(issuer: try #require(IssuerURL(name)))
        configure(&configuration)
        self.configuration = configuration
        publisher = FeedPublisher(
            configuration: configuration,
            limits: FeedLimits(),
            store: store,
            keys: keys,
            keyring: Keyring(),
            time: FixedTime(now: now),
            random: SystemRandomSource(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            signal: FeedSignal()
        )
        issuer = try TestIssuer(issuer: name, audience: tokenAudience, clock: TestClock(now: now))
        let api = RegisteredAPI(
            audience: try #require(ResourceIndicator(Self.audience)),
            name: "API",
            credentialID: try #require(ClientID("api")),
            secretHash: "x",
            createdAt: now
        )
        if !isFeedOpen { await look() }
        if hasAPI { try await APIs(store: store).create(api, now: now) }
        await look()
    }

    func look() async { for _ in 0..<3 { _ = await publisher.tick() } }

    func end(
        _ target: RevocationTarget,
        because cause: EndingCause = .operatorAct,
        audiences: [String]? = nil
    ) async throws {
        try await Revocations(store: store, configuration: configuration).apply(
            ending: Ending(target, because: cause, audiences: audiences),
            now: now
        )
        await look()
    }

    func writer(
        _ redis: any RedisSending,
        reading store: (any Store)? = nil,
        configuration: ProviderConfiguration? = nil
    ) -> DenylistWriter {
        DenylistWriter(
            redis,
            prefix: RedisDenylist.defaultPrefix,
            source: DenylistSource(
                store: store ?? self.store,
                keys: keys,
                configuration: configuration ?? self.configuration
            ),
            random: SystemRandomSource(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            looksBetweenChecks: 3
        )
    }

    /// A token that this server might have issued: with the handles that it gives.
    func token(_ id: String, subject: String, client: String, issuedAt: Instant? = nil) throws -> String {
        let handles = RevocationHandles(keys)
        let targets: [RevocationTarget] = [
            .token(try #require(TokenID(id))), .subject(try #require(Subject(subject))),
            .client(try #require(ClientID(client))),
        ]
        let claim = RevocationClaim(
            issuedAt: issuedAt ?? now,
            handles: targets.compactMap { handles.handle(of: $0, audience: issuer.audience) }
        )
        return try issuer.token { claims in
            claims.subject = subject
            claims.clientID = client
            claims.others = [RevocationClaim.name: .string(claim.text)]
        }
    }

    func verifier(_ pool: RedisPool, whenUnreachable: RedisDenylist.Unreachable = .refuse) -> TokenVerifier {
        issuer.verifier {
            $0 = VerifierConfiguration(revocation: .denylist(RedisDenylist(pool, whenUnreachable: whenUnreachable)))
        }
    }
}

func code(_ verifier: TokenVerifier, _ token: String) async -> TokenRefusal.Code? {
    switch await verifier.authorize(authorization: "Bearer \(token)") {
    case .success: nil
    case .failure(let refusal): refusal.code
    }
}
