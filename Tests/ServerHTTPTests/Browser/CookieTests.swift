import AuthorizationServer
import HTTPTypes
import JOSE
import OAuthVocabulary
import Testing

@testable import ServerHTTP

@Suite("Cookies")
struct CookieTests {
    @Test("over https they are host-bound and secure; on loopback http they have bare names that Safari keeps")
    func attributes() async throws {
        let secure = try await HTTPWorld()
        let cookie = try #require(try await secure.send(.get, "/person").setCookies.first)
        #expect(cookie.hasPrefix("__Host-signet-browser="))
        for attribute in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax", "; Max-Age=34560000"] {
            #expect(cookie.contains(attribute))
        }
        #expect(!cookie.contains("Domain"))
        let loopback = try await HTTPWorld(issuer: HTTPWorld.loopback)
        let plain = try #require(try await loopback.send(.get, "/person").setCookies.first)
        #expect(plain.hasPrefix("signet-browser=") && !plain.contains("Secure"))
        #expect(plain.contains("; HttpOnly") && plain.contains("; SameSite=Lax"))
    }

    @Test("a browser keeps its cookie, and programs get none")
    func once() async throws {
        let world = try await HTTPWorld()
        let browser = TestBrowser(world)
        let first = try await browser.get("/person")
        let second = try await browser.get("/person")
        #expect(first.setCookies.count == 1 && second.setCookies.isEmpty)
        #expect(try first.json["binding"] == second.json["binding"])
        #expect(try await world.send(.get, "/echo").setCookies.isEmpty)
        #expect(try await world.send(.get, "/").setCookies.isEmpty)
        // The server's decisions see a hash and never the cookie.
        let cookie = try #require(browser.cookies["__Host-signet-browser"])
        #expect(try first.json["binding"]?.stringValue == Digest.sha256Text(cookie))
    }

    static let value = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEF_"

    @Test(
        "an ambiguous or impossible cookie is no cookie (GHSA-mq4x-r2w3-j7mr)",
        arguments: [
            (["__Host-signet-browser=\(value)"], true),
            (["a=b; __Host-signet-browser=\(value); c=d"], true),
            (["a=b", "__Host-signet-browser=\(value)"], true),
            (["__Host-signet-browser=\(value); __Host-signet-browser=\(value)"], true),
            (["__Host-signet-browser=\(value); __Host-signet-browser=other"], false),
            (["__Host-signet-browser=other", "__Host-signet-browser=\(value)"], false),
            (["signet-browser=\(value)"], false),
            (["__host-signet-browser=\(value)"], false),
            (["__Host-signet-browser =\(value)"], false),
            (["__Host-signet-browser=\"\(value)\""], false),
            (["__Host-signet-browser="], false),
            (["__Host-signet-browser=a b"], false),
            (["__Host-signet-browser=" + String(repeating: "a", count: 256)], true),
            (["__Host-signet-browser=" + String(repeating: "a", count: 257)], false),
        ]
    )
    func reading(headers: [String], isKept: Bool) async throws {
        let world = try await HTTPWorld()
        let answer = try await world.send(.get, "/person", headers: headers.map { ("cookie", $0) })
        #expect(answer.setCookies.isEmpty == isKept)
    }

    @Test("on loopback http the prefixed name is not read: nothing vouches for it there")
    func prefixWithoutHTTPS() async throws {
        let world = try await HTTPWorld(issuer: HTTPWorld.loopback)
        let cookie = ("cookie", "__Host-signet-browser=\(Self.value)")
        #expect(try await world.send(.get, "/person", headers: [cookie]).setCookies.count == 1)
    }
}

@Suite("Forms from other sites")
struct CrossSiteTests {
    @Test(
        "a form that carries our token must come from our page",
        arguments: [
            ([("sec-fetch-site", "same-origin")], 200), ([("sec-fetch-site", "none")], 200), ([], 200),
            ([("origin", "https://id.example")], 200),
            ([("sec-fetch-site", "same-origin"), ("origin", "null")], 200),
            ([("sec-fetch-site", "cross-site")], 403), ([("sec-fetch-site", "same-site")], 403),
            ([("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], 403),
            ([("origin", "https://evil.example")], 403), ([("origin", "null")], 403),
            ([("origin", "http://id.example")], 403), ([("origin", "https://id.example.evil.example")], 403),
            ([("origin", "https://id.example:8443")], 403),
            ([("sec-fetch-site", "cross-site"), ("origin", "https://id.example")], 403),
        ] as [([(String, String)], Int)]
    )
    func headers(_ headers: [(String, String)], status: Int) async throws {
        let world = try await HTTPWorld()
        let answer = try await world.post("/person", ["form_token": "t"], headers: headers)
        #expect(answer.status == status)
        // What carries no token claims nothing, and protocol requests may come from anywhere.
        #expect(try await world.post("/person", ["other": "t"], headers: headers).status == 200)
    }
}
