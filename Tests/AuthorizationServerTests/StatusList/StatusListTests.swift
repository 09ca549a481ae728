import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// draft-ietf-oauth-status-list-21: what tokens name, and what the lists say of them.
@Suite struct StatusListTests {
    @Test func `Tokens of an API that asks for it name a place, and those of others do not`() async throws {
        let world = try await TestWorld.listed()
        let listed = try await world.grant()
        #expect(try world.place(of: listed.access).list == 1)
        let audience = try #require(ResourceIndicator(TestWorld.api))
        _ = try await world.services.apis.update(audience, now: world.now) { $0.statusList = false }
        #expect(try world.claims(try await world.grant().access)["status"] == nil)
        _ = try await world.services.apis.update(audience, now: world.now) {
            $0.statusList = true
            $0.tokenFormat = .opaque
        }
        let opaque = try await world.grant().access
        let answer = try await world.introspect(opaque)
        #expect(answer["active"] == true && answer["status"] == nil)
    }

    @Test func `A grant keeps its place over a refresh, and no two grants share one`() async throws {
        let world = try await TestWorld.listed()
        let first = try await world.grant()
        let place = try world.place(of: first.access)
        let refreshed = try Tokens(world.json(try await world.refresh(first.refresh)))
        #expect(try world.place(of: refreshed.access) == place)
        let repeated = try Tokens(world.json(try await world.refresh(first.refresh)))
        #expect(try world.place(of: repeated.access) == place)
        #expect(try world.place(of: try await world.grant().access) != place)
        _ = try await world.service()
        let services = [try await world.serviceToken(), try await world.serviceToken()]
        #expect(try Set(services.map { try world.place(of: $0) }).count == 2)
    }

    enum Act: String, CaseIterable, CustomTestStringConvertible {
        case refreshToken, accessToken, grant, session, subject, client, everything
        var testDescription: String { rawValue }
    }

    @Test(arguments: Act.allCases)
    func `Whatever ends a grant turns its bit, and no bit of a grant that stands`(_ act: Act) async throws {
        let world = try await TestWorld.listed()
        let tokens = try await world.grant()
        // Bob, in another session and with another client: only what ends everything ends him too.
        let bob = try await world.bobsGrant()
        #expect(try await !world.isListedAsRevoked(tokens.access))
        #expect(try await !world.isListedAsRevoked(bob.access))
        try await world.perform(act, on: tokens)
        try await world.settle()
        world.letListsAge()
        #expect(try await world.isListedAsRevoked(tokens.access))
        #expect(try await world.isListedAsRevoked(bob.access) == (act == .everything))
    }

    @Test func `A token without a grant is a grant of its own`() async throws {
        let world = try await TestWorld.listed()
        _ = try await world.service()
        let tokens = [try await world.serviceToken(), try await world.serviceToken(), try await world.serviceToken()]
        let revoked = try await world.ask("/revoke", ["token": tokens[0]], authorization: TestWorld.basic("service"))
        #expect(revoked.status == 200)
        // The operator knows no more than the identifier.
        let identifier = try world.claims(tokens[1])["jti"]?.stringValue ?? ""
        try await world.end(.token(try #require(TokenID(identifier))))
        try await world.settle()
        world.letListsAge()
        for token in tokens.prefix(2) { #expect(try await world.isListedAsRevoked(token)) }
        #expect(try await !world.isListedAsRevoked(tokens[2]))
    }

    @Test func `A token that is ended alone takes its place along, and the grant's next token has another`()
        async throws
    {
        let world = try await TestWorld.listed()
        let first = try await world.grant()
        for _ in 0..<2 {
            let revoked = try await world.ask("/revoke", ["token": first.access, "client_id": "app"])
            #expect(revoked.status == 200)
        }
        let second = try Tokens(world.json(try await world.refresh(first.refresh)))
        #expect(try world.place(of: second.access) != world.place(of: first.access))
        // The same token once more: nothing of the new place may be lost by it.
        _ = try await world.ask("/revoke", ["token": first.access, "client_id": "app"])
        try await world.settle()
        world.letListsAge()
        #expect(try await world.isListedAsRevoked(first.access))
        #expect(try await !world.isListedAsRevoked(second.access))
        try await world.perform(.refreshToken, on: second)
        try await world.settle()
        world.letListsAge()
        #expect(try await world.isListedAsRevoked(second.access))
    }

    @Test func `What outlives its session gets another place, even where the log lags behind`() async throws {
        let world = try await TestWorld.listed()
        let before = try await world.grant(scope: "openid offline_access orders:read")
        world.time.advance(by: .seconds(1))
        try await world.end(.session(try #require(SessionID("s1"))), because: .signedOut)
        world.time.advance(by: .seconds(1))
        // Nobody has read the log yet.
        let after = try Tokens(world.json(try await world.refresh(before.refresh)))
        #expect(try world.place(of: after.access) != world.place(of: before.access))
        try await world.settle()
        world.letListsAge()
        #expect(try await world.isListedAsRevoked(before.access))
        #expect(try await !world.isListedAsRevoked(after.access))
        try await world.end(.subject(try #require(Subject("alice"))), because: .personDisabled)
        try await world.settle()
        world.letListsAge()
        #expect(try await world.isListedAsRevoked(after.access))
    }

    @Test func `An ending that comes between the look and the apply is never missed`() async throws {
        let store = MeddledStore()
        let world = try await TestWorld.listed(store: store)
        _ = try await world.service()
        _ = try await world.serviceToken()
        let client = try #require(ClientID("service"))
        let revocations = Revocations(store: store, configuration: world.services.configuration)
        await store.beforeNextApply { _ in
            try await revocations.apply(ending: Ending(.client(client), because: .operatorAct), now: world.now)
        }
        world.time.advance(by: .seconds(1))
        let token = try await world.serviceToken()
        try await world.settle()
        world.letListsAge()
        // Issued again after the end, at the same moment: whatever the token is worth, the list agrees.
        let counts = try await world.introspect(token)["active"]?.boolValue
        #expect(try await world.isListedAsRevoked(token) == (counts == false))
    }

    @Test func `A batch is taken in once, however many processes read the log`() async throws {
        let world = try await TestWorld.listed()
        let tokens = try await world.grant()
        try await world.perform(.grant, on: tokens)
        try await world.sequence()
        let counts = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    try await LogProjector(
                        store: world.store,
                        projection: StatusListProjection(store: world.store)
                    ).tick(now: world.now)
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(counts == 1)
        #expect(try await world.isListedAsRevoked(tokens.access))
    }

    @Test func `The end of everything turns the bits of more grants than are listed at once, and no others`()
        async throws
    {
        let world = try await TestWorld.listed()
        _ = try await world.grant()
        let count = StoreLimits.largestPage * 2 + 10
        let list = StatusListRecord(number: 2, lst: try StatusBits().stored(), until: world.now + .seconds(900))
        var changes: [Change] = [.insert(try list.record())]
        for index in 0..<count {
            let place = StatusEntryRecord.Assigned(reference: StatusReference(list: 2, index: index), at: world.now)
            let payload = try StatusEntryRecord(assigned: [place]).encoded()
            let key = StatusEntryRecord.key(token: try #require(TokenID("t\(index)")))
            changes.append(.insert(Record(key: key, expiresAt: world.now + .seconds(900), payload: payload)))
        }
        for start in stride(from: 0, to: changes.count, by: 500) {
            let slice = Array(changes[start..<min(start + 500, changes.count)])
            #expect(try await world.store.apply(slice, now: world.now) == .applied)
        }
        try await world.end(.everything)
        try await world.settle()
        let record = try #require(try await world.store.find(StatusListRecord.key(2), now: world.now))
        let bits = try StatusBits(stored: StatusListRecord(from: record).lst)
        #expect((0..<StatusBits.size).allSatisfy { bits[$0] == ($0 < count) })
    }

    @Test func `Widening the feed's set turns no bit`() async throws {
        let world = try await TestWorld.listed()
        let tokens = try await world.grant()
        try await world.end(.client(try #require(ClientID("app"))), because: .widened)
        try await world.settle()
        world.letListsAge()
        #expect(try await !world.isListedAsRevoked(tokens.access))
    }
}

extension TestWorld {
    func bobsGrant() async throws -> Tokens {
        let client = try await publicClient("other")
        let session = try await signIn("bob", session: "s2")
        return try Tokens(json(await redeem(code("signet_ac_bob", client: client, session: session), client: "other")))
    }

    func perform(_ act: StatusListTests.Act, on tokens: Tokens) async throws {
        switch act {
        case .refreshToken:
            #expect(try await ask("/revoke", ["token": tokens.refresh, "client_id": "app"]).status == 200)
        case .accessToken:
            #expect(try await ask("/revoke", ["token": tokens.access, "client_id": "app"]).status == 200)
        case .grant:
            let grant = try #require(FamilyID(claims(tokens.access)["grant_id"]?.stringValue ?? ""))
            try await end(.grant(grant))
        case .session: try await end(.session(try #require(SessionID("s1"))))
        case .subject: try await end(.subject(try #require(Subject("alice"))))
        case .client: try await end(.client(try #require(ClientID("app"))))
        case .everything: try await end(.everything)
        }
    }
}
