import Instants
import OAuthVocabulary
import RedisClient
import RedisDenylist
import RedisTesting
import ResourceServer
import ResourceServerRedis
import RevocationFeed
import Storage
import Synchronization
import Testing

@testable import AuthorizationServer

/// A Redis to which something happens before every script, and to which scripts come twice if the test wants it.
private final class MeddledRedis: RedisSending {
    private let destination: RedisPool
    private let comesTwice: Bool
    /// Is told the number of the script; the first is 1.
    private let before: @Sendable (Int) async throws -> Void
    private let scripts = Mutex(0)

    init(
        _ destination: RedisPool,
        comesTwice: Bool = false,
        before: @escaping @Sendable (Int) async throws -> Void = { _ in }
    ) {
        self.destination = destination
        self.comesTwice = comesTwice
        self.before = before
    }

    func send(
        _ command: RedisCommand,
        ifInterrupted interruption: RedisInterruption
    ) async throws(RedisError) -> RedisValue {
        guard command.name == "EVAL" else { return try await destination.send(command, ifInterrupted: interruption) }
        let number = scripts.withLock { count -> Int in
            count += 1
            return count
        }
        do { try await before(number) } catch { Issue.record(error) }
        // The answer to the first one got lost.
        if comesTwice { try await destination.send(command, ifInterrupted: interruption) }
        return try await destination.send(command, ifInterrupted: interruption)
    }
}

/// What a Redis holds, to go back to it.
private actor OlderState {
    private var place = ""
    private var names: Set<String> = []

    func keep(_ pool: RedisPool) async throws {
        place = try await pool.send(RedisCommand("GET", DenylistPlaceTests.layout.cursor)).text ?? ""
        names = Set(try await DenylistPlaceTests.entries(pool))
    }

    func comeBack(_ pool: RedisPool) async throws {
        for name in try await DenylistPlaceTests.entries(pool) where !names.contains(name) {
            try await pool.send(RedisCommand("DEL", name))
        }
        try await pool.send(RedisCommand("SET", DenylistPlaceTests.layout.cursor, place))
    }
}

/// Redis loses what was written while the writer writes: nothing that is missing is vouched for.
@Suite(.timeLimit(.minutes(2)))
struct DenylistPlaceTests {
    static let layout = DenylistLayout(prefix: RedisDenylist.defaultPrefix, issuer: "https://issuer.test")

    /// The names of the entries that are there.
    static func entries(_ pool: RedisPool) async throws -> [String] {
        try await pool.send(RedisCommand("KEYS", RedisDenylist.defaultPrefix + "h:*")).array?.compactMap(\.text) ?? []
    }

    /// What a Redis that lost everything has to be filled with.
    struct Refill: Sendable, CustomTestStringConvertible {
        var people: Int
        /// How many of them are in one batch of the log.
        var atOnce: Int
        var testDescription: String { "\(people) people, \(atOnce) in a batch" }

        /// Ends everything of `p0`, `p1` and so on; each is two entries, one for the API and one for the issuer.
        func end(in bench: Bench) async throws {
            let revocations = Revocations(store: bench.store, configuration: bench.configuration)
            for number in 0..<people {
                let subject = try #require(Subject("p\(number)"))
                try await revocations.apply(ending: Ending(.subject(subject), because: .operatorAct), now: bench.now)
                if (number + 1).isMultiple(of: atOnce) { await bench.look() }
            }
        }
    }

    /// Each is written by two scripts: a batch of two parts, and a log of two steps.
    static let refills = [Refill(people: 150, atOnce: 150), Refill(people: 66, atOnce: 1)]

    @Test
    func `A flush between the reading of the place and the writing of a new ending is no complete denylist`()
        async throws
    {
        let bench = try await Bench()
        try await RedisServer.with { server in
            let pool = try RedisPool(server.address, settings: .patient)
            let alice = try bench.token("t1", subject: "alice", client: "app")
            let bob = try bench.token("t2", subject: "bob", client: "app")
            try await bench.end(.subject(try #require(Subject("alice"))))
            #expect(try await bench.writer(pool).tick(now: bench.now))
            try await bench.end(.subject(try #require(Subject("bob"))))
            let intruded = IntrudedStore(destination: bench.store) { try await pool.send(RedisCommand("FLUSHALL")) }
            #expect(try await !bench.writer(pool, reading: intruded).tick(now: bench.now))
            for token in [alice, bob] { #expect(await code(bench.verifier(pool), token) == .revocationStale) }
            #expect(try await bench.writer(pool).tick(now: bench.now))
            for token in [alice, bob] { #expect(await code(bench.verifier(pool), token) == .tokenRevoked) }
            await pool.close()
        }
    }

    @Test(arguments: refills)
    func `A flush in the middle of a refill is no complete denylist`(_ refill: Refill) async throws {
        let bench = try await Bench()
        try await refill.end(in: bench)
        try await RedisServer.with { server in
            let pool = try RedisPool(server.address, settings: .patient)
            let token = try bench.token("t1", subject: "p0", client: "app")
            let flushed = MeddledRedis(pool) { number in
                guard number == 2 else { return }
                let written = try await Self.entries(pool).count
                #expect(written > 0 && written < 2 * refill.people, "in the middle")
                try await pool.send(RedisCommand("FLUSHALL"))
            }
            #expect(try await !bench.writer(flushed).tick(now: bench.now))
            #expect(await code(bench.verifier(pool), token) == .revocationStale)
            #expect(try await bench.writer(pool).tick(now: bench.now))
            #expect(await code(bench.verifier(pool), token) == .tokenRevoked)
            #expect(try await Self.entries(pool).count == 2 * refill.people)
            await pool.close()
        }
    }

    /// In two batches, so that the number of the place tells the parts apart, and in one, so that only the mark does.
    @Test(arguments: [120, 240])
    func `A Redis that goes back by a part in the middle of a refill is no complete denylist`(atOnce: Int)
        async throws
    {
        let bench = try await Bench()
        // 480 entries are three parts.
        try await Refill(people: 240, atOnce: atOnce).end(in: bench)
        try await RedisServer.with { server in
            let pool = try RedisPool(server.address, settings: .patient)
            let older = OlderState()
            let failedOver = MeddledRedis(pool) { number in
                if number == 2 { try await older.keep(pool) }
                guard number == 3 else { return }
                #expect(try await Self.entries(pool).count == 400, "in the middle")
                try await older.comeBack(pool)
            }
            #expect(try await !bench.writer(failedOver).tick(now: bench.now))
            #expect(try await Self.entries(pool).count == 200)
            let token = try bench.token("t1", subject: "p0", client: "app")
            #expect(await code(bench.verifier(pool), token) == .revocationStale)
            #expect(try await bench.writer(pool).tick(now: bench.now))
            #expect(await code(bench.verifier(pool), token) == .tokenRevoked)
            #expect(try await Self.entries(pool).count == 480)
            await pool.close()
        }
    }

    @Test(arguments: refills)
    func `What is written twice because its answer got lost counts`(_ refill: Refill) async throws {
        let bench = try await Bench()
        try await refill.end(in: bench)
        try await RedisServer.with { server in
            let pool = try RedisPool(server.address, settings: .patient)
            #expect(try await bench.writer(MeddledRedis(pool, comesTwice: true)).tick(now: bench.now))
            let token = try bench.token("t1", subject: "p0", client: "app")
            #expect(await code(bench.verifier(pool), token) == .tokenRevoked)
            #expect(try await Self.entries(pool).count == 2 * refill.people)
            await pool.close()
        }
    }

    @Test
    func `Two nodes at the same part of the log are no dispute, and neither undoes what the other wrote`()
        async throws
    {
        let bench = try await Bench()
        try await RedisServer.with { server in
            let pool = try RedisPool(server.address, settings: .patient)
            let now = bench.now
            let other = bench.writer(pool)
            let overtaken = MeddledRedis(pool) { number in
                guard number == 1 else { return }
                let isComplete = try await other.tick(now: now)
                #expect(isComplete)
            }
            let token = try bench.token("t1", subject: "alice", client: "app")
            try await bench.end(.subject(try #require(Subject("alice"))))
            let writer = bench.writer(overtaken)
            #expect(try await writer.tick(now: now), "the other one wrote the same")
            try await Refill(people: 150, atOnce: 150).end(in: bench)
            for _ in 0..<3 {
                for node in [other, writer] { #expect(try await node.tick(now: now)) }
            }
            #expect(await code(bench.verifier(pool), token) == .tokenRevoked)
            #expect(try await Self.entries(pool).count == 2 + 300)
            await pool.close()
        }
    }

    @Test(arguments: ["", "nothing", "- 0 mark", "- 7", "life", "life 7 mark", "life 7 mark more"])
    func `What stands where the place should be, and is none of this log, is written over`(_ text: String)
        async throws
    {
        let bench = try await Bench()
        try await RedisServer.with { server in
            let pool = try RedisPool(server.address, settings: .patient)
            let token = try bench.token("t1", subject: "alice", client: "app")
            try await bench.end(.subject(try #require(Subject("alice"))))
            try await pool.send(RedisCommand("SET", Self.layout.cursor, text))
            #expect(try await bench.writer(pool).tick(now: bench.now))
            #expect(await code(bench.verifier(pool), token) == .tokenRevoked)
            await pool.close()
        }
    }
}
