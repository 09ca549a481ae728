import Instants
import JOSE
import OAuthVocabulary
import RevocationFeed
import Storage
import Testing

@testable import AuthorizationServer

/// What a reader of the feed learns, and from whom.
@Suite struct RevocationFeedTests {
    @Test func `A revoked token is refused by a reader of the feed, and its sister is not`() async throws {
        let feed = try await FeedWorld()
        let one = try await feed.world.grant()
        let other = try await feed.world.grant()
        var reader = try await feed.reader()
        #expect(try reader.refuses(one.access) == false)
        _ = try await feed.world.ask("/revoke", ["token": one.access, "client_id": "app"])
        try await feed.update(&reader)
        #expect(try reader.refuses(one.access))
        #expect(try reader.refuses(other.access) == false)
        #expect(try await feed.reader().refuses(one.access))
    }

    @Test func `A stream brings a hello, what was missed, and then what happens`() async throws {
        let feed = try await FeedWorld()
        let tokens = try await feed.world.grant()
        var reader = try await feed.reader()
        _ = try await feed.world.ask("/revoke", ["token": tokens.access, "client_id": "app"])
        let (tap, task) = try await feed.stream(reader)
        await tap.arrive(2)
        let later = try await feed.world.grant()
        _ = try await feed.world.ask("/revoke", ["token": later.refresh, "client_id": "app"])
        await feed.feed.tick()
        await tap.arrive(3)
        feed.world.time.advance(by: .milliseconds(250))
        await feed.feed.tick()
        await tap.arrive(4)
        let messages = await tap.messages
        #expect(messages.map(\.event) == ["hello", "delta", "delta", "heartbeat"])
        for message in messages { try reader.take(message.data, nonce: FeedWorld.nonce) }
        #expect(try reader.refuses(tokens.access) && reader.refuses(later.access))
        #expect(reader.asOf == feed.world.now)
        feed.feed.shutdown()
        try await task.value
    }
}
