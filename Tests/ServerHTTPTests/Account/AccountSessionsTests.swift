import Accounts
import AuthorizationServer
import HTTPTypes
import Instants
import JOSE
import OAuthVocabulary
import Testing

@testable import ServerHTTP

/// Active sessions and connected applications: seen, ended, and nobody else's. FIELD P44.
@Suite("Sessions and applications of an account")
struct AccountSessionsTests {
    static let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"

    @Test("the list tells device, network and times, and marks the session that looks at it")
    func list() async throws {
        let house = try await AccountWorld()
        let other = TestBrowser(house.world, peer: "2001:db8:7:8::1")
        _ = try await other.signIn(try await other.openSignIn(), headers: [("user-agent", Self.firefox)])
        house.world.time.advance(by: .seconds(3 * 3600))
        let page = try await house.alice.get("/account/sessions")
        #expect(page.text.contains("<bdi>Firefox</bdi> on <bdi>Linux</bdi>"))
        #expect(page.text.contains("<bdi>2001:db8:7::/48</bdi>") && page.text.contains("<bdi>192.0.2.0/24</bdi>"))
        #expect(page.text.contains("<bdi>3 hours ago</bdi>") && page.text.contains("<bdi>just now</bdi>"))
        #expect(page.text.ranges(of: "This browser").count == 1)
        #expect(page.forms.filter { $0.act == "end-session" }.count == 1)
        #expect(!page.text.contains(Self.firefox) && !page.text.contains("192.0.2.7"))
    }

    @Test("one session ends, with what its applications hold; the others and other people's stay")
    func endOne() async throws {
        let house = try await AccountWorld()
        let other = try await house.browser(of: "alice")
        let third = try await house.browser(of: "alice")
        let id = try #require(try await other.get("/person").json["session"]?.stringValue)
        let session = try await house.world.tokens(for: other, scope: "openid")
        let page = try await house.alice.get("/account/sessions")
        let answer = try await house.alice.send(try #require(page.form("end-session", on: id)))
        #expect(try await house.alice.follow(answer).text.contains("role=\"status\""))
        #expect(try await house.isSignedIn(other) == false)
        #expect(try await house.world.pays(session) == (false, false))
        #expect(try await house.isSignedIn(third))
        #expect(try await house.isSignedIn(house.alice))
        // Twice is once.
        #expect(try await house.alice.send(try #require(page.form("end-session", on: id))).status == 303)
    }

    @Test("P44, CVE-2026-55106, CVE-2025-14778: nobody ends another person's session, even with a form of their own")
    func foreignSession() async throws {
        let house = try await AccountWorld()
        let mallory = try await house.browser(of: "mallory")
        let id = try #require(try await house.alice.get("/person").json["session"]?.stringValue)
        #expect(try await mallory.get("/account/sessions").form("end-session", on: id) == nil)
        let second = try await house.browser(of: "mallory")
        let page = try await mallory.get("/account/sessions")
        var form = try #require(page.form("end-session"))
        form.object = id
        #expect(try await mallory.send(form).status == 403)
        // Even a token that the server itself made for that object ends nothing: whose it is is asked at the act.
        let cookie = Secret(try #require(mallory.cookies[SeveralAccountsTests.cookie]))
        let session = try #require(try await house.world.sessions.find(cookie: cookie, now: house.world.now))
        form.token = house.world.provider.interactions.formToken(
            .account,
            interaction: "end-session \(id)",
            browserBinding: Digest.sha256Text(try #require(mallory.cookies["__Host-signet-browser"])),
            session: session.snapshot
        )
        #expect(try await mallory.send(form).status == 303)
        #expect(try await house.isSignedIn(house.alice))
        #expect(try await house.isSignedIn(second))
    }

    @Test("signing out everywhere else keeps this browser; signing out everywhere does not")
    func endSeveral() async throws {
        let house = try await AccountWorld()
        let others = [try await house.browser(of: "alice"), try await house.browser(of: "alice")]
        let mallory = try await house.browser(of: "mallory")
        let page = try await house.alice.get("/account/sessions")
        _ = try await house.alice.send(try #require(page.form("end-others")))
        for other in others { #expect(try await house.isSignedIn(other) == false) }
        #expect(try await house.isSignedIn(house.alice))
        let again = try await house.alice.get("/account/sessions")
        #expect(again.form("end-others") == nil)
        let offline = try await house.world.tokens(for: house.alice)
        let answer = try await house.alice.send(try #require(again.form("end-all")))
        #expect(answer["location"] == HTTPWorld.https + "/logout")
        #expect(house.alice.cookies[SeveralAccountsTests.cookie] == nil)
        #expect(try await house.isSignedIn(house.alice) == false)
        #expect(try await house.world.pays(offline) == (false, false), "offline access is somewhere too")
        #expect(try await house.isSignedIn(mallory))
    }

    @Test("signing out everywhere leaves other people of this browser signed in")
    func endAllBesideOthers() async throws {
        let house = try await AccountWorld()
        let both = try await AccountWorld.signedIn(["mallory", "alice"], house.world)
        let answer = try await both.send(try #require(try await both.get("/account/sessions").form("end-all")))
        #expect(answer["location"] == HTTPWorld.https + "/account")
        #expect(try await SeveralAccountsTests.people(both) == [try await house.world.subject("mallory").value])
        #expect(try await house.isSignedIn(house.alice) == false)
    }

    @Test("sessions that the operator ended for the whole person are not shown as live")
    func endedByTheOperator() async throws {
        let house = try await AccountWorld()
        _ = try await house.browser(of: "alice")
        let alice = try await house.world.subject("alice")
        try await house.world.services.revocations.apply(
            ending: Ending(.subject(alice), because: .operatorAct),
            now: house.world.now
        )
        house.world.time.advance(by: .seconds(1))
        let again = try await house.browser(of: "alice")
        #expect(try await again.get("/account/sessions").form("end-session") == nil)
        #expect(try await house.alice.get("/account/sessions").status == 303)
    }

    @Test("a long list is shown in parts, and no number of a part is an error")
    func paging() async throws {
        let house = try await AccountWorld()
        let world = house.world
        let alice = try #require(try await world.people.find(username: "alice", now: world.now))
        for _ in 0..<44 {
            _ = try await world.sessions.create(for: alice, amr: ["pwd"], acr: "1", now: world.now, replacing: [])
        }
        for (asked, page, count) in [
            ("", 1, 19), ("?page=1", 1, 19), ("?page=2", 2, 20), ("?page=3", 3, 5), ("?page=4", 3, 5),
            ("?page=0", 1, 19), ("?page=-1", 1, 19), ("?page=x", 1, 19), ("?page=99999999999999999999", 1, 19),
        ] {
            let answer = try await house.alice.get("/account/sessions" + asked)
            #expect(answer.status == 200)
            #expect(answer.forms.filter { $0.act == "end-session" }.count == count, "\(asked)")
            #expect(answer.text.contains("Page <bdi>\(page)</bdi> of <bdi>3</bdi>"), "\(asked)")
        }
        let form = try #require(try await house.alice.get("/account/sessions").form("end-others"))
        _ = try await house.alice.send(form)
        #expect(try await world.sessions.list(of: alice.subject, now: world.now).count == 1)
    }

    // MARK: - Applications

    @Test("a connected application is listed with what it may do and when it was used, and is cut off at once")
    func disconnect() async throws {
        let house = try await AccountWorld()
        let world = house.world
        let empty = try await house.alice.get("/account/applications")
        #expect(empty.text.contains("No application is connected") && empty.form("disconnect") == nil)
        let app = try await world.tokens(for: house.alice)
        let mail = try await world.tokens(for: house.alice, client: "mail")
        let mallory = try await house.browser(of: "mallory")
        let hers = try await world.tokens(for: mallory)
        world.time.advance(by: .seconds(7200))
        let page = try await house.alice.get("/account/applications")
        #expect(page.text.contains("Notes app") && page.text.contains("Notes mail"))
        #expect(page.text.contains("Last used <bdi>2 hours ago</bdi>") && page.text.contains("Stay connected"))

        let answer = try await house.alice.send(try #require(page.form("disconnect", on: "app")))
        let after = try await house.alice.follow(answer)
        #expect(after.text.contains("role=\"status\"") && !after.text.contains("Notes app"))
        let refused = try await world.post(
            "/token",
            ["grant_type": "refresh_token", "refresh_token": app.refresh, "client_id": "app"]
        )
        #expect(refused.error == "invalid_grant")
        #expect(try await world.pays(mail, client: "mail").refresh)
        #expect(try await world.pays(hers).refresh, "what another person allowed stays")
    }

    @Test("an access token of a disconnected application is refused at once, and may be asked for again")
    func accessToken() async throws {
        let house = try await AccountWorld()
        let tokens = try await house.world.tokens(for: house.alice)
        #expect(try await house.world.pays(tokens).access)
        let page = try await house.alice.get("/account/applications")
        _ = try await house.alice.send(try #require(page.form("disconnect", on: "app")))
        #expect(try await house.world.pays(tokens) == (false, false))
        house.world.time.advance(by: .seconds(1))
        #expect(try await house.world.pays(try await house.world.tokens(for: house.alice)) == (true, true))
    }

    @Test("P44: a form for one application disconnects no other, and naming one that is not connected does nothing")
    func foreignApplication() async throws {
        let house = try await AccountWorld()
        let mallory = try await house.browser(of: "mallory")
        let hers = try await house.world.tokens(for: mallory, client: "mail")
        _ = try await house.world.tokens(for: house.alice)
        let page = try await house.alice.get("/account/applications")
        var form = try #require(page.form("disconnect", on: "app"))
        for object in ["mail", "nobody", "", "APP"] {
            form.object = object
            #expect(try await house.alice.send(form).status == 403)
        }
        #expect(try await house.world.pays(hers, client: "mail") == (true, true))
    }

    @Test("an application whose record is gone holds nothing, and the page says so")
    func deletedClient() async throws {
        let house = try await AccountWorld()
        _ = try await house.world.tokens(for: house.alice)
        let services = house.world.services
        let app = try #require(ClientID("app"))
        try await services.clients.delete(app, now: house.world.now, revocations: services.revocations)
        let page = try await house.alice.get("/account/applications")
        #expect(page.status == 200)
        if let form = page.form("disconnect", on: "app") {
            #expect(try await house.alice.send(form).status == 303)
        }
        #expect(try await house.alice.get("/account/applications").form("disconnect") == nil)
    }
}
