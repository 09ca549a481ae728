import Instants
import OAuthVocabulary
import RedisClient
import RedisDenylist
import RedisTesting
import ResourceServer
import ResourceServerRedis
import RevocationFeed
import Storage
import Testing

@testable import AuthorizationServer

/// Ways in which a revocation could be missing from a denylist that calls itself complete.
@Suite(.timeLimit(.minutes(2)))
struct DenylistFaultTests {
    static let issuer = "https://issuer.test"

    static let acts: [RevocationTarget] = ["subject:alice", "client:app", "token:t1", "everything", "key:key-1"]
        .compactMap { RevocationTarget(name: $0) }

    /// The names of what is under this pattern.
    private func names(_ pattern: String, _ pool: RedisPool) async throws -> [String] {
        try await pool.send(RedisCommand("KEYS", RedisDenylist.defaultPrefix + pattern)).array?.compactMap(\.text) ?? []
    }

    /// Redis drops entries, as one does that evicts.
    private func evict(_ pool: RedisPool) async throws {
        let entries = try await names("h:*", pool)
        try #require(!entries.isEmpty)
        for name in entries { try await pool.send(RedisCommand("DEL", name)) }
    }

    // MARK: - Whom it knows

    @Test(arguments: acts)
    func `A token for which nobody named an API is ended, where there is none on record`(_ act: RevocationTarget)
        async throws
    {
        let bench = try await Bench(hasAPI: false, tokensFor: Self.issuer)
        try await RedisServer.with { server in
            let pool = try RedisPool(server.address, settings: .patient)
            let writer = bench.writer(pool)
            let token = try bench.token("t1", subject: "alice", client: "app")
            #expect(try await writer.tick(now: bench.now))
            #expect(await code(bench.verifier(pool), token) == nil)
            try await bench.end(act)
            #expect(try await writer.tick(now: bench.now))
            #expect(await code(bench.verifier(pool), token) == .tokenRevoked)
            await pool.close()
        }
    }

    @Test
    func `A token of the default audience is ended, also where the configuration names another by now`() async throws {
        let old = "https://old.test"
        let bench = try await Bench(hasAPI: false, tokensFor: old) { $0.defaultAudience = ResourceIndicator(old) }
        var today = bench.configuration
        today.defaultAudience = try #require(ResourceIndicator("https://new.test"))
        try await RedisServer.with { server in
            let pool = try RedisPool(server.address, settings: .patient)
            let token = try bench.token("t1", subject: "alice", client: "app")
            try await bench.end(.subject(try #require(Subject("alice"))))
            for configuration in [bench.configuration, today] {
                try await pool.send(RedisCommand("FLUSHALL"))
                #expect(try await bench.writer(pool, configuration: configuration).tick(now: bench.now))
                #expect(await code(bench.verifier(pool), token) == .tokenRevoked)
            }
            await pool.close()
        }
    }

    @Test
    func `A cut-off that makes the feed of another API smaller ends no token here`() async throws {
        let bench = try await Bench()
        try await RedisServer.with { server in
            let pool = try RedisPool(server.address, settings: .patient)
            let token = try bench.token("t1", subject: "alice", client: "app")
            try await bench.end(.everything, because: .widened, audiences: ["https://other.test"])
            #expect(try await bench.writer(pool).tick(now: bench.now))
            #expect(await code(bench.verifier(pool), token) == nil)
            await pool.close()
        }
    }

    @Test
    func `More endings than are written at once are all in it`() async throws {
        let bench = try await Bench()
        try await RedisServer.with { server in
            let pool = try RedisPool(server.address, settings: .patient)
            let revocations = Revocations(store: bench.store, configuration: bench.configuration)
            for batch in 0..<3 {
                for number in 0..<150 {
                    let subject = try #require(Subject("p\(batch)-\(number)"))
                    try await revocations.apply(
                        ending: Ending(.subject(subject), because: .operatorAct),
                        now: bench.now
                    )
                }
                await bench.look()
            }
            #expect(try await bench.writer(pool).tick(now: bench.now))
            // For the API and for the issuer.
            #expect(try await names("h:*", pool).count == 2 * 3 * 150)
            await pool.close()
        }
    }

    // MARK: - What Redis lost

    @Test
    func `What a Redis dropped that was evicting is written again when it is set right`() async throws {
        let bench = try await Bench()
        try await RedisServer.with { server in
            let pool = try RedisPool(server.address, settings: .patient)
            let verifier = bench.verifier(pool)
            let writer = bench.writer(pool)
            let running = Task { await writer.run(by: FixedTime(now: bench.now)) }
            let alice = try bench.token("t1", subject: "alice", client: "app")
            let bob = try bench.token("t2", subject: "bob", client: "app")
            try await bench.end(.subject(try #require(Subject("alice"))))
            while await code(verifier, alice) != .tokenRevoked { try await Task.sleep(for: DenylistWriter.pause) }
            try await pool.send(RedisCommand("CONFIG", "SET", "maxmemory-policy", "allkeys-lru"))
            while await code(verifier, bob) != .revocationStale { try await Task.sleep(for: DenylistWriter.pause) }
            try await evict(pool)
            try await pool.send(RedisCommand("CONFIG", "SET", "maxmemory-policy", "noeviction"))
            while await code(verifier, bob) != nil { try await Task.sleep(for: DenylistWriter.pause) }
            #expect(await code(verifier, alice) == .tokenRevoked)
            running.cancel()
            await running.value
            await pool.close()
        }
    }

    @Test
    func `What a Redis dropped while no server ran is written again by the next one`() async throws {
        let bench = try await Bench()
        try await RedisServer.with { server in
            let pool = try RedisPool(server.address, settings: .patient)
            let verifier = bench.verifier(pool)
            let token = try bench.token("t1", subject: "alice", client: "app")
            try await bench.end(.subject(try #require(Subject("alice"))))
            #expect(try await bench.writer(pool).tick(now: bench.now))
            try await evict(pool)
            #expect(await code(verifier, token) == nil, "nobody can see the hole")
            let writer = bench.writer(pool)
            let running = Task { await writer.run(by: FixedTime(now: bench.now)) }
            for _ in 0..<50 where await code(verifier, token) != .tokenRevoked {
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(await code(verifier, token) == .tokenRevoked)
            running.cancel()
            await running.value
            await pool.close()
        }
    }

    // MARK: - Beats

    @Test
    func `The time that a beat stands counts from the reading of the log`() async throws {
        let bench = try await Bench()
        try await RedisServer.with { server in
            let pool = try RedisPool(server.address, settings: .patient)
            try await bench.end(.subject(try #require(Subject("alice"))))
            let slow = IntrudedStore(destination: bench.store) { try await Task.sleep(for: .milliseconds(700)) }
            // Under load it may take so long that it says no.
            while try await !bench.writer(pool, reading: slow).tick(now: bench.now) {}
            let layout = DenylistLayout(prefix: RedisDenylist.defaultPrefix, issuer: Self.issuer)
            let life = try await pool.send(RedisCommand("PTTL", layout.beat)).integer ?? .max
            #expect(life <= (DenylistLayout.beatLifetime - .milliseconds(700)).wholeMilliseconds)
            let hanging = IntrudedStore(destination: bench.store) {
                try await Task.sleep(for: DenylistLayout.beatLifetime)
            }
            #expect(try await !bench.writer(pool, reading: hanging).tick(now: bench.now))
            await pool.close()
        }
    }

    // MARK: - Neighbours

    @Test
    func `Two issuers share a Redis, and neither ends the other's tokens nor vouches for it`() async throws {
        let one = try await Bench()
        let two = try await Bench(key: 4, issuer: "https://second.test")
        try await RedisServer.with { server in
            let pool = try RedisPool(server.address, settings: .patient)
            let mine = try one.token("t1", subject: "alice", client: "app")
            let theirs = try two.token("t1", subject: "alice", client: "app")
            let writers = [one.writer(pool), two.writer(pool)]
            #expect(try await writers[0].tick(now: one.now))
            #expect(await code(one.verifier(pool), mine) == nil)
            #expect(await code(two.verifier(pool), theirs) == .revocationStale)
            try await one.end(.everything)
            for _ in 0..<3 {
                for writer in writers { #expect(try await writer.tick(now: one.now)) }
            }
            #expect(await code(one.verifier(pool), mine) == .tokenRevoked)
            #expect(await code(two.verifier(pool), theirs) == nil)
            await pool.close()
        }
    }

    @Test
    func `Two databases of one issuer vouch for nothing until one of them is gone`() async throws {
        let one = try await Bench()
        let two = try await Bench()
        try await RedisServer.with { server in
            let pool = try RedisPool(server.address, settings: .patient)
            let (first, second) = (one.writer(pool), two.writer(pool))
            // Once it may be the place of before a restored backup.
            for writer in [first, second, first] { #expect(try await writer.tick(now: one.now)) }
            for writer in [second, first, second, first] {
                await #expect(throws: (any Error).self) { try await writer.tick(now: one.now) }
            }
            // Unless it has run out.
            for beat in try await names("beat:*", pool) { try await pool.send(RedisCommand("DEL", beat)) }
            for _ in 0..<2 {
                await #expect(throws: (any Error).self) { try await first.tick(now: one.now) }
            }
            #expect(try await names("beat:*", pool).isEmpty)
            #expect(try await first.tick(now: one.now))
            await pool.close()
        }
    }
}
