import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Instants
import JOSE
import OAuthClient
import Synchronization
import Testing

@testable import OAuthClientHummingbird

/// OpenID Connect Back-Channel Logout 1.0 §2.5 to §2.8, the application's side.
@Suite struct LogoutReceiverTests {
    static let form: HTTPFields = [.contentType: "application/x-www-form-urlencoded"]
    static let path = "/backchannel-logout"

    /// The issuer's POST: no cookie comes with it.
    static func post(_ browser: Browser, _ body: String, _ headers: HTTPFields = form) async throws -> TestResponse {
        try await browser.another.send(.post, path, headers, body: body)
    }

    static func post(_ browser: Browser, token: String) async throws -> TestResponse {
        try await post(browser, "logout_token=\(token)")
    }

    @Test func `§2.7: who signed out at the issuer is signed out here, and nobody else is`() async throws {
        let shop = try Shop()
        try await shop.open { browser async throws in
            try await browser.signIn()
            // The same person in another browser, in another session of the issuer; and somebody else.
            let second = browser.another
            shop.issuer.change { $0.session = "session-2" }
            try await second.signIn()
            let stranger = browser.another
            shop.issuer.change { ($0.subject, $0.session) = ("eve", "session-3") }
            try await stranger.signIn()
            let answer = try await Self.post(browser, token: shop.issuer.logoutToken())
            #expect(answer.status == .ok && answer.headers[.cacheControl] == "no-store")
            #expect(try await browser.text("/front") == "nobody")
            #expect(try await second.text("/front") == "ada")
            #expect(try await stranger.text("/front") == "eve")
            // Without a session it is the whole person.
            #expect(try await Self.post(browser, token: shop.issuer.logoutToken(without: "sid")).status == .ok)
            #expect(try await second.text("/front") == "nobody")
            #expect(try await stranger.text("/front") == "eve")
            // A session alone is enough; of a session that is not here nothing is left to do.
            let alone = try shop.issuer.logoutToken(["sid": "session-3", "sub": "eve"])
            #expect(try await Self.post(browser, token: alone).status == .ok)
            #expect(try await stranger.text("/front") == "nobody")
            #expect(try await Self.post(browser, token: shop.issuer.logoutToken()).status == .ok)
        }
    }

    @Test func `A session that is named with another's person ends nobody`() async throws {
        let shop = try Shop()
        try await shop.open { browser async throws in
            try await browser.signIn()
            #expect(try await Self.post(browser, token: shop.issuer.logoutToken(["sub": "eve"])).status == .ok)
            #expect(try await browser.text("/front") == "ada")
        }
    }

    static let bodies: [String] = [
        "", "logout_token=", "logout_token", "other=x", "logout_token=x", "logout_token=x.y.z", "logout_token=%",
        "logout_token=TOKEN&logout_token=TOKEN", "logout_token=TOKEN&logout_token=", "LOGOUT_TOKEN=TOKEN",
        "id_token_hint=TOKEN", "logout_token=TOKENx", "logout_token=TOKEN.x", "logout_token= TOKEN",
        "{\"logout_token\":\"TOKEN\"}", "TOKEN", "logout_token=TOKEN&pad=\(String(repeating: "x", count: 20_000))",
    ]

    @Test(arguments: bodies)
    func `§2.8: what is no logout request is answered 400, kept by no cache, and ends nothing`(_ body: String)
        async throws
    {
        let shop = try Shop()
        try await shop.open { browser async throws in
            try await browser.signIn()
            let token = try shop.issuer.logoutToken()
            let refused = try await Self.post(browser, body.replacing("TOKEN", with: token))
            #expect(refused.status == .badRequest && refused.headers[.cacheControl] == "no-store")
            #expect(String(buffer: refused.body) == #"{"error":"invalid_request"}"#)
            #expect(try await browser.text("/front") == "ada")
            #expect(!shop.log.text.contains(token))
            // The twin: the same token as it must come.
            #expect(try await Self.post(browser, token: token).status == .ok)
            #expect(try await browser.text("/front") == "nobody")
        }
    }

    @Test(arguments: [
        "application/json", "text/plain", "multipart/form-data", "application/x-www-form-urlencoded2", "",
    ])
    func `§2.5: it comes as a form`(_ type: String) async throws {
        let shop = try Shop()
        try await shop.open { browser async throws in
            let body = "logout_token=\(try shop.issuer.logoutToken())"
            #expect(try await Self.post(browser, body, [.contentType: type]).status == .badRequest)
            let full: HTTPFields = [.contentType: "application/x-www-form-urlencoded; charset=UTF-8"]
            #expect(try await Self.post(browser, body, full).status == .ok)
        }
    }

    @Test func `§2.6: a token that came before is refused, and the person who is back stays`() async throws {
        let shop = try Shop()
        try await shop.open { browser async throws in
            try await browser.signIn()
            let token = try shop.issuer.logoutToken(without: "sid")
            #expect(try await Self.post(browser, token: token).status == .ok)
            try await browser.signIn()
            #expect(try await Self.post(browser, token: token).status == .badRequest)
            #expect(try await browser.text("/front") == "ada")
            shop.clock.advance(by: .seconds(400))
            #expect(try await Self.post(browser, token: token).status == .badRequest)
            #expect(try await browser.text("/front") == "ada")
        }
    }

    @Test func `FIELD F22: the issuer's other tokens, and tokens for another application, sign nobody out`()
        async throws
    {
        let shop = try Shop()
        try await shop.open { browser async throws in
            try await browser.signIn()
            let key = try #require(shop.sessions.keys.withLock { $0.last })
            let idToken = try #require(try await shop.sessions.find(key)?.tokens.idToken)
            let attempts = [
                idToken, try shop.issuer.logoutToken(type: "at+jwt"), try shop.issuer.logoutToken(["aud": "other"]),
                try shop.issuer.logoutToken(["nonce": "n"]), try shop.issuer.logoutToken(without: "events"),
                try shop.issuer.logoutToken(by: .generate(.es256, keyID: "key-1")),
            ]
            for attempt in attempts {
                #expect(try await Self.post(browser, token: attempt).status == .badRequest)
            }
            #expect(try await browser.text("/front") == "ada")
        }
    }

    @Test func `In trouble it answers neither success nor refusal, so that the issuer comes again with the same token`()
        async throws
    {
        let shop = try Shop()
        try await shop.open { browser async throws in
            try await browser.signIn()
            let token = try shop.issuer.logoutToken()
            shop.sessions.failure.withLock { $0 = HTTPError(.internalServerError) }
            let trouble = try await Self.post(browser, token: token)
            #expect(trouble.status == .serviceUnavailable && trouble.headers[.cacheControl] == "no-store")
            shop.sessions.failure.withLock { $0 = nil }
            #expect(try await Self.post(browser, token: token).status == .ok)
            #expect(try await browser.text("/front") == "nobody")
        }
    }

    @Test func `A GET is no logout, and neither is a form that a page sends with the person's cookie`() async throws {
        let shop = try Shop()
        try await shop.open { browser async throws in
            try await browser.signIn()
            #expect(try await browser.get(Self.path).status == .notFound)
            #expect(try await browser.send(.post, Self.path, Self.form, body: "x=y").status == .badRequest)
            #expect(try await browser.text("/front") == "ada")
        }
    }

    @Test func `What is remembered of taken tokens is forgotten when they count no more`() {
        let seen = SeenTokens()
        let start = Instant(secondsSinceEpoch: 1_800_000_000)
        for index in 0..<10_000 {
            let now = start + .seconds(index)
            #expect(seen.isNew("\(index)", until: now + .seconds(120), now: now))
        }
        let end = start + .seconds(10_000)
        #expect(!seen.isNew("9999", until: end, now: end))
        #expect(seen.isNew("1", until: end, now: end))
    }
}
