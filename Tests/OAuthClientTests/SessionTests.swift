import Foundation
import Instants
import IssuerConnection
import JOSE
import OAuthClient
import Synchronization
import Testing

/// Where the tests keep a session's tokens.
final class ScriptedStore: TokenSessionStore {
    struct Down: Error {}

    private let state: Mutex<(tokens: TokenSet?, isDown: Bool)>

    init(_ tokens: TokenSet? = nil, isDown: Bool = false) { state = Mutex((tokens, isDown)) }

    var tokens: TokenSet? { state.withLock { $0.tokens } }

    func set(_ tokens: TokenSet?, isDown: Bool = false) { state.withLock { $0 = (tokens, isDown) } }

    func load() async throws -> TokenSet? { try state.withLock { if $0.isDown { throw Down() } else { $0.tokens } } }

    func save(_ tokens: TokenSet) async throws {
        try state.withLock { state in
            guard !state.isDown else { throw Down() }
            state.tokens = tokens
        }
    }
}

/// Refresh: one at a time, safely again, and told apart from network trouble.
@Suite(.timeLimit(.minutes(5))) struct SessionTests {
    let issuer: FakeIssuer
    let clock = SetClock()
    let party: RelyingParty

    init() throws {
        issuer = try FakeIssuer()
        party = RelyingParty(
            ClientRegistration(issuer: issuer.url, clientID: "app", authentication: .none),
            redirectURI: "https://app.example/callback",
            environment: .test(issuer, clock: clock)
        )
    }

    func tokens(_ access: String = "at-1", refresh: String? = "rt-1", lifetime: Duration = .seconds(600)) -> TokenSet {
        TokenSet(
            accessToken: access,
            expiresAt: clock.now + lifetime,
            receivedAt: clock.now,
            scopes: ["a"],
            refreshToken: refresh,
            idToken: "old-id-token"
        )
    }

    /// A server that rotates: the token before the last is taken again, with the same answer; any other ends the grant.
    func rotate() {
        let generation = Mutex(1)
        issuer.on("/token") { request in
            generation.withLock { generation in
                let presented = request.form["refresh_token"].flatMap { Int($0.dropFirst("rt-".count)) } ?? 0
                if presented == generation {
                    generation += 1
                } else if presented != generation - 1 {
                    return .refusal("invalid_grant")
                }
                return .tokens("at-\(generation)", 600, ["refresh_token": .string("rt-\(generation)")])
            }
        }
    }

    @Test("A young token is used, an old one refreshed; what the issuer leaves out stays (RFC 6749 §6)")
    func refresh() async throws {
        rotate()
        let store = ScriptedStore()
        let session = party.session(tokens(), subject: "alice", store: store)
        clock.advance(by: .seconds(569))
        #expect(try await session.accessToken() == "at-1")
        #expect(issuer.received("/token").isEmpty)
        clock.advance(by: .seconds(1))
        #expect(try await session.accessToken() == "at-2")
        #expect(
            issuer.received("/token").first?.form == [
                "grant_type": "refresh_token", "refresh_token": "rt-1", "client_id": "app",
            ]
        )
        #expect(store.tokens?.refreshToken == "rt-2" && store.tokens?.scopes == ["a"])
        #expect(store.tokens?.idToken == "old-id-token")
        issuer.on("/token") { _ in .tokens("at-9") }
        clock.advance(by: .seconds(600))
        #expect(try await session.accessToken() == "at-9")
        #expect(session.tokens.refreshToken == "rt-2")
    }

    @Test("A hundred callers at once make one refresh")
    func singleFlight() async throws {
        let gate = Gate()
        let calls = Counter()
        issuer.on("/token") { request in
            calls.add()
            await gate.wait()
            return .tokens("at-2", 600, ["refresh_token": "rt-2"])
        }
        let session = party.session(tokens(lifetime: .zero), subject: nil)
        let begun = Counter()
        let values = await withTaskGroup(of: String?.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    if begun.add() == 100 { gate.open() }
                    return try? await session.accessToken()
                }
            }
            return await group.reduce(into: [String?]()) { $0.append($1) }
        }
        #expect(values.count == 100 && values.allSatisfy { $0 == "at-2" })
        #expect(calls.count == 1)
    }

    @Test("FIELD R49: after a lost answer the same refresh token is sent again, and the same successor comes back")
    func lostAnswer() async throws {
        rotate()
        let server = issuer
        let lossy = try FakeIssuer()
        let losses = Counter()
        lossy.on("/token") { request throws(TransportError) in
            // The server acts on the request; its answer is lost twice.
            let answer = try await server.send(
                TransportRequest(
                    method: "POST",
                    url: "https://issuer.example/token",
                    body: Array("refresh_token=\(request.form["refresh_token"] ?? "")".utf8)
                )
            )
            if losses.add() <= 2 { throw TransportError(.connectionLost, reason: "scripted") }
            return answer
        }
        let party = RelyingParty(
            ClientRegistration(issuer: lossy.url, clientID: "app", authentication: .none),
            redirectURI: "https://app.example/callback",
            environment: .test(lossy, clock: clock)
        )
        let start = clock.uptime
        let session = party.session(tokens(lifetime: .zero), subject: nil)
        #expect(try await session.accessToken() == "at-2")
        #expect(session.tokens.refreshToken == "rt-2")
        #expect(lossy.received("/token").map { $0.form["refresh_token"] } == ["rt-1", "rt-1", "rt-1"])
        // Within the ten seconds in which the server takes it again.
        #expect(clock.uptime - start < .seconds(10))
    }

    @Test("The attempts of a refresh end within the ten seconds in which a server takes the old token again")
    func withinTheWindow() async throws {
        let clock = clock
        issuer.on("/token") { _ throws(TransportError) in
            clock.advance(by: .seconds(3))
            throw TransportError(.timedOut, reason: "scripted")
        }
        let start = clock.uptime
        let session = party.session(tokens(lifetime: .zero), subject: nil)
        #expect(await refusal { _ = try await session.accessToken() }?.code == .transport)
        #expect(clock.uptime - start <= .seconds(10))
        #expect(issuer.received("/token").count >= 2)
    }

    @Test(
        "invalid_grant ends the session for good; trouble on the way ends nothing, and the old token is used while it lasts"
    )
    func ending() async throws {
        let session = party.session(tokens(lifetime: .seconds(20)), subject: nil)
        issuer.on("/token") { _ throws(TransportError) in throw TransportError(.unreachable, reason: "down") }
        #expect(try await session.accessToken() == "at-1")
        issuer.on("/token") { _ in .refusal("temporarily_unavailable", status: 503) }
        #expect(try await session.accessToken() == "at-1")
        clock.advance(by: .seconds(20))
        let trouble = await refusal { _ = try await session.accessToken() }
        #expect(trouble?.code == .unavailable && trouble?.isInvalidGrant == false && trouble?.isTransient == true)
        issuer.on("/token") { _ in .refusal("invalid_grant") }
        let ended = await refusal { _ = try await session.accessToken() }
        #expect(ended?.isInvalidGrant == true && ended?.isTransient == false && ended?.traceID == "trace-1")
        let count = issuer.received("/token").count
        rotate()
        #expect(await refusal { _ = try await session.accessToken() }?.isInvalidGrant == true)
        #expect(issuer.received("/token").count == count)
    }

    @Test("Where another process was first with the refresh, its tokens are taken from the store")
    func sharedStore() async throws {
        let store = ScriptedStore()
        issuer.on("/token") { request in
            request.form["refresh_token"] == "rt-2"
                ? .tokens("at-3", 600, ["refresh_token": "rt-3"]) : .refusal("invalid_grant")
        }
        let session = party.session(tokens(lifetime: .zero), subject: nil, store: store)
        store.set(tokens("at-2", refresh: "rt-2"))
        #expect(try await session.accessToken() == "at-2")
        clock.advance(by: .seconds(600))
        #expect(try await session.accessToken() == "at-3")
        let alone = party.session(tokens(lifetime: .zero), subject: nil, store: ScriptedStore(tokens(lifetime: .zero)))
        #expect(await refusal { _ = try await alone.accessToken() }?.isInvalidGrant == true)
    }

    @Test("A store that fails does not lose the tokens: they are saved at the next look")
    func storeDown() async throws {
        rotate()
        let store = ScriptedStore(nil, isDown: true)
        let session = party.session(tokens(lifetime: .zero), subject: nil, store: store)
        #expect(try await session.accessToken() == "at-2")
        #expect(!session.isSaved && store.tokens == nil)
        store.set(nil)
        #expect(try await session.accessToken() == "at-2")
        #expect(session.isSaved && store.tokens?.refreshToken == "rt-2")
    }

    @Test("OIDC Core §12.2: a refresh cannot make somebody else of a person")
    func subject() async throws {
        for (subject, isAccepted) in [("bob", false), ("alice", true)] {
            let now = clock.now.secondsSinceEpoch
            let idToken = try issuer.idToken([
                "iss": .string(issuer.url), "aud": "app", "sub": .string(subject), "iat": .integer(now),
                "exp": .integer(now + 300),
            ])
            issuer.on("/token") { _ in .tokens("at-2", 600, ["id_token": .string(idToken)]) }
            let session = party.session(tokens(lifetime: .zero), subject: "alice")
            let error = await refusal { _ = try await session.accessToken() }
            #expect((error == nil) == isAccepted)
            #expect(isAccepted || error?.code == .tokenInvalid)
            #expect(session.tokens.idToken == (isAccepted ? idToken : "old-id-token"))
        }
    }

    @Test("Without a refresh token the end is the end; without a stated end the token is used until it is refused")
    func withoutRefresh() async throws {
        let session = party.session(tokens(refresh: nil, lifetime: .seconds(10)), subject: nil)
        #expect(try await session.accessToken() == "at-1")
        clock.advance(by: .seconds(10))
        #expect(await refusal { _ = try await session.accessToken() }?.code == .expired)
        var endless = tokens()
        endless.expiresAt = nil
        clock.advance(by: .seconds(100_000))
        #expect(try await party.session(endless, subject: nil).accessToken() == "at-1")
    }

    @Test("CVE-2024-51987: sessions of two people never share a token, also while both are refreshed")
    func twoPeople() async throws {
        issuer.on("/token") { request in
            let name = request.form["refresh_token"]?.split(separator: "-").last.map(String.init) ?? ""
            await Task.yield()
            return .tokens("at-\(name)", 600, ["refresh_token": .string("rt-\(name)")])
        }
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<50 {
                let session = party.session(
                    tokens("old-\(number)", refresh: "rt-\(number)", lifetime: .zero),
                    subject: "person-\(number)"
                )
                for _ in 0..<4 {
                    group.addTask {
                        let token = try? await session.accessToken()
                        #expect(token == "at-\(number)")
                    }
                }
            }
        }
    }

    @Test("A refused token is exchanged once; one that came a moment ago is not")
    func invalidated() async throws {
        rotate()
        let session = party.session(tokens(), subject: nil)
        await session.invalidate("at-1")
        #expect(try await session.accessToken() == "at-1")
        clock.advance(by: .seconds(5))
        await session.invalidate("another")
        #expect(try await session.accessToken() == "at-1")
        for _ in 0..<10 { await session.invalidate("at-1") }
        #expect(try await session.accessToken() == "at-2")
        await session.invalidate("at-2")
        #expect(try await session.accessToken() == "at-2")
        #expect(issuer.received("/token").count == 1)
    }

    @Test("RFC 7009 §2.1: ending the session ends the grant, and nothing is handed out afterwards")
    func revoked() async throws {
        issuer.on("/revoke") { _ in .json([:]) }
        rotate()
        // The access token would be good for ten minutes more.
        let session = party.session(tokens(), subject: nil)
        #expect(try await session.accessToken() == "at-1")
        try await session.revoke()
        #expect(issuer.received("/revoke").first?.form["token"] == "rt-1")
        #expect(await refusal { _ = try await session.accessToken() }?.code == .expired)
        #expect(issuer.received("/token").isEmpty)
    }
}
