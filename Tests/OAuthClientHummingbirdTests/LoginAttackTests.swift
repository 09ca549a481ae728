import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Synchronization
import Testing

@testable import OAuthClientHummingbird

@Suite struct LoginAttackTests {
    @Test(
        "CVE-2024-39694, Dex #4941: a login leads to no other site",
        arguments: [
            "//evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "/\n/evil.example",
            "https://evil.example", "javascript:alert(1)", "evil.example", "", "///evil.example", "/%2F/evil.example",
            "/%5cevil.example", "/%2fevil.example", "/./%2fevil.example", "/.//evil.example", "/x/..//evil.example",
            "/%2e//evil.example", "/ok\r\nSet-Cookie:x=y", "/ok\u{0}", "/\u{a0}/evil.example", "/%zz", "/%",
            "/x\\..\\evil.example",
        ]
    )
    func openRedirect(target: String) async throws {
        try await Shop().open { browser async throws in
            let encoded = target.utf8.map { "%" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            #expect(try await browser.signIn("/login?return_to=\(encoded)").headers[.location] == "/")
        }
    }

    @Test(
        "its twin: a login leads to every place of the application",
        arguments: ["/", "/account", "/a/b.c/~d?e=f&g=//h#i", "/x%20y", "/..x/.y", "/a//b", "/?u=https://evil.example"]
    )
    func localTarget(target: String) async throws {
        try await Shop().open { browser async throws in
            let encoded = target.utf8.map { "%" + String($0, radix: 16) }.joined()
            #expect(try await browser.signIn("/login?return_to=\(encoded)").headers[.location] == target)
        }
    }

    @Test func `login CSRF: an answer counts in the browser that began the login, and in no other`() async throws {
        let shop = try Shop()
        try await shop.open { attacker async throws in
            let answer = try await attacker.begin()
            let victim = attacker.another
            let refused = try await victim.get(answer)
            #expect(refused.status == .badRequest)
            #expect(victim.session == nil)
            #expect(shop.issuer.forms(to: "/token").isEmpty)
            // Nor with the cookie of a login of its own.
            _ = try await victim.begin()
            #expect(try await victim.get(answer).status == .badRequest)
            let mixed = victim.cookies.withLock { Array($0.values)[0] }
            let name = attacker.cookies.withLock { Array($0.keys)[0] }
            #expect(try await victim.get(answer, [.cookie: "\(name)=\(mixed)"]).status == .badRequest)
            #expect(shop.issuer.forms(to: "/token").isEmpty)
            #expect(try await attacker.get(answer).status == .seeOther)
        }
    }

    @Test func `a login's cookie that was changed is refused`() async throws {
        try await Shop().open { browser async throws in
            let answer = try await browser.begin()
            let (name, value) = try #require(browser.cookies.withLock { $0.first.map { ($0.key, $0.value) } })
            for index in [0, value.utf8.count / 2, value.utf8.count - 2] {
                var bytes = Array(value.utf8)
                bytes[index] = bytes[index] == 0x41 ? 0x42 : 0x41
                let changed = String(decoding: bytes, as: UTF8.self)
                #expect(try await browser.get(answer, [.cookie: "\(name)=\(changed)"]).status == .badRequest)
            }
            #expect(try await browser.get(answer, [.cookie: "\(name)=\(value)"]).status == .seeOther)
        }
    }

    @Test(
        "an answer with another state, of another issuer (RFC 9207 §2.4) or with a doubled parameter is refused unredeemed",
        arguments: ["state=", "iss=", "twice"]
    )
    func wrongAnswer(part: String) async throws {
        let shop = try Shop()
        try await shop.open { browser async throws in
            let answer = try await browser.begin()
            let changed =
                switch part {
                case "twice": answer + "&code=other"
                case "iss=": answer.replacing("iss=https%3A%2F%2Fid.example", with: "iss=https%3A%2F%2Fevil.example")
                // The first characters name the cookie; the rest must fit as well.
                default: answer.replacing("&iss=", with: "x&iss=")
                }
            #expect(changed != answer)
            #expect(try await browser.get(changed).status == .badRequest)
            #expect(shop.issuer.forms(to: "/token").isEmpty)
            #expect(try await browser.signIn().status == .seeOther)
        }
    }

    @Test func `an ID token of another login is refused`() async throws {
        let shop = try Shop()
        shop.issuer.change { $0.nonce = "another" }
        try await shop.open { browser async throws in
            #expect(try await browser.signIn().status == .badGateway)
            #expect(browser.session == nil)
            shop.issuer.change { $0.nonce = nil }
            #expect(try await browser.signIn().status == .seeOther)
        }
    }

    @Test func `an answer counts once`() async throws {
        try await Shop().open { browser async throws in
            let answer = try await browser.begin()
            #expect(try await browser.get(answer).status == .seeOther)
            #expect(try await browser.get(answer).status == .badRequest)
            #expect(try await browser.get("/account").status == .ok)
        }
    }

    @Test func `a login that takes too long is over`() async throws {
        let shop = try Shop()
        try await shop.open { browser async throws in
            let answer = try await browser.begin()
            shop.clock.advance(by: .seconds(901))
            #expect(try await browser.get(answer).status == .badRequest)
            let next = try await browser.begin()
            shop.clock.advance(by: .seconds(899))
            #expect(try await browser.get(next).status == .seeOther)
        }
    }

    @Test func `CVE-2026-7507: a session name that was planted before the login is not taken over`() async throws {
        let shop = try Shop()
        try await shop.open { browser async throws in
            browser.cookies.withLock { $0["__Host-session"] = "planted" }
            try await browser.signIn()
            #expect(browser.session != "planted")
            #expect(try await browser.get("/account", [.cookie: "__Host-session=planted"]).status == .seeOther)
            #expect(try await browser.get("/account").status == .ok)
        }
    }

    @Test func `CVE-2025-12390: the next person in the same browser gets another session, and the old one is over`()
        async throws
    {
        let shop = try Shop()
        try await shop.open { browser async throws in
            try await browser.signIn()
            let first = try #require(browser.session)
            shop.issuer.change { $0.subject = "bob" }
            try await browser.signIn()
            #expect(browser.session != first)
            #expect(try await browser.text("/account") == "Hello, bob")
            #expect(try await browser.get("/account", [.cookie: "__Host-session=\(first)"]).status == .seeOther)
        }
    }

    @Test func `GHSA-mq4x-r2w3-j7mr: of two session cookies neither counts`() async throws {
        try await Shop().open { browser async throws in
            try await browser.signIn()
            let good = "__Host-session=\(browser.session ?? "")"
            for line in ["__Host-session=planted; \(good)", "\(good); __Host-session=planted", "\(good); \(good)"] {
                #expect(try await browser.get("/account", [.cookie: line]).status == .seeOther)
            }
            #expect(try await browser.get("/account", [.cookie: "other=1; \(good)"]).status == .ok)
        }
    }

    @Test func `GO-2026-4861: nothing that came with a refusal is shown`() async throws {
        try await Shop().open { browser async throws in
            let answer = try await browser.begin()
            let state = try #require(ScriptedIssuer.fields(String(answer.drop { $0 != "?" }.dropFirst()))["state"])
            let iss = ScriptedIssuer.escaped(ScriptedIssuer.issuer)
            let refusal = "error=access_denied&error_description=%3Cscript%3Ealert(1)%3C/script%3E&iss=\(iss)"
            let response = try await browser.get("/login/callback?\(refusal)&state=\(state)")
            #expect(response.status == .forbidden)
            let page = String(buffer: response.body)
            #expect(page.contains("You were not signed in."))
            #expect(!page.contains("script"))
            #expect(!page.contains("access_denied"))
            #expect(response.headers[.contentSecurityPolicy] == "default-src 'none'; frame-ancestors 'none'")
        }
    }

    @Test(
        "CSRF: what changes something is taken from pages of this application only",
        arguments: ["https://evil.example", "https://evil.shop.example", "http://shop.example", "null"]
    )
    func foreignForm(origin: String) async throws {
        try await Shop().open { browser async throws in
            try await browser.signIn()
            #expect(try await browser.send(.post, "/account", [.origin: origin]).status == .forbidden)
            #expect(try await browser.send(.post, "/account", [.origin: "https://shop.example"]).status == .ok)
            let site = try #require(HTTPField.Name("Sec-Fetch-Site"))
            #expect(try await browser.send(.post, "/account", [site: "same-site"]).status == .forbidden)
            #expect(try await browser.send(.post, "/account", [site: "same-origin"]).status == .ok)
        }
    }

    @Test func `neither tokens nor codes nor names of sessions get into the log`() async throws {
        let shop = try Shop()
        try await shop.open { browser async throws in
            try await browser.signIn()
            let session = try #require(browser.session)
            _ = try await browser.get("/account/token")
            shop.issuer.change { $0.refusesRefresh = true }
            shop.clock.advance(by: .seconds(290))
            _ = try await browser.get("/account/token")
            let answer = try await browser.begin()
            _ = try await browser.get(answer.replacing("&iss=", with: "x&iss="))
            _ = try await browser.another.get(answer)
            let text = shop.log.text
            #expect(text.contains("a login came to nothing"))
            for secret in shop.issuer.secrets + [session, "secret-of-the-shop"] { #expect(!text.contains(secret)) }
        }
    }
}
