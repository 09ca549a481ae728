import Accounts
import FoundationEssentials
import Instants
import OAuthVocabulary
import SQLiteStore
import Storage
import Testing

@Suite("Accounts on a database survive a restart")
struct RestartTests {
    /// Runs `before` and `after` on one database file, which is closed and opened again in between.
    private func restarting(
        _ before: (any Store) async throws -> Void,
        _ after: (any Store) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "signet-accounts-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await Self.running(folder, before)
        try await Self.running(folder, after)
    }

    private static func running(_ folder: URL, _ body: (any Store) async throws -> Void) async throws {
        let store = try SQLiteStore(path: folder.appending(path: "signet.db").path)
        try await body(store)
        try await store.close()
    }

    @Test("Counters go on where they were: a restart is no amnesty", .timeLimit(.minutes(5)))
    func counters() async throws {
        let attempt = Attempt.login(username: "alice", address: "192.0.2.1")
        let other = Attempt.login(username: "alice", address: "192.0.2.2")
        try await restarting { store in
            let throttle = Throttle(store: store)
            let judged = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<100 {
                    group.addTask { (try? await throttle.reserve(attempt, now: start)) == .some(nil) }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(judged == 5, "CVE-2024-4629 on a database")
        } _: { store in
            let throttle = Throttle(store: store)
            let wait = try await throttle.reserve(attempt, now: start)
            let elsewhere = try await throttle.reserve(other, now: start)
            #expect(wait == .seconds(2))
            #expect(elsewhere == nil)
        }
    }

    @Test("People can sign in, and who is signed in stays so", .timeLimit(.minutes(5)))
    func peopleAndSessions() async throws {
        let hasher = PasswordHasher(parameters: .cheap, randomness: seededRandomness(2))
        let kept = Kept()
        try await restarting { store in
            let people = People(
                store: store,
                passwords: hasher,
                randomness: seededRandomness(3),
                endings: endingsInWriting
            )
            let sessions = Sessions(store: store, randomness: seededRandomness(4), endings: endingsInWriting)
            let alice = try await people.create(NewPerson(username: "alice"), password: rightPassword, now: start)
            var opened = try await sessions.create(for: alice, amr: ["pwd"], acr: "1", now: start, replacing: [])
            let first = opened.session.id
            opened = try await sessions.create(
                for: alice,
                amr: ["pwd"],
                acr: "1",
                now: start,
                replacing: [opened.cookie]
            )
            await kept.keep(opened.cookie, first)
        } _: { store in
            let people = People(
                store: store,
                passwords: hasher,
                randomness: seededRandomness(5),
                endings: endingsInWriting
            )
            let sessions = Sessions(store: store, randomness: seededRandomness(6), endings: endingsInWriting)
            let cookie = try #require(await kept.cookie)
            let first = try #require(await kept.first)
            let session = try #require(try await sessions.find(cookie: cookie, now: start))
            #expect(session.earlierIDs == [first])
            #expect(try await sessions.find(id: first, now: start) == session)
            let alice = try await people.authenticate(username: "Alice", password: rightPassword, now: start)
            #expect(alice == session.person)
            try await people.setPassword(session.subject, to: wrongPassword, now: start)
            #expect(try await sessions.find(cookie: cookie, now: start) == nil)
        }
    }

    /// What a browser keeps while the server restarts.
    private actor Kept {
        var cookie: Secret?
        var first: SessionID?

        func keep(_ cookie: Secret, _ first: SessionID) {
            self.cookie = cookie
            self.first = first
        }
    }
}
