import Instants
import JOSE
import OAuthVocabulary
import RevocationFeed
import Storage
import Synchronization
import Testing

@testable import AuthorizationServer

/// Many endings at once, and readers that do not keep up.
@Suite(.timeLimit(.minutes(5))) struct RevocationFeedStormTests {
    private func handles(_ feed: FeedWorld) -> RevocationHandles { RevocationHandles(feed.world.services.keys) }

    private func claim(_ feed: FeedWorld, _ target: RevocationTarget, at moment: Instant) throws -> RevocationClaim {
        RevocationClaim(
            issuedAt: moment,
            handles: [try #require(handles(feed).handle(of: target, audience: TestWorld.api))]
        )
    }

    /// What the outbox holds after so many acts.
    private func store(_ endings: [AuthorizationServer.Ending], _ feed: FeedWorld) async throws {
        let now = feed.world.now
        let changes = try endings.map { ending in
            let record = EndingRecord(ending, at: now, expiresAt: now + .seconds(930), version: 1)
            return Change.insert(Record(key: record.key, payload: try record.encoded()))
        }
        #expect(try await feed.world.store.apply(changes, now: now) == .applied)
    }

    @Test func `A backlog is numbered in one apply, in batches of the usual size, and every node derives the same`()
        async throws
    {
        let feed = try await FeedWorld()
        let other = feed.node(seed: 7)
        try await other.prepare()
        var reader = try await feed.reader(of: other)
        for wave in 0..<5 {
            try await store(
                (0..<(wave < 4 ? 1000 : 500)).map {
                    Ending(.token(try #require(TokenID("token-\(wave)-\($0)"))), because: .revoked)
                },
                feed
            )
        }
        let now = feed.world.now
        let before = try Stored<FeedState>(#require(try await feed.world.store.find(FeedState.key, now: now)))
        #expect(await feed.feed.tick() == .published)
        let after = try Stored<FeedState>(#require(try await feed.world.store.find(FeedState.key, now: now)))
        let batches = try await FeedLog(store: feed.world.store).batches(after: before.content.last, now: now)
        #expect(batches.map(\.endings.count) == [1000, 1000, 1000, 1000, 500])
        #expect(after.record.version == before.record.version + 2)
        #expect(Set(batches.flatMap(\.endings).map(\.name)).count == 4500)
        try await feed.update(&reader, from: other)
        #expect(reader.position?.sequence == 4500)
        #expect(try await feed.reader().position == reader.position)
    }

    @Test(arguments: zip([1, 40], [4, 10]))
    func `FIELD R48: a storm of 10,000 endings in a second neither loses one nor exceeds its bound`(
        _ clients: Int,
        _ waves: Int
    ) async throws {
        var limits = FeedLimits()
        limits.liveEntries = 2000
        let feed = try await FeedWorld(limits: limits)
        var reader = try await feed.reader()
        let issued = feed.world.now
        let names = try (0..<clients).map { try #require(ClientID("client-\($0)")) }
        var largest = 0
        for wave in 0..<waves {
            try await store(
                (0..<1000).map { number in
                    Ending(
                        .token(try #require(TokenID("token-\(wave)-\(number)"))),
                        because: .revoked,
                        client: names[number % clients],
                        audiences: [TestWorld.api]
                    )
                },
                feed
            )
            feed.world.time.advance(by: .milliseconds(100))
            try await feed.update(&reader)
            if reader.needsSnapshot { reader = try await feed.reader() }
            largest = max(largest, try await feed.reader().entries.count)
        }
        #expect(largest <= limits.liveEntries)
        let late = try await feed.reader()
        for wave in 0..<waves {
            for number in stride(from: 0, to: 1000, by: 37) {
                let token = try #require(TokenID("token-\(wave)-\(number)"))
                let handle = try #require(handles(feed).handle(of: .token(token), audience: TestWorld.api))
                let client = try #require(
                    handles(feed).handle(of: .client(names[number % clients]), audience: TestWorld.api)
                )
                let claim = RevocationClaim(issuedAt: issued, handles: [handle, client])
                #expect(reader.refuses(claim) && late.refuses(claim), "token-\(wave)-\(number) was lost")
            }
        }
        // Whoever has nothing to do with it is touched only where no single client makes the storm.
        let bystander = try claim(feed, .client(try #require(ClientID("bystander"))), at: issued)
        #expect(late.refuses(bystander) == (clients > 1))
        // And what is issued afterwards counts again.
        #expect(late.refuses(RevocationClaim(issuedAt: feed.world.now, handles: bystander.handles)) == false)
    }

    @Test func `A retired key stays retired through every cut-off by time`() throws {
        var live = LiveEndings(bound: 10)
        func ending(_ target: RevocationTarget, _ milliseconds: Int64) -> EndingRecord {
            EndingRecord(
                Ending(target, because: .revoked),
                at: Instant(millisecondsSinceEpoch: milliseconds),
                expiresAt: Instant(millisecondsSinceEpoch: milliseconds + 1000),
                version: 1
            )
        }
        live.insert(ending(.signingKey("k"), 1))
        for number in 0..<30 {
            live.insert(ending(.subject(try #require(Subject("s\(number)"))), Int64(number)))
            while let widened = live.widening() {
                #expect(widened.cause == .widened && widened.target == .everything)
                live.insert(widened)
            }
            #expect(live.count <= 10)
        }
        #expect(live.tables(for: "a").contains { $0[.signingKey("k")] != nil })
        live.forget(expiredAt: Instant(millisecondsSinceEpoch: 5000))
        #expect(live.count == 0)
    }

    @Test func `A reader that does not read falls off, and stalls neither the server nor its neighbour`() async throws {
        var limits = FeedLimits()
        limits.keptMessages = 32
        let feed = try await FeedWorld(limits: limits)
        let reader = try await feed.reader()
        let (slow, slowTask) = try await feed.stream(reader)
        let (quick, quickTask) = try await feed.stream(reader)
        await slow.hold()
        for number in 0..<2 * limits.keptMessages {
            try await feed.end(RevocationFeedOrderTests.person(number))
            #expect(await feed.feed.tick() == .published)
            // Everything arrives at once, while the other reads nothing.
            await quick.arrive(number + 2)
        }
        await slow.release()
        await slow.waitUntilOver()
        try await slowTask.value
        // Its stream ended: what it got is a beginning without a gap, and the rest it takes as a snapshot.
        var behind = reader
        for message in await slow.messages { try behind.take(message.data, nonce: FeedWorld.nonce) }
        var ahead = reader
        for message in await quick.messages { try ahead.take(message.data, nonce: FeedWorld.nonce) }
        #expect(ahead.position?.sequence == 2 * UInt64(limits.keptMessages))
        #expect(try #require(behind.position).sequence < UInt64(limits.keptMessages))
        let error = await #expect(throws: OAuthError.self) {
            _ = try await feed.feed.events(feed.request(reader))
        }
        #expect(error?.status == 410)
        feed.feed.shutdown()
        try await quickTask.value
    }

    @Test func `Streams end at shutdown and after their time, and a poll is answered as soon as something happens`()
        async throws
    {
        let feed = try await FeedWorld()
        var reader = try await feed.reader()
        let request = try feed.request(reader)
        let poll = Task { try await feed.feed.poll(request, wait: .seconds(25)) }
        // Only a poll that waits has a reader registered.
        while feed.feed.shared.withLock({ $0.audiences[TestWorld.api]?.readers.isEmpty ?? true }) { await Task.yield() }
        try await feed.end(RevocationFeedOrderTests.person(1))
        await feed.feed.tick()
        for message in try await poll.value { try reader.take(message, nonce: FeedWorld.nonce) }
        #expect(reader.entries.count == 1)
        let (old, oldTask) = try await feed.stream(reader)
        feed.world.time.advance(by: .seconds(601))
        await feed.feed.tick()
        await old.waitUntilOver()
        try await oldTask.value
        let (open, openTask) = try await feed.stream(reader)
        feed.feed.shutdown()
        await open.waitUntilOver()
        try await openTask.value
    }

    @Test func `What no token can be affected by any more is forgotten, and not before`() async throws {
        let feed = try await FeedWorld()
        let tokens = try await feed.world.grant()
        _ = try await feed.world.ask("/revoke", ["token": tokens.access, "client_id": "app"])
        let expiry = try #require(
            try UnverifiedToken(tokens.access).unverifiedClaims["exp"]?.integerValue.map(
                Instant.init(secondsSinceEpoch:)
            )
        )
        feed.world.time.advance(by: expiry - feed.world.now - .milliseconds(1))
        #expect(try await feed.reader().refuses(tokens.access))
        feed.world.time.advance(by: Limits.clockSkew + .seconds(2))
        #expect(try await feed.reader().entries.isEmpty)
    }

    @Test func `An ending outlives tokens of a longer lifetime that was configured before`() async throws {
        let store = MemoryStore()
        let before = try await FeedWorld(store: store) { $0.accessTokenLifetime = .seconds(7200) }
        try await before.end(RevocationFeedOrderTests.person(1))
        var after = ProviderConfiguration(issuer: before.world.services.configuration.issuer)
        after.accessTokenLifetime = .seconds(60)
        let revocations = Revocations(store: store, configuration: after)
        func reach(_ number: Int) async throws -> Duration {
            let now = before.world.now
            let changes = try await revocations.changes(ending: RevocationFeedOrderTests.person(number), now: now)
            let records = changes.compactMap { change in
                if case .insert(let record) = change, record.key.kind == EndingRecord.kind { record } else { nil }
            }
            return try EndingRecord(from: try #require(records.first)).expiresAt - now
        }
        try await TokenHorizon.remember(after, in: store, now: before.world.now)
        #expect(try await reach(2) == .seconds(7200) + Limits.clockSkew)
        before.world.time.advance(by: .seconds(7200 + 1300))
        try await TokenHorizon.remember(after, in: store, now: before.world.now)
        #expect(try await reach(3) == .seconds(60) + Limits.clockSkew)
        // Where nobody has served for long, the longest that could ever be configured.
        before.world.time.advance(by: .seconds(86400))
        #expect(try await reach(4) == Limits.longestTokenLifetime + Limits.clockSkew)
    }

    @Test func `A new key set is told on the stream, with the set itself`() async throws {
        let store = MemoryStore()
        let keyring = Keyring()
        let feed = try await FeedWorld(store: store)
        let signing = SigningKeys(
            store: store,
            keys: feed.world.services.keys,
            configuration: feed.world.services.configuration
        )
        try await signing.refresh(keyring, now: feed.world.now)
        let node = FeedPublisher(
            configuration: feed.world.services.configuration,
            limits: FeedLimits(),
            store: store,
            keys: feed.world.services.keys,
            keyring: keyring,
            time: feed.world.time,
            random: SeededRandom(seed: 3),
            logger: feed.world.services.logger,
            signal: FeedSignal()
        )
        var reader = try await feed.reader(of: node)
        #expect(reader.keySetDigest == FeedMessage.digest(ofKeySet: keyring.current.document))
        let (tap, task) = try await feed.stream(reader, from: node)
        let retired = try #require(keyring.current.signing["ES256"]?.keyID)
        try await signing.retire(retired, now: feed.world.now)
        try await signing.refresh(keyring, now: feed.world.now)
        feed.world.time.advance(by: .seconds(4))
        await node.tick()
        await tap.arrive(3)
        let messages = await tap.messages
        for message in messages { try reader.take(message.data, nonce: FeedWorld.nonce) }
        #expect(Set(messages.prefix(3).map(\.event)).isSuperset(of: ["hello", "keys", "delta"]))
        let documents = try messages.compactMap { message -> [UInt8]? in
            guard case .keys(let document) = try reader.verified(message.data).content else { return nil }
            return document
        }
        #expect(documents == [keyring.current.document])
        #expect(reader.keySetDigest == FeedMessage.digest(ofKeySet: keyring.current.document))
        // Whoever stole the key chooses the moment inside a token: it is refused all the same.
        #expect(reader.refuses(RevocationClaim(issuedAt: .distantFuture, handles: []), keyID: retired))
        #expect(reader.refuses(RevocationClaim(issuedAt: .distantFuture, handles: []), keyID: "another") == false)
        node.shutdown()
        try await task.value
    }

    @Test func `A feed key that leaked is replaced at once`() async throws {
        let feed = try await FeedWorld()
        let reader = try await feed.reader()
        let old = feed.feed.keySetDocument
        let keys = FeedKeys(
            store: feed.world.store,
            keys: feed.world.services.keys,
            configuration: feed.world.services.configuration
        )
        try await keys.replaceAll(now: feed.world.now)
        feed.world.time.advance(by: .seconds(1))
        let hello = try await feed.feed.poll(feed.request(reader), wait: .zero)[0]
        #expect(feed.feed.keySetDocument != old)
        #expect(throws: JOSEError.self) { try reader.verified(hello) }
        let renewed = try ModelReader(audience: TestWorld.api, keys: feed.feed.keySetDocument)
        #expect(throws: Never.self) { try renewed.verified(hello) }
    }
}
