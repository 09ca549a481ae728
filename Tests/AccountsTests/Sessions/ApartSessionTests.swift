import Accounts
import Instants
import OAuthVocabulary
import Storage
import Testing

/// Decision 0026: sessions of session mode in Redis.
@Suite("Sessions that lie apart live and end")
struct ApartSessionTests {
    private let house = SplitHouse()
    private let later = start + .seconds(3600)

    private func begun() async throws -> Person {
        try await house.sessions.begin(now: start)
        return try await house.person()
    }

    @Test("A session of session mode lies in the second store, is found by its cookie and there alone, and slides")
    func found() async throws {
        let (cookie, session) = try await house.open(try await begun())
        #expect(session.recordKey.kind == .applicationSession)
        #expect(try await house.durable.find(session.recordKey, now: start) == nil)
        #expect(try await house.durable.page(.session, filter: .all, after: nil, limit: 10, now: start).isEmpty)
        #expect(try await house.volatile.find(session.recordKey, now: start) != nil)
        #expect(try await house.find(cookie) == session)
        let used = try #require(try await house.find(cookie, now: later))
        #expect(used.usedAt == later && used.expiresAt == later + .seconds(8 * 3600) && used.version == 2)
        let other = try #require(ClientID("other"))
        #expect(try await house.sessions.find(cookie: cookie, at: other, now: later) == nil)
        #expect(try await house.sessions.renew(cookie: cookie, at: other, now: later) == nil)
        #expect(try await house.sessions.find(cookie: cookie, now: later) == nil, "it signs on nowhere")
        #expect(try await house.sessions.find(id: session.id, now: later) == nil, "no token and no code rests on it")
        #expect(try await house.find(cookie, now: later + .seconds(8 * 3600)) == nil)
    }

    @Test(
        "Without the choice, and for tokens, sessions lie where they always lay, in one apply with the person's guard"
    )
    func elsewhere() async throws {
        let alice = try await begun()
        let tokens = try await house.open(alice, bearsTokens: true)
        #expect(tokens.session.recordKey.kind == .session)
        let id = tokens.session.id
        try await house.sessions.use(id, at: try #require(SplitHouse.web), now: later)
        #expect(try await house.sessions.find(id: id, now: later)?.usedAt == later)
        let plain = SplitHouse.sessions(on: house.store, seed: 9, apart: nil)
        let before = house.volatile.age
        let (cookie, session) = try await plain.open(
            for: alice,
            at: try #require(SplitHouse.web),
            idle: nil,
            absolute: nil,
            amr: [],
            acr: "1",
            now: start,
            bearsTokens: false
        )
        #expect(session.recordKey.kind == .session && house.volatile.age == before)
        let last = try #require(house.durable.applies.last)
        #expect(last.count == 2 && last[0] == .require(alice.recordKey, version: alice.version))
        // With the choice made later it is found, renewed and closed all the same.
        #expect(try await house.find(cookie) == session)
        let renewed = try await house.sessions.renew(cookie: cookie, at: try #require(SplitHouse.web), now: later)
        #expect(renewed?.session.recordKey.kind == .session)
        let muchLater = later + .seconds(1)
        #expect(try await house.sessions.close(session.id, of: alice.subject, now: muchLater) != nil)
    }

    @Test("With the choice taken back, what lay apart is over for good, and new sessions are not")
    func takenBack() async throws {
        let alice = try await begun()
        let (cookie, _) = try await house.open(alice)
        try await SplitHouse.sessions(on: house.store, apart: nil).begin(now: start)
        // A node that still has the choice opens its sessions where nobody loses them.
        #expect(try await house.find(cookie) == nil)
        #expect(try await house.open(alice).session.recordKey.kind == .session)
        try await house.sessions.begin(now: later)
        #expect(try await house.find(cookie, now: later) == nil)
        let again = try await house.open(alice, now: later)
        #expect(again.session.recordKey.kind == .applicationSession)
        #expect(try await house.find(again.cookie, now: later) != nil)
        // A second start changes nothing.
        try await house.sessions.begin(now: later)
        #expect(try await house.find(again.cookie, now: later) != nil)
    }

    @Test("Closing writes the end durably with what goes with it, and a closed session is closed once")
    func close() async throws {
        let alice = try await begun()
        let (cookie, session) = try await house.open(alice)
        let bob = try await house.person("bob")
        #expect(try await house.sessions.close(session.id, of: bob.subject, now: start) == nil)
        #expect(try await house.find(cookie) != nil)
        let closed = try #require(try await house.sessions.close(session.id, of: alice.subject, now: start))
        #expect(closed.id == session.id && closed.subject == alice.subject)
        #expect(try await house.volatile.find(session.recordKey, now: start) == nil)
        let last = try #require(house.durable.applies.last)
        #expect(last.count == 2, "the end and its ending in one apply")
        #expect(try await house.find(cookie) == nil)
        #expect(try await house.sessions.close(session.id, of: alice.subject, now: start) == nil)
        #expect(house.endings(of: session.id) == 1)
    }

    @Test("Renewing gives another secret and another id; both ids close it, the old secret finds nothing")
    func renew() async throws {
        let alice = try await begun()
        let web = try #require(SplitHouse.web)
        let (old, first) = try await house.open(alice)
        let (cookie, renewed) = try #require(try await house.sessions.renew(cookie: old, at: web, now: start))
        #expect(renewed.id != first.id && renewed.earlierIDs == [first.id])
        #expect(try await house.find(old) == nil)
        #expect(try await house.find(cookie) == renewed)
        #expect(house.endings(of: first.id) == 1)
        #expect(try await house.sessions.renew(cookie: old, at: web, now: start) == nil)
        let closed = try #require(try await house.sessions.close(first.id, of: alice.subject, now: later))
        #expect(closed.id == renewed.id && closed.earlierIDs == [first.id])
        #expect(try await house.find(cookie) == nil)
    }

    @Test("Listing and closing all see both kinds; one that is kept stays")
    func all() async throws {
        let alice = try await begun()
        let apart = try await house.open(alice)
        let kept = try await house.open(alice)
        let tokens = try await house.open(alice, bearsTokens: true)
        let other = try await house.open(try await house.person("bob"))
        let listed = try await house.sessions.list(of: alice.subject, now: start)
        #expect(Set(listed.map(\.id)) == [apart.session.id, kept.session.id, tokens.session.id])
        let closed = try await house.sessions.closeAll(of: alice.subject, except: kept.session.id, now: start)
        #expect(Set(closed.map(\.id)) == [apart.session.id, tokens.session.id])
        #expect(try await house.find(apart.cookie) == nil)
        #expect(try await house.find(kept.cookie) != nil)
        #expect(try await house.find(other.cookie) != nil)
        #expect(house.endings(of: apart.session.id) == 1 && house.endings(of: kept.session.id) == 0)
        // Who signs in afterwards is signed in, whatever the clock of that node says.
        let next = try await house.open(alice, now: start - .seconds(1))
        #expect(try await house.find(next.cookie) != nil)
        #expect(try await house.sessions.closeAll(of: alice.subject, now: start).count == 2)
        #expect(try await house.sessions.list(of: alice.subject, now: start).isEmpty)
    }

    @Test("More sessions than a page holds are listed and closed, each with its endings")
    func many() async throws {
        let alice = try await begun()
        var ids: Set<SessionID> = []
        for _ in 0..<120 { ids.insert(try await house.open(alice).session.id) }
        #expect(Set(try await house.sessions.list(of: alice.subject, now: start).map(\.id)) == ids)
        #expect(Set(try await house.sessions.closeAll(of: alice.subject, now: start).map(\.id)) == ids)
        #expect(
            try await house.volatile.page(.applicationSession, filter: .all, after: nil, limit: 9, now: start).count
                == 1
        )
    }

    @Test("A list reads at most 1000 records of both stores together, and closing all closes more")
    func longest() async throws {
        let alice = try await begun()
        _ = try await house.open(alice, bearsTokens: true)
        for _ in 0..<1000 { _ = try await house.open(alice) }
        #expect(try await house.sessions.list(of: alice.subject, now: start).count == 1000)
        // What is over and still lies there counts as well.
        house.volatile.setFailing(toApply: true)
        let closed = try await house.sessions.closeAll(of: alice.subject, now: start)
        #expect(closed.count == 1001)
        house.volatile.setFailing(toApply: false)
        #expect(try await house.sessions.list(of: alice.subject, now: start).isEmpty)
    }

    @Test(
        "A password that changes, a person who is disabled or deleted end a session at its next use",
        arguments: 0..<3
    )
    func person(way: Int) async throws {
        let alice = try await begun()
        let (cookie, session) = try await house.open(alice)
        switch way {
        case 0: _ = try await house.people.setPassword(alice.subject, to: rightPassword, now: start)
        case 1: _ = try await house.people.disable(alice.subject, now: start)
        default: try await house.people.delete(alice.subject, now: start)
        }
        #expect(try await house.find(cookie) == nil)
        #expect(try await house.sessions.list(of: alice.subject, now: start).isEmpty)
        #expect(try await house.volatile.find(session.recordKey, now: start) != nil)
    }

    @Test("A password that changes between the judging and the opening opens nothing", arguments: [false, true])
    func passwordMeanwhile(isLate: Bool) async throws {
        let alice = try await begun()
        let people = house.people
        let change: @Sendable () async -> Void = {
            _ = try? await people.setPassword(alice.subject, to: rightPassword, now: start)
        }
        if isLate { house.volatile.beforeNextApply(change) } else { await change() }
        let error = await #expect(throws: AccountsError.self) { try await house.open(alice) }
        #expect(error?.code == .personUnknown)
        #expect(
            try await house.volatile.page(.applicationSession, filter: .all, after: nil, limit: 9, now: start).count
                == 1
        )
    }
}
