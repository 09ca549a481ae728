import Accounts
import AuthorizationServer
import HTTPTypes
import JOSE
import OAuthVocabulary
import ServerHTTP
import Testing

/// The account pages: whose they are, what they show, and that nothing happens without their own forms.
@Suite("Account pages")
struct AccountPageTests {
    static let pages = ["/account", "/account/password", "/account/sessions", "/account/applications"]

    @Test("a page waits for its person to sign in, and comes back", arguments: pages)
    func visits(path: String) async throws {
        let world = try await SignInTests.world()
        let browser = TestBrowser(world)
        let signIn = try await browser.follow(try await browser.get(path))
        #expect(signIn.text.contains("name=\"password\""))
        let back = try await browser.follow(try await browser.signIn(signIn))
        #expect(back["location"] == HTTPWorld.https + path)
        let page = try await browser.follow(back)
        #expect(page.status == 200 && page.text.contains("Alice Example"))
        #expect(page["cache-control"] == "no-store")
        #expect(page["content-security-policy"]?.contains("script-src") == false)
        #expect(page.text.contains("aria-current=\"page\""))
    }

    @Test("an issuer with a path has its account pages below it")
    func issuerWithPath() async throws {
        let world = try await SignInTests.world(issuer: "https://id.example/tenant")
        let browser = TestBrowser(world)
        #expect(try await browser.get("/account").status == 404)
        let page = try await browser.follow(try await browser.get("/tenant/account"))
        let answer = try await browser.post(
            "/tenant/sign-in",
            [
                "interaction": try #require(page.field("interaction")),
                "form_token": try #require(page.field("form_token")), "username": "alice",
                "password": HTTPWorld.password,
            ]
        )
        let account = try await browser.follow(try await browser.follow(answer))
        #expect(account.text.contains("href=\"/tenant/account/sessions\""))
        #expect(account.forms.allSatisfy { $0.action == "/tenant/account" })
    }

    @Test("a display name is changed, shown at once, and said with a proof")
    func rename() async throws {
        let house = try await AccountWorld()
        let form = try #require(try await house.alice.get("/account").form("rename"))
        let answer = try await house.alice.send(form, ["name": "  Alice  Ünïcode 🙂 "])
        #expect(answer.status == 303)
        let page = try await house.alice.follow(answer)
        #expect(page.text.contains("role=\"status\"") && page.text.contains("Alice  Ünïcode 🙂"))
        let alice = try await house.world.subject("alice")
        #expect(try await house.world.people.find(subject: alice, now: house.world.now)?.name == "Alice  Ünïcode 🙂")
        let again = try #require(page.form("rename"))
        _ = try await house.alice.send(again, ["name": "   "])
        #expect(try await house.world.people.find(subject: alice, now: house.world.now)?.name == nil)
        #expect(try await house.alice.get("/account").text.contains("<bdi>alice</bdi>"))
    }

    @Test(
        "a name that lies or does not fit is refused and nothing is written",
        arguments: [
            "a\u{202E}b", "a\nb", "a\u{200B}b", String(repeating: "x", count: 101),
            "e" + String(repeating: "\u{301}", count: 250),
        ]
    )
    func hostileNames(name: String) async throws {
        let house = try await AccountWorld()
        let form = try #require(try await house.alice.get("/account").form("rename"))
        let answer = try await house.alice.send(form, ["name": name])
        #expect(answer.status == 400 && answer.text.contains("role=\"alert\""))
        #expect(answer.text.contains("<title>Problem: "))
        let alice = try await house.world.subject("alice")
        #expect(try await house.world.people.find(subject: alice, now: house.world.now)?.name == "Alice Example")
    }

    @Test("FIELD O41: markup in names, usernames and browsers is text on every account page")
    func markup() async throws {
        let world = try await HTTPWorld()
        let hostile = "<img src=x onerror=alert(1)>\"'"
        try await world.client { $0.name = hostile }
        try await world.person("alice") { $0.name = hostile }
        let browser = TestBrowser(world)
        let page = try await browser.openSignIn()
        _ = try await browser.signIn(page, headers: [("user-agent", hostile), ("sec-fetch-site", "same-origin")])
        _ = try await world.tokens(for: browser)
        for path in Self.pages {
            let text = try await browser.get(path).text
            #expect(!text.contains("<img src=x") && text.contains("&lt;img src=x"), "\(path)")
        }
    }

    @Test("K34: a notice is shown only where this server put it for this person")
    func notices() async throws {
        let house = try await AccountWorld()
        let form = try #require(try await house.alice.get("/account").form("rename"))
        let location = try #require(try await house.alice.send(form, ["name": "Alice"])["location"])
        let path = String(location.dropFirst(HTTPWorld.https.count))
        #expect(try await house.alice.get(path).text.contains("role=\"status\""))
        for forged in [
            "/account?done=password-changed", path.replacing("done=renamed", with: "done=password-changed"),
            path + "A", "/account/password?" + path.split(separator: "?")[1].replacing("renamed", with: "disconnected"),
            "/account?done=%3Cscript%3E&proof=x",
        ] {
            let page = try await house.alice.get(forged)
            #expect(page.status == 200 && !page.text.contains("role=\"status\""), "\(forged)")
        }
        let mallory = try await house.browser(of: "mallory")
        #expect(try await mallory.get(path).text.contains("role=\"status\"") == false)
    }

    // MARK: - CSRF

    enum Attack: String, CaseIterable, Sendable {
        case noToken, otherToken, tokenOfAnotherAct, tokenOfAnotherObject, tokenOfAnotherBrowser, tokenOfAnotherSession
        case noBrowserCookie, crossSite, sameSite, foreignOrigin, empty, noDecision, unknownDecision
        case decisionOfAnotherAct
    }

    @Test("K34, CVE-2020-10734, CVE-2026-49443: no form but our own ends a session", arguments: Attack.allCases)
    func csrf(_ attack: Attack) async throws {
        let house = try await AccountWorld()
        let victim = house.alice
        let second = try await house.browser(of: "alice")
        let third = try await house.browser(of: "alice")
        let page = try await victim.get("/account/sessions")
        let targets = page.forms.filter { $0.act == "end-session" }
        #expect(targets.count == 2)
        let own = try #require(targets.first)
        var form = own
        var headers = [("sec-fetch-site", "same-origin")]
        var fields: [String: String] = [:]
        let cookies = victim.cookies
        switch attack {
        case .noToken: form.token = ""
        case .otherToken: form.token = String(repeating: "A", count: 43)
        case .tokenOfAnotherAct: form.token = try #require(page.form("end-others")).token
        case .tokenOfAnotherObject: form.token = try #require(targets.last).token
        case .tokenOfAnotherBrowser, .tokenOfAnotherSession:
            // Another browser of the same person was shown a form for the same session.
            let forms = try await [second, third].asyncCompactMap {
                try await $0.get("/account/sessions").form("end-session", on: own.object)
            }
            form.token = try #require(forms.first).token
            if attack == .tokenOfAnotherSession {
                victim.set("__Host-signet-browser", second.cookies["__Host-signet-browser"])
            }
        case .noBrowserCookie: victim.set("__Host-signet-browser", nil)
        case .crossSite: headers = [("sec-fetch-site", "cross-site")]
        case .sameSite: headers = [("sec-fetch-site", "same-site")]
        case .foreignOrigin: headers = [("origin", "https://evil.example")]
        case .empty: break
        case .noDecision: fields["decision"] = ""
        case .unknownDecision: fields["decision"] = "end-everything"
        case .decisionOfAnotherAct: fields["decision"] = "end-all"
        }
        let answer =
            attack == .empty
            ? try await victim.post(form.action, [:], headers: headers)
            : try await victim.send(form, fields, headers: headers)
        #expect([400, 403].contains(answer.status), "\(answer.status)")
        for browser in [second, third] { #expect(try await house.isSignedIn(browser)) }
        // The twin: the same form, as it is.
        for (name, value) in cookies { victim.set(name, value) }
        #expect(try await victim.send(own).status == 303)
        let left = try await [second, third].asyncCompactMap { try await house.isSignedIn($0) ? $0 : nil }
        #expect(left.count == 1)
    }

    @Test("an address that says what a form says, and a form that says it twice, do nothing")
    func neitherAddressNorTwice() async throws {
        let house = try await AccountWorld()
        let form = try #require(try await house.alice.get("/account/sessions").form("end-all"))
        let fields = [("decision", form.act), ("form_token", form.token), ("object", "")]
        let query = FormEncoding.encode(fields.map { (name: $0.0, value: $0.1) })
        #expect(try await house.alice.get("/account/sessions?" + query).status == 200)
        let type = "application/x-www-form-urlencoded"
        let twice = query + "&decision=" + form.act
        for (target, body) in [("/account/sessions", twice), ("/account/sessions?" + query, query)] {
            let answer = try await house.alice.post(target, json: Array(body.utf8), contentType: type)
            #expect(answer.status == 400)
        }
        let json = try await house.alice.post("/account/sessions", json: Array("{}".utf8))
        #expect(json.status == 415)
        #expect(try await house.isSignedIn(house.alice))
        #expect(try await house.alice.send(form).status == 303)
        #expect(try await house.isSignedIn(house.alice) == false)
    }

    @Test("a form of a session that ended meanwhile does nothing and leads to the sign-in page")
    func endedMeanwhile() async throws {
        let house = try await AccountWorld()
        let form = try #require(try await house.alice.get("/account").form("rename"))
        _ = try await house.world.sessions.closeAll(of: house.world.subject("alice"), now: house.world.now)
        let answer = try await house.alice.send(form, ["name": "Eve"])
        #expect(answer["location"]?.hasPrefix(HTTPWorld.https + "/sign-in?") == true)
        let alice = try await house.world.subject("alice")
        #expect(try await house.world.people.find(subject: alice, now: house.world.now)?.name == "Alice Example")
    }

    // MARK: - Two people in one browser

    @Test("K31: the pages are the current person's, and what another one was shown is worth nothing after switching")
    func twoAccounts() async throws {
        let house = try await AccountWorld()
        let both = try await AccountWorld.signedIn(["mallory", "alice"], house.world)
        let page = try await both.get("/account")
        #expect(page.text.contains("alice@example.org"))
        let mallory = try await house.world.subject("mallory").value
        let rename = try #require(page.form("rename"))
        let toMallory = try #require(page.form("switch", on: mallory))
        let switched = try await both.follow(try await both.send(toMallory))
        #expect(switched.text.contains("<bdi>Mallory</bdi>") && switched.text.contains("role=\"status\""))
        #expect(!switched.text.contains("alice@example.org"))
        // What Alice was shown would now be done as Mallory.
        #expect(try await both.send(rename, ["name": "Oops"]).status == 403)
        #expect(try await both.send(toMallory).status == 403)
        let back = try #require(switched.form("switch"))
        var forged = back
        forged.object = mallory
        #expect(try await both.send(forged).status == 403)
        #expect(try await both.follow(try await both.send(back)).text.contains("alice@example.org"))
    }

    @Test("another account signs in beside the one that is there, and giving up leaves everything as it was")
    func addAccount() async throws {
        let house = try await AccountWorld()
        let form = try #require(try await house.alice.get("/account").form("add-account"))
        let signIn = try await house.alice.follow(try await house.alice.send(form))
        #expect(signIn.text.contains("name=\"password\"") && !signIn.text.contains("value=\"alice\""))
        let cancelled = try await house.alice.post(
            "/authorize/resume",
            [
                "interaction": try #require(signIn.field("interaction")),
                "form_token": try #require(signIn.field("form_token")), "decision": "cancel",
            ]
        )
        #expect(cancelled.status == 303)
        let alice = try await house.world.subject("alice").value
        #expect(try await SeveralAccountsTests.people(house.alice) == [alice])
        let again = try await house.alice.follow(try await house.alice.send(form))
        house.world.time.advance(by: .seconds(1))
        let back = try await house.alice.follow(try await house.alice.signIn(again, username: "mallory"))
        #expect(back["location"] == HTTPWorld.https + "/account")
        let mallory = try await house.world.subject("mallory").value
        #expect(try await SeveralAccountsTests.people(house.alice) == [mallory, alice])
    }
}

extension Array {
    fileprivate func asyncCompactMap<Value>(_ transform: (Element) async throws -> Value?) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self {
            if let value = try await transform(element) { values.append(value) }
        }
        return values
    }
}
