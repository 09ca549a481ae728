import OAuthVocabulary
import Testing

@testable import AuthorizationServer

/// RFC 6265bis §5.2, without a list of public suffixes.
@Suite struct SameSiteTests {
    @Test(
        arguments: [
            ("https://id.example.com", "https://id.example.com"),
            ("https://id.example.com", "https://id.example.com:8443"),
            ("https://id.example.com/auth", "https://app.example.com"),
            ("https://id.example.com", "https://example.com"),
            ("https://id.example.com", "https://a.b.example.com"),
            ("https://example.com", "https://app.example.com"),
            ("https://id.example.co.uk", "https://app.example.co.uk"),
            ("https://example.co.uk", "https://app.example.co.uk"),
            ("http://localhost:8080", "http://localhost:3000"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:3000"),
        ]
    )
    func `An origin on the server's site may have cookies`(issuer: String, origin: String) throws {
        #expect(SameSite.holds(origin, try #require(IssuerURL(issuer))))
    }

    @Test(
        arguments: [
            // The scheme is part of the site.
            ("https://id.example.com", "http://app.example.com"),
            ("https://id.example.com", "https://example.org"),
            // A suffix of text is none of labels (CVE-2026-41569).
            ("https://id.example.com", "https://evilexample.com"),
            ("https://id.example.com", "https://example.com.evil.test"),
            // Anybody may have a name there.
            ("https://example.co.uk", "https://other.co.uk"),
            ("https://example.com", "https://other.com"),
            ("https://example.com", "https://com"),
            // Addresses have no parents, and localhost no children.
            ("http://127.0.0.1:8080", "http://127.0.0.2:3000"),
            ("http://127.0.0.1:8080", "http://localhost:3000"),
            ("http://localhost:8080", "http://app.localhost:3000"),
            ("http://[::1]:8080", "http://[::2]:3000"),
            ("https://10.0.0.1", "https://1.0.0.1"),
            // No origins at all.
            ("https://id.example.com", "https://app.example.com/"), ("https://id.example.com", "null"),
            ("https://id.example.com", "https://user@app.example.com"), ("https://id.example.com", "*"),
            ("https://id.example.com", "https://app..example.com"),
        ]
    )
    func `An origin elsewhere may not`(issuer: String, origin: String) throws {
        #expect(!SameSite.holds(origin, try #require(IssuerURL(issuer))))
    }
}
