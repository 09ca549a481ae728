import Instants
import JOSE
import OAuthVocabulary
import RevocationFeed
import Storage
import Testing

@testable import AuthorizationServer

/// Seeded random acts, looks of two competing nodes, crashes and lost answers, with a clock that the test moves. A failing
/// run names its seed.
@Suite(.timeLimit(.minutes(5))) struct RevocationFeedSimulationTests {
    static let seeds: [UInt64] = (1...8).map { $0 &* 0x9E37_79B9 }

    @Test(arguments: seeds)
    func
        `Whatever the order of acts, looks and crashes: what ended is refused, what did not is not, no number is missing`(
            _ seed: UInt64
        ) async throws
    {
        var simulation = try await FeedSimulation(seed: seed)
        for _ in 0..<120 { try await simulation.step() }
        try await simulation.checkEverything()
        #expect(simulation.ended > 10 && simulation.crashes > 0, "seed \(seed) did nothing")
    }
}

struct FeedSimulation {
    struct Token {
        var claim: RevocationClaim
        var targets: [RevocationTarget]
        var audience: String
    }

    let seed: UInt64
    let feed: FeedWorld
    let store: FeedTestStore
    var random: SplitMix
    var nodes: [FeedPublisher]
    var readers: [ModelReader] = []
    var tokens: [Token] = []
    /// When each target was ended last.
    var cutOffs: [RevocationTarget: Instant] = [:]
    var ended = 0
    var crashes = 0

    init(seed: UInt64) async throws {
        self.seed = seed
        random = SplitMix(state: seed)
        store = FeedTestStore()
        // Long-lived tokens: nothing expires while the simulation runs.
        feed = try await FeedWorld(store: store) { $0.accessTokenLifetime = .seconds(86400) }
        nodes = [feed.feed, feed.node(seed: seed)]
        readers = [try await feed.reader(), try await feed.reader()]
    }

    mutating func step() async throws {
        feed.world.time.advance(by: .milliseconds(Int64(random.below(40))))
        switch random.below(12) {
        case 0, 1, 2: try issue()
        case 3, 4, 5: try await end()
        case 6, 7: _ = await nodes[Int(random.below(2))].tick()
        case 8:
            store.set(random.below(2) == 0 ? .loseAnswers : .failing)
            _ = await nodes[Int(random.below(2))].tick()
            store.set(.fine)
        case 9:
            crashes += 1
            nodes[Int(random.below(2))] = feed.node(seed: seed &+ UInt64(crashes) &* 31)
        case 10: feed.world.time.advance(by: .seconds(Int64(random.below(5))))
        default: try await read(Int(random.below(2)))
        }
    }

    private mutating func issue() throws {
        let audience = TestWorld.api
        let names: [RevocationTarget] = [
            .token(try #require(TokenID("t\(tokens.count)"))),
            .grant(try #require(FamilyID("g\(random.below(20))"))),
            .session(try #require(SessionID("s\(random.below(10))"))),
            .subject(try #require(Subject("p\(random.below(5))"))),
            .client(try #require(ClientID("c\(random.below(3))"))),
        ]
        let handles = RevocationHandles(feed.world.services.keys)
        let claim = RevocationClaim(
            issuedAt: feed.world.now,
            handles: names.compactMap { handles.handle(of: $0, audience: audience) }
        )
        tokens.append(Token(claim: claim, targets: names, audience: audience))
    }

    private mutating func end() async throws {
        guard !tokens.isEmpty else { return }
        let token = tokens[Int(random.below(UInt64(tokens.count)))]
        // Mostly what is narrow: the end of a client ends a third of all.
        let target = random.below(60) == 0 ? .everything : token.targets[min(4, Int(random.below(9)) / 2)]
        try await feed.end(Ending(target, because: .revoked))
        cutOffs[target] = max(cutOffs[target] ?? feed.world.now, feed.world.now)
        ended += 1
    }

    /// Brings a reader up to date at some node, by a snapshot where the node asks for one.
    private mutating func read(_ index: Int) async throws {
        // The lease of a node that crashed must run out before another numbers.
        feed.world.time.advance(by: .seconds(4))
        for node in nodes { await node.tick() }
        let node = nodes[Int(random.below(2))]
        for other in nodes where other !== node { await other.tick() }
        do {
            try await feed.update(&readers[index], from: node)
        } catch let error as OAuthError {
            #expect(error.status == 410, "seed \(seed): \(error)")
            var fresh = try await feed.reader(of: node)
            let before = try #require(readers[index].position)
            let after = try #require(fresh.position)
            #expect(after.epoch == before.epoch && after.sequence >= before.sequence, "seed \(seed) went back")
            fresh.asOf = max(fresh.asOf, readers[index].asOf)
            readers[index] = fresh
        }
    }

    mutating func checkEverything() async throws {
        for index in readers.indices { try await read(index) }
        #expect(readers[0].position == readers[1].position, "seed \(seed): two readers at two places")
        for token in tokens {
            let cutOff = (token.targets + [.everything]).compactMap { cutOffs[$0] }.max()
            let isEnded = cutOff.map { token.claim.issuedAt <= $0 } ?? false
            for reader in readers {
                #expect(reader.refuses(token.claim) == isEnded, "seed \(seed): \(token.targets[0].name)")
            }
        }
        var after: Int64 = 0
        var names: Set<String> = []
        var number: Int64?
        while true {
            let batches = try await FeedLog(store: store).batches(after: after, now: feed.world.now)
            guard let last = batches.last else { break }
            for batch in batches {
                #expect(number.map { $0 + 1 == batch.number } ?? true, "seed \(seed): a batch is missing")
                number = batch.number
                for ending in batch.endings {
                    #expect(names.insert(ending.name).inserted, "seed \(seed): numbered twice: \(ending.name)")
                }
            }
            after = last.number
        }
        let state = try FeedState(from: try #require(try await store.find(FeedState.key, now: feed.world.now)))
        #expect(state.last == number, "seed \(seed)")
        #expect(state.heads[TestWorld.api]?.sequence == UInt64(ended), "seed \(seed): every act has one number")
        #expect(names.count == ended)
    }
}
