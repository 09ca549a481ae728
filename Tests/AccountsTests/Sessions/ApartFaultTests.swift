import Accounts
import Instants
import OAuthVocabulary
import Storage
import Synchronization
import Testing

/// Decision 0026: what is over stays over, whatever becomes of Redis.
@Suite("A second store that fails, forgets and remembers makes nobody signed in")
struct ApartFaultTests {
    private let house = SplitHouse()
    private let later = start + .seconds(60)

    private func begun() async throws -> Person {
        try await house.sessions.begin(now: start)
        return try await house.person()
    }

    private func renew(_ cookie: Secret, now: Instant = start) async throws -> (cookie: Secret, session: Session)? {
        try await house.sessions.renew(cookie: cookie, at: try #require(SplitHouse.web), now: now)
    }

    @Test("Signed out and gone back to an older state: it stays signed out", arguments: 0..<3)
    func olderState(way: Int) async throws {
        let alice = try await begun()
        let (cookie, session) = try await house.open(alice)
        let age = house.volatile.age
        switch way {
        case 0: _ = try await house.sessions.close(session.id, of: alice.subject, now: start)
        case 1: _ = try await house.sessions.closeAll(of: alice.subject, now: start)
        default: #expect(try await renew(cookie) != nil)
        }
        try await house.volatile.goBack(to: age)
        #expect(try await house.volatile.find(session.recordKey, now: start) != nil)
        #expect(try await house.find(cookie) == nil)
        #expect(try await house.find(cookie, now: later) == nil)
        #expect(try await renew(cookie) == nil)
        #expect(try await house.sessions.list(of: alice.subject, now: start).isEmpty)
        #expect(try await house.sessions.close(session.id, of: alice.subject, now: later) == nil || way == 2)
        // Until the session itself would have ended, and longer.
        let last = session.endsAt - .milliseconds(1)
        _ = try await house.store.sweep(now: last, limit: 1000)
        #expect(
            try await house.durable.page(
                .sessionEnd,
                filter: .subject(alice.subject.value),
                after: nil,
                limit: 9,
                now: last + .seconds(86400)
            ).count >= 1
        )
    }

    @Test("An older state without a sign-out has its sessions again")
    func olderStateAlive() async throws {
        let (cookie, session) = try await house.open(try await begun())
        let age = house.volatile.age
        _ = try await house.find(cookie, now: later + .seconds(3600))
        try await house.volatile.goBack(to: age)
        #expect(try await house.find(cookie) == session)
    }

    @Test("A crash between the end and the deletion: the end holds, and whoever signs out is told so")
    func closedHalf() async throws {
        let alice = try await begun()
        let (cookie, session) = try await house.open(alice)
        house.volatile.setFailing(toApply: true)
        #expect(try await house.sessions.close(session.id, of: alice.subject, now: start)?.id == session.id)
        #expect(try await house.volatile.find(session.recordKey, now: start) != nil)
        #expect(try await house.find(cookie) == nil)
        house.volatile.setFailing(toApply: false)
        #expect(try await house.sessions.close(session.id, of: alice.subject, now: start) == nil)
        #expect(try await house.volatile.find(session.recordKey, now: start) == nil, "tidied up")
        #expect(house.endings(of: session.id) == 1)
    }

    @Test("An end that cannot be written durably is an error, and the session lives")
    func endNotWritten() async throws {
        let alice = try await begun()
        let (cookie, session) = try await house.open(alice)
        house.durable.setFailing(toApply: true)
        await #expect(throws: StoreError.self) {
            try await house.sessions.close(session.id, of: alice.subject, now: start)
        }
        await #expect(throws: StoreError.self) { try await house.sessions.closeAll(of: alice.subject, now: start) }
        await #expect(throws: StoreError.self) { try await renew(cookie) }
        #expect(try await house.find(cookie) == session)
    }

    @Test("A crash in the middle of a renewal signs out; whoever closes the session by its old id closes both")
    func renewedHalf() async throws {
        let alice = try await begun()
        let (cookie, session) = try await house.open(alice)
        house.volatile.setFailing(toApply: true)
        await #expect(throws: StoreError.self) { try await renew(cookie) }
        house.volatile.setFailing(toApply: false)
        #expect(try await house.find(cookie) == nil)
        let closed = try #require(try await house.sessions.close(session.id, of: alice.subject, now: later))
        #expect(closed.earlierIDs == [session.id] && closed.id != session.id)
        #expect(house.endings(of: closed.id) == 1)
    }

    @Test("A session that is closed while it is renewed is not opened under its new id", arguments: [false, true])
    func closedWhileRenewed(all: Bool) async throws {
        let alice = try await begun()
        let (cookie, session) = try await house.open(alice)
        let sessions = house.sessions
        let later = later
        // The end of the old session is written, the new one does not lie there yet.
        house.volatile.beforeNextApply {
            if all {
                _ = try? await sessions.closeAll(of: alice.subject, now: start)
            } else {
                _ = try? await sessions.close(session.id, of: alice.subject, now: later)
            }
        }
        #expect(try await renew(cookie) == nil)
        #expect(try await house.sessions.list(of: alice.subject, now: start).isEmpty)
        let kind = RecordKind.applicationSession
        #expect(
            try await house.volatile.page(kind, filter: .subject(alice.subject.value), after: nil, limit: 9, now: start)
                .isEmpty
        )
    }

    @Test("Of two renewals at once one wins, and the other signs nobody in")
    func renewedTwice() async throws {
        let (cookie, _) = try await house.open(try await begun())
        let sessions = SplitHouse.sessions(on: house.store, seed: 77)
        let web = try #require(SplitHouse.web)
        let winner = Mutex<Secret?>(nil)
        house.durable.beforeNextApply {
            let renewed = try? await sessions.renew(cookie: cookie, at: web, now: start)
            winner.withLock { $0 = renewed?.cookie }
        }
        #expect(try await renew(cookie) == nil)
        let won = try #require(winner.withLock { $0 })
        #expect(try await house.find(won) != nil)
        #expect(try await house.find(cookie) == nil)
    }

    @Test("A second store that lost everything signs out each time, and whoever signs in afterwards is signed in")
    func lost() async throws {
        let alice = try await begun()
        let (cookie, session) = try await house.open(alice)
        try await house.volatile.goBack(to: 0)
        // The sign-out of somebody whose session is lost finds nothing to close, and says yes.
        #expect(try await house.find(cookie, now: later) == nil)
        let next = try await house.open(alice, now: later)
        #expect(try await house.find(next.cookie, now: later) != nil)
        #expect(try await house.sessions.list(of: alice.subject, now: later).map(\.id) == [next.session.id])
        try await house.volatile.goBack(to: 0)
        #expect(try await house.find(next.cookie, now: later + .seconds(60)) == nil)
        #expect(house.endings(of: session.id) == 0, "as with a session that idled out")
    }

    @Test("What was lost, and comes back after somebody was told that it was over, is over", arguments: 0..<4)
    func lostAndBack(way: Int) async throws {
        let alice = try await begun()
        let (cookie, session) = try await house.open(alice)
        // The second state is the first one's copy, with the session; what is there meanwhile has none.
        let copy = try #require(try await house.volatile.find(session.recordKey, now: start))
        let era = try #require(
            try await house.volatile.page(.applicationSession, filter: .all, after: nil, limit: 9, now: start).first {
                $0.subject == nil
            }
        )
        try await house.volatile.goBack(to: 0)
        switch way {
        case 0: #expect(try await house.find(cookie, now: later) == nil, "signing out with the cookie")
        case 1: #expect(try await house.sessions.close(session.id, of: alice.subject, now: later) == nil)
        case 2: #expect(try await house.sessions.closeAll(of: alice.subject, now: later).isEmpty)
        default:
            let listed = try await house.sessions.list(of: alice.subject, now: later)
            #expect(listed.isEmpty, "disconnecting an application ends those that are listed")
        }
        try await house.volatile.goBack(to: 0)
        #expect(try await house.volatile.apply([.insert(era), .insert(copy)], now: later) == .applied)
        #expect(try await house.find(cookie, now: later) == nil)
    }

    @Test("A durable store that went back lost ends: with everything else it ends what lies apart")
    func durableWentBack() async throws {
        let alice = try await begun()
        let (cookie, session) = try await house.open(alice)
        let age = house.durable.age
        let copy = try #require(try await house.volatile.find(session.recordKey, now: start))
        _ = try await house.sessions.close(session.id, of: alice.subject, now: start)
        try await house.durable.goBack(to: age)
        #expect(try await house.volatile.apply([.insert(copy)], now: start) == .applied)
        try await Sessions.endApart(in: house.durable, now: later)
        try await house.sessions.begin(now: later)
        #expect(try await house.find(cookie, now: later) == nil)
        let next = try await house.open(alice, now: later)
        #expect(try await house.find(next.cookie, now: later) != nil)
    }

    @Test("Many who find nothing after a loss begin one era; a loss right after it is an error, and never nobody")
    func oneEra() async throws {
        let alice = try await begun()
        let bob = try await house.person("bob")
        try await house.volatile.goBack(to: 0)
        let unknown = Secret(String(repeating: "A", count: 43))
        #expect(try await house.find(unknown, now: later) == nil)
        let next = try await house.open(alice, now: later)
        #expect(try await house.find(unknown, now: later + .seconds(1)) == nil)
        #expect(try await house.find(next.cookie, now: later + .seconds(1)) != nil)
        #expect(try await house.volatile.apply([.delete(try await eraKey())], now: later) == .applied)
        let soon = later + .seconds(9)
        await #expect(throws: StoreError.self) { try await house.find(unknown, now: soon) }
        await #expect(throws: StoreError.self) { try await renew(unknown, now: soon) }
        await #expect(throws: StoreError.self) { try await house.sessions.list(of: alice.subject, now: soon) }
        await #expect(throws: StoreError.self) {
            try await house.sessions.close(try #require(SessionID("unknown")), of: alice.subject, now: soon)
        }
        await #expect(throws: StoreError.self) { try await house.sessions.closeAll(of: bob.subject, now: soon) }
        await #expect(throws: AccountsError.self) { try await house.open(alice, now: soon) }
        // A server that starts meanwhile starts.
        try await house.sessions.begin(now: soon)
        #expect(try await house.find(next.cookie, now: soon) != nil, "what is there is there")
        #expect(try await house.find(unknown, now: later + .seconds(10)) == nil)
        #expect(try await house.find(next.cookie, now: later + .seconds(10)) == nil)
        #expect(try await house.open(alice, now: later + .seconds(10)).session.recordKey.kind == .applicationSession)
    }

    @Test("An era that a clock far ahead began is replaced all the same")
    func eraAhead() async throws {
        let alice = try await begun()
        try await house.volatile.goBack(to: 0)
        #expect(try await house.sessions.list(of: alice.subject, now: later).isEmpty)
        try await house.volatile.goBack(to: 0)
        #expect(try await house.sessions.list(of: alice.subject, now: start).isEmpty)
        let (cookie, _) = try await house.open(alice)
        #expect(try await house.find(cookie) != nil)
    }

    @Test("A loss that is noticed while somebody signs in does not refuse them")
    func lostWhileOpening() async throws {
        let alice = try await begun()
        let (volatile, sessions, later) = (house.volatile, house.sessions, later)
        volatile.beforeNextApply {
            try? await volatile.goBack(to: 0)
            _ = try? await sessions.list(of: alice.subject, now: later)
        }
        let (cookie, session) = try await house.open(alice, now: later)
        #expect(try await house.find(cookie, now: later) == session)
    }

    @Test("An era is not begun by too little randomness")
    func littleRandomness() async throws {
        let sessions = Sessions(
            store: house.store,
            randomness: { count in Array(repeating: 1, count: count - 1) },
            endings: endingsInWriting,
            apart: SplitHouse.sealing()
        )
        await #expect(throws: StoreError.self) { try await sessions.begin(now: start) }
    }

    private func eraKey() async throws -> RecordKey {
        let records = try await house.volatile.page(.applicationSession, filter: .all, after: nil, limit: 9, now: start)
        return try #require(records.first { $0.subject == nil }).key
    }

    @Test("A second store that does not answer is an error, never nobody")
    func down() async throws {
        let alice = try await begun()
        let (cookie, session) = try await house.open(alice)
        house.volatile.setDown(true)
        await #expect(throws: StoreError.self) { try await house.find(cookie) }
        await #expect(throws: StoreError.self) { try await renew(cookie) }
        await #expect(throws: StoreError.self) {
            try await house.sessions.close(session.id, of: alice.subject, now: start)
        }
        await #expect(throws: StoreError.self) { try await house.sessions.list(of: alice.subject, now: start) }
        await #expect(throws: StoreError.self) { try await house.sessions.closeAll(of: alice.subject, now: start) }
        await #expect(throws: AccountsError.self) { try await house.open(alice) }
        // What was to end has ended for whoever asks afterwards, though not everybody was told.
        house.volatile.setDown(false)
        #expect(try await house.find(cookie) == nil)
        #expect(try await house.sessions.closeAll(of: alice.subject, now: start).map(\.id) == [session.id])
    }

    @Test("Tokens go on without the second store")
    func tokensGoOn() async throws {
        let alice = try await begun()
        let tokens = try await house.open(alice, bearsTokens: true)
        house.volatile.setDown(true)
        try await house.sessions.use(tokens.session.id, at: try #require(SplitHouse.web), now: later)
        #expect(try await house.sessions.find(id: tokens.session.id, now: later) != nil)
        #expect(try await house.sessions.close(tokens.session.id, of: alice.subject, now: later) != nil)
    }

    @Test("Whoever moves the names of sessions in the second store ends nobody else's and keeps none")
    func renamed() async throws {
        let alice = try await begun()
        let (cookie, session) = try await house.open(alice)
        let mallory = try await house.open(try await house.person("mallory"))
        var own = try #require(try await house.volatile.find(session.recordKey, now: start))
        var other = try #require(try await house.volatile.find(mallory.session.recordKey, now: start))
        other.indexes = own.indexes
        own.indexes = []
        // Listed as hers as well.
        other.subject = alice.subject.value
        for record in [own, other] {
            #expect(try await house.volatile.apply([.replace(record, ifVersion: 1)], now: start) == .applied)
        }
        #expect(try await house.sessions.close(session.id, of: alice.subject, now: start) == nil)
        #expect(try await house.find(cookie) == nil, "its end is written all the same")
        #expect(try await house.sessions.closeAll(of: alice.subject, now: start).isEmpty)
        #expect(try await house.find(mallory.cookie) != nil)
    }

    @Test("Whoever may write to the second store makes no session, and prolongs none", arguments: 0..<4)
    func forged(way: Int) async throws {
        let alice = try await begun()
        let (cookie, session) = try await house.open(alice)
        let record = try #require(try await house.volatile.find(session.recordKey, now: start))
        var forged = record
        let text = String(decoding: forged.payload.dropFirst(32), as: UTF8.self)
        switch way {
        case 0: break
        case 1: forged.expiresAt = session.endsAt + .seconds(1)
        case 2: forged.payload = forged.payload.prefix(32) + Array(text.replacing("\"pwd\"", with: "\"mfa\"").utf8)
        default:
            // Under the secret of somebody else.
            let mallory = try await house.open(try await house.person("mallory"))
            forged.key = mallory.session.recordKey
            forged.indexes = []
            #expect(try await house.volatile.apply([.replace(forged, ifVersion: 1)], now: start) == .applied)
            #expect(try await house.find(mallory.cookie) == nil)
            return
        }
        #expect(try await house.volatile.apply([.replace(forged, ifVersion: 1)], now: start) == .applied)
        #expect((try await house.find(cookie) != nil) == (way == 0))
        #expect(try await house.sessions.list(of: alice.subject, now: start).count == (way == 0 ? 1 : 0))
    }
}
