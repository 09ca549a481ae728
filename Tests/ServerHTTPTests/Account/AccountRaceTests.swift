import Accounts
import HTTPTypes
import JOSE
import OAuthVocabulary
import Testing

@testable import AuthorizationServer
@testable import ServerHTTP

/// Acts on an account while something else happens to it, and sessions that belong to one application.
@Suite("Account acts that race, and sessions of applications")
struct AccountRaceTests {
    @Test("a session that is used while it is ended stays ended, and nobody sees a fault")
    func endWhileInUse() async throws {
        let house = try await AccountWorld()
        let other = try await house.browser(of: "alice")
        let id = try #require(try await other.get("/person").json["session"]?.stringValue)
        let cookie = other.cookies[SeveralAccountsTests.cookie]
        let form = try #require(try await house.alice.get("/account/sessions").form("end-session", on: id))
        // Long enough ago that every use would be written down.
        house.world.time.advance(by: .seconds(600))
        let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
            for index in 0..<24 {
                group.addTask {
                    if index == 12 { return try await house.alice.send(form).status }
                    let copy = TestBrowser(house.world)
                    copy.set(SeveralAccountsTests.cookie, cookie)
                    return try await copy.get("/person").status
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(statuses.allSatisfy { $0 == 200 || $0 == 303 }, "\(statuses)")
        #expect(try await house.isSignedIn(other) == false)
        #expect(try await house.isSignedIn(house.alice))
    }

    @Test("of several changes of one password at the same time one wins, and the others change nothing")
    func twoPasswordChanges() async throws {
        let house = try await AccountWorld()
        var browsers = [house.alice]
        for _ in 0..<3 { browsers.append(try await house.browser(of: "alice")) }
        var forms: [(TestBrowser, PageForm, String)] = []
        for (number, browser) in browsers.enumerated() {
            let form = try #require(try await browser.get("/account/password").form("change-password"))
            forms.append((browser, form, "new password number \(number)"))
        }
        let tries = forms
        let statuses = try await withThrowingTaskGroup(of: (Int, Int).self) { group in
            for (number, (browser, form, new)) in tries.enumerated() {
                group.addTask {
                    let fields = [
                        "current_password": HTTPWorld.password, "new_password": new, "repeat_password": new,
                    ]
                    return (number, try await browser.send(form, fields).status)
                }
            }
            return try await group.reduce(into: [Int: Int]()) { $0[$1.0] = $1.1 }
        }
        // Whoever comes later knows an old password, or has no session any more.
        let winners = statuses.filter { $0.value == 303 }
        #expect(statuses.values.allSatisfy { [303, 401, 403].contains($0) }, "\(statuses)")
        var working: [Int] = []
        for (number, (_, _, new)) in tries.enumerated() {
            let person = try await house.world.people.authenticate(
                username: "alice",
                password: Secret(new),
                now: house.world.now
            )
            if person != nil { working.append(number) }
        }
        #expect(working.count == 1)
        #expect(working.allSatisfy { winners[$0] != nil })
    }

    @Test("an application that refreshes without pause while it is disconnected is left with nothing")
    func disconnectWhileRefreshing() async throws {
        let house = try await AccountWorld()
        let world = house.world
        let tokens = try await world.tokens(for: house.alice)
        let form = try #require(try await house.alice.get("/account/applications").form("disconnect", on: "app"))
        let held = MutexBox([tokens])
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for _ in 0..<40 {
                    guard let last = held.value.last else { return }
                    let answer = try await world.post(
                        "/token",
                        ["grant_type": "refresh_token", "refresh_token": last.refresh, "client_id": "app"]
                    )
                    guard answer.status == 200, let access = try answer.json["access_token"]?.stringValue,
                        let refresh = try answer.json["refresh_token"]?.stringValue
                    else { return }
                    held.change { $0.append(AppTokens(access: access, refresh: refresh)) }
                }
            }
            group.addTask {
                let status = try await house.alice.send(form).status
                #expect(status == 303)
            }
            try await group.waitForAll()
        }
        for tokens in held.value { #expect(try await world.pays(tokens) == (false, false)) }
        #expect(try await house.alice.get("/account/applications").form("disconnect") == nil)
    }

    @Test("a store that cannot write ends nothing, and says so")
    func storeFailure() async throws {
        let store = BreakableStore()
        let world = try await HTTPWorld(store: store)
        try await world.client()
        try await world.person()
        let browser = try await AccountWorld.signedIn(["alice"], world)
        let other = try await AccountWorld.signedIn(["alice"], world)
        let page = try await browser.get("/account/sessions")
        let password = try #require(try await browser.get("/account/password").form("change-password"))
        store.refuseWrites()
        let ended = try await browser.send(try #require(page.form("end-session")))
        #expect(ended.status == 503 && ended["retry-after"] != nil)
        let fields = [
            "current_password": HTTPWorld.password, "new_password": "a new password",
            "repeat_password": "a new password",
        ]
        #expect(try await browser.send(password, fields).status == 503)
        #expect(try await other.get("/person").json["session"] != nil)
    }

    // MARK: - Sessions of applications

    @Test(
        "a session that belongs to one application is listed with its name and device, and ends like any other",
        arguments: [false, true]
    )
    func applicationSessions(apart: Bool) async throws {
        let stage = try await SessionStage(apart: apart)
        let members: JSONObject = [
            "client_id": "web", "username": "alice", "password": .string(HTTPWorld.password),
        ]
        let login = try await stage.browser.post(
            "/session/login",
            json: members.serialized(),
            headers: [
                ("origin", SessionStage.origin), ("signet-csrf", "1"), ("user-agent", AccountSessionsTests.firefox),
            ]
        )
        #expect(login.status == 200, "\(login.text)")
        #expect(try await stage.isActive("web"))
        let person = TestBrowser(stage.world)
        let signIn = try await person.follow(try await person.get("/account/sessions"))
        _ = try await person.signIn(signIn)
        let page = try await person.get("/account/sessions")
        #expect(page.text.contains("Only in <bdi>Notes web</bdi>"))
        #expect(page.text.contains("<bdi>Firefox</bdi> on <bdi>Linux</bdi>"))
        _ = try await person.send(try #require(page.form("end-session")))
        #expect(try await stage.isActive("web") == false)
        #expect(try await person.get("/person").json["session"] != nil)
    }
}
