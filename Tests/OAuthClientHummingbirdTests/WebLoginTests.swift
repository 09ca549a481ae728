import HTTPTypes
import Hummingbird
import HummingbirdTesting
import OAuthClient
import Synchronization
import Testing

@testable import OAuthClientHummingbird

@Suite struct WebLoginTests {
    @Test func `a page sends to the login, the login to the issuer, and the answer back to the page`() async throws {
        let shop = try Shop()
        try await shop.open { browser async throws in
            let first = try await browser.get("/account?tab=1&x=a%20b")
            #expect(first.status == .seeOther)
            #expect(first.headers[.location] == "/login?return_to=/account%3Ftab%3D1%26x%3Da%2520b")
            let second = try await browser.get(try #require(first.headers[.location]))
            #expect(second.status == .seeOther)
            let address = try #require(second.headers[.location])
            #expect(address.hasPrefix("https://id.example/authorize?response_type=code&client_id=shop&"))
            let query = ScriptedIssuer.fields(String(address.drop { $0 != "?" }.dropFirst()))
            #expect(query["redirect_uri"] == "https://shop.example/login/callback")
            #expect(query["code_challenge_method"] == "S256")
            #expect(query["code_challenge"]?.utf8.count == 43)
            #expect(query["nonce"]?.utf8.count == 43)
            #expect(query["scope"] == "openid profile")
            let third = try await browser.get("/login/callback?" + shop.issuer.answer(to: address))
            #expect(third.status == .seeOther)
            #expect(third.headers[.location] == "/account?tab=1&x=a%20b")
            #expect(third.headers[.cacheControl] == "no-store")
            #expect(shop.issuer.forms(to: "/token").first?["code_verifier"]?.utf8.count == 43)
            let page = try await browser.get("/account")
            #expect(String(buffer: page.body) == "Hello, ada")
            #expect(page.headers[.cacheControl] == "no-store")
        }
    }

    @Test func `on https the session's cookie belongs to one host, https, and no script`() async throws {
        let shop = try Shop()
        try await shop.open { browser async throws in
            let lines = try await browser.signIn().headers[values: .setCookie]
            let session = try #require(browser.session)
            #expect(lines.first == "__Host-session=\(session); Path=/; HttpOnly; SameSite=Lax; Secure")
            #expect(session.utf8.count == 43)
            #expect(lines.count == 2)
            #expect(lines.last?.hasPrefix("__Host-login-") == true)
            #expect(lines.last?.hasSuffix("=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0") == true)
        }
    }

    @Test func `on loopback the cookie is named after the port, because cookies know none`() async throws {
        let shop = try Shop(at: "http://localhost:8300")
        try await shop.open { browser async throws in
            let lines = try await browser.signIn().headers[values: .setCookie]
            #expect(lines.first == "session-8300=\(browser.session ?? ""); Path=/; HttpOnly; SameSite=Lax")
        }
    }

    @Test(
        "an origin is nothing but an origin",
        arguments: [
            "https://shop.example/", "https://shop.example/app", "http://shop.example", "shop.example", "",
            "https://ada@shop.example", "https://shop.example?x", "https://SHOP.example",
        ]
    )
    func origins(text: String) throws {
        #expect(throws: OAuthClientError.self) { try Shop(at: text) }
    }

    @Test func `a page for everybody knows who is signed in`() async throws {
        try await Shop().open { browser async throws in
            #expect(try await browser.text("/front") == "nobody")
            try await browser.signIn()
            #expect(try await browser.text("/front") == "ada")
        }
    }

    @Test(
        "a script or a form of somebody who is not signed in gets 401 and no redirect",
        arguments: [
            (HTTPRequest.Method.get, "cors"), (.get, "no-cors"), (.post, "navigate"),
        ] as [(HTTPRequest.Method, String)]
    )
    func scripts(method: HTTPRequest.Method, mode: String) async throws {
        let field = try #require(HTTPField.Name("Sec-Fetch-Mode"))
        try await Shop().open { browser async throws in
            #expect(try await browser.send(method, "/account", [field: mode]).status == .unauthorized)
            #expect(try await browser.send(.get, "/account", [field: "navigate"]).status == .seeOther)
        }
    }

    @Test func `an issuer that cannot be reached is no fault of the person`() async throws {
        let shop = try Shop()
        shop.issuer.change { $0.isDown = true }
        try await shop.open { browser async throws in
            let response = try await browser.get("/login")
            #expect(response.status == .serviceUnavailable)
            #expect(response.headers[.retryAfter] == "5")
            shop.issuer.change { $0.isDown = false }
            #expect(try await browser.signIn().status == .seeOther)
        }
    }

    @Test func `two tabs that sign in at the same time do not disturb each other`() async throws {
        try await Shop().open { browser async throws in
            let one = try await browser.begin("/login?return_to=/one")
            let two = try await browser.begin("/login?return_to=/two")
            #expect(try await browser.get(one).headers[.location] == "/one")
            #expect(try await browser.get(two).headers[.location] == "/two")
        }
    }

    @Test func `logins that were begun and left do not pile up in the browser`() async throws {
        try await Shop().open { browser async throws in
            for _ in 0..<12 { _ = try await browser.begin() }
            #expect(browser.cookies.withLock { $0.count } <= WebLogin.maximumPendingLogins)
            #expect(try await browser.signIn().status == .seeOther)
        }
    }

    @Test func `a session ends when its time is over`() async throws {
        var options = WebLoginOptions()
        options.lifetime = .seconds(1000)
        options.idleLifetime = .seconds(1000)
        let shop = try Shop(options: options)
        try await shop.open { browser async throws in
            try await browser.signIn()
            shop.clock.advance(by: .seconds(999))
            #expect(try await browser.get("/account").status == .ok)
            shop.clock.advance(by: .seconds(1))
            #expect(try await browser.get("/account").status == .seeOther)
        }
    }

    @Test func `a session ends when it is not used, and lives on when it is`() async throws {
        var options = WebLoginOptions()
        options.idleLifetime = .seconds(600)
        let shop = try Shop(options: options)
        try await shop.open { browser async throws in
            try await browser.signIn()
            for _ in 0..<5 {
                shop.clock.advance(by: .seconds(500))
                #expect(try await browser.get("/account").status == .ok)
            }
            shop.clock.advance(by: .seconds(600))
            #expect(try await browser.get("/account").status == .seeOther)
        }
    }

    @Test func `the store holds digests of what browsers hold, and nothing that signs in`() async throws {
        let shop = try Shop()
        try await shop.open { browser async throws in
            try await browser.signIn()
            let name = try #require(browser.session)
            let keys = shop.sessions.keys.withLock(\.self)
            #expect(keys == [WebLogin.key(name)])
            #expect(try await browser.get("/account", [.cookie: "__Host-session=\(keys[0])"]).status == .seeOther)
            #expect(try await browser.get("/account", [.cookie: "__Host-session=\(name)"]).status == .ok)
        }
    }
}
