import Accounts
import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@Suite("People are made, found and changed")
struct PeopleTests {
    let house = House()

    @Test("A person is found by subject, username and e-mail address, with everything that was put in")
    func everythingComesBack() async throws {
        let made = try await house.people.create(
            NewPerson(
                username: "alice",
                email: "alice@example.com",
                emailVerification: .verified,
                name: "Alice Liddell",
                claims: ["given_name": "Alice", "address": ["locality": "Oxford"], "badge": 7],
                roles: ["admin"],
                groups: ["staff", "wonderland"],
                entitlements: ["rabbit-hole"],
                origin: .demo
            ),
            password: rightPassword,
            now: start
        )
        #expect(try await house.people.find(subject: made.subject, now: start) == made)
        #expect(try await house.people.find(username: "alice", now: start) == made)
        #expect(try await house.people.find(email: "alice@example.com", now: start) == made)
        #expect(made.email == "alice@example.com" && made.emailVerified && made.name == "Alice Liddell")
        #expect(made.roles == ["admin"] && made.groups == ["staff", "wonderland"])
        #expect(made.entitlements == ["rabbit-hole"] && made.origin == .demo && made.status == .enabled)
        #expect(made.hasPassword && made.version == 1 && made.createdAt == start)
    }

    @Test("A subject is 128 random bits, or the one that was asked for")
    func subjects() async throws {
        let drawn = try await house.people.create(NewPerson(username: "a"), password: nil, now: start)
        let another = try await house.people.create(NewPerson(username: "b"), password: nil, now: start)
        let asked = try #require(Subject("demo-person"))
        let given = try await house.people.create(NewPerson(username: "c", subject: asked), password: nil, now: start)
        #expect(try Base64URL.decode(drawn.subject.value).count == 16)
        #expect(drawn.subject != another.subject)
        #expect(given.subject == asked)
        await #expect(throws: AccountsError.self) {
            try await house.people.create(NewPerson(username: "d", subject: asked), password: nil, now: start)
        }
    }

    @Test("The same username is taken in any ASCII case; another one is not", arguments: ["alice", "ALICE", "aLiCe"])
    func usernameTaken(_ username: String) async throws {
        try await house.people.create(NewPerson(username: "Alice"), password: nil, now: start)
        let error = await #expect(throws: AccountsError.self) {
            try await house.people.create(NewPerson(username: username), password: nil, now: start)
        }
        #expect(error?.code == .usernameTaken)
        try await house.people.create(NewPerson(username: username + "2"), password: nil, now: start)
    }

    @Test("The same e-mail address is taken in any ASCII case; another one is not")
    func emailTaken() async throws {
        try await house.people.create(NewPerson(username: "a", email: "One@Example.com"), password: nil, now: start)
        let error = await #expect(throws: AccountsError.self) {
            try await house.people.create(NewPerson(username: "b", email: "one@example.COM"), password: nil, now: start)
        }
        #expect(error?.code == .emailTaken)
        try await house.people.create(NewPerson(username: "b", email: "two@example.com"), password: nil, now: start)
    }

    @Test("Updating into somebody else's name or address is refused, and nothing changes")
    func updateIntoTaken() async throws {
        try await house.people.create(NewPerson(username: "a", email: "a@x.example"), password: nil, now: start)
        let b = try await house.people.create(
            NewPerson(username: "b", email: "b@x.example"),
            password: nil,
            now: start
        )
        let name = await #expect(throws: AccountsError.self) {
            try await house.people.update(b.subject, now: start) { $0.username = "A" }
        }
        let email = await #expect(throws: AccountsError.self) {
            try await house.people.update(b.subject, now: start) { $0.setEmail("A@x.example", .unverified) }
        }
        #expect(name?.code == .usernameTaken)
        #expect(email?.code == .emailTaken)
        #expect(try await house.people.find(subject: b.subject, now: start) == b)
        try await house.people.update(b.subject, now: start) { $0.username = "B" }
        #expect(try await house.people.find(username: "b", now: start)?.username == "B")
    }

    @Test("A name or address that was given up is free again")
    func namesAreGivenBack() async throws {
        let a = try await house.people.create(
            NewPerson(username: "a", email: "a@x.example"),
            password: nil,
            now: start
        )
        try await house.people.update(a.subject, now: start) { person in
            person.username = "a2"
            person.setEmail(nil, .verified)
        }
        #expect(try await house.people.find(username: "a", now: start) == nil)
        #expect(try await house.people.find(email: "a@x.example", now: start) == nil)
        #expect(try await house.people.find(subject: a.subject, now: start)?.emailVerified == false)
        try await house.people.create(NewPerson(username: "a", email: "a@x.example"), password: nil, now: start)
    }

    @Test("An update that loses a race is done again on what the winner wrote")
    func updatesDoNotOverwriteEachOther() async throws {
        let person = try await house.people.create(NewPerson(username: "a"), password: nil, now: start)
        let people = house.people
        house.store.beforeNextApply {
            _ = try? await people.update(person.subject, now: start) { $0.roles = ["from-the-winner"] }
        }
        let updated = try await people.update(person.subject, now: start + .seconds(1)) { $0.groups = ["mine"] }
        #expect(updated.roles == ["from-the-winner"] && updated.groups == ["mine"])
        #expect(updated.version == 3 && updated.updatedAt == start + .seconds(1))
        #expect(try await people.find(subject: person.subject, now: start) == updated)
    }

    @Test("What does not exist cannot be changed", arguments: ["update", "password", "disable", "enable", "delete"])
    func unknownPerson(_ act: String) async throws {
        let nobody = try #require(Subject("nobody"))
        let error = await #expect(throws: AccountsError.self) {
            switch act {
            case "update": try await house.people.update(nobody, now: start) { $0.roles = [] }
            case "password": try await house.people.setPassword(nobody, to: rightPassword, now: start)
            case "disable": try await house.people.disable(nobody, now: start)
            case "enable": try await house.people.enable(nobody, now: start)
            default: try await house.people.delete(nobody, now: start)
            }
        }
        #expect(error?.code == .personUnknown)
    }

    @Test("An act that ends rights writes its endings in the same apply", arguments: ["password", "disable", "delete"])
    func endingsAreAtomic(_ act: String) async throws {
        let person = try await house.people.create(NewPerson(username: "a"), password: rightPassword, now: start)
        let now = start + .seconds(5)
        switch act {
        case "password": try await house.people.setPassword(person.subject, to: wrongPassword, now: now)
        case "disable": try await house.people.disable(person.subject, now: now)
        default: try await house.people.delete(person.subject, now: now)
        }
        let last = try #require(house.store.applies.last)
        #expect(last.contains(ended("subject \(person.subject)", now: now)))
        let touchesPerson = last.contains { change in
            switch change {
            case .replace(let record, _): record.key == person.recordKey
            case .delete(let key): key == person.recordKey
            default: false
            }
        }
        #expect(touchesPerson)
    }

    @Test("An act that ends no right writes no endings", arguments: ["update", "enable"])
    func noEndingsWithoutEnd(_ act: String) async throws {
        let person = try await house.people.create(NewPerson(username: "a"), password: rightPassword, now: start)
        switch act {
        case "update": try await house.people.update(person.subject, now: start) { $0.name = "A" }
        default: try await house.people.enable(person.subject, now: start)
        }
        #expect(house.store.applies.last?.count == 1)
        let after = try await house.people.find(subject: person.subject, now: start)
        #expect(after?.credentialsChangedAt == person.credentialsChangedAt)
    }

    @Test("If the endings cannot be written, the person stays as they were (FIELD D15)")
    func failedEndingsChangeNothing() async throws {
        let person = try await house.people.create(NewPerson(username: "a"), password: nil, now: start)
        let failing = Endings(
            subject: { (_, _, _) async throws(StoreError) in throw .unavailable(reason: "disk full") },
            session: Endings.none.session
        )
        let people = People(
            store: house.store,
            passwords: house.hasher,
            randomness: seededRandomness(),
            endings: failing
        )
        let error = await #expect(throws: AccountsError.self) {
            try await people.disable(person.subject, now: start)
        }
        #expect(error?.code == .store && error?.cause == .unavailable(reason: "disk full"))
        #expect(try await people.find(subject: person.subject, now: start)?.status == .enabled)
        #expect(try await house.people.disable(person.subject, now: start).status == .disabled)
    }

    @Test("The moment of the last change of credentials moves forward even when the clock does not")
    func credentialsMoveForward() async throws {
        let person = try await house.people.create(NewPerson(username: "a"), password: rightPassword, now: start)
        let changed = try await house.people.setPassword(
            person.subject,
            to: wrongPassword,
            now: start - .seconds(60)
        )
        #expect(changed.credentialsChangedAt > person.credentialsChangedAt)
        let disabled = try await house.people.disable(person.subject, now: start + .seconds(60))
        #expect(disabled.credentialsChangedAt == start + .seconds(60))
    }

    @Test("People are listed page by page, each once; demo people also on their own")
    func listing() async throws {
        for number in 0..<7 {
            let origin: PersonOrigin = number == 3 ? .demo : .registered
            try await house.people.create(
                NewPerson(username: "person\(number)", origin: origin),
                password: nil,
                now: start
            )
        }
        var names: [String] = []
        var last: Subject?
        while true {
            let page = try await house.people.list(after: last, limit: 3, now: start)
            guard let end = page.last else { break }
            #expect(page.count <= 3)
            names += page.map(\.username)
            last = end.subject
        }
        #expect(names.sorted() == (0..<7).map { "person\($0)" })
        #expect(try await house.people.demoPeople(now: start).map(\.username) == ["person3"])
    }

    @Test("A store that cannot answer is reported as such, with the reason for the log only")
    func storeFailure() async throws {
        house.store.failFromNowOn(.unavailable(reason: "no route to disk"))
        let error = await #expect(throws: AccountsError.self) {
            try await house.people.create(NewPerson(username: "a"), password: nil, now: start)
        }
        #expect(error?.code == .store)
        #expect(error?.cause == .unavailable(reason: "no route to disk"))
        #expect(error?.description.contains("route") == false)
        #expect(error?.detail?.contains("no route to disk") == true)
    }

    @Test("M39: a password is not changed over credentials that changed since they were proven")
    func provenCredentials() async throws {
        let house = House()
        let acts: [@Sendable (Subject) async throws -> Void] = [
            { _ = try await house.people.setPassword($0, to: Secret("the operator's reset"), now: start) },
            { _ = try await house.people.disable($0, now: start) },
            { try await house.people.delete($0, now: start) },
        ]
        for (number, act) in acts.enumerated() {
            let proven = try await house.people.create(
                NewPerson(username: "person\(number)"),
                password: rightPassword,
                now: start
            )
            // Somebody gets in between the proof and the writing.
            house.store.beforeNextApply { try? await act(proven.subject) }
            let error = await #expect(throws: AccountsError.self) {
                try await house.people.setPassword(
                    proven.subject,
                    to: Secret("by who knew the old one"),
                    provenAs: proven,
                    now: start
                )
            }
            #expect(error?.code == .personUnknown)
            let old = try await house.people.authenticate(
                username: "person\(number)",
                password: Secret("by who knew the old one"),
                now: start
            )
            #expect(old == nil)
        }
        // The twin: what is no credential may change meanwhile.
        let proven = try await house.people.create(NewPerson(username: "eve"), password: rightPassword, now: start)
        house.store.beforeNextApply { _ = try? await house.people.update(proven.subject, now: start) { $0.name = "E" } }
        let changed = try await house.people.setPassword(
            proven.subject,
            to: Secret("a new password"),
            provenAs: proven,
            now: start
        )
        #expect(changed.name == "E" && changed.credentialsChangedAt > proven.credentialsChangedAt)
    }
}
