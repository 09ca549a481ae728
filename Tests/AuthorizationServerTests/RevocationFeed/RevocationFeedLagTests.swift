import Instants
import OAuthVocabulary
import RevocationFeed
import Storage
import Synchronization
import Testing

@testable import AuthorizationServer

/// A store that reads so many answers of the log, and then fails where it is asked for more.
private final class GappyStore: ForwardingStore {
    let destination: any Store
    private let rest = Mutex(Int.max)

    init(_ destination: any Store) { self.destination = destination }

    func answer(_ count: Int) { rest.withLock { $0 = count } }

    func find(_ lookups: [Lookup], now: Instant) async throws(StoreError) -> [Record?] {
        let isOfLog = lookups.contains { lookup in
            if case .key(let key) = lookup { key.kind == FeedBatch.kind } else { false }
        }
        let isAnswered = rest.withLock { rest in
            if isOfLog { rest -= 1 }
            return rest >= 0
        }
        guard isAnswered || !isOfLog else { throw .unavailable(reason: "the log is not to be had") }
        return try await destination.find(lookups, now: now)
    }
}

/// Nodes that fall behind the others.
@Suite(.timeLimit(.minutes(5))) struct RevocationFeedLagTests {
    private func state(_ feed: FeedWorld) async throws -> FeedState {
        try FeedState(from: try #require(try await feed.world.store.find(FeedState.key, now: feed.world.now)))
    }

    private func person(_ number: Int) throws -> AuthorizationServer.Ending {
        try RevocationFeedOrderTests.person(number)
    }

    @Test func `A node that slept until the log was pruned goes on, numbers, and has its readers take a snapshot`()
        async throws
    {
        let feed = try await FeedWorld { $0.accessTokenLifetime = .seconds(60) }
        let sleeper = feed.node(seed: 7)
        try await sleeper.prepare()
        let before = try await feed.reader(of: sleeper)
        let (tap, task) = try await feed.stream(before, from: sleeper)
        let seen = try await state(feed).last
        for number in 1...3 {
            try await feed.end(person(number))
            await feed.feed.tick()
        }
        feed.world.time.advance(by: .seconds(200))
        await feed.feed.tick()
        try await feed.end(person(4))
        await feed.feed.tick()
        try #require(try await state(feed).first > seen + 1)
        // Now the other one is gone, and its lease runs out.
        feed.world.time.advance(by: .seconds(4))
        try await feed.end(person(5))
        let after = try await feed.reader(of: sleeper)
        #expect(after.position?.sequence == 5 && after.entries.count == 2)
        #expect(try await state(feed).heads[FeedWorld.audience]?.sequence == 5)
        await tap.waitUntilOver()
        try await task.value
        let error = await #expect(throws: OAuthError.self) {
            try await sleeper.poll(feed.request(before), wait: .zero)
        }
        #expect(error?.status == 410)
    }

    @Test func `A node that cannot follow the log leaves the numbering to one that can`() async throws {
        let feed = try await FeedWorld()
        let store = GappyStore(feed.world.store)
        let lame = feed.node(seed: 7, store: store)
        try await lame.prepare()
        try await feed.end(person(1))
        await feed.feed.tick()
        store.answer(0)
        // The one that numbered is gone.
        feed.world.time.advance(by: .seconds(4))
        try await feed.end(person(2))
        let sound = feed.node(seed: 8)
        for _ in 0..<6 {
            guard case .failed = await lame.tick() else { throw TestFailure() }
            await sound.tick()
            feed.world.time.advance(by: .seconds(1))
        }
        #expect(try await state(feed).heads[FeedWorld.audience]?.sequence == 2)
        // When it can again, it follows.
        store.answer(.max)
        #expect(try await feed.reader(of: lame).position == feed.reader(of: sound).position)
    }

    @Test func `A node whose reading of the log breaks off has lost nothing of it when it is fresh again`() async throws
    {
        let feed = try await FeedWorld()
        let store = GappyStore(feed.world.store)
        let other = feed.node(seed: 7, store: store)
        try await other.prepare()
        let before = try await feed.reader(of: other)
        let (tap, task) = try await feed.stream(before, from: other)
        // What concerns the reader, and a new API, come first; then so much of others that it takes two answers.
        let stock = "https://api.example/stock"
        try await feed.world.otherAPI(stock, scope: "stock:read")
        feed.world.time.advance(by: .seconds(1))
        try await feed.end(person(1))
        await feed.feed.tick()
        for number in 0..<(FeedLog.largestAnswer + 3) {
            let token = try #require(TokenID("t\(number)"))
            try await feed.end(Ending(.token(token), because: .revoked, audiences: ["https://elsewhere.example"]))
            await feed.feed.tick()
        }
        store.answer(1)
        guard case .failed = await other.tick() else { throw TestFailure() }
        store.answer(.max)
        let after = try await feed.reader(of: other)
        #expect(after.position?.sequence == 1 && after.entries.count == 1)
        #expect(try await after.position == feed.reader().position)
        #expect(try await feed.reader(of: other, audience: stock).position?.sequence == 1)
        await tap.waitUntilOver()
        try await task.value
    }

    @Test func `An API that was registered during a look gets its first snapshot all the same`() async throws {
        let store = FeedTestStore()
        let feed = try await FeedWorld(store: store)
        var position: FeedPosition?
        // Where nothing runs for three seconds, because other tests do, nothing is shown.
        for number in 0..<20 where position == nil {
            position = try await firstSnapshot(of: "stock\(number)", from: feed, holding: store)
        }
        #expect(position?.sequence == 0)
    }

    /// Asks for the set of an API that is registered while a look is past the place where it learns which there are; `nil` if
    /// the feed's patience was over.
    private func firstSnapshot(
        of name: String,
        from feed: FeedWorld,
        holding store: FeedTestStore
    ) async throws -> FeedPosition? {
        store.set(.hangingAtOutbox)
        let looks = Task { repeat { await feed.feed.tick() } while store.mode == .hangingAtOutbox }
        while store.waitingCount == 0 { await Task.yield() }
        let audience = "https://api.example/\(name)"
        try await feed.world.otherAPI(audience, scope: "\(name):read")
        let reader = Task { try await feed.reader(audience: audience) }
        let patience = ContinuousClock.now + .seconds(2)
        while feed.feed.shared.withLock({ $0.waiting.isEmpty }), ContinuousClock.now < patience { await Task.yield() }
        store.set(.fine)
        await looks.value
        do {
            return try await reader.value.position
        } catch let error as OAuthError where error.detail.contains("proven fresh") {
            return nil
        }
    }
}
