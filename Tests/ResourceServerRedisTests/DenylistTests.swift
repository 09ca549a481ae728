// The denylist under test, both sides of it against a real Redis: the server revokes, the log is numbered by the real
// publisher, the writer writes, and a verifier refuses.

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

@Suite(.timeLimit(.minutes(2)))
struct DenylistTests {
    @Test
    func `What the server ends is refused at the API, and nothing else`() async throws {
        let bench = try await Bench()
        try await RedisServer.with { server in
            let pool = try RedisPool(server.address, settings: .patient)
            let writer = bench.writer(pool)
            let verifier = bench.verifier(pool)
            let alice = try bench.token("t1", subject: "alice", client: "app")
            let bob = try bench.token("t2", subject: "bob", client: "app")
            let carol = try bench.token("t3", subject: "carol", client: "tool")
            #expect(await code(verifier, alice) == .revocationStale, "before the first beat")
            #expect(try await writer.tick(now: bench.now))
            for token in [alice, bob, carol] { #expect(await code(verifier, token) == nil) }

            try await bench.end(.token(try #require(TokenID("t1"))))
            #expect(try await writer.tick(now: bench.now))
            #expect(await code(verifier, alice) == .tokenRevoked)
            #expect(await code(verifier, bob) == nil)
            try await bench.end(.subject(try #require(Subject("bob"))))
            #expect(try await writer.tick(now: bench.now))
            #expect(await code(verifier, bob) == .tokenRevoked)
            let later = try bench.token("t4", subject: "bob", client: "app", issuedAt: bench.now + .milliseconds(1))
            #expect(await code(verifier, later) == nil)
            try await bench.end(.client(try #require(ClientID("tool"))))
            #expect(try await writer.tick(now: bench.now))
            #expect(await code(verifier, carol) == .tokenRevoked)
            try await bench.end(.signingKey("key-1"))
            #expect(try await writer.tick(now: bench.now))
            #expect(await code(verifier, later) == .tokenRevoked)
            await pool.close()
        }
    }

    @Test
    func `What is ended for an API so new that its feed is not open yet is in it`() async throws {
        let bench = try await Bench(isFeedOpen: false)
        try await RedisServer.with { server in
            let pool = try RedisPool(server.address, settings: .patient)
            let token = try bench.token("t1", subject: "alice", client: "app")
            try await bench.end(.token(try #require(TokenID("t1"))))
            let state = try #require(try await bench.store.find(FeedState.key, now: bench.now))
            try #require(FeedState(from: state).heads.isEmpty)
            #expect(try await bench.writer(pool).tick(now: bench.now))
            #expect(await code(bench.verifier(pool), token) == .tokenRevoked)
            await pool.close()
        }
    }

    @Test
    func `An ending of everything is in it`() async throws {
        let bench = try await Bench()
        try await RedisServer.with { server in
            let pool = try RedisPool(server.address, settings: .patient)
            let token = try bench.token("t1", subject: "alice", client: "app")
            try await bench.end(.everything)
            #expect(try await bench.writer(pool).tick(now: bench.now))
            #expect(await code(bench.verifier(pool), token) == .tokenRevoked)
            await pool.close()
        }
    }

    @Test
    func `After a flush every token is refused until the writer has written all of it again`() async throws {
        let bench = try await Bench()
        try await RedisServer.with { server in
            let pool = try RedisPool(server.address, settings: .patient)
            let verifier = bench.verifier(pool)
            let alice = try bench.token("t1", subject: "alice", client: "app")
            let bob = try bench.token("t2", subject: "bob", client: "app")
            try await bench.end(.subject(try #require(Subject("alice"))))
            #expect(try await bench.writer(pool).tick(now: bench.now))
            #expect(await code(verifier, alice) == .tokenRevoked)
            try await pool.send(RedisCommand("FLUSHALL"))
            for token in [alice, bob] { #expect(await code(verifier, token) == .revocationStale) }
            #expect(try await bench.writer(pool).tick(now: bench.now))
            #expect(await code(verifier, alice) == .tokenRevoked)
            #expect(await code(verifier, bob) == nil)
            await pool.close()
        }
    }

    @Test
    func `A flush while the writer looks at the log is no complete denylist`() async throws {
        let bench = try await Bench()
        try await RedisServer.with { server in
            let pool = try RedisPool(server.address, settings: .patient)
            let token = try bench.token("t1", subject: "alice", client: "app")
            try await bench.end(.token(try #require(TokenID("t1"))))
            #expect(try await bench.writer(pool).tick(now: bench.now))
            let intruded = IntrudedStore(destination: bench.store) { try await pool.send(RedisCommand("FLUSHALL")) }
            #expect(try await !bench.writer(pool, reading: intruded).tick(now: bench.now))
            #expect(await code(bench.verifier(pool), token) == .revocationStale)
            #expect(try await bench.writer(pool).tick(now: bench.now))
            #expect(await code(bench.verifier(pool), token) == .tokenRevoked)
            await pool.close()
        }
    }

    @Test
    func `A Redis that is down refuses every token, unless the API said otherwise`() async throws {
        let bench = try await Bench()
        try await RedisServer.with(isRunning: false) { server in
            let pool = try RedisPool(server.address, settings: .patient)
            let token = try bench.token("t1", subject: "alice", client: "app")
            #expect(await code(bench.verifier(pool), token) == .revocationStale)
            #expect(await code(bench.verifier(pool, whenUnreachable: .acceptRevokedTokens), token) == nil)
            #expect(throws: TokenRefusal.self) { try bench.verifier(pool).verify(token) }
            await pool.close()
        }
    }

    @Test
    func `Entries live as long as the tokens that they end, and an act that waits for its number stops the beat`()
        async throws
    {
        let bench = try await Bench()
        try await RedisServer.with { server in
            let pool = try RedisPool(server.address, settings: .patient)
            try await bench.end(.subject(try #require(Subject("alice"))))
            #expect(try await bench.writer(pool).tick(now: bench.now))
            let names = try await pool.send(RedisCommand("KEYS", "signet-denylist:h:*")).array?.compactMap(\.text) ?? []
            #expect(names.count == 2, "for the API and for the issuer")
            // And as long as Redis' clock may be ahead.
            let lives = Int64(900_000)...(930_000 + DenylistWriter.spareLife.wholeMilliseconds)
            for name in names {
                let life = try await pool.send(RedisCommand("PTTL", name)).integer ?? 0
                #expect(lives.contains(life - DenylistWriter.spareLife.wholeMilliseconds))
            }
            try await Revocations(store: bench.store, configuration: bench.configuration).apply(
                ending: Ending(.subject(try #require(Subject("bob"))), because: .operatorAct),
                now: bench.now
            )
            #expect(try await bench.writer(pool).tick(now: bench.now))
            #expect(try await !bench.writer(pool).tick(now: bench.now + .seconds(3)))
            await pool.close()
        }
    }

    @Test
    func `A Redis that would drop entries gets no beat, so that APIs refuse, until it is configured to keep them`()
        async throws
    {
        let bench = try await Bench()
        try await RedisServer.with(.init(configuration: ["maxmemory-policy allkeys-lru"])) { server in
            let pool = try RedisPool(server.address, settings: .patient)
            let writer = bench.writer(pool)
            #expect(try await writer.memory() == .evicts(policy: "allkeys-lru"))
            let running = Task { await writer.run(by: FixedTime(now: bench.now)) }
            let token = try bench.token("t1", subject: "alice", client: "app")
            for _ in 0..<5 {
                try await Task.sleep(for: DenylistWriter.pause)
                #expect(await code(bench.verifier(pool), token) == .revocationStale)
            }
            try await pool.send(RedisCommand("CONFIG", "SET", "maxmemory-policy", "noeviction"))
            while await code(bench.verifier(pool), token) != nil { try await Task.sleep(for: DenylistWriter.pause) }
            running.cancel()
            await running.value
            await pool.close()
        }
    }

    @Test
    func `The documented permissions are enough for the writer and for its readers`() async throws {
        let bench = try await Bench()
        let users = [
            "user writer on >pw ~signet-denylist:* resetchannels -@all +hello +get +set +eval +pttl +time",
            "user reader on >pw ~signet-denylist:* resetchannels -@all +hello +mget",
        ]
        try await RedisServer.with(.init(configuration: users)) { server in
            var address = server.address
            address.password = RedisPassword("pw")
            address.user = "writer"
            let writing = try RedisPool(address, settings: .patient)
            address.user = "reader"
            let reading = try RedisPool(address, settings: .patient)
            let writer = bench.writer(writing)
            #expect(try await writer.memory() == .unchecked)
            let token = try bench.token("t1", subject: "alice", client: "app")
            #expect(try await writer.tick(now: bench.now))
            #expect(await code(bench.verifier(reading), token) == nil)
            for _ in 0..<2 { try await bench.end(.subject(try #require(Subject("alice")))) }
            #expect(try await writer.tick(now: bench.now))
            #expect(await code(bench.verifier(reading), token) == .tokenRevoked)
            await writing.close()
            await reading.close()
        }
    }
}
