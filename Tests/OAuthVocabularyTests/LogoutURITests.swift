import Testing

@testable import OAuthVocabulary

/// Where a client may be told of logout: Back-Channel Logout §2.2, Front-Channel Logout §2.
@Suite struct LogoutURITests {
    @Test(arguments: [
        "https://app.example/backchannel", "https://app.example:8443/b?tenant=1", "http://localhost:3000/b",
        "http://127.0.0.1/b", "http://[::1]:3000/b", "https://10.0.0.7/b", "https://app.internal/b", "https://my_app/b",
        "https://app.example",
    ])
    func `An https address, or one on this machine, is kept as it came`(_ text: String) throws {
        #expect(try #require(LogoutURI(text)).value == text)
    }

    @Test(arguments: [
        "http://app.example/b", "https://app.example/#f", "https://u:p@app.example/b", "https://u@app.example/b",
        "javascript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "ftp://app.example/",
        "com.example.app:/b", "com.example.app://host/b", "//app.example/b", "/b", "app.example/b", "", "https://",
        "https:///b",
        "https://app.example\\@evil.example/", "https://app.example/ b", "https://app.example/\tb",
        // CVE-2026-4874: a host that somebody fills in.
        "https://${application.session.host}/b", "https://{client}.example/b", "https://$host/b",
        "https://%68ost.example/b",
        "https://*.example/b", "https://app.example,evil.example/b", "https://app.example/../b",
        "https://app.example/%2e%2e/b", "https://app.example/..;/b", "https://app.example:0/b",
        "https://app.example:x/b",
        "https://bücher.example/b",
    ])
    func `FIELD A3, I28, CVE-2026-4874: an address that is none as it stands is not registered`(_ text: String) {
        #expect(LogoutURI(text) == nil)
    }

    @Test func `An address beyond 2048 bytes is not registered`() {
        let long = "https://app.example/" + String(repeating: "x", count: 2048)
        #expect(LogoutURI(long) == nil)
        #expect(LogoutURI(String(long.prefix(2048))) != nil)
    }
}
