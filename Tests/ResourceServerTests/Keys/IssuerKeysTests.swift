// The issuer's keys: fetched once for many, seldom for strangers, and kept while the issuer is down (RFC 7517 §5).

import IssuerConnection
import JOSE
import ResourceServerTesting
import RevocationFeed
import Synchronization
import Testing

@testable import ResourceServer

@Suite("The issuer's keys", .timeLimit(.minutes(5)))
struct IssuerKeysTests {
    static let unfollowed = VerifierConfiguration(revocation: .none)

    /// Waits until `condition` is true, giving way to whoever makes it so.
    func eventually(_ condition: () -> Bool) async {
        while !condition() { await Task.yield() }
    }

    @Test("The first request fetches the keys, and the second finds them")
    func first() async throws {
        let issuer = try TestIssuer()
        let verifier = issuer.verifier { $0 = Self.unfollowed }
        let token = try issuer.token()
        #expect(code { () throws(TokenRefusal) in try verifier.verify(token) } == .keysUnavailable)
        #expect(await verifier.code(token) == nil)
        #expect(await verifier.code(token) == nil)
        #expect(issuer.requests == ["GET /.well-known/oauth-authorization-server", "GET /jwks"])
    }

    @Test("100 tasks with an unknown kid cause one fetch")
    func singleFlight() async throws {
        let issuer = try TestIssuer()
        let clock = CountingClock(issuer.clock)
        let verifier = TokenVerifier(
            issuer: issuer.issuer,
            audience: issuer.audience,
            configuration: Self.unfollowed,
            transport: issuer,
            clock: clock,
            logger: TokenVerifier.quietLogger
        )
        await verifier.refreshKeys()
        try await issuer.rotateKeys()
        let token = try issuer.token()
        let before = issuer.requestCount(of: "/jwks")
        issuer.hold()
        let arrivals = clock.reads
        let codes = await withTaskGroup(of: TokenRefusal.Code?.self) { group in
            for _ in 0..<100 { group.addTask { await verifier.code(token) } }
            // Each reads the clock when it arrives, after it has seen the old keys.
            await eventually { clock.reads >= arrivals + 100 && issuer.heldCount == 1 }
            issuer.release()
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(codes.count == 100)
        #expect(codes.allSatisfy { $0 == nil })
        #expect(issuer.requestCount(of: "/jwks") == before + 1)
    }

    @Test("A flood of made-up kids causes no more than six fetches a minute, and delays a good one by seconds")
    func flood() async throws {
        let issuer = try TestIssuer()
        let verifier = issuer.verifier { $0 = Self.unfollowed }
        await verifier.refreshKeys()
        let before = issuer.requestCount(of: "/jwks")
        let bogus = try issuer.token(with: .unknownKeyID)
        for second in 0..<59 {
            for _ in 0..<5 { #expect(await verifier.code(bogus) == .keyUnknown) }
            if second == 30 { try await issuer.rotateKeys() }
            issuer.clock.advance(by: .seconds(1))
        }
        #expect(issuer.requestCount(of: "/jwks") - before <= 6)
        #expect(issuer.requestCount(of: "/jwks") - before >= 4)
        // The flood itself brought the key that came to be in the middle of it.
        #expect(code { () throws(TokenRefusal) in try verifier.verify(try Self.mint(issuer)) } == nil)
    }

    static func mint(_ issuer: TestIssuer) throws(TokenRefusal) -> String {
        do { return try issuer.token() } catch { throw TokenRefusal(.tokenMissing, detail: "\(error)") }
    }

    @Test("A key that nobody can know while the issuer is down is a 503, not the token's fault")
    func unknowable() async throws {
        let issuer = try TestIssuer()
        let verifier = issuer.verifier { $0 = Self.unfollowed }
        await verifier.refreshKeys()
        let old = try issuer.token()
        try await issuer.rotateKeys()
        let new = try issuer.token()
        issuer.goDown()
        let refusal = try await refusal(of: verifier.authorize(authorization: "Bearer \(new)"))
        #expect(refusal.code == .keysUnavailable)
        #expect(refusal.status == 503)
        #expect(await verifier.code(old) == nil)
        issuer.comeBack()
        issuer.clock.advance(by: .seconds(15))
        #expect(await verifier.code(new) == nil)
    }

    @Test("An issuer that is down at the start is a 503 until it comes back; the verifier catches up by itself")
    func downAtStart() async throws {
        let issuer = try TestIssuer()
        issuer.goDown()
        let verifier = issuer.verifier { $0 = Self.unfollowed }
        let token = try issuer.token()
        let refusal = try await refusal(of: verifier.authorize(authorization: "Bearer \(token)"))
        #expect(refusal.code == .keysUnavailable)
        #expect(refusal.retryAfter != nil)
        let thrown = await #expect(throws: TokenRefusal.self) { try await verifier.start(within: .milliseconds(20)) }
        #expect(thrown?.code == .keysUnavailable)
        issuer.comeBack()
        issuer.clock.advance(by: .seconds(2))
        await verifier.refreshKeys()
        #expect(code { () throws(TokenRefusal) in try verifier.verify(token) } == nil)
    }

    @Test("A flood while the issuer is down at the start does not become a flood to the issuer")
    func floodAtStart() async throws {
        let issuer = try TestIssuer()
        issuer.goDown()
        let verifier = issuer.verifier { $0 = Self.unfollowed }
        let token = try issuer.token()
        for _ in 0..<100 { #expect(await verifier.code(token) == .keysUnavailable) }
        #expect(verifier.statistics.keyFetches <= 2)
    }

    @Test("An issuer that is down at a refresh changes nothing, for as long as it takes")
    func downAtRefresh() async throws {
        let issuer = try TestIssuer()
        let verifier = issuer.verifier { $0 = Self.unfollowed }
        await verifier.refreshKeys()
        issuer.goDown()
        for _ in 0..<100 {
            issuer.clock.advance(by: .seconds(600))
            await verifier.refreshKeys()
        }
        #expect(verifier.statistics.keyFailuresInARow == 100)
        #expect(await verifier.code(try issuer.token()) == nil)
    }

    @Test("With a bound on the age of keys, an issuer that is down for longer ends their use")
    func bounded() async throws {
        let issuer = try TestIssuer()
        let verifier = issuer.verifier {
            $0 = Self.unfollowed
            $0.keys.maximumAge = .seconds(3_600)
        }
        await verifier.refreshKeys()
        issuer.goDown()
        issuer.clock.advance(by: .seconds(3_600))
        #expect(await verifier.code(try issuer.token()) == nil)
        issuer.clock.advance(by: .seconds(1))
        #expect(await verifier.code(try issuer.token()) == .keysUnavailable)
        issuer.comeBack()
        issuer.clock.advance(by: .seconds(60))
        #expect(await verifier.code(try issuer.token()) == nil)
    }

    @Test("After a failure it is tried again soon, then less often")
    func backOff() async throws {
        let issuer = try TestIssuer()
        issuer.goDown()
        let verifier = issuer.verifier { $0 = Self.unfollowed }
        var attempts: [Int] = []
        for second in 0..<64 {
            let before = verifier.statistics.keyFetches
            await verifier.refreshKeys()
            if verifier.statistics.keyFetches > before { attempts.append(second) }
            issuer.clock.advance(by: .seconds(1))
        }
        #expect(attempts == [0, 1, 3, 7, 15, 31, 63])
    }

    @Test(
        "A key set that is empty or garbage does not take the place of a good one",
        arguments: [
            "", "{}", "[]", "{\"keys\":[]}", "{\"keys\":[{\"kty\":\"EC\"}]}", "<html></html>", "{\"keys\":[1]}",
            "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"key-1\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}",
        ]
    )
    func garbage(_ document: String) async throws {
        let issuer = try TestIssuer()
        let verifier = issuer.verifier { $0 = Self.unfollowed }
        let token = try issuer.token()
        issuer.publishInsteadOfKeys(document)
        await verifier.refreshKeys()
        #expect(await verifier.code(token) == .keysUnavailable)
        issuer.publishInsteadOfKeys(nil)
        issuer.clock.advance(by: .seconds(60))
        await verifier.refreshKeys()
        #expect(await verifier.code(token) == nil)
        issuer.publishInsteadOfKeys(document)
        issuer.clock.advance(by: .seconds(400))
        await verifier.refreshKeys()
        #expect(verifier.statistics.keyFailuresInARow == 1)
        #expect(await verifier.code(try issuer.token()) == nil)
    }

    @Test("The same key set fetched again keeps its identity, so the cache of tokens lives on")
    func identity() async throws {
        let issuer = try TestIssuer()
        let verifier = issuer.verifier { $0 = Self.unfollowed }
        await verifier.refreshKeys()
        let token = try issuer.token { $0.lifetime = .seconds(3_600) }
        #expect(await verifier.code(token) == nil)
        issuer.clock.advance(by: .seconds(400))
        await verifier.refreshKeys()
        #expect(verifier.statistics.keyFetches == 2)
        #expect(await verifier.code(token) == nil)
        #expect(verifier.statistics.cache.hits == 1)
        #expect(verifier.statistics.cache.misses == 1)
    }

    @Test("Rotation under load: tokens of the old and of the new key pass all the while")
    func rotation() async throws {
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            for _ in 0..<5 {
                let old = try issuer.token()
                let codes = try await withThrowingTaskGroup(of: TokenRefusal.Code?.self) { group in
                    for _ in 0..<20 { group.addTask { await verifier.code(old) } }
                    try await issuer.rotateKeys()
                    for _ in 0..<20 {
                        let new = try issuer.token()
                        group.addTask { await verifier.code(new) }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(codes.allSatisfy { $0 == nil })
                #expect(codes.count == 40)
            }
        }
    }

    @Test("New keys come with the feed: a token of the new key passes without a fetch")
    func fromTheFeed() async throws {
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            let before = issuer.requestCount(of: "/jwks")
            try await issuer.rotateKeys()
            let token = try issuer.token()
            #expect(code { () throws(TokenRefusal) in try verifier.verify(token) } == nil)
            #expect(issuer.requestCount(of: "/jwks") == before)
        }
    }

    @Test("A digest on the feed that is not that of the keys here has them fetched")
    func digest() async throws {
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            let before = issuer.requestCount(of: "/jwks")
            let other = try SigningKey.generate(.es256, keyID: "other").publicJWK.members
            let set = JSONObject(dictionaryLiteral: ("keys", .array([.object(other)])))
            issuer.publishInsteadOfKeys(String(decoding: set.serialized(), as: UTF8.self))
            // No message brings the set; the heartbeats name it.
            await issuer.advance(by: .seconds(2))
            await eventually { verifier.keys.current.keys?.keys.map(\.keyID) == ["other"] }
            #expect(issuer.requestCount(of: "/jwks") > before)
        }
    }

    @Test("A key that is retired through the feed ends what it signed, remembered or not")
    func retired() async throws {
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            let (seen, unseen) = (try issuer.token(), try issuer.token())
            #expect(await verifier.code(seen) == nil)
            try await issuer.rotateKeys()
            #expect(await verifier.code(seen) == nil)
            let new = try issuer.token()
            let before = issuer.requestCount(of: "/jwks")
            await issuer.retireOldKeys()
            #expect(await verifier.code(new) == nil)
            #expect(await verifier.code(seen) == .tokenRevoked)
            #expect(await verifier.code(unseen) == .tokenRevoked)
            #expect(issuer.requestCount(of: "/jwks") == before, "nobody asks for a key that was withdrawn")
        }
    }

    @Test("A fetch that began before newer keys came does not put the older ones in their place")
    func overtaken() async throws {
        let issuer = try TestIssuer()
        let keys = IssuerKeys(
            issuer: issuer.issuer,
            policy: KeyPolicy(),
            algorithms: VerifierConfiguration.defaultAlgorithms,
            transport: issuer,
            clock: issuer.clock,
            logger: TokenVerifier.quietLogger
        )
        let newer = try JSONObject(
            dictionaryLiteral: (
                "keys", .array([.object(SigningKey.generate(.es256, keyID: "newer").publicJWK.members)])
            )
        ).serialized()
        issuer.hold()
        async let outcome = keys.refetch(after: 0, because: .ownAccord)
        await eventually { issuer.heldCount == 1 }
        issuer.clock.advance(by: .seconds(1))
        keys.adopt(FeedKeys(digest: FeedMessage.digest(ofKeySet: newer), document: newer))
        issuer.release()
        _ = await outcome
        #expect(keys.current.keys?.keys.map(\.keyID) == ["newer"])
    }

    @Test("A running verifier refreshes its keys when their time has come, and ends when it is told to")
    func running() async throws {
        let issuer = try TestIssuer()
        let verifier = issuer.verifier { $0 = Self.unfollowed }
        let task = Task { try await verifier.run() }
        await eventually { issuer.requestCount(of: "/jwks") == 1 && issuer.clock.sleeperCount == 1 }
        issuer.clock.advance(by: .seconds(301))
        await eventually { issuer.requestCount(of: "/jwks") == 2 }
        task.cancel()
        await #expect(throws: Never.self) { try await task.value }
    }
}

/// A clock that counts how often its uptime was read.
final class CountingClock: ClientClock {
    private let clock: TestClock
    private let count = Atomic<Int>(0)

    init(_ clock: TestClock) { self.clock = clock }

    var reads: Int { count.load(ordering: .sequentiallyConsistent) }
    var now: Instant { clock.now }
    var uptime: Duration {
        count.add(1, ordering: .sequentiallyConsistent)
        return clock.uptime
    }
    func sleep(for duration: Duration) async throws { try await clock.sleep(for: duration) }
}
