import Accounts
import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@Suite("Sessions begin, live and end")
struct SessionTests {
    let house = House()

    private func person(_ username: String = "alice") async throws -> Person {
        try await house.people.create(NewPerson(username: username), password: rightPassword, now: start)
    }

    private func open(
        _ person: Person,
        at now: Instant = start,
        replacing cookie: Secret? = nil
    ) async throws -> (cookie: Secret, session: Session) {
        try await house.sessions.create(
            for: person,
            amr: ["pwd"],
            acr: "1",
            now: now,
            replacing: cookie.map { [$0] } ?? []
        )
    }

    @Test("A session is found by its cookie and by its id, with what was put in")
    func found() async throws {
        let alice = try await person()
        let (cookie, session) = try await open(alice)
        #expect(try await house.sessions.find(cookie: cookie, now: start) == session)
        #expect(try await house.sessions.find(id: session.id, now: start) == session)
        #expect(session.subject == alice.subject && session.person == alice && session.authenticatedAt == start)
        #expect(session.amr == ["pwd"] && session.acr == "1" && session.version == 1)
        #expect(try await house.sessions.list(of: alice.subject, now: start) == [session])
    }

    @Test("FIELD K32: the cookie is 256 random bits, stored as a hash; the id is another 128 and opens nothing")
    func cookieAndID() async throws {
        let (cookie, session) = try await open(try await person())
        let secret = try Base64URL.decode(cookie.exposed)
        let id = try Base64URL.decode(session.id.value)
        #expect(secret.count == 32 && id.count == 16)
        #expect(!secret.contains(id))
        #expect(try await house.sessions.find(cookie: Secret(session.id.value), now: start) == nil)
        let stored = try #require(try await house.store.find(session.recordKey, now: start))
        #expect(stored.key.identifier.bytes != secret)
        #expect(!stored.payload.contains(Array(cookie.exposed.utf8)) && !stored.payload.contains(secret))
    }

    @Test(
        "What is no cookie of ours finds nothing",
        arguments: ["", "x", "!!!!", String(repeating: "A", count: 43), String(repeating: "é", count: 43)]
    )
    func foreignCookies(_ text: String) async throws {
        _ = try await open(try await person())
        #expect(try await house.sessions.find(cookie: Secret(text), now: start) == nil)
    }

    @Test("A cookie with one byte changed finds nothing")
    func tamperedCookie() async throws {
        let (cookie, _) = try await open(try await person())
        let other = (cookie.exposed.first == "A" ? "B" : "A") + cookie.exposed.dropFirst()
        #expect(try await house.sessions.find(cookie: Secret(other), now: start) == nil)
        #expect(try await house.sessions.find(cookie: cookie, now: start) != nil)
    }

    @Test("CVE-2026-7507, CVE-2024-7341: signing in never keeps the cookie or the id that came with the request")
    func fixation() async throws {
        let alice = try await person()
        let planted = try await open(try await person("mallory"))
        let (cookie, session) = try await open(alice, replacing: planted.cookie)
        #expect(cookie != planted.cookie && session.id != planted.session.id && session.earlierIDs.isEmpty)
        #expect(try await house.sessions.find(cookie: cookie, now: start)?.subject == alice.subject)
        let invented = Secret(Base64URL.encode([UInt8](repeating: 7, count: 32)))
        let another = try await open(alice, replacing: invented)
        #expect(another.cookie != invented)
        #expect(try await house.sessions.find(cookie: invented, now: start) == nil)
    }

    @Test("FIELD K31, CVE-2025-12390: two people of one browser stay two sessions, whose ids never mix")
    func anotherPerson() async throws {
        let alice = try await person("alice")
        let bob = try await person("bob")
        let first = try await open(alice)
        let later = start + .seconds(9)
        let second = try await open(bob, at: later, replacing: first.cookie)
        #expect(second.session.id != first.session.id && second.session.earlierIDs.isEmpty)
        #expect(try await house.sessions.find(cookie: first.cookie, now: later) == first.session)
        #expect(house.store.applies.last?.contains { "\($0)".contains("ended") } == false)

        // Alice signs in again: her session is replaced, and Bob's is left alone.
        let again = try await house.sessions.create(
            for: alice,
            amr: ["pwd"],
            acr: "1",
            now: later,
            replacing: [second.cookie, first.cookie]
        )
        #expect(again.session.earlierIDs == [first.session.id])
        let opened = try await house.sessions.find(
            cookies: [again.cookie, second.cookie, first.cookie],
            now: later
        )
        #expect(opened.map(\.session) == [again.session, second.session])
        #expect(opened.map(\.cookie) == [again.cookie, second.cookie])

        try await house.sessions.close(again.session.id, now: later)
        #expect(try await house.sessions.find(id: first.session.id, now: later) == nil)
        #expect(try await house.sessions.find(cookie: second.cookie, now: later) == second.session)
    }

    @Test("FIELD P44, CVE-2026-55106, CVE-2025-14778: nobody closes a session by an id that is another person's")
    func objectLevel() async throws {
        let alice = try await open(try await person("alice"))
        let mallory = try await person("mallory")
        #expect(try await house.sessions.close(alice.session.id, of: mallory.subject, now: start) == nil)
        #expect(try await house.sessions.find(cookie: alice.cookie, now: start) == alice.session)
        let owner = alice.session.subject
        #expect(try await house.sessions.close(alice.session.id, of: owner, now: start)?.id == alice.session.id)
    }

    @Test("Closing all but one leaves that one, under whichever of its ids it is named")
    func closingAllOthers() async throws {
        let alice = try await person()
        let first = try await open(alice)
        let kept = try await open(alice, replacing: first.cookie)
        for _ in 0..<60 { _ = try await open(alice) }
        let closed = try await house.sessions.closeAll(of: alice.subject, except: first.session.id, now: start)
        #expect(closed.count == 60 && !closed.contains { $0.id == kept.session.id })
        #expect(try await house.sessions.list(of: alice.subject, now: start) == [kept.session])
        #expect(try await house.sessions.closeAll(of: alice.subject, except: kept.session.id, now: start).isEmpty)
    }

    @Test("When the same person signs in again, the new session answers for the old id and ends with it")
    func samePersonAgain() async throws {
        let alice = try await person()
        let first = try await open(alice)
        let later = start + .seconds(60)
        let second = try await open(alice, at: later, replacing: first.cookie)
        #expect(second.session.id != first.session.id && second.cookie != first.cookie)
        #expect(second.session.authenticatedAt == later)
        #expect(try await house.sessions.find(cookie: first.cookie, now: later) == nil)
        #expect(try await house.sessions.find(id: first.session.id, now: later) == second.session)
        #expect(house.store.applies.last?.contains { "\($0)".contains("ended") } == false)

        let closed = try #require(try await house.sessions.close(second.session.id, now: later))
        #expect(closed.id == second.session.id && closed.earlierIDs == [first.session.id])
        let last = try #require(house.store.applies.last)
        for id in [first.session.id, second.session.id] {
            #expect(last.contains(ended("session \(id) of \(alice.subject)", now: later)))
            #expect(try await house.sessions.find(id: id, now: later) == nil)
        }
    }

    @Test("The ids that a session answers for are bounded; the oldest are ended")
    func earlierIDsAreBounded() async throws {
        let alice = try await person()
        let first = try await open(alice)
        var current = first
        for _ in 0..<16 { current = try await open(alice, replacing: current.cookie) }
        #expect(current.session.earlierIDs.count == 16 && current.session.earlierIDs.last == first.session.id)
        current = try await open(alice, replacing: current.cookie)
        #expect(current.session.earlierIDs.count == 16)
        #expect(try await house.sessions.find(id: first.session.id, now: start) == nil)
        let ending = ended("session \(first.session.id) of \(alice.subject)", now: start)
        #expect(house.store.applies.last?.contains(ending) == true)
    }

    @Test("Two sign-ins that replace the same cookie leave two sessions, one of which answers for the old id")
    func concurrentReplacement() async throws {
        let alice = try await person()
        let first = try await open(alice)
        let sessions = house.sessions
        house.store.beforeNextApply {
            _ = try? await sessions.create(
                for: alice,
                amr: ["pwd"],
                acr: "1",
                now: start,
                replacing: [first.cookie]
            )
        }
        let second = try await open(alice, replacing: first.cookie)
        let live = try await house.sessions.list(of: alice.subject, now: start)
        #expect(live.count == 2)
        #expect(live.filter { $0.earlierIDs == [first.session.id] }.count == 1)
        #expect(second.session.earlierIDs.isEmpty)
    }

    @Test("A session ends when its person is disabled, deleted or gets a new password, and stays ended")
    func endsWithThePerson() async throws {
        let later = start + .seconds(1)
        let acts: [@Sendable (People, Subject) async throws -> Void] = [
            { people, subject in
                try await people.disable(subject, now: later)
                try await people.enable(subject, now: later)
            },
            { people, subject in try await people.setPassword(subject, to: rightPassword, now: later) },
            { people, subject in try await people.setPassword(subject, to: rightPassword, now: start - .seconds(1)) },
            { people, subject in
                try await people.delete(subject, now: later)
                try await people.create(
                    NewPerson(username: "again", subject: subject),
                    password: nil,
                    now: later
                )
            },
        ]
        for (number, act) in acts.enumerated() {
            let someone = try await person("person\(number)")
            let (cookie, session) = try await open(someone)
            #expect(try await house.sessions.find(cookie: cookie, now: later) != nil)
            try await act(house.people, someone.subject)
            #expect(try await house.sessions.find(cookie: cookie, now: later) == nil)
            #expect(try await house.sessions.find(id: session.id, now: later) == nil)
            #expect(try await house.sessions.list(of: someone.subject, now: later).isEmpty)
        }
    }

    @Test("An ordinary change of a person ends no session and shows at once")
    func ordinaryChange() async throws {
        let alice = try await person()
        let (cookie, _) = try await open(alice)
        try await house.people.update(alice.subject, now: start) { $0.roles = ["admin"] }
        #expect(try await house.sessions.find(cookie: cookie, now: start)?.person.roles == ["admin"])
    }

    @Test("Disabling a person cannot race the opening of a session")
    func disablingWhileOpening() async throws {
        let alice = try await person()
        let people = house.people
        house.store.beforeNextApply { _ = try? await people.disable(alice.subject, now: start) }
        let error = await #expect(throws: AccountsError.self) { try await open(alice) }
        #expect(error?.code == .personUnknown)
        #expect(try await house.sessions.list(of: alice.subject, now: start).isEmpty)
    }

    @Test("A harmless change of the person in between does not keep a session from opening")
    func updatingWhileOpening() async throws {
        let alice = try await person()
        let people = house.people
        house.store.beforeNextApply { _ = try? await people.update(alice.subject, now: start) { $0.name = "A" } }
        let (_, session) = try await open(alice)
        #expect(session.person.name == "A")
    }

    @Test("Closing ends the session and writes the endings in the same apply; closing again finds nothing")
    func closing() async throws {
        let alice = try await person()
        let (cookie, session) = try await open(alice)
        let other = try await open(alice)
        #expect(try await house.sessions.close(session.id, now: start)?.id == session.id)
        let last = try #require(house.store.applies.last)
        #expect(last.contains(.delete(session.recordKey)))
        #expect(last.contains(ended("session \(session.id) of \(alice.subject)", now: start)))
        #expect(try await house.sessions.find(cookie: cookie, now: start) == nil)
        #expect(try await house.sessions.close(session.id, now: start) == nil)
        #expect(try await house.sessions.find(cookie: other.cookie, now: start) == other.session)
    }

    @Test("A session that is used while it is closed stays closed")
    func usedWhileClosed() async throws {
        let (cookie, session) = try await open(try await person())
        let later = start + .seconds(600)
        let sessions = house.sessions
        house.store.beforeNextApply { _ = try? await sessions.close(session.id, now: later) }
        #expect(try await house.sessions.find(cookie: cookie, now: later) == nil)
        #expect(try await house.sessions.find(id: session.id, now: later) == nil)
    }

    @Test("A session that is replaced while it is closed is closed under its new cookie too")
    func replacedWhileClosed() async throws {
        let alice = try await person()
        let first = try await open(alice)
        let sessions = house.sessions
        house.store.beforeNextApply {
            _ = try? await sessions.create(
                for: alice,
                amr: ["pwd"],
                acr: "1",
                now: start,
                replacing: [first.cookie]
            )
        }
        #expect(try await house.sessions.close(first.session.id, now: start)?.earlierIDs == [first.session.id])
        #expect(try await house.sessions.list(of: alice.subject, now: start).isEmpty)
    }

    @Test("Closing all closes every session of one person and none of another")
    func closingAll() async throws {
        let alice = try await person()
        let bob = try await open(try await person("bob"))
        var ids: Set<SessionID> = []
        for _ in 0..<120 { ids.insert(try await open(alice).session.id) }
        let closed = try await house.sessions.closeAll(of: alice.subject, now: start)
        #expect(Set(closed.map(\.id)) == ids)
        #expect(try await house.sessions.list(of: alice.subject, now: start).isEmpty)
        #expect(try await house.sessions.find(cookie: bob.cookie, now: start) == bob.session)
        let written = Set(house.store.applies.flatMap { $0 })
        for id in ids { #expect(written.contains(ended("session \(id) of \(alice.subject)", now: start))) }
    }

    @Test("If the endings cannot be written, the session stays open and the caller learns of it (FIELD D15)")
    func failedEndings() async throws {
        let (cookie, session) = try await open(try await person())
        let failing = Endings(
            subject: Endings.none.subject,
            session: { (_, _, _) async throws(StoreError) in throw .unavailable(reason: "disk full") }
        )
        let sessions = Sessions(store: house.store, randomness: seededRandomness(), endings: failing)
        await #expect(throws: StoreError.unavailable(reason: "disk full")) {
            try await sessions.close(session.id, now: start)
        }
        #expect(try await house.sessions.find(cookie: cookie, now: start) == session)
    }
}

@Suite("Sessions idle out and grow old")
struct SessionLifetimeTests {
    let house = House(
        lifetimes: .init(idle: .seconds(3600), absolute: .seconds(10 * 3600), refreshInterval: .seconds(300))
    )

    private func open() async throws -> (cookie: Secret, session: Session) {
        let person = try await house.people.create(NewPerson(username: "a"), password: nil, now: start)
        return try await house.sessions.create(for: person, amr: ["pwd"], acr: "1", now: start, replacing: [])
    }

    @Test("An unused session is gone after the idle limit, and not a moment before")
    func idle() async throws {
        let (cookie, session) = try await open()
        let limit = start + .seconds(3600)
        #expect(session.expiresAt == limit)
        #expect(try await house.sessions.find(id: session.id, now: limit - .milliseconds(1)) != nil)
        #expect(try await house.sessions.find(id: session.id, now: limit) == nil)
        #expect(try await house.sessions.find(cookie: cookie, now: limit) == nil)
    }

    @Test("Of several sessions of a browser only the one in use is prolonged, or the one whose use is noted")
    func several() async throws {
        let (first, used) = try await open()
        let person = try await house.people.create(NewPerson(username: "b"), password: nil, now: start)
        let (second, idle) = try await house.sessions.create(
            for: person,
            amr: ["pwd"],
            acr: "1",
            now: start,
            replacing: [first]
        )
        let later = start + .seconds(3000)
        let found = try await house.sessions.find(cookies: [first, second], now: later)
        #expect(found.map(\.session.id) == [used.id, idle.id])
        #expect(found.map(\.session.usedAt) == [later, start])
        #expect(found.map(\.session.expiresAt) == [later + .seconds(3600), start + .seconds(3600)])
        try await house.sessions.noteUse(of: idle.id, now: later)
        #expect(try await house.sessions.find(id: idle.id, now: later)?.usedAt == later)
        let gone = start + .seconds(6600)
        #expect(try await house.sessions.find(cookies: [second, first], now: gone).isEmpty)
    }

    @Test("Use by cookie prolongs; being looked up by id does not")
    func sliding() async throws {
        let (cookie, session) = try await open()
        let later = start + .seconds(3000)
        #expect(try await house.sessions.find(id: session.id, now: later)?.expiresAt == start + .seconds(3600))
        let used = try #require(try await house.sessions.find(cookie: cookie, now: later))
        #expect(used.expiresAt == later + .seconds(3600) && used.version == 2)
        #expect(used.authenticatedAt == start, "auth_time stays (OIDC Core §2)")
        #expect(try await house.sessions.find(cookie: cookie, now: start + .seconds(6500)) != nil)
    }

    @Test("A use is written at most once per interval")
    func writesAreRare() async throws {
        let (cookie, _) = try await open()
        let before = house.store.applies.count
        for second in 0..<300 { _ = try await house.sessions.find(cookie: cookie, now: start + .seconds(second)) }
        #expect(house.store.applies.count == before)
        for second in 300..<600 { _ = try await house.sessions.find(cookie: cookie, now: start + .seconds(second)) }
        #expect(house.store.applies.count == before + 1)
    }

    @Test("However much it is used, a session ends after its absolute limit")
    func absolute() async throws {
        let (cookie, _) = try await open()
        for minute in stride(from: 0, to: 600, by: 30) {
            #expect(try await house.sessions.find(cookie: cookie, now: start + .seconds(minute * 60)) != nil)
        }
        #expect(try await house.sessions.find(cookie: cookie, now: start + .seconds(36000) - .milliseconds(1)) != nil)
        #expect(try await house.sessions.find(cookie: cookie, now: start + .seconds(36000)) == nil)
    }

    @Test("A clock that steps back neither prolongs nor ends a session")
    func clockStepsBack() async throws {
        let (cookie, session) = try await open()
        let found = try await house.sessions.find(cookie: cookie, now: start - .seconds(1000))
        #expect(found == session)
    }

    @Test("Two uses at the same moment: the one that loses the race still finds the session")
    func concurrentUse() async throws {
        let (cookie, _) = try await open()
        let later = start + .seconds(600)
        let sessions = house.sessions
        house.store.beforeNextApply { _ = try? await sessions.find(cookie: cookie, now: later) }
        let found = try await house.sessions.find(cookie: cookie, now: later)
        #expect(found?.version == 2 && found?.expiresAt == later + .seconds(3600))
    }
}
