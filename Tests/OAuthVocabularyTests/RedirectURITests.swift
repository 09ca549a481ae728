import OAuthVocabulary
import Testing

/// RFC 6749 §3.1.2, RFC 8252 §7 and FIELD A1-A3: what may be registered, and what matches what was registered.
@Suite struct RedirectURITests {
    static let registrable = [
        "https://app.example/callback", "https://app.example", "https://app.example:8443/a?b=c",
        "http://127.0.0.1/callback", "http://[::1]:8080/callback", "http://localhost:3000/callback",
        "com.example.app:/callback", "https://app.example/a..b", "https://app.example/%2Ea",
    ]

    @Test(arguments: registrable)
    func `An absolute https URI, http on loopback and a reversed domain may be registered`(_ text: String) {
        #expect(RedirectURI(text)?.value == text)
    }

    static let refused: [(String, String)] = [
        ("http on the open network", "http://app.example/callback"),
        ("fragment", "https://app.example/callback#x"),
        ("CVE-2024-8883: user info", "http://localhost:80@evil.example/"),
        ("user info on https", "https://app.example@evil.example/"),
        ("GHSA-484q-784p-8m5h: a scheme that runs", "javascript:alert(1)"),
        ("CVE-2024-21637", "data:text/html,x"),
        ("a scheme without a domain", "myapp:/callback"),
        ("a private scheme with an authority", "com.example.app://host/x"),
        ("CVE-2022-23527: backslash", #"https://app.example\@evil.example/"#),
        ("CVE-2019-20479: tab", "https://app.example/\tx"),
        ("white space", "https://app.example/a b"),
        ("line feed", "https://app.example/\nx"),
        ("no host", "https:///callback"),
        ("relative", "/callback"),
        ("empty", ""),
        ("CVE-2026-3872: dot segments behind a path parameter", "https://app.example/a/..;/b"),
        ("dot segments", "https://app.example/a/../b"),
        ("CVE-2022-3782: encoded dot segments", "https://app.example/a/%2e%2E/b"),
        ("a port out of range", "https://app.example:99999/"),
        ("beyond ASCII", "https://äpp.example/"),
        ("wildcard host", "https://*.app.example\u{7F}/"),
        ("too long", "https://app.example/" + String(repeating: "a", count: 2048)),
    ]

    @Test(arguments: refused)
    func `What browsers and servers may read differently is refused`(_ row: (String, String)) {
        #expect(RedirectURI(row.1) == nil, "\(row.0)")
    }

    static let mismatches: [(String, String)] = [
        ("a longer path", "https://app.example/callback/"),
        ("CVE-2023-6291: a prefix", "https://app.example/callback/x"),
        ("a query", "https://app.example/callback?x=y"), ("CVE-2020-15234: case", "https://app.example/Callback"),
        ("case of the host", "https://APP.example/callback"), ("a default port", "https://app.example:443/callback"),
        ("CVE-2026-41569: the host as a prefix", "https://app.example.evil.example/callback"),
        ("CVE-2024-52289: any character for a dot", "https://appxexample/callback"),
        ("http", "http://app.example/callback"), ("encoded", "https://app.example/%63allback"),
        ("CVE-2024-1132: traversal", "https://app.example/callback/../x"), ("empty", ""),
    ]

    @Test(arguments: mismatches)
    func `A redirect URI matches byte for byte or not at all`(_ row: (String, String)) throws {
        let registered = try #require(RedirectURI("https://app.example/callback"))
        #expect(!registered.matches(row.1), "\(row.0)")
        #expect(registered.matches("https://app.example/callback"))
    }

    @Test func `RFC 8252 §7.3: only a loopback IP literal may change its port`() throws {
        let loopback = try #require(RedirectURI("http://127.0.0.1/callback"))
        #expect(loopback.matches("http://127.0.0.1:51004/callback"))
        #expect(!loopback.matches("http://127.0.0.1:51004/other"))
        #expect(!loopback.matches("http://[::1]:51004/callback"))
        #expect(!loopback.matches("https://127.0.0.1:51004/callback"))
        #expect(!loopback.matches("http://user@127.0.0.1:51004/callback"), "CVE-2024-8883")
        #expect(!loopback.matches("http://127.0.0.1:51004/callback?x=y"))
        #expect(!loopback.matches("http://127.0.0.1:51004/callback#x"))
        #expect(!loopback.matches("HTTP://127.0.0.1:51004/callback"))
        #expect(!loopback.matches("http://127.0.0.1.evil.example:51004/callback"))
        let six = try #require(RedirectURI("http://[::1]/callback"))
        #expect(six.matches("http://[::1]:9/callback"))
        // CVE-2020-15233: a name is not a literal.
        let name = try #require(RedirectURI("http://localhost:3000/callback"))
        #expect(!name.matches("http://localhost:3001/callback"))
        let secure = try #require(RedirectURI("https://127.0.0.1:3000/callback"))
        #expect(!secure.matches("https://127.0.0.1:3001/callback"))
    }
}
