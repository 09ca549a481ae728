import Accounts
import Instants
import OAuthVocabulary
import Storage
import Synchronization
import Testing

@Suite("Guessing is slowed down, and nobody is locked out")
struct ThrottleTests {
    let store = MemoryStore()
    var throttle: Throttle { Throttle(store: store) }

    private func attempt(_ username: String = "alice", from address: String = "192.0.2.1") -> Attempt {
        .login(username: username, address: address)
    }

    /// Reserves until refused, at most `limit` times; how many went ahead.
    private func guesses(_ attempt: Attempt, at now: Instant = start, limit: Int = 1000) async throws -> Int {
        for count in 0..<limit where try await throttle.reserve(attempt, now: now) != nil { return count }
        return limit
    }

    @Test("Five failures are free, then each doubles the wait, up to a quarter of an hour")
    func backOff() async throws {
        #expect(try await guesses(attempt()) == 5)
        var now = start
        var waits: [Int64] = []
        for _ in 0..<12 {
            let wait = try #require(try await throttle.wait(for: attempt(), now: now))
            waits.append(wait.wholeSeconds)
            #expect(try await throttle.reserve(attempt(), now: now + wait - .milliseconds(1)) != nil)
            now = now + wait
            #expect(try await throttle.reserve(attempt(), now: now) == nil)
        }
        #expect(waits == [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900])
    }

    @Test("CVE-2024-4629: guesses that carry earlier and earlier moments wait like all others")
    func overtaking() async throws {
        var judged = 0
        for step in 0..<100 {
            let now = start - .milliseconds(Int64(step) * 50)
            if try await throttle.reserve(attempt(), now: now) == nil { judged += 1 }
        }
        #expect(judged == 5)
        #expect(try await throttle.reserve(attempt(), now: start) != nil, "and the counters stand")
    }

    @Test("What is refused is not counted: hammering does not prolong the wait")
    func refusalsAreFree() async throws {
        #expect(try await guesses(attempt()) == 5)
        for _ in 0..<50 { #expect(try await throttle.reserve(attempt(), now: start) == .seconds(2)) }
        #expect(try await throttle.reserve(attempt(), now: start + .seconds(2)) == nil)
    }

    @Test("CVE-2024-4629: of 100 guesses at the same moment five are judged", .timeLimit(.minutes(5)))
    func race() async throws {
        let store = WatchedStore()
        store.gatherReaders(100)
        let throttle = Throttle(store: store)
        let attempt = attempt()
        let judged = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<100 {
                group.addTask { (try? await throttle.reserve(attempt, now: start)) == .some(nil) }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(judged == 5)
    }

    @Test("CVE-2018-14657: of 200 guesses at 200 accounts from one address 50 are judged", .timeLimit(.minutes(5)))
    func raceOfAnAddress() async throws {
        let store = WatchedStore()
        store.gatherReaders(200)
        let throttle = Throttle(store: store)
        let judged = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<200 {
                let attempt = Attempt.login(username: "person\(number)", address: "192.0.2.1")
                group.addTask { (try? await throttle.reserve(attempt, now: start)) == .some(nil) }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(judged == 50)
        #expect(try await throttle.reserve(attempt("fresh"), now: start + .seconds(899)) == .seconds(1))
        #expect(try await throttle.reserve(attempt("fresh"), now: start + .seconds(900)) == nil)
        #expect(try await throttle.reserve(attempt("fresh", from: "192.0.2.2"), now: start) == nil)
    }

    @Test("Counters live in the store: another throttle on it, as after a restart, goes on counting")
    func survivesRestart() async throws {
        #expect(try await guesses(attempt(), limit: 4) == 4)
        let restarted = Throttle(store: store)
        #expect(try await restarted.reserve(attempt(), now: start) == nil)
        #expect(try await restarted.reserve(attempt(), now: start) == .seconds(2))
        #expect(try await Throttle(store: MemoryStore()).reserve(attempt(), now: start) == nil)
    }

    @Test("FIELD L36: a stranger who guesses from a thousand addresses does not lock the owner out")
    func noLockout() async throws {
        for number in 0..<1000 {
            let address = "10.0.\(number / 250).\(number % 250 + 1)"
            _ = try await guesses(attempt(from: address), limit: 6)
        }
        let owner = attempt(from: "203.0.113.7")
        #expect(try await throttle.reserve(owner, now: start) == nil)
        try await throttle.recordSuccess(owner, now: start)
        #expect(try await throttle.reserve(owner, now: start) == nil, "and again after having got in")
    }

    @Test("While an account is under attack each address has one free failure; other accounts are not concerned")
    func underAttack() async throws {
        var number = 0
        var judged = 0
        while judged <= 100 {
            judged += try await guesses(attempt(from: "10.1.\(number / 250).\(number % 250 + 1)"), limit: 5)
            number += 1
        }
        #expect(try await guesses(attempt(from: "203.0.113.7")) == 1)
        #expect(try await guesses(attempt("bob", from: "203.0.113.8")) == 5)
        let anHourLater = start + .seconds(3600)
        #expect(try await guesses(attempt(from: "203.0.113.9"), at: anHourLater) == 5)
    }

    @Test("A success forgets the failures of this account from this address, and counts for nobody")
    func success() async throws {
        #expect(try await guesses(attempt(), limit: 5) == 5)
        let later = start + .seconds(2)
        #expect(try await throttle.reserve(attempt(), now: later) == nil)
        try await throttle.recordSuccess(attempt(), now: later)
        #expect(try await guesses(attempt(), at: later) == 5)
    }

    @Test("Somebody with an account of their own cannot wash their address by signing in to it")
    func successDoesNotWashTheAddress() async throws {
        var judged = 0
        for number in 0..<200 {
            if try await throttle.reserve(attempt("victim\(number)"), now: start) == nil { judged += 1 }
            let own = attempt("mallory")
            if try await throttle.reserve(own, now: start) == nil {
                try await throttle.recordSuccess(own, now: start)
            }
        }
        #expect(judged == 50)
    }

    @Test("Any number of right passwords from one address go ahead: an office behind one address")
    func successesAreFree() async throws {
        for number in 0..<200 {
            let attempt = attempt("person\(number)")
            #expect(try await throttle.reserve(attempt, now: start) == nil)
            try await throttle.recordSuccess(attempt, now: start)
        }
    }

    @Test("Everybody of an office who signs in at the same moment is given back", .timeLimit(.minutes(5)))
    func concurrentSuccesses() async throws {
        let store = WatchedStore()
        let throttle = Throttle(store: store)
        let office = (0..<50).map { attempt("person\($0)") }
        for attempt in office { #expect(try await throttle.reserve(attempt, now: start) == nil) }
        #expect(try await throttle.reserve(attempt("one more"), now: start) != nil)
        store.gatherReaders(50)
        await withTaskGroup(of: Void.self) { group in
            for attempt in office {
                group.addTask { try? await throttle.recordSuccess(attempt, now: start) }
            }
        }
        for attempt in office { #expect(try await throttle.reserve(attempt, now: start) == nil) }
    }

    @Test("What was never judged is given back")
    func release() async throws {
        for _ in 0..<200 {
            #expect(try await throttle.reserve(attempt(), now: start) == nil)
            try await throttle.release(attempt(), now: start)
        }
        #expect(try await guesses(attempt()) == 5)
    }

    @Test("Case and spelling give no further guesses")
    func spelling() async throws {
        let names = ["alice", "Alice", "ALICE", "aLICE", "alicE", "ALice"]
        let addresses = [
            "192.0.2.1", "::ffff:192.0.2.1", "::FFFF:C000:201", "[::ffff:192.0.2.1]", "192.0.2.1", "192.0.2.1",
        ]
        var judged = 0
        for (name, address) in zip(names, addresses)
        where try await throttle.reserve(attempt(name, from: address), now: start) == nil {
            judged += 1
        }
        #expect(judged == 5)
    }

    @Test("All of an IPv6 /64 is one address; the next /64 is another")
    func wholeNetwork() async throws {
        var judged = 0
        for number in 1...20
        where try await throttle.reserve(attempt(from: "2001:db8:0:1::\(number)"), now: start) == nil {
            judged += 1
        }
        #expect(judged == 5)
        #expect(try await throttle.reserve(attempt(from: "2001:db8:0:2::1"), now: start) == nil)
    }

    @Test("Accounts that do not exist are counted like those that do (FIELD L35)")
    func unknownAccounts() async throws {
        #expect(try await guesses(attempt("nobody-of-this-name")) == 5)
    }

    @Test("Signing in and client authentication are counted apart")
    func scopes() async throws {
        #expect(try await guesses(.clientAuthentication(clientID: "alice", address: "192.0.2.1")) == 20)
        #expect(try await guesses(attempt()) == 5)
    }

    @Test("Client authentication: asking counts nothing, failures do, and the wait is short")
    func clients() async throws {
        let attempt = Attempt.clientAuthentication(clientID: "app", address: "192.0.2.1")
        for _ in 0..<100 { #expect(try await throttle.wait(for: attempt, now: start) == nil) }
        for _ in 0..<19 { try await throttle.recordFailure(attempt, now: start) }
        #expect(try await throttle.wait(for: attempt, now: start) == nil)
        try await throttle.recordFailure(attempt, now: start)
        #expect(try await throttle.wait(for: attempt, now: start) == .seconds(2))
        for _ in 0..<20 { try await throttle.recordFailure(attempt, now: start) }
        #expect(try await throttle.wait(for: attempt, now: start) == .seconds(30))
        let elsewhere = Attempt.clientAuthentication(clientID: "app", address: "192.0.2.2")
        #expect(try await throttle.wait(for: elsewhere, now: start) == nil)
    }

    @Test("A client without an identifier is counted by address only")
    func clientWithoutIdentifier() async throws {
        let attempt = Attempt.clientAuthentication(clientID: nil, address: "192.0.2.1")
        for _ in 0..<100 {
            #expect(try await throttle.wait(for: attempt, now: start) == nil)
            try await throttle.recordFailure(attempt, now: start)
        }
        #expect(try await throttle.wait(for: attempt, now: start) == .seconds(300))
    }

    @Test("Counters expire by themselves and can be swept")
    func expiry() async throws {
        #expect(try await guesses(attempt()) == 5)
        let aDayLater = start + .seconds(24 * 3600)
        #expect(try await throttle.wait(for: attempt(), now: aDayLater) == nil)
        #expect(try await store.sweep(now: aDayLater, limit: 100) == 3)
        #expect(try await guesses(attempt(), at: aDayLater) == 5)
    }

    @Test("A clock that steps back a day leaves nobody waiting for a day")
    func clockStepsBack() async throws {
        for number in 0..<50 { _ = try await throttle.reserve(attempt("p\(number % 9)"), now: start) }
        let before = start - .seconds(24 * 3600)
        #expect(try await throttle.reserve(attempt("p0"), now: before) == nil)
        #expect(try await throttle.reserve(attempt("p1"), now: before) == nil)
    }

    @Test("Neither name nor address is stored")
    func nothingPersonalIsStored() async throws {
        _ = try await throttle.reserve(attempt("alice", from: "192.0.2.1"), now: start)
        let records = try await store.page(.throttle, filter: .all, after: nil, limit: 10, now: start)
        #expect(records.count == 3)
        for record in records {
            let payload = String(decoding: record.payload, as: UTF8.self)
            #expect(!payload.contains("alice") && !payload.contains("192"))
            #expect(record.subject == nil && record.client == nil && record.family == nil)
        }
    }

    @Test("FIELD L36: who guesses at user codes is one person at every address, and one address for everybody")
    func userCodes() async throws {
        let (alice, bob) = (try #require(Subject("alice")), try #require(Subject("bob")))
        for count in 0..<5 {
            #expect(
                try await throttle.reserve(.userCode(person: alice, address: "192.0.2.\(count)"), now: start) == nil
            )
        }
        #expect(try await throttle.reserve(.userCode(person: alice, address: "192.0.2.9"), now: start) == .seconds(2))
        #expect(try await throttle.reserve(.userCode(person: bob, address: "192.0.2.9"), now: start) == nil)
        var judged = 0
        for count in 0..<200 {
            let person = try #require(Subject("person-\(count)"))
            if try await throttle.reserve(.userCode(person: person, address: "198.51.100.1"), now: start) == nil {
                judged += 1
            }
        }
        #expect(judged == 50)
        #expect(try await throttle.reserve(attempt("alice", from: "198.51.100.1"), now: start) == nil, "sign-ins go on")
    }

    @Test("FIELD L36: a code of one's own gives back its own attempt and no wrong one")
    func ownUserCodes() async throws {
        let attempt = Attempt.userCode(person: try #require(Subject("mallory")), address: "192.0.2.1")
        for _ in 0..<4 { #expect(try await throttle.reserve(attempt, now: start) == nil) }
        for _ in 0..<20 {
            #expect(try await throttle.reserve(attempt, now: start) == nil)
            try await throttle.release(attempt, now: start)
        }
        #expect(try await throttle.reserve(attempt, now: start) == nil)
        #expect(try await throttle.reserve(attempt, now: start) != nil)
    }

    @Test("A store that cannot answer is an error, not a free guess")
    func storeFailure() async throws {
        let store = WatchedStore()
        store.failFromNowOn(.unavailable(reason: "down"))
        await #expect(throws: StoreError.unavailable(reason: "down")) {
            try await Throttle(store: store).reserve(attempt(), now: start)
        }
    }
}
