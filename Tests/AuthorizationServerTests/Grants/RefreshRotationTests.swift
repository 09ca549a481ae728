import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// RFC 6749 §6, RFC 9700 §4.14 and FIELD D11-D15, R49: rotation that forgives a lost answer and nothing else.
@Suite struct RefreshRotationTests {
    @Test func `A refresh returns another refresh token, and a retry inside the window returns the same successor`()
        async throws
    {
        let world = try await TestWorld()
        let first = try await world.grant()
        let second = try Tokens(world.json(await world.refresh(first.refresh)))
        #expect(second.refresh != first.refresh)
        world.time.advance(by: .seconds(9))
        let retried = try Tokens(world.json(await world.refresh(first.refresh)))
        #expect(retried.refresh == second.refresh)
        #expect(retried.access != second.access)
    }

    @Test func `A replay after the window kills the family and what it paid for`() async throws {
        let world = try await TestWorld()
        let first = try await world.grant()
        let second = try Tokens(world.json(await world.refresh(first.refresh)))
        world.time.advance(by: .milliseconds(10_001))
        let replay = try await world.refresh(first.refresh)
        #expect(replay.failure?.code == .invalidGrant)
        #expect(replay.failure?.description == "the refresh token was already used; its whole family is revoked")
        #expect(try await world.refresh(second.refresh).failure?.description == "the grant has ended")
        #expect(try await world.introspect(second.access)["active"] == false)
    }

    @Test func `A grant that is redeemed while its person's right ends does not outlive the end`() async throws {
        let world = try await TestWorld()
        _ = try await world.ordersAPI()
        let client = try await world.publicClient()
        let session = try await world.signIn()
        let code = try await world.code(client: client, session: session)
        // The act carries this moment, and commits only after the code was redeemed.
        world.time.advance(by: .milliseconds(1))
        let ended = world.now
        world.time.advance(by: .milliseconds(50))
        let tokens = try Tokens(world.json(await world.redeem(code)))
        try await world.services.revocations.apply(ending: .subject(session.subject), now: ended)
        #expect(try await world.refresh(tokens.refresh).failure?.description == "the grant has ended")
        let twin = try await world.grant()
        _ = try Tokens(world.json(await world.refresh(twin.refresh)))
    }

    @Test func `A default resource that changed meanwhile is no way to an API outside the grant`() async throws {
        let world = try await TestWorld()
        let tokens = try await world.grant()
        try await world.otherAPI("https://api.example/other", scope: "other:read")
        _ = try await world.services.clients.update(
            #require(ClientID("app")),
            now: world.now,
            revocations: world.services.revocations
        ) { $0.defaultResource = ResourceIndicator("https://api.example/other") }
        let refused = try await world.refresh(tokens.refresh, scope: "openid")
        #expect(refused.failure?.code == .invalidTarget)
        _ = try Tokens(world.json(await world.refresh(tokens.refresh)))
    }

    @Test func `A session that has expired by itself ends its family, and its code`() async throws {
        let world = try await TestWorld()
        let tokens = try await world.grant(scope: "openid orders:read")
        let next = try Tokens(world.json(await world.refresh(tokens.refresh)))
        let id = try #require(ClientID("app"))
        let client = try #require(try await world.services.clients.find(id, now: world.now))
        let code = try await world.code("signet_ac_late", client: client.content, session: world.signIn())
        world.endUsers.remove(try #require(SessionID("s1")))
        #expect(try await world.refresh(next.refresh).failure?.description == "the grant has ended")
        #expect(try await world.redeem(code).failure?.description == "the grant has ended")
        try await world.signIn()
        _ = try Tokens(world.json(await world.redeem(code)))
    }

    /// A thief must not learn whether a family lives by asking for what it lacks.
    @Test(arguments: [
        ("scope", "address"), ("scope", "a  b"), ("resource", "https://other.example"), ("resource", "x"),
    ])
    func `A late replay kills the family whatever scope or resource it asks for`(_ name: String, _ value: String)
        async throws
    {
        let world = try await TestWorld()
        let first = try await world.grant()
        let second = try Tokens(world.json(await world.refresh(first.refresh)))
        world.time.advance(by: .seconds(11))
        let fields = ["grant_type": "refresh_token", "refresh_token": first.refresh, "client_id": "app", name: value]
        #expect(
            try await world.askToken(fields).failure?.description
                == "the refresh token was already used; its whole family is revoked"
        )
        #expect(try await world.refresh(second.refresh).failure?.description == "the grant has ended")
    }

    @Test func `The window closes when the successor is first used, and a late tab is only refused`() async throws {
        let world = try await TestWorld()
        let first = try await world.grant()
        let second = try Tokens(world.json(await world.refresh(first.refresh)))
        let third = try Tokens(world.json(await world.refresh(second.refresh)))
        let late = try await world.refresh(first.refresh)
        #expect(late.failure?.description == "the refresh token was already used, and its successor as well")
        // The family lives on.
        let fourth = try Tokens(world.json(await world.refresh(third.refresh)))
        // Beyond the first rotation's own window the same token is theft.
        world.time.advance(by: .seconds(11))
        let replay = try await world.refresh(first.refresh)
        #expect(replay.failure?.description == "the refresh token was already used; its whole family is revoked")
        #expect(try await world.refresh(fourth.refresh).failure?.code == .invalidGrant)
    }

    @Test func `A window of zero turns repetition off`() async throws {
        let world = try await TestWorld { $0.refreshRetryWindow = .zero }
        let first = try await world.grant()
        _ = try Tokens(world.json(await world.refresh(first.refresh)))
        #expect(
            try await world.refresh(first.refresh).failure?.description
                == "the refresh token was already used; its whole family is revoked"
        )
    }

    @Test func `A retry for another scope is refused and leaves the family alone`() async throws {
        let world = try await TestWorld()
        let first = try await world.grant()
        let second = try Tokens(world.json(await world.refresh(first.refresh)))
        let other = try await world.refresh(first.refresh, scope: "openid")
        #expect(other.failure?.description == "the refresh token was already used for another scope or resource")
        _ = try Tokens(world.json(await world.refresh(second.refresh)))
    }

    @Test func `More than twenty retries in one window are refused and leave the family alone`() async throws {
        let world = try await TestWorld()
        let first = try await world.grant()
        let second = try Tokens(world.json(await world.refresh(first.refresh)))
        for _ in 0..<20 {
            #expect(try Tokens(world.json(await world.refresh(first.refresh))).refresh == second.refresh)
        }
        #expect(
            try await world.refresh(first.refresh).failure?.description
                == "the refresh token was already used too many times"
        )
        _ = try Tokens(world.json(await world.refresh(second.refresh)))
    }

    @Test(.timeLimit(.minutes(5)))
    func `CVE-2026-1035: of 100 concurrent refreshes of one token exactly one lineage is left`() async throws {
        let world = try await TestWorld()
        let first = try await world.grant()
        let answers = try await withThrowingTaskGroup(of: String?.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    let response = try await world.refresh(first.refresh)
                    guard case .json(.object(let object)) = response.body else { return nil }
                    return object["refresh_token"]?.stringValue
                }
            }
            return try await group.reduce(into: [String?]()) { $0.append($1) }
        }
        let successors = Set(answers.compactMap { $0 })
        #expect(successors.count == 1)
        #expect(answers.compactMap { $0 }.count == 21, "the rotation and twenty retries")
        let successor = try #require(successors.first)
        _ = try Tokens(world.json(await world.refresh(successor)))
        world.time.advance(by: .seconds(60))
        #expect(try await world.refresh(first.refresh).failure?.code == .invalidGrant)
        #expect(try await world.refresh(successor).failure?.description == "the grant has ended")
    }

    @Test func `Keycloak 50999: two rotations in one second leave the older token dead`() async throws {
        let world = try await TestWorld { $0.refreshRetryWindow = .milliseconds(100) }
        let first = try await world.grant()
        let second = try Tokens(world.json(await world.refresh(first.refresh)))
        world.time.advance(by: .milliseconds(200))
        let third = try Tokens(world.json(await world.refresh(second.refresh)))
        #expect(try await world.refresh(first.refresh).failure?.code == .invalidGrant)
        #expect(try await world.refresh(third.refresh).failure?.description == "the grant has ended")
    }

    @Test func `A clock that steps back never opens a window again`() async throws {
        let world = try await TestWorld()
        let first = try await world.grant()
        let second = try Tokens(world.json(await world.refresh(first.refresh)))
        world.time.advance(by: .seconds(11))
        world.time.stepBack(by: .seconds(8))
        #expect(
            try await world.refresh(first.refresh).failure?.description
                == "the refresh token was already used; its whole family is revoked"
        )
        #expect(try await world.refresh(second.refresh).failure?.code == .invalidGrant)
    }

    @Test func `A rotation in this clock's future is closed and no theft`() async throws {
        let world = try await TestWorld()
        let first = try await world.grant()
        let second = try Tokens(world.json(await world.refresh(first.refresh)))
        world.time.forgetSteadyClock(at: world.now - .seconds(5))
        #expect(try await world.refresh(first.refresh).failure?.description == "the refresh token was already used")
        _ = try Tokens(world.json(await world.refresh(second.refresh)))
    }

    @Test func `A token whose MAC is wrong touches no family`() async throws {
        let world = try await TestWorld()
        let first = try await world.grant()
        let last = try #require(first.refresh.last)
        let forged = first.refresh.dropLast() + (last == "A" ? "E" : "A")
        for text in [String(forged), "signet_rt_", "signet_rt_AAAA", String(first.refresh.dropLast(4)), "x"] {
            #expect(
                try await world.refresh(text).failure?.description == "the refresh token is not valid for this client"
            )
        }
        _ = try Tokens(world.json(await world.refresh(first.refresh)))
    }

    @Test func `A refresh token of another client is as invalid as any text`() async throws {
        let world = try await TestWorld()
        let first = try await world.grant()
        _ = try await world.publicClient("other")
        #expect(
            try await world.refresh(first.refresh, client: "other").failure?.description
                == "the refresh token is not valid for this client"
        )
        _ = try Tokens(world.json(await world.refresh(first.refresh)))
    }

    @Test func `After a restore of the database a token from the lost future is refused and the family lives`()
        async throws
    {
        let world = try await TestWorld()
        let first = try await world.grant()
        let kind = RefreshFamily.kind
        let before = try await world.store.page(kind, filter: .all, after: nil, limit: 10, now: world.now)
        let second = try Tokens(world.json(await world.refresh(first.refresh)))
        let row = try #require(before.first)
        _ = try await world.store.apply([.delete(row.key), .insert(row)], now: world.now)
        #expect(try await world.refresh(second.refresh).failure?.description == "the refresh token is not known")
        let again = try Tokens(world.json(await world.refresh(first.refresh)))
        // Same generation, another nonce.
        #expect(again.refresh != second.refresh)
        #expect(try await world.refresh(second.refresh).failure?.description == "the refresh token is not known")
        _ = try Tokens(world.json(await world.refresh(again.refresh)))
    }

    @Test func `Scope may narrow and comes back, but never widens`() async throws {
        let world = try await TestWorld()
        let first = try await world.grant(scope: "openid offline_access orders:read")
        let narrow = try world.json(await world.refresh(first.refresh, scope: "orders:read"))
        #expect(narrow["scope"] == "orders:read")
        #expect(narrow["id_token"] == nil)
        let token = try #require(narrow["refresh_token"]?.stringValue)
        let wide = try await world.refresh(token, scope: "orders:read orders:write")
        #expect(wide.failure?.code == .invalidScope)
        #expect(wide.failure?.description == "the requested scope exceeds the scope of the grant")
        let full = try world.json(await world.refresh(token))
        #expect(full["scope"] == "openid offline_access orders:read")
    }

    @Test func `A family ends when idle, and at its absolute end however often it is used`() async throws {
        let world = try await TestWorld()
        let idle = try await world.grant()
        world.time.advance(by: .seconds(7 * 86400))
        #expect(
            try await world.refresh(idle.refresh).failure?.description == "the refresh token has expired"
        )
        var token = try await world.grant().refresh
        for _ in 0..<5 {
            world.time.advance(by: .seconds(6 * 86400 - 1))
            token = try Tokens(world.json(await world.refresh(token))).refresh
        }
        world.time.advance(by: .seconds(6))
        #expect(try await world.refresh(token).failure?.description == "the refresh token has expired")
    }

    @Test(arguments: GrantEnding.allCases)
    func `FIELD D14: what ends the person's right ends the family`(_ ending: GrantEnding) async throws {
        let world = try await TestWorld()
        let tokens = try await world.grant(
            scope: ending == .sessionClosed ? "openid orders:read" : "openid offline_access orders:read"
        )
        let twin = try Tokens(world.json(await world.refresh(tokens.refresh)))
        world.time.advance(by: .seconds(1))
        try await ending.apply(to: world)
        let refused = try await world.refresh(twin.refresh)
        #expect(refused.failure != nil)
        #expect([.invalidGrant, .invalidClient].contains(refused.failure?.code))
    }

    @Test func `A closed session leaves a family with offline_access alone`() async throws {
        let world = try await TestWorld()
        let tokens = try await world.grant(scope: "openid offline_access orders:read")
        try await GrantEnding.sessionClosed.apply(to: world)
        _ = try Tokens(world.json(await world.refresh(tokens.refresh)))
    }
}

enum GrantEnding: String, CaseIterable, Sendable {
    case personDisabled, passwordChanged, sessionClosed, clientDisabled, clientDeleted, clientKeysReplaced
    case subjectRevoked, everythingRevoked

    func apply(to world: TestWorld) async throws {
        let client = try #require(ClientID("app"))
        let subject = try #require(Subject("alice"))
        let session = try #require(SessionID("s1"))
        let revocations = world.services.revocations
        switch self {
        case .personDisabled: try await world.signIn { $0.isEnabled = false }
        case .passwordChanged: try await world.signIn { [now = world.now] in $0.credentialsChangedAt = now }
        case .sessionClosed:
            world.endUsers.remove(session)
            try await revocations.apply(ending: .session(session), now: world.now)
        case .clientDisabled:
            _ = try await world.services.clients.update(client, now: world.now, revocations: revocations) {
                $0.status = .disabled
            }
        case .clientKeysReplaced:
            for document in [#"{"keys":[]}"#, #"{"keys":[ ]}"#] {
                _ = try await world.services.clients.update(client, now: world.now, revocations: revocations) {
                    $0.keySet = document
                }
            }
        case .clientDeleted: try await world.services.clients.delete(client, now: world.now, revocations: revocations)
        case .subjectRevoked: try await revocations.apply(ending: .subject(subject), now: world.now)
        case .everythingRevoked: try await revocations.apply(ending: .everything, now: world.now)
        }
    }
}
