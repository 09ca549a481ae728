import Accounts
import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

/// Links and just-in-time accounts on a store.
@Suite(.timeLimit(.minutes(2))) struct UpstreamAccountsTests {
    let house = House()
    var accounts: UpstreamAccounts { UpstreamAccounts(people: house.people) }
    static let open = UpstreamRules(signUp: .allowed)

    func profile(
        _ subject: String = "u-1",
        provider: String = "work",
        issuer: String = "https://id.example",
        email: String? = nil,
        groups: [String]? = nil
    ) throws -> UpstreamProfile {
        let name = try #require(UpstreamName(provider))
        var profile = UpstreamProfile(
            identity: try #require(UpstreamIdentity(provider: name, issuer: issuer, subject: subject))
        )
        profile.setEmail(email, .verified)
        profile.groups = groups
        profile.name = "Ada Lovelace"
        return profile
    }

    func signIn(_ profile: UpstreamProfile, _ rules: UpstreamRules = open) async throws -> Person {
        switch try await accounts.signIn(profile, rules: rules, now: start) {
        case .signedIn(let person): return person
        case .refused(let refusal):
            Issue.record("refused: \(refusal)")
            throw CancellationError()
        }
    }

    func refusal(_ profile: UpstreamProfile, _ rules: UpstreamRules = open) async throws -> UpstreamRefusal? {
        if case .refused(let refusal) = try await accounts.signIn(profile, rules: rules, now: start) { return refusal }
        return nil
    }

    @Test("A newcomer gets an account once, without a password, under a name that was drawn")
    func justInTime() async throws {
        let first = try await signIn(try profile(email: "ada@example.org"))
        #expect(first.email == "ada@example.org" && first.emailVerified && first.name == "Ada Lovelace")
        #expect(!first.hasPassword && first.origin == .upstream && first.username.hasPrefix("work-"))
        let again = try await signIn(try profile(email: "ada@example.org"))
        #expect(again.subject == first.subject)
        #expect(try await house.people.list(limit: 10, now: start).count == 1)
        // Nobody signs in to it with a password.
        let guess = try await house.people.authenticate(username: first.username, password: Secret(""), now: start)
        #expect(guess == nil)
    }

    @Test("Another subject, another issuer and another provider are another person, also with the same address")
    func changedSubject() async throws {
        let first = try await signIn(try profile(email: "ada@example.org"))
        #expect(try await refusal(try profile("u-2", email: "ada@example.org")) == .addressInUse)
        let others = [try profile("u-2"), try profile(issuer: "https://other.example"), try profile(provider: "other")]
        for other in others { #expect(try await signIn(other).subject != first.subject) }
    }

    @Test(
        "Pre-hijacking: the squatter keeps their account and loses the address to its owner, by the authority's word only"
    )
    func preHijacking() async throws {
        let new = NewPerson(username: "victim@example.org", email: "victim@example.org")
        let squatter = try await house.people.create(new, password: rightPassword, now: start)
        let rules = UpstreamRules(signUp: .allowed, authoritativeDomains: ["example.org"])
        let victim = try await signIn(try profile(email: "victim@example.org"), rules)
        #expect(victim.subject != squatter.subject)
        #expect(victim.email == "victim@example.org" && victim.emailVerified)
        let left = try #require(try await house.people.find(subject: squatter.subject, now: start))
        #expect(left.email == nil && left.hasPassword)
        // The squatter's password opens the squatter's account and nothing else.
        let opened = try await house.people.authenticate(
            username: "victim@example.org",
            password: rightPassword,
            now: start
        )
        #expect(opened?.subject == squatter.subject)
        // Without an authority the address stays where it is, and the owner gets in all the same.
        let second = NewPerson(username: "other", email: "other@example.org")
        let holder = try await house.people.create(second, password: nil, now: start)
        let owner = try await signIn(try profile("u-9", email: "other@example.org"))
        #expect(owner.subject != holder.subject && owner.email == nil)
    }

    @Test("The authority for a domain joins a verified address to its account, and no other")
    func joined() async throws {
        let new = NewPerson(username: "ada", email: "Ada@Example.org", emailVerification: .verified)
        let ada = try await house.people.create(new, password: rightPassword, now: start)
        let rules = UpstreamRules(authoritativeDomains: ["example.org"])
        #expect(try await refusal(try profile(email: "ada@example.org"), UpstreamRules()) == .noAccount)
        #expect(try await signIn(try profile(email: "ada@example.org"), rules).subject == ada.subject)
        // From now on the link counts, whatever the address becomes.
        #expect(try await signIn(try profile(email: "countess@example.org"), UpstreamRules()).subject == ada.subject)
    }

    @Test("An identity that is somebody's is linked to nobody else")
    func linkedToAnother() async throws {
        let ada = try await house.people.create(NewPerson(username: "ada"), password: rightPassword, now: start)
        let eve = try await house.people.create(NewPerson(username: "eve"), password: rightPassword, now: start)
        #expect(try await accounts.link(try profile(), to: ada.subject, rules: UpstreamRules(), now: start) == nil)
        #expect(try await accounts.link(try profile(), to: ada.subject, rules: UpstreamRules(), now: start) == nil)
        let refusal = try await accounts.link(try profile(), to: eve.subject, rules: UpstreamRules(), now: start)
        #expect(refusal == .linkedToAnother)
        #expect(try await accounts.list(of: eve.subject, now: start).isEmpty)
        #expect(try await accounts.list(of: ada.subject, now: start).map(\.identity.subject) == ["u-1"])
    }

    @Test("Nobody has more links than their page shows: one more is refused, one that is there is not")
    func tooMany() async throws {
        let ada = try await house.people.create(NewPerson(username: "ada"), password: rightPassword, now: start)
        func link(_ number: Int) async throws -> UpstreamRefusal? {
            let profile = try profile(provider: "work-\(number)")
            return try await accounts.link(profile, to: ada.subject, rules: UpstreamRules(), now: start)
        }
        for number in 1...50 { #expect(try await link(number) == nil) }
        #expect(try await link(51) == .tooManyLinks)
        #expect(try await link(7) == nil)
        #expect(try await accounts.list(of: ada.subject, now: start).count == 50)
    }

    @Test("The last way in cannot be removed, also not by two requests at once")
    func lastWayIn() async throws {
        let usable = Set(["work", "other"].compactMap { UpstreamName($0) })
        let person = try await signIn(try profile())
        let only = try #require(try await accounts.list(of: person.subject, now: start).first)
        func remove(_ link: UpstreamLink, _ usable: Set<UpstreamName>) async throws -> UpstreamAccounts.Removal {
            try await accounts.unlink(link.reference, of: person.subject, usable: usable, now: start)
        }
        #expect(try await remove(only, usable) == .lastWayIn)
        let second = try profile(provider: "other")
        #expect(try await accounts.link(second, to: person.subject, rules: UpstreamRules(), now: start) == nil)
        let links = try await accounts.list(of: person.subject, now: start)
        // A link to a provider that is switched off is no way in.
        let work = try #require(UpstreamName("work"))
        #expect(try await remove(only, [work]) == .lastWayIn)
        async let first = remove(links[0], usable)
        async let other = remove(links[1], usable)
        let outcomes = try await [first, other]
        #expect(outcomes.contains(.removed) && outcomes.contains(.lastWayIn))
        #expect(try await accounts.list(of: person.subject, now: start).count == 1)
        // Nobody removes another person's.
        let left = try #require(try await accounts.list(of: person.subject, now: start).first)
        let eve = try await house.people.create(NewPerson(username: "eve"), password: rightPassword, now: start)
        let foreign = try await accounts.unlink(left.reference, of: eve.subject, usable: usable, now: start)
        #expect(foreign == .unknown)
        // With a password every link may go.
        _ = try await house.people.setPassword(person.subject, to: rightPassword, now: start)
        #expect(try await remove(left, usable) == .removed)
        #expect(try await refusal(try profile(), UpstreamRules()) == .noAccount)
    }

    @Test("Twenty first sign-ins at once make one account")
    func together() async throws {
        let profile = try profile(email: "ada@example.org")
        let accounts = accounts
        let subjects = try await withThrowingTaskGroup(of: Subject?.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    guard case .signedIn(let person) = try await accounts.signIn(profile, rules: Self.open, now: start)
                    else { return nil }
                    return person.subject
                }
            }
            var subjects: [Subject?] = []
            for try await subject in group { subjects.append(subject) }
            return subjects
        }
        #expect(Set(subjects).count == 1 && !subjects.contains(nil))
        #expect(try await house.people.list(limit: 100, now: start).count == 1)
    }

    @Test("Groups follow the provider; those that the operator gave stay")
    func groups() async throws {
        let new = NewPerson(username: "ada", groups: ["admins", "staff"])
        let ada = try await house.people.create(new, password: nil, now: start)
        let given = try profile(groups: ["staff", "sales"])
        _ = try await accounts.link(given, to: ada.subject, rules: UpstreamRules(), now: start)
        var groups = try await house.people.find(subject: ada.subject, now: start)?.groups
        #expect(groups == ["admins", "staff", "sales"])
        groups = try await signIn(try profile(groups: [])).groups
        #expect(groups == ["admins", "staff"])
        // Where no claim is mapped nothing changes.
        groups = try await signIn(try profile(groups: nil)).groups
        #expect(groups == ["admins", "staff"])
        // What a link gave goes with it.
        _ = try await signIn(try profile(groups: ["sales"]))
        let link = try #require(try await accounts.list(of: ada.subject, now: start).first)
        _ = try await house.people.setPassword(ada.subject, to: rightPassword, now: start)
        _ = try await accounts.unlink(link.reference, of: ada.subject, usable: [], now: start)
        groups = try await house.people.find(subject: ada.subject, now: start)?.groups
        #expect(groups == ["admins", "staff"])
    }

    @Test("A person who is deleted takes their links along, and who comes next is somebody new")
    func deleted() async throws {
        let person = try await signIn(try profile())
        try await house.people.delete(person.subject, now: start)
        #expect(try await accounts.list(of: person.subject, now: start).isEmpty)
        #expect(try await signIn(try profile()).subject != person.subject)
    }

    @Test("A link on record is read as it was written first")
    func fixture() async throws {
        let payload = """
            {"v":1,"provider":"work","iss":"https://id.example","upstream_sub":"u-1","sub":"s-1","linked_at":1767225600000,\
            "used_at":1767225600000,"label":"ada@example.org","groups":["sales"]}
            """
        let subject = try #require(Subject("s-1"))
        let new = NewPerson(username: "ada", subject: subject)
        _ = try await house.people.create(new, password: nil, now: start)
        let made = try await accounts.link(try profile(), to: subject, rules: UpstreamRules(), now: start)
        #expect(made == nil)
        let link = try #require(try await accounts.list(of: subject, now: start).first)
        let frozen = Record(key: link.recordKey, subject: "s-1", version: link.version, payload: Array(payload.utf8))
        #expect(try await house.store.apply([.replace(frozen, ifVersion: link.version)], now: start) == .applied)
        let read = try #require(try await accounts.list(of: subject, now: start).first)
        #expect(read.label == "ada@example.org" && read.groups == ["sales"] && read.identity == link.identity)
        #expect(read.reference == link.reference && read.linkedAt == start)
    }
}
