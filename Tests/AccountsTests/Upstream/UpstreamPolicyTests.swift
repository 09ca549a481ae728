import Accounts
import Instants
import JOSE
import OAuthVocabulary
import Testing

/// Who somebody at another provider is here: a table, without a store.
@Suite struct UpstreamPolicyTests {
    static let provider = UpstreamName("work")

    static func profile(
        email: String? = "ada@example.org",
        _ verification: EmailVerification = .verified,
        hostedDomain: String? = nil
    ) throws -> UpstreamProfile {
        let name = try #require(provider)
        let identity = try #require(UpstreamIdentity(provider: name, issuer: "https://id.example", subject: "u-1"))
        var profile = UpstreamProfile(identity: identity)
        profile.setEmail(email, verification)
        profile.hostedDomain = hostedDomain
        return profile
    }

    static func person(
        email: String? = "ada@example.org",
        _ verification: EmailVerification = .verified,
        isEnabled: Bool = true,
        origin: PersonOrigin = .registered
    ) async throws -> Person {
        let house = House()
        let new = NewPerson(
            username: "ada",
            email: email,
            emailVerification: verification,
            subject: Subject("s-ada"),
            origin: origin
        )
        let person = try await house.people.create(new, password: nil, now: start)
        return isEnabled ? person : try await house.people.disable(person.subject, now: start)
    }

    static let open = UpstreamRules(signUp: .allowed)
    static let authority = UpstreamRules(signUp: .allowed, authoritativeDomains: ["Example.ORG"])

    @Test("Somebody who is linked signs in as who they are linked to, unless that account is closed")
    func linked() async throws {
        let house = House()
        let accounts = UpstreamAccounts(people: house.people)
        let person = try await house.people.create(NewPerson(username: "ada"), password: nil, now: start)
        let profile = try Self.profile()
        #expect(try await accounts.link(profile, to: person.subject, rules: UpstreamRules(), now: start) == nil)
        let link = try #require(try await accounts.list(of: person.subject, now: start).first)
        let situation = UpstreamSituation(profile: profile, link: link, linked: person)
        #expect(UpstreamPolicy.decide(situation, UpstreamRules()) == .signIn(person.subject))
        let disabled = try await house.people.disable(person.subject, now: start)
        let closed = UpstreamSituation(profile: profile, link: link, linked: disabled)
        #expect(UpstreamPolicy.decide(closed, UpstreamRules()) == .refuse(.disabled))
        // A link whose person is gone is no link.
        let orphan = UpstreamSituation(profile: profile, link: link)
        #expect(UpstreamPolicy.decide(orphan, UpstreamRules()) == .refuse(.noAccount))
    }

    @Test("nOAuth: an address that is not verified joins nothing, whatever the provider is the authority for")
    func nOAuth() async throws {
        let holder = try await Self.person()
        let claimed = UpstreamSituation(
            profile: try Self.profile(email: "ada@example.org", .unverified),
            holder: holder
        )
        #expect(UpstreamPolicy.decide(claimed, Self.authority) == .create(.none))
        // The twin: the same address, verified.
        let verified = UpstreamSituation(profile: try Self.profile(), holder: holder)
        #expect(UpstreamPolicy.decide(verified, Self.authority) == .join(holder.subject))
    }

    @Test("Automatic linking is off by default: a verified address joins nothing where nobody declared an authority")
    func offByDefault() async throws {
        let holder = try await Self.person()
        let situation = UpstreamSituation(profile: try Self.profile(), holder: holder)
        #expect(UpstreamPolicy.decide(situation, Self.open) == .refuse(.addressInUse))
        let elsewhere = UpstreamRules(
            signUp: .allowed,
            authoritativeDomains: ["other.example", "org", "sub.example.org"]
        )
        #expect(UpstreamPolicy.decide(situation, elsewhere) == .refuse(.addressInUse))
    }

    @Test("Pre-hijacking: an account that somebody made with the victim's address, unproven, is never merged into")
    func preHijacking() async throws {
        let squatter = try await Self.person(email: "ada@example.org", .unverified)
        let situation = UpstreamSituation(profile: try Self.profile(), holder: squatter)
        // The owner is not locked out either: they get an account, with the address where its authority says so.
        #expect(UpstreamPolicy.decide(situation, Self.authority) == .create(.takenFrom(squatter.subject)))
        #expect(UpstreamPolicy.decide(situation, Self.open) == .create(.none))
    }

    @Test(
        "Pre-hijacking: an account that another provider's word made is not merged into, and its address is its owner's"
    )
    func preHijackingByProvider() async throws {
        let squatter = try await Self.person(origin: .upstream)
        let situation = UpstreamSituation(profile: try Self.profile(), holder: squatter)
        #expect(UpstreamPolicy.decide(situation, Self.authority) == .create(.takenFrom(squatter.subject)))
        let closed = UpstreamRules(authoritativeDomains: ["example.org"])
        #expect(UpstreamPolicy.decide(situation, closed) == .refuse(.noAccount))
        // The twin: an account that proved its address otherwise.
        let holder = try await Self.person()
        let proven = UpstreamSituation(profile: try Self.profile(), holder: holder)
        #expect(UpstreamPolicy.decide(proven, closed) == .join(holder.subject))
    }

    @Test("Where accounts are not made, nobody learns whether an address has one (FIELD L35)")
    func noEnumeration() async throws {
        let rules = UpstreamRules()
        let verified = try await Self.person()
        let unverified = try await Self.person(email: "ada@example.org", .unverified)
        for holder in [verified, unverified, nil] {
            for verification in [EmailVerification.verified, .unverified] {
                let situation = UpstreamSituation(
                    profile: try Self.profile(email: "ada@example.org", verification),
                    holder: holder
                )
                #expect(UpstreamPolicy.decide(situation, rules) == .refuse(.noAccount))
            }
        }
    }

    @Test("An address that nobody vouches for is not taken into a new account: it would keep its owner out")
    func unverifiedAddress() throws {
        let situation = UpstreamSituation(profile: try Self.profile(email: "ada@example.org", .unverified))
        #expect(UpstreamPolicy.decide(situation, Self.open) == .create(.none))
        #expect(UpstreamPolicy.decide(UpstreamSituation(profile: try Self.profile()), Self.open) == .create(.taken))
        #expect(
            UpstreamPolicy.decide(UpstreamSituation(profile: try Self.profile(email: nil)), Self.open) == .create(.none)
        )
    }

    @Test("Nobody is joined to a closed account or to one made for trying things out")
    func notJoined() async throws {
        let closed = UpstreamSituation(profile: try Self.profile(), holder: try await Self.person(isEnabled: false))
        #expect(UpstreamPolicy.decide(closed, Self.authority) == .refuse(.disabled))
        let demo = UpstreamSituation(profile: try Self.profile(), holder: try await Self.person(origin: .demo))
        #expect(UpstreamPolicy.decide(demo, Self.authority) == .refuse(.addressInUse))
    }

    @Test("The domain allow-list counts at every sign-in, also for somebody who is linked (Rauthy 0.32.4)")
    func domains() async throws {
        let rules = UpstreamRules(signUp: .allowed, allowedDomains: ["example.org"])
        #expect(UpstreamPolicy.decide(UpstreamSituation(profile: try Self.profile()), rules) == .create(.taken))
        let refused = [
            try Self.profile(email: "ada@example.org", .unverified), try Self.profile(email: "ada@evil.example"),
            try Self.profile(email: "ada@example.org.evil.example"), try Self.profile(email: "ada@sub.example.org"),
            try Self.profile(email: "ada@notexample.org"), try Self.profile(email: nil),
            // The domain is what stands behind the last @, and an address with two is none.
            try Self.profile(email: "ada@example.org@evil.example"),
        ]
        for profile in refused {
            #expect(UpstreamPolicy.decide(UpstreamSituation(profile: profile), rules) == .refuse(.domainNotAllowed))
        }
        let house = House()
        let person = try await house.people.create(NewPerson(username: "ada"), password: nil, now: start)
        let accounts = UpstreamAccounts(people: house.people)
        _ = try await accounts.link(try Self.profile(), to: person.subject, rules: UpstreamRules(), now: start)
        let link = try #require(try await accounts.list(of: person.subject, now: start).first)
        let left = UpstreamSituation(
            profile: try Self.profile(email: "ada@elsewhere.example"),
            link: link,
            linked: person
        )
        #expect(UpstreamPolicy.decide(left, rules) == .refuse(.domainNotAllowed))
    }

    @Test("Google vouches for a domain by hd, not by an address at it")
    func hostedDomain() async throws {
        let holder = try await Self.person()
        let rules = UpstreamRules(
            signUp: .allowed,
            allowedDomains: ["example.org"],
            authoritativeDomains: ["example.org", "gmail.com"],
            evidence: .hostedDomain
        )
        let hosted = UpstreamSituation(profile: try Self.profile(hostedDomain: "example.org"), holder: holder)
        #expect(UpstreamPolicy.decide(hosted, rules) == .join(holder.subject))
        // A private Google account with that address, verified once.
        let consumer = UpstreamSituation(profile: try Self.profile(), holder: holder)
        #expect(UpstreamPolicy.decide(consumer, rules) == .refuse(.domainNotAllowed))
        var anywhere = rules
        anywhere.allowedDomains = []
        #expect(UpstreamPolicy.decide(consumer, anywhere) == .refuse(.addressInUse))
        let mail = try await Self.person(email: "ada@gmail.com")
        let gmail = UpstreamSituation(profile: try Self.profile(email: "ada@gmail.com"), holder: mail)
        #expect(UpstreamPolicy.decide(gmail, anywhere) == .join(mail.subject))
    }

    @Test("A subject is 1 to 255 octets, and no control characters", arguments: ["", "a\u{0}b", "a\nb"])
    func subjects(_ subject: String) throws {
        let name = try #require(Self.provider)
        #expect(UpstreamIdentity(provider: name, issuer: "https://id.example", subject: subject) == nil)
        let long = String(repeating: "a", count: 256)
        #expect(UpstreamIdentity(provider: name, issuer: "https://id.example", subject: long) == nil)
        #expect(UpstreamIdentity(provider: name, issuer: "https://id.example", subject: "a b") != nil)
    }

    @Test(
        "Names of providers stand in addresses",
        arguments: ["", "Google", "a/b", "a..b", "-a", "1a", "ä", "a_b", "a%2f"]
    )
    func names(_ text: String) {
        #expect(UpstreamName(text) == nil)
    }
}
