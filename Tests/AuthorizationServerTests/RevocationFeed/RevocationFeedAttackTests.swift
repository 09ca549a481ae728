import Instants
import JOSE
import OAuthVocabulary
import RevocationFeed
import Storage
import Synchronization
import Testing

@testable import AuthorizationServer

/// A store in which something else happens right before the apply that stores an ending.
final class InterruptedStore: ForwardingStore {
    let destination: any Store = MemoryStore()
    private let interruption = Mutex<(@Sendable () async throws -> Void)?>(nil)

    /// Runs `body` once, before the next ending is stored.
    func interrupt(by body: @escaping @Sendable () async throws -> Void) { interruption.withLock { $0 = body } }

    func apply(_ changes: [Change], now: Instant) async throws(StoreError) -> ApplyOutcome {
        let isEnding = changes.contains { change in
            if case .insert(let record) = change { record.key.kind == EndingRecord.kind } else { false }
        }
        if isEnding, let body = interruption.withLock({ $0.take() }) {
            do {
                try await body()
            } catch {
                throw .unavailable(reason: "the interruption failed")
            }
        }
        return try await destination.apply(changes, now: now)
    }
}

/// Ways to keep a token that was ended.
@Suite(.timeLimit(.minutes(5))) struct RevocationFeedAttackTests {
    @Test func `FIELD R48: a thief who refreshes while the grant is being revoked keeps nothing`() async throws {
        let store = InterruptedStore()
        let feed = try await FeedWorld(store: store)
        let world = feed.world
        let stolen = try await world.grant()
        let bystander = try await world.grant()
        let kept = Mutex<[Tokens]>([])
        store.interrupt {
            world.time.advance(by: .milliseconds(5))
            for refresh in [stolen.refresh, bystander.refresh] {
                let tokens = try Tokens(world.json(await world.refresh(refresh)))
                kept.withLock { $0.append(tokens) }
            }
            world.time.advance(by: .milliseconds(5))
        }
        let answer = try await world.ask("/revoke", ["token": stolen.refresh, "client_id": "app"])
        #expect(answer.failure == nil)
        let (thief, other) = kept.withLock { ($0[0], $0[1]) }
        let reader = try await feed.reader()
        #expect(try reader.refuses(stolen.access))
        #expect(try reader.refuses(thief.access))
        #expect(try await world.introspect(thief.access)["active"] == false)
        #expect(try reader.refuses(other.access) == false)
        #expect(try await world.introspect(other.access)["active"] == true)
    }

    @Test func `FIELD R48: a token is ended by its name although its issuer's clock was ahead`() async throws {
        let feed = try await FeedWorld()
        let token = try await feed.world.grant()
        let sister = try await feed.world.grant()
        // Another node, which has not heard yet how far the clock has come.
        feed.world.time.forgetSteadyClock(at: feed.world.now - .seconds(2))
        _ = try await feed.world.ask("/revoke", ["token": token.access, "client_id": "app"])
        let reader = try await feed.reader()
        #expect(try reader.refuses(token.access))
        #expect(try await feed.world.introspect(token.access)["active"] == false)
        #expect(try reader.refuses(sister.access) == false)
    }

    @Test func `FIELD R48: a retired key is told of for as long as an old key set may lie in a cache`() async throws {
        let feed = try await FeedWorld { $0.accessTokenLifetime = .seconds(60) }
        try await feed.end(Ending(.signingKey("stolen"), because: .keyRetired))
        try await feed.end(Ending(.everything, because: .operatorAct))
        let kinds = try await feed.reader().entries.map(\.kind)
        #expect(Set(kinds) == [.signingKey, .everything])
        // Tokens of a minute have expired long since; whoever has the key writes any expiry into theirs.
        feed.world.time.advance(by: .seconds(3600))
        #expect(try await feed.reader().entries.map(\.kind) == [.signingKey])
        feed.world.time.advance(by: .seconds(86400))
        #expect(try await feed.reader().entries.isEmpty)
    }

    @Test func `FIELD R48: an API that was deleted reads no further on the stream that it has`() async throws {
        let feed = try await FeedWorld()
        let (tap, task) = try await feed.stream(try await feed.reader())
        feed.world.time.advance(by: .seconds(2))
        await feed.feed.tick()
        await tap.arrive(2)
        #expect(await tap.isOver == false)
        try await feed.world.services.apis.delete(
            #require(ResourceIndicator(TestWorld.api)),
            now: feed.world.now
        )
        feed.world.time.advance(by: .seconds(2))
        await feed.feed.tick()
        await tap.waitUntilOver()
        try await task.value
    }

    @Test func `FIELD R48: a storm after cut-offs of different reach is widened, and not for ever`() throws {
        var live = LiveEndings(bound: 10)
        let client = try #require(ClientID("app"))
        func ending(_ target: RevocationTarget, _ milliseconds: Int64, until expiry: Int64) -> EndingRecord {
            EndingRecord(
                Ending(target, because: .revoked, client: client),
                at: Instant(millisecondsSinceEpoch: milliseconds),
                expiresAt: Instant(millisecondsSinceEpoch: expiry),
                version: 1
            )
        }
        live.insert(ending(.everything, 10, until: 100))
        for number in 0..<10 {
            live.insert(ending(.token(try #require(TokenID("t\(number)"))), 15, until: 80))
        }
        live.insert(ending(.everything, 20, until: 50))
        live.insert(ending(.token(try #require(TokenID("late"))), 30, until: 40))
        for number in 0..<9 {
            live.insert(ending(.token(try #require(TokenID("u\(number)"))), 15, until: 90))
        }
        var rounds = 0
        while let widened = live.widening(), rounds < 100 {
            live.insert(widened)
            rounds += 1
        }
        #expect(rounds < 100)
        #expect(live.count <= 10)
        // What is left says all that was said: everything until 20, and the late token.
        let tables = live.tables(for: "a")
        let everything = tables.compactMap { $0[.everything] }
        #expect(
            everything.contains {
                $0.notBefore.millisecondsSinceEpoch >= 20 && $0.expiresAt.millisecondsSinceEpoch >= 100
            }
        )
    }
}
