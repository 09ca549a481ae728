import Accounts
import Instants
import OAuthVocabulary
import Storage
import Testing

@Suite("A password is judged")
struct AuthenticationTests {
    /// Why a login fails.
    enum Failure: CaseIterable, Sendable {
        case unknownPerson
        case wrongPassword
        case disabledPerson
        case disabledPersonAndWrongPassword
        case personWithoutPassword
    }

    let house = House()

    private func login(_ failure: Failure) async throws -> Person? {
        let person = try await house.people.create(
            NewPerson(username: "alice"),
            password: failure == .personWithoutPassword ? nil : rightPassword,
            now: start
        )
        if failure == .disabledPerson || failure == .disabledPersonAndWrongPassword {
            try await house.people.disable(person.subject, now: start)
        }
        let before = house.hasher.work
        let applies = house.store.applies.count
        let isWrong = failure == .wrongPassword || failure == .disabledPersonAndWrongPassword
        let answer = try await house.people.authenticate(
            username: failure == .unknownPerson ? "nobody" : "alice",
            password: isWrong ? wrongPassword : rightPassword,
            now: start
        )
        let after = house.hasher.work
        #expect(after.computations - before.computations == 1)
        #expect(after.blocks - before.blocks == 8)
        #expect(house.store.applies.count == applies, "a failed login writes nothing to the account")
        return answer
    }

    @Test(
        "CVE-2026-23511, CVE-2023-39522: every failure has one answer and costs one hash of the same parameters",
        arguments: Failure.allCases
    )
    func uniformFailure(_ failure: Failure) async throws {
        #expect(try await login(failure) == nil)
    }

    @Test("The right password gets the person in, for the same one hash")
    func success() async throws {
        let person = try await house.people.create(
            NewPerson(username: "alice"),
            password: rightPassword,
            now: start
        )
        let before = house.hasher.work.computations
        let answer = try await house.people.authenticate(username: "ALICE", password: rightPassword, now: start)
        #expect(answer == person)
        #expect(house.hasher.work.computations == before + 1)
    }

    @Test("A person who was disabled and enabled again gets in with the same password")
    func enabledAgain() async throws {
        let person = try await house.people.create(
            NewPerson(username: "alice"),
            password: rightPassword,
            now: start
        )
        try await house.people.disable(person.subject, now: start)
        try await house.people.enable(person.subject, now: start)
        let answer = try await house.people.authenticate(username: "alice", password: rightPassword, now: start)
        #expect(answer?.subject == person.subject)
    }

    @Test("After a change the new password is right and the old one is wrong")
    func changedPassword() async throws {
        let person = try await house.people.create(
            NewPerson(username: "alice"),
            password: rightPassword,
            now: start
        )
        try await house.people.setPassword(person.subject, to: Secret("quite another one"), now: start)
        let old = try await house.people.authenticate(username: "alice", password: rightPassword, now: start)
        let new = try await house.people.authenticate(
            username: "alice",
            password: Secret("quite another one"),
            now: start
        )
        #expect(old == nil)
        #expect(new?.subject == person.subject)
    }

    @Test("Spaces count: neither the name nor the password is trimmed")
    func nothingIsTrimmed() async throws {
        try await house.people.create(NewPerson(username: "alice"), password: rightPassword, now: start)
        let name = try await house.people.authenticate(username: " alice", password: rightPassword, now: start)
        let password = try await house.people.authenticate(
            username: "alice",
            password: Secret(rightPassword.exposed + " "),
            now: start
        )
        #expect(name == nil)
        #expect(password == nil)
    }

    @Test(
        "FIELD P45: an over-long password is refused before any hashing, whoever it is for",
        arguments: ["alice", "nobody"]
    )
    func overlong(_ username: String) async throws {
        try await house.people.create(NewPerson(username: "alice"), password: rightPassword, now: start)
        let before = house.hasher.work
        for (length, cost) in [(1024, 1), (1025, 0)] {
            let password = Secret(String(repeating: "x", count: length))
            let count = house.hasher.work.computations
            #expect(try await house.people.authenticate(username: username, password: password, now: start) == nil)
            #expect(house.hasher.work.computations - count == cost)
        }
        #expect(house.hasher.work.computations == before.computations + 1)
    }

    @Test("A hash made with other parameters is upgraded at a right login, and only then")
    func rehash() async throws {
        let person = try await house.people.create(
            NewPerson(username: "alice"),
            password: rightPassword,
            now: start
        )
        let dearer = PasswordHasher(
            parameters: .init(memoryKiB: 16, iterations: 2, lanes: 1),
            randomness: seededRandomness(9)
        )
        let people = house.people(hashingWith: dearer)
        #expect(try await people.authenticate(username: "alice", password: wrongPassword, now: start) == nil)
        #expect(try await people.find(subject: person.subject, now: start)?.version == 1)

        let upgraded = try #require(
            try await people.authenticate(username: "alice", password: rightPassword, now: start)
        )
        #expect(upgraded.version == 2)
        #expect(upgraded.credentialsChangedAt == person.credentialsChangedAt, "an upgrade ends no session")
        #expect(house.store.applies.last?.count == 1, "an upgrade ends no right")

        let before = dearer.work
        #expect(try await people.authenticate(username: "alice", password: rightPassword, now: start) == upgraded)
        #expect(dearer.work.computations - before.computations == 1)
        #expect(dearer.work.blocks - before.blocks == 32)
    }

    @Test("An upgrade that loses a race overwrites nothing")
    func rehashLosesRace() async throws {
        let person = try await house.people.create(
            NewPerson(username: "alice"),
            password: rightPassword,
            now: start
        )
        let dearer = PasswordHasher(
            parameters: .init(memoryKiB: 16, iterations: 2, lanes: 1),
            randomness: seededRandomness(9)
        )
        let original = house.people
        house.store.beforeNextApply {
            _ = try? await original.setPassword(person.subject, to: wrongPassword, now: start)
        }
        let people = house.people(hashingWith: dearer)
        let stale = try #require(
            try await people.authenticate(username: "alice", password: rightPassword, now: start)
        )
        #expect(try await people.authenticate(username: "alice", password: rightPassword, now: start) == nil)
        let error = await #expect(throws: AccountsError.self) {
            try await house.sessions.create(for: stale, amr: ["pwd"], acr: "1", now: start, replacing: [])
        }
        #expect(error?.code == .personUnknown, "who signed in with the old password meanwhile gets no session")
    }

    @Test("A password that is too short or too long cannot be set; the limits themselves can")
    func lengthLimits() async throws {
        let person = try await house.people.create(NewPerson(username: "alice"), password: nil, now: start)
        let refused: [(String, AccountsError.Code)] = [
            ("", .passwordTooShort), ("1234567", .passwordTooShort), ("🐇🐇🐇🐇🐇🐇🐇", .passwordTooShort),
            (String(repeating: "x", count: 1025), .passwordTooLong),
        ]
        for (password, code) in refused {
            let error = await #expect(throws: AccountsError.self) {
                try await house.people.setPassword(person.subject, to: Secret(password), now: start)
            }
            #expect(error?.code == code)
            #expect(error?.description.contains(code == .passwordTooShort ? "8" : "1024") == true)
        }
        #expect(house.hasher.work.computations == 0)
        let accepted = ["12345678", "🐇🐇🐇🐇🐇🐇🐇🐇", String(repeating: "x", count: 1024)]
        for (second, password) in accepted.enumerated() {
            try await house.people.setPassword(person.subject, to: Secret(password), now: start + .seconds(second))
            let answer = try await house.people.authenticate(
                username: "alice",
                password: Secret(password),
                now: start
            )
            #expect(answer != nil)
        }
    }

    @Test("A password that was right before the minimum rose is still right")
    func olderMinimum() async throws {
        try await house.people.create(NewPerson(username: "alice"), password: Secret("12345678"), now: start)
        let stricter = PasswordHasher(
            parameters: .cheap,
            limits: .init(minimumCharacters: 15),
            randomness: seededRandomness(9)
        )
        let people = house.people(hashingWith: stricter)
        #expect(try await people.authenticate(username: "alice", password: Secret("12345678"), now: start) != nil)
    }

    @Test("Neither a person nor an error shows the password hash")
    func nothingIsPrinted() async throws {
        let person = try await house.people.create(
            NewPerson(username: "alice"),
            password: rightPassword,
            now: start
        )
        var dumped = ""
        dump(person, to: &dumped)
        for text in ["\(person)", String(reflecting: person), dumped] {
            #expect(text.contains("alice"))
            #expect(!text.contains("argon2"))
            #expect(!text.contains("correct horse"))
        }
    }
}
