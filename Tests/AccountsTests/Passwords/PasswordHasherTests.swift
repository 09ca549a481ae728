import Dispatch
import OAuthVocabulary
import Testing

@testable import Accounts

@Suite("Passwords are hashed with argon2id")
struct PasswordHasherTests {
    static func hasher(_ parameters: PasswordHasher.Parameters = .cheap) -> PasswordHasher {
        PasswordHasher(parameters: parameters, randomness: seededRandomness())
    }

    @Test("The standard costs are 19 MiB, two passes, one lane, and stand in the hash")
    func standardParameters() async throws {
        let hasher = Self.hasher(.standard)
        let hash = try await hasher.hash(rightPassword)
        #expect(hash.phc.hasPrefix("$argon2id$v=19$m=19456,t=2,p=1$"))
        #expect(try await hasher.verify(rightPassword, against: hash) == .right)
        #expect(try await hasher.verify(wrongPassword, against: hash) == .wrong)
        #expect(hasher.work == PasswordHasher.Work(computations: 3, blocks: 3 * 2 * 19456))
    }

    @Test("A hash by the reference program of argon2 is understood")
    func knownAnswer() async throws {
        // The test vector for argon2id, t=2, m=2^16 and p=1 in the reference implementation's test.c.
        let known = PasswordHash(
            phc: "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
        )
        let hasher = Self.hasher()
        #expect(try await hasher.verify(Secret("password"), against: known) == .rightButOutdated)
        #expect(try await hasher.verify(Secret("Password"), against: known) == .wrong)
    }

    @Test("Every hash has a salt of its own")
    func salts() async throws {
        let hasher = Self.hasher()
        let one = try await hasher.hash(rightPassword)
        let two = try await hasher.hash(rightPassword)
        #expect(one != two)
        #expect(try await hasher.verify(rightPassword, against: two) == .right)
    }

    @Test("All bytes of a password count, beyond a NUL and beyond 72")
    func allBytesCount() async throws {
        let hasher = Self.hasher()
        for prefix in ["password\u{0}", String(repeating: "x", count: 100)] {
            let hash = try await hasher.hash(Secret(prefix + "a"))
            #expect(try await hasher.verify(Secret(prefix + "a"), against: hash) == .right)
            #expect(try await hasher.verify(Secret(prefix + "b"), against: hash) == .wrong)
        }
    }

    @Test("Without a hash the same work is done, and nothing is right")
    func withoutHash() async throws {
        let hasher = Self.hasher()
        let hash = try await hasher.hash(rightPassword)
        let before = hasher.work
        #expect(try await hasher.verify(rightPassword, against: nil) == .wrong)
        let between = hasher.work
        #expect(try await hasher.verify(rightPassword, against: hash) == .right)
        let after = hasher.work
        #expect(between.computations - before.computations == after.computations - between.computations)
        #expect(between.blocks - before.blocks == after.blocks - between.blocks)
    }

    @Test("The hash that stands in for a missing one is really computed")
    func standInIsComputed() {
        let standIn = PasswordHash.matchingNothing(.standard)
        #expect(standIn.parameters == .standard)
        #expect(standIn.phc.split(separator: "$").map(\.count).suffix(2) == [22, 43])
    }

    @Test(
        "A stored hash that is no argon2id hash, or demands too much, is refused and not computed",
        arguments: [
            "", "plain", "$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$aGFzaGhhc2g",
            "$argon2id$v=16$m=8,t=1,p=1$c29tZXNhbHQ$aGFzaGhhc2g", "$argon2id$v=19$m=8,t=1$c29tZXNhbHQ$aGFzaGhhc2g",
            "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$aGFzaGhhc2g",
            "$argon2id$v=19$m=8,t=4294967295,p=1$c29tZXNhbHQ$aGFzaGhhc2g",
            "$argon2id$v=19$m=8,t=1,p=2$c29tZXNhbHQ$aGFzaGhhc2g", "$argon2id$v=19$m=-8,t=1,p=1$c29tZXNhbHQ$aGFzaA",
            "$argon2id$v=19$m=8,t=1,p=0$c29tZXNhbHQ$aGFzaGhhc2g",
            "$2y$10$abcdefghijklmnopqrstuuWKQkCYnbDEEnWXiUMmtlQgz0d2nIlKW",
        ]
    )
    func foreignHashes(_ phc: String) async throws {
        let hasher = Self.hasher()
        let error = await #expect(throws: AccountsError.self) {
            try await hasher.verify(rightPassword, against: PasswordHash(phc: phc))
        }
        #expect(error?.code == .hashing)
        #expect(hasher.work.computations == 0)
    }

    @Test("The 65th that would have to wait is refused with busy at once, and is welcome afterwards")
    func busy() async throws {
        let hasher = PasswordHasher(
            parameters: .cheap,
            limits: .init(threads: 1, waiting: 64),
            randomness: seededRandomness()
        )
        let gate = DispatchSemaphore(value: 0)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            let threads = hasher.threads
            group.addTask {
                await threads.run { gate.wait() }
                return true
            }
            while hasher.load < 1 { await Task.yield() }
            for _ in 0..<64 {
                group.addTask { try await hasher.verify(wrongPassword, against: nil) == .wrong }
            }
            while hasher.load < 65 { await Task.yield() }
            let error = await #expect(throws: AccountsError.self) {
                try await hasher.verify(wrongPassword, against: nil)
            }
            #expect(error?.code == .busy)
            #expect(error?.retryAfter == .seconds(2))
            gate.signal()
            for try await isServed in group { #expect(isServed) }
        }
        #expect(hasher.work.computations == 64)
        #expect(try await hasher.verify(wrongPassword, against: nil) == .wrong)
    }
}
