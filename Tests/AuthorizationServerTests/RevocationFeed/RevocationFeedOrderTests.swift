import Instants
import JOSE
import OAuthVocabulary
import RevocationFeed
import Storage
import Testing

@testable import AuthorizationServer

/// Numbers without gaps, whoever gives them.
@Suite(.timeLimit(.minutes(5))) struct RevocationFeedOrderTests {
    static func person(_ number: Int) throws -> AuthorizationServer.Ending {
        Ending(.subject(try #require(Subject("person-\(number)"))), because: .personDisabled)
    }

    @Test func `Two nodes derive the same numbers and the same chain, and a reader may go from one to the other`()
        async throws
    {
        let feed = try await FeedWorld()
        let other = feed.node(seed: 7)
        try await other.prepare()
        var reader = try await feed.reader(of: other)
        for number in 0..<6 {
            try await feed.end(Self.person(number))
            await feed.feed.tick()
            // At either node: where one delta ends does not depend on who signed it.
            try await feed.update(&reader, from: number % 2 == 0 ? other : feed.feed)
            #expect(reader.position?.sequence == UInt64(number + 1))
        }
        let one = try await feed.reader()
        let two = try await feed.reader(of: other)
        #expect(one.position == two.position && one.position == reader.position)
        #expect(Set(one.entries) == Set(two.entries) && Set(one.entries) == Set(reader.entries))
    }

    @Test func `What commits late gets the later number, however early it happened`() async throws {
        let feed = try await FeedWorld()
        var reader = try await feed.reader()
        let early = try await feed.world.services.revocations.changes(ending: Self.person(1), now: feed.world.now)
        feed.world.time.advance(by: .seconds(1))
        try await feed.end(Self.person(2))
        try await feed.update(&reader)
        #expect(reader.position?.sequence == 1)
        // Only now does the first of them reach the store.
        #expect(try await feed.world.store.apply(early, now: feed.world.now) == .applied)
        try await feed.update(&reader)
        #expect(reader.position?.sequence == 2)
        #expect(reader.entries[0].notBefore > reader.entries[1].notBefore)
    }

    @Test
    func `Of two nodes one numbers; when its lease has run out the other takes over, and the first is fenced off`()
        async throws
    {
        let feed = try await FeedWorld()
        let clock = ManualTime()
        let other = feed.node(seed: 7, time: clock)
        await other.tick()
        let batches = {
            let record = try #require(try await feed.world.store.find(FeedState.key, now: feed.world.now))
            return try FeedState(from: record).last
        }
        let begun = try await batches()
        try await feed.end(Self.person(1))
        await other.tick()
        #expect(try await batches() == begun, "the lease is held by the first node")
        // The clock of the other runs on; the first sleeps, and wakes as if nothing had happened.
        clock.advance(by: .seconds(4))
        await other.tick()
        #expect(try await batches() == begun + 1)
        try await feed.end(Self.person(2))
        await feed.feed.tick()
        #expect(try await batches() == begun + 1, "its apply failed by the fence")
        await other.tick()
        #expect(try await batches() == begun + 2)
        let one = try await feed.reader()
        let two = try await feed.reader(of: other)
        #expect(one.position == two.position && one.position?.sequence == 2)
    }

    @Test func `An old lease fences for good: its version only grows`() async throws {
        let feed = try await FeedWorld()
        let version = { try #require(try await feed.world.store.find(FeedLease.key, now: feed.world.now)).version }
        let first = try await version()
        let other = feed.node(seed: 7)
        feed.world.time.advance(by: .seconds(4))
        await other.tick()
        let second = try await version()
        feed.world.time.advance(by: .seconds(4))
        await feed.feed.tick()
        let third = try await version()
        #expect(first < second && second < third)
    }

    @Test func `A restart goes on where the log stands, and numbers what nobody had numbered`() async throws {
        let feed = try await FeedWorld()
        try await feed.end(Self.person(1))
        let before = try await feed.reader()
        // Committed, and then the process was gone.
        try await feed.end(Self.person(2))
        feed.world.time.advance(by: .seconds(4))
        let restarted = feed.node(seed: 9)
        try await restarted.prepare()
        let after = try await feed.reader(of: restarted)
        #expect(after.position?.epoch == before.position?.epoch)
        #expect(after.position?.sequence == 2 && after.entries.count == 2)
        // The place of a reader from before is still one where nothing came in between.
        feed.world.time.advance(by: .seconds(4))
        let again = feed.node(seed: 10)
        try await again.prepare()
        var reader = after
        try await feed.update(&reader, from: again)
        #expect(reader.position == after.position)
        try await feed.end(Self.person(3))
        try await feed.update(&reader, from: again)
        #expect(reader.position?.sequence == 3)
    }

    @Test func `A database that went back stops the node that knows better, and a reader is told to begin anew`()
        async throws
    {
        let backup = MemoryStore()
        let feed = try await FeedWorld(store: backup)
        try await feed.end(Self.person(1))
        let reader = try await feed.reader()
        // Another log: what a restored or exchanged database is to whoever knew the first.
        let state = try #require(try await backup.find(FeedState.key, now: feed.world.now))
        var old = try Stored<FeedState>(state)
        old.content.last = 0
        old.content.heads = [:]
        let changes: [Change] = [try old.replaced()] + (1...2).map { .delete(FeedBatch.key($0)) }
        #expect(try await backup.apply(changes, now: feed.world.now) == .applied)
        feed.world.time.advance(by: .milliseconds(250))
        guard case .failed = await feed.feed.tick() else { throw TestFailure() }
        // A node that starts on it has never heard of the reader's place.
        feed.world.time.advance(by: .seconds(4))
        let restarted = feed.node(seed: 9)
        let error = await #expect(throws: OAuthError.self) {
            try await restarted.poll(feed.request(reader), wait: .zero)
        }
        #expect(error?.status == 410)
    }

    @Test func `Batches are read in order by whoever keeps a cursor, and are kept for it`() async throws {
        let feed = try await FeedWorld()
        let store = feed.world.store
        let log = FeedLog(store: store)
        let begun = try await log.batches(after: 0, now: feed.world.now).count
        let cursor = FeedCursor(name: "test", batch: Int64(begun))
        #expect(try await store.apply([cursor.moved(from: nil)], now: feed.world.now) == .applied)
        for number in 0..<4 {
            try await feed.end(Self.person(number))
            await feed.feed.tick()
        }
        let batches = try await log.batches(after: Int64(begun), now: feed.world.now)
        #expect(batches.map(\.number) == (1...4).map { Int64(begun + $0) })
        #expect(batches.flatMap(\.endings).map(\.target.name) == (0..<4).map { "subject:person-\($0)" })
        // Nothing of it is live any more, but the cursor has not passed.
        feed.world.time.advance(by: .seconds(86400))
        await feed.feed.tick()
        #expect(try await log.batches(after: Int64(begun), now: feed.world.now).count == 4)
        let stored = try #require(try await store.find(FeedCursor.key("test"), now: feed.world.now))
        let moved = FeedCursor(name: "test", batch: Int64(begun + 3))
        #expect(try await store.apply([moved.moved(from: Stored(stored))], now: feed.world.now) == .applied)
        feed.world.time.advance(by: .seconds(10))
        await feed.feed.tick()
        #expect(try await log.batches(after: 0, now: feed.world.now).map(\.number) == [Int64(begun + 4)])
        // And not for ever.
        feed.world.time.advance(by: FeedLog.retention)
        await feed.feed.tick()
        #expect(try await log.batches(after: 0, now: feed.world.now).isEmpty)
        // The numbers go on.
        try await feed.end(Self.person(9))
        await feed.feed.tick()
        #expect(try await log.batches(after: 0, now: feed.world.now).map(\.number) == [Int64(begun + 5)])
    }
}
