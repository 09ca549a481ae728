// The verifier as a service, what it logs, and what it counts.

import IssuerConnection
import JOSE
import Logging
import ResourceServerTesting
import RevocationFeed
import ServiceLifecycle
import Synchronization
import Testing

@testable import ResourceServer

@Suite("The verifier runs beside the application", .timeLimit(.minutes(5)))
struct RunningTests {
    @Test("It ends when the group of services is shut down gracefully")
    func graceful() async throws {
        let issuer = try TestIssuer()
        let verifier = issuer.verifier()
        let group = ServiceGroup(services: [verifier], logger: TokenVerifier.quietLogger)
        let task = Task { try await group.run() }
        try await verifier.start()
        #expect(issuer.readerCount == 1)
        await group.triggerGracefulShutdown()
        try await task.value
        #expect(issuer.readerCount == 0)
    }

    @Test("Once it has started nothing waits: the first token is verified synchronously")
    func started() async throws {
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            let before = issuer.requests.count
            let access = try verifier.verify(issuer.token())
            #expect(access.subject == "person-1")
            #expect(issuer.requests.count == before)
        }
    }

    @Test("A start without a feed to follow fails in time, and says why")
    func startFails() async throws {
        let issuer = try TestIssuer()
        // Nobody runs it.
        let verifier = issuer.verifier()
        let thrown = await #expect(throws: TokenRefusal.self) { try await verifier.start(within: .milliseconds(30)) }
        #expect(thrown?.code == .revocationStale)
    }

    @Test("Nothing that is logged has a token, a secret or a handle in it")
    func logs() async throws {
        let issuer = try TestIssuer()
        let log = CapturedLog()
        var logger = Logger(label: "test") { _ in log.handler }
        logger.logLevel = .trace
        var configuration = VerifierConfiguration(revocation: .feed(issuer.credentials))
        configuration.introspection.failuresBeforePause = 1
        let verifier = TokenVerifier(
            issuer: issuer.issuer,
            audience: issuer.audience,
            configuration: configuration,
            transport: issuer,
            clock: issuer.clock,
            logger: logger
        )
        let running = Task { try await verifier.run() }
        try await verifier.start()
        let tokens = [try issuer.token(), issuer.opaqueToken()]
        for token in tokens { _ = await verifier.code(token) }
        for flaw in TokenFlaw.all { _ = await verifier.code(try issuer.token(with: flaw)) }
        issuer.publishInsteadOfKeys("{}")
        issuer.clock.advance(by: .seconds(400))
        await verifier.refreshKeys()
        issuer.goDown()
        for token in tokens { _ = await verifier.code(token) }
        running.cancel()
        _ = await running.result
        let lines = log.lines
        #expect(lines.contains { $0.contains("the issuer's keys are known") })
        #expect(lines.contains { $0.contains("could not be asked about a token") })
        #expect(lines.contains { $0.contains("not a usable key set") })
        for secret in tokens + ["test-secret", "dGVzdC1hcGk6", "eyJ"] {
            #expect(!lines.contains { $0.contains(secret) })
        }
    }

    @Test("What it has done can be counted")
    func statistics() async throws {
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            let token = try issuer.token()
            _ = await verifier.code(token)
            _ = await verifier.code(token)
            _ = await verifier.code("opaque")
            let statistics = verifier.statistics
            #expect(statistics.cache.hits == 1)
            #expect(statistics.keyFetches >= 1)
            #expect(statistics.introspections == 1)
            #expect(statistics.introspectionFailures == 0)
            #expect(statistics.staleness == .zero)
            issuer.clock.advance(by: .milliseconds(400))
            #expect(verifier.statistics.staleness == .milliseconds(400))
        }
    }

    @Test("Knowledge that comes while a token is judged does not make an older answer fresh")
    func interleaved() async throws {
        let issuer = try TestIssuer()
        let feed = RacingFeed()
        let surroundings = TokenVerifier.Surroundings(
            transport: issuer,
            clock: issuer.clock,
            logger: TokenVerifier.quietLogger
        )
        let configuration = VerifierConfiguration(revocation: .feed(issuer.credentials), freshness: .strict())
        let verifier = TokenVerifier(
            Introspector.Party(issuer: issuer.issuer, audience: issuer.audience),
            configuration: configuration,
            surroundings: surroundings,
            keys: IssuerKeys(
                issuer: issuer.issuer,
                policy: KeyPolicy(),
                algorithms: configuration.pinnedAlgorithms,
                transport: issuer,
                clock: issuer.clock,
                logger: TokenVerifier.quietLogger
            ),
            feed: feed
        )
        let token = try issuer.token()
        #expect(await verifier.code(token) == .revocationStale)
        #expect(await verifier.code(token) == nil)
    }
}

/// A feed that is stale until it is asked about a token, and has caught up when it has answered.
private final class RacingFeed: RevocationFollowing {
    private let isCaughtUp = Mutex(false)

    func isRevoked(_ claim: RevocationClaim, keyID: String?) -> Bool {
        isCaughtUp.withLock { $0 = true }
        return false
    }

    var hasRetiredKeys: Bool { false }
    func isRetired(keyID: String) -> Bool { false }

    var freshness: FeedFreshness {
        FeedFreshness(staleness: isCaughtUp.withLock { $0 } ? .zero : .seconds(10), isFollowing: true, issuerTime: nil)
    }

    var keySetDigest: String? { nil }
    func run() async {}
}

/// What was logged, line by line.
final class CapturedLog: Sendable {
    private let captured = Mutex<[String]>([])

    var lines: [String] { captured.withLock { $0 } }
    var handler: any LogHandler { Handler(log: self) }

    private struct Handler: LogHandler {
        let log: CapturedLog
        var logLevel = Logger.Level.trace
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            log.captured.withLock { $0.append("\(event.level) \(event.message) \(event.metadata ?? [:])") }
        }
    }
}
