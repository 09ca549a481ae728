import Accounts
import Instants
import JOSE
import OAuthVocabulary
import Testing
import UpstreamLogin

/// Whose login it is: state, browser, provider, time, and once.
@Suite(.timeLimit(.minutes(2))) struct BindingTests {
    @Test("A state counts once: replayed, it is as unknown as one that never was")
    func replay() async throws {
        let world = try World()
        let request = try await world.begin()
        try world.grant(world.claims(request))
        let query = "code=c&state=\(request["state"] ?? "")"
        _ = try await world.finish(query)
        #expect(await failure { _ = try await world.finish(query) } == .expired)
        for state in ["", "x", String(repeating: "s", count: 300)] {
            #expect(await failure { _ = try await world.finish("code=c&state=\(state)") } == .expired)
        }
        #expect(await failure { _ = try await world.finish("code=c") } == .expired)
        #expect(await failure { _ = try await world.finish("\(query)&state=other") } == .expired)
        #expect(world.remote.forms("\(World.issuer)/token").count == 1)
    }

    @Test("Of ten answers at once one counts")
    func doubled() async throws {
        let world = try World()
        let request = try await world.begin()
        try world.grant(world.claims(request))
        let query = "code=c&state=\(request["state"] ?? "")"
        let signedIn = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<10 { group.addTask { await failure { _ = try await world.finish(query) } == nil } }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(signedIn == 1)
        #expect(world.remote.forms("\(World.issuer)/token").count == 1)
    }

    @Test("CVE-2026-7507, login CSRF: another browser ends no login, and does not spoil it either")
    func otherBrowser() async throws {
        let world = try World()
        let request = try await world.begin()
        try world.grant(world.claims(request))
        let query = "code=c&state=\(request["state"] ?? "")"
        #expect(await failure { _ = try await world.finish(query, binding: "browser-2") } == .expired)
        #expect(world.remote.forms("\(World.issuer)/token").isEmpty)
        _ = try await world.finish(query)
    }

    @Test("FIELD P46, mix-up: an answer at another provider's address ends no login")
    func otherProvider() async throws {
        let world = try World()
        let other = try #require(UpstreamName("other"))
        let work = try #require(world.register.provider(world.name))
        let fields: [UpstreamField: [String]] = [.issuer: [World.issuer], .clientID: ["here"], .signUp: ["true"]]
        let second = try UpstreamProvider(other, UpstreamDescription(fields), secrets: .init(clientSecret: "s3cret"))
        try world.register.replace(with: [work, second])
        let request = try await world.begin()
        try world.grant(world.claims(request))
        let query = "code=c&state=\(request["state"] ?? "")"
        let kind = await failure {
            _ = try await world.logins.finish(
                other,
                query: query,
                browserBinding: World.binding,
                session: nil,
                now: world.clock.now
            )
        }
        #expect(kind == .expired)
        #expect(world.remote.forms("\(World.issuer)/token").isEmpty)
    }

    @Test("After ten minutes a login is over")
    func late() async throws {
        let world = try World()
        let request = try await world.begin()
        try world.grant(world.claims(request))
        try await world.clock.sleep(for: .seconds(601))
        let query = "code=c&state=\(request["state"] ?? "")"
        #expect(await failure { _ = try await world.finish(query) } == .expired)
    }

    @Test("CVE-2026-1486, CVE-2026-2603, FIELD G24: a provider that is switched off or gone signs nobody in")
    func switchedOff() async throws {
        let world = try World()
        let request = try await world.begin()
        try world.grant(world.claims(request))
        let fields: [UpstreamField: [String]] = [
            .issuer: [World.issuer], .clientID: ["here"], .signUp: ["true"], .enabled: ["false"],
        ]
        let off = try UpstreamProvider(world.name, UpstreamDescription(fields), secrets: .init(clientSecret: "s3cret"))
        try world.register.replace(with: [off])
        #expect(world.register.enabled.isEmpty)
        let query = "code=c&state=\(request["state"] ?? "")"
        #expect(await failure { _ = try await world.finish(query) } == .providerOff)
        #expect(await failure { _ = try await world.begin() } == .providerOff)
        try world.register.replace(with: [])
        #expect(await failure { _ = try await world.finish(query) } == .providerOff)
    }

    @Test("A provider whose client changed meanwhile does not end the logins of the old one")
    func changedClient() async throws {
        let world = try World()
        let request = try await world.begin()
        try world.grant(world.claims(request))
        let fields: [UpstreamField: [String]] = [.issuer: [World.issuer], .clientID: ["other"], .signUp: ["true"]]
        let changed = try UpstreamProvider(
            world.name,
            UpstreamDescription(fields),
            secrets: .init(clientSecret: "s3cret")
        )
        try world.register.replace(with: [changed])
        #expect(
            await failure { _ = try await world.finish("code=c&state=\(request["state"] ?? "")") } == .answerInvalid
        )
    }

    @Test("A link is made for the session that asked for it, and for no other")
    func linkingSession() async throws {
        let world = try World()
        let random = Counting()
        let sessions = Sessions(store: world.store, randomness: { random.bytes($0) }, endings: .none)
        let ada = try await world.people.create(NewPerson(username: "ada"), password: nil, now: world.clock.now)
        let eve = try await world.people.create(NewPerson(username: "eve"), password: nil, now: world.clock.now)
        func open(_ person: Person) async throws -> Session {
            try await sessions.create(for: person, amr: ["pwd"], acr: "1", now: world.clock.now, replacing: []).session
        }
        let asked = try await open(ada)
        for session in [nil, try await open(eve), try await open(ada)] {
            let url = try await world.logins.begin(
                world.name,
                for: .link(ada.subject, session: asked.id),
                browserBinding: World.binding,
                now: world.clock.now
            )
            let request = ScriptedProvider.fields(String(url.split(separator: "?", maxSplits: 1)[1]))
            try world.grant(world.claims(request))
            let query = "code=c&state=\(request["state"] ?? "")"
            #expect(await failure { _ = try await world.finish(query, session: session) } == .expired)
            #expect(try await world.accounts.list(of: ada.subject, now: start).isEmpty)
        }
        let url = try await world.logins.begin(
            world.name,
            for: .link(ada.subject, session: asked.id),
            browserBinding: World.binding,
            now: world.clock.now
        )
        let request = ScriptedProvider.fields(String(url.split(separator: "?", maxSplits: 1)[1]))
        try world.grant(world.claims(request))
        guard case .linked = try await world.finish("code=c&state=\(request["state"] ?? "")", session: asked) else {
            Issue.record("not linked")
            return
        }
        #expect(try await world.login().subject == ada.subject)
    }

    @Test("Somebody who has to prove it again is asked again there, and the answer must say when that was")
    func freshness() async throws {
        let world = try World()
        let request = try await world.begin(.again)
        #expect(request["prompt"] == "login" && request["max_age"] == "0")
        let query = "code=c&state=\(request["state"] ?? "")"
        try world.grant(world.claims(request))
        #expect(await failure { _ = try await world.finish(query) } == .answerInvalid)
        let old = try await world.begin(.again)
        try world.grant(world.claims(old, ["auth_time": .integer(start.secondsSinceEpoch - 3600)]))
        #expect(await failure { _ = try await world.finish("code=c&state=\(old["state"] ?? "")") } == .answerInvalid)
        let new = try await world.begin(.again)
        try world.grant(world.claims(new, ["auth_time": .integer(start.secondsSinceEpoch)]))
        _ = try await world.finish("code=c&state=\(new["state"] ?? "")")
    }
}
