import Instants
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// Which clients take part in which session.
@Suite struct ParticipationTests {
    @Test func `A code makes its client take part, once however often it asks, and until the session ends`()
        async throws
    {
        var browser = try await TestWorld.takingPart()
        let world = browser.world
        let session = try #require(browser.session)
        for _ in 0..<3 { _ = try await browser.code() }
        let only = try await world.participations()
        #expect(only.count == 1)
        #expect(only[0].client.value == "app" && only[0].session == session.id && only[0].subject == session.subject)
        // FIELD §1.15: the sessions of a browser that signs in again and again are as many records, and no more.
        try await browser.signIn()
        _ = try await browser.code()
        #expect(try await world.participations().count == 2)
        world.time.advance(by: .seconds(14 * 86400))
        #expect(try await world.participations().isEmpty)
    }

    @Test func `What is known of the session's end is when the participation is forgotten`() async throws {
        let browser = try await TestWorld.takingPart()
        let world = browser.world
        var session = try #require(browser.session)
        session = SessionSnapshot(
            id: try #require(SessionID("other")),
            subject: session.subject,
            authentication: session.authentication,
            key: session.key
        )
        session.endsAt = world.now + .seconds(60)
        let id = try #require(ClientID("app"))
        let client = try #require(try await world.services.clients.find(id, now: world.now))
        let changes = try await world.services.participations.changes(for: client.content, in: session, now: world.now)
        #expect(try await world.store.apply(changes, now: world.now) == .applied)
        #expect(try await world.participations().count == 2)
        world.time.advance(by: .seconds(60))
        #expect(try await world.participations().count == 1)
    }

    @Test func `A client that wants to hear of no logout leaves nothing behind`() async throws {
        let browser = try await TestWorld.takingPart {
            ($0.backchannelLogoutURI, $0.frontchannelLogoutURI) = (nil, nil)
        }
        #expect(try await browser.world.participations().isEmpty)
        try await browser.world.endSession(browser.session)
        #expect(try await browser.world.orders() == 0)
    }

    @Test func `No code, no participation: a session that was closed meanwhile gets neither`() async throws {
        let store = MeddledStore()
        let browser = try await TestWorld.takingPart(store: store)
        let world = browser.world
        let before = (try await world.participations().count, try await world.codes().count)
        var second = Browser(world: world)
        try await second.signIn("bob")
        let key = try #require(second.session).key
        let now = world.now
        await store.beforeNextApply { store in _ = try await store.apply([.delete(key)], now: now) }
        let response = try await second.authorize()
        #expect(response.client["code"] == nil)
        #expect(try await world.participations().count == before.0)
        #expect(try await world.codes().count == before.1)
    }
}
