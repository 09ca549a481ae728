import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Instants
import JOSE
import OAuthClient
import Synchronization
import Testing

@testable import OAuthClientHummingbird

@Suite struct SessionTests {
    @Test func `twenty requests at once share one refresh, and the next one uses the new refresh token`() async throws {
        let shop = try Shop()
        let arrived = Counter()
        shop.issuer.change { script in
            script.onRefresh = { while arrived.value < 20 { await Task.yield() } }
        }
        try await shop.open { browser async throws in
            try await browser.signIn()
            let first = try await browser.text("/account/token")
            #expect(first == "access-2-x")
            #expect(shop.issuer.forms(to: "/token").count == 1)
            shop.clock.advance(by: .seconds(280))
            let tokens = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        arrived.increment()
                        return try await browser.text("/account/token")
                    }
                }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(tokens == ["access-3-x"])
            #expect(shop.issuer.forms(to: "/token").count == 2)
            shop.clock.advance(by: .seconds(280))
            #expect(try await browser.text("/account/token") == "access-4-x")
            #expect(shop.issuer.forms(to: "/token").map { $0["refresh_token"] } == [nil, "refresh-2-x", "refresh-3-x"])
        }
    }

    @Test func `when the grant is over the person signs in again, and the session is gone`() async throws {
        let shop = try Shop()
        try await shop.open { browser async throws in
            try await browser.signIn()
            shop.clock.advance(by: .seconds(300))
            shop.issuer.change { $0.refusesRefresh = true }
            let response = try await browser.get("/account/token")
            #expect(response.status == .seeOther)
            #expect(response.headers[.location] == "/login?return_to=/account/token")
            #expect(try await browser.get("/account").status == .seeOther)
            shop.issuer.change { $0.refusesRefresh = false }
            try await browser.signIn()
            shop.clock.advance(by: .seconds(300))
            #expect(try await browser.get("/account/token").status == .ok)
        }
    }

    @Test func `signing out ends the session here, the grant, and the session at the issuer`() async throws {
        let shop = try Shop()
        try await shop.open { browser async throws in
            try await browser.signIn()
            let session = try #require(browser.session)
            let response = try await browser.send(.post, "/logout", [.origin: "https://shop.example"])
            #expect(response.status == .seeOther)
            let address = try #require(response.headers[.location])
            #expect(address.hasPrefix("https://id.example/logout?client_id=shop&id_token_hint="))
            #expect(address.hasSuffix("&post_logout_redirect_uri=https%3A%2F%2Fshop.example%2F"))
            #expect(shop.issuer.forms(to: "/revoke").map { $0["token"] } == ["refresh-2-x"])
            #expect(browser.session == nil)
            #expect(try await browser.get("/account", [.cookie: "__Host-session=\(session)"]).status == .seeOther)
        }
    }

    @Test func `signing out works although the issuer is away, or has no logout`() async throws {
        for isDown in [true, false] {
            let shop = try Shop()
            shop.issuer.change { $0.hasLogout = false }
            try await shop.open { browser async throws in
                try await browser.signIn()
                shop.issuer.change { $0.isDown = isDown }
                let response = try await browser.send(.post, "/logout", [.origin: "https://shop.example"])
                #expect(response.headers[.location] == "/")
                #expect(try await browser.get("/account").status == .seeOther)
            }
        }
    }

    @Test(
        "CSRF: no other site signs a person out",
        arguments: [
            ("https://evil.example", nil), ("https://shop.example.evil.example", nil), ("null", nil), (nil, nil),
            (nil, "wrong"), ("null", ""), ("https://evil.example", "right"),
        ] as [(String?, String?)]
    )
    func foreignLogout(origin: String?, token: String?) async throws {
        try await Shop().open { browser async throws in
            try await browser.signIn()
            let right = try await browser.text("/account/form")
            var headers: HTTPFields = [.contentType: "application/x-www-form-urlencoded"]
            headers[.origin] = origin
            let body = token.map { "form_token=\($0 == "right" ? right : $0)" }
            #expect(try await browser.send(.post, "/logout", headers, body: body).status == .forbidden)
            #expect(try await browser.get("/account").status == .ok)
            #expect(try await browser.get("/logout").status == .notFound)
            // Its twin: the same without an Origin, or with one that says nothing, and the token that a page was given.
            if origin == nil || origin == "null" {
                let good = try await browser.send(.post, "/logout", headers, body: "form_token=\(right)")
                #expect(good.status == .seeOther)
            }
        }
    }

    @Test func `a logout of nobody is nothing`() async throws {
        try await Shop().open { browser async throws in
            #expect(try await browser.send(.post, "/logout").headers[.location] == "/")
        }
    }

    // MARK: - The store in memory

    @Test func `a full store ends the session that was not used for longest`() async throws {
        let store = MemorySessionStore(maximum: 3)
        for name in ["a", "b", "c"] { await store.insert(session(name), as: name) }
        #expect(await store.find("a")?.subject == "a")
        await store.insert(session("d"), as: "d")
        #expect(await store.find("b") == nil)
        for name in ["a", "c", "d"] { #expect(await store.find(name)?.subject == name) }
        #expect(store.count == 3)
    }

    @Test func `what the store remembers of uses stays bounded`() async throws {
        let store = MemorySessionStore(maximum: 2)
        for name in ["a", "b"] { await store.insert(session(name), as: name) }
        for _ in 0..<10_000 { _ = await store.find("a") }
        await store.insert(session("c"), as: "c")
        #expect(await store.find("b") == nil)
        #expect(await store.find("a") != nil)
    }

    @Test func `a session that has ended is not brought back by what comes late`() async throws {
        let store = MemorySessionStore()
        await store.insert(session("a"), as: "a")
        await store.remove("a")
        await store.setTokens(session("a").tokens, of: "a")
        await store.setUse(Instant(secondsSinceEpoch: 2), of: "a")
        #expect(await store.find("a") == nil)
    }

    @Test func `noting a use does not undo a refresh`() async throws {
        let store = MemorySessionStore()
        await store.insert(session("a"), as: "a")
        var tokens = session("a").tokens
        tokens.accessToken = "fresh"
        await store.setTokens(tokens, of: "a")
        await store.setUse(Instant(secondsSinceEpoch: 2), of: "a")
        #expect(await store.find("a")?.tokens.accessToken == "fresh")
        #expect(await store.find("a")?.usedAt == Instant(secondsSinceEpoch: 2))
    }

    private func session(_ subject: String) -> WebSession {
        let moment = Instant(secondsSinceEpoch: 1)
        return WebSession(
            subject: subject,
            claims: [:],
            tokens: TokenSet(accessToken: "old", expiresAt: nil, receivedAt: moment),
            createdAt: moment,
            usedAt: moment,
            expiresAt: moment,
            formToken: "form"
        )
    }
}

private final class Counter: Sendable {
    private let count = Mutex(0)

    var value: Int { count.withLock(\.self) }
    func increment() { count.withLock { $0 += 1 } }
}
