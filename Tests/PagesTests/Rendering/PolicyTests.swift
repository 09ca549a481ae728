import Testing

@testable import Pages

@Suite struct PolicyTests {
    @Test(
        "a redirect URI becomes the narrowest source that CSP can name",
        arguments: [
            ("https://a.example/cb?x=1", "https://a.example"),
            ("https://a.example:8443/cb", "https://a.example:8443"),
            ("http://127.0.0.1:5000/cb", "http://127.0.0.1:5000"),
            ("http://[::1]:5000/cb", "http:"),
            ("com.example.app:/cb", "com.example.app:"),
            ("https://a.example", "https://a.example"),
        ]
    )
    func source(of redirectURI: String, is source: String) {
        #expect(FormAction.source(for: redirectURI) == source)
    }

    @Test(
        "an address that could end or widen the directive gives no source",
        arguments: [
            "javascript:x", "https://a.example; script-src *", "https://a.example;script-src/*", "https://*/",
            "https://a.example,b.example/", "https://user@a.example/", "https:///cb", "/relative", "https://ä.example/",
        ]
    )
    func noSource(for redirectURI: String) {
        #expect(FormAction.source(for: redirectURI) == nil)
    }

    @Test func `OAuth 2.1 §7.12: a page allows no frame around it, no script, and only its own form targets`() {
        var page = Samples.signIn()
        page.formActions = ["https://notes.example.com"]
        #expect(
            page.contentSecurityPolicy
                == "default-src 'none'; style-src 'self'; img-src 'self'; "
                + "form-action 'self' https://notes.example.com; base-uri 'none'; frame-ancestors 'none'"
        )
    }

    @Test(arguments: ["http:", "com.example.app:", "https://a.example"])
    func `every source that a redirect URI can become reaches the policy`(source: String) {
        var page = Samples.signIn()
        page.formActions = [source]
        #expect(page.contentSecurityPolicy.contains("form-action 'self' \(source);"))
    }

    @Test(
        arguments: [
            "javascript:", "data:", "x; script-src *", "https://a; script-src *", "*", "'unsafe-inline'", "https://a,b",
        ]
    )
    func `a hostile form source is left out of the policy`(source: String) {
        var page = Samples.signIn()
        page.formActions = [source]
        #expect(page.contentSecurityPolicy == Samples.signIn().contentSecurityPolicy)
    }

    @Test func `only two pages may load a script, each the file of ours that is its own`() {
        let scripted = ["form-post": "form-post.js", "signed-out with frames": "signed-out.js"]
        for (name, page) in Samples.ordinary {
            let file = scripted[name]
            #expect(page.contentSecurityPolicy.contains("script-src 'self'") == (file != nil), "\(name)")
            let scripts = Markup(String(decoding: page.html(texts: .english), as: UTF8.self)).all("script")
            #expect(scripts.count == (file == nil ? 0 : 1), "\(name)")
            let path = "/assets/\(file ?? "none")?v="
            #expect(scripts.allSatisfy { $0.attributes["src"]?.hasPrefix(path) == true })
        }
    }

    @Test func `only the page after signing out has frames, and its policy names their origins and no others`() {
        for (name, page) in Samples.ordinary where name != "signed-out with frames" {
            #expect(!page.contentSecurityPolicy.contains("frame-src"), "\(name)")
        }
        let shown = SignedOutPage(
            frames: [
                "https://a.example/bye?iss=x&sid=1", "https://a.example/bye?sid=2", "http://localhost:3000/bye",
                "javascript:alert(1)", "data:text/html,x", "//evil.example/", "com.example.app:/bye",
                "https://b;c.example/",
            ]
        )
        let frames = Markup(Samples.text(shown)).all("iframe")
        #expect(shown.frameSources == ["https://a.example", "http://localhost:3000"])
        #expect(shown.contentSecurityPolicy.contains("; frame-src https://a.example http://localhost:3000;"))
        #expect(frames.map { $0.attributes["src"] ?? "" }.allSatisfy { $0.hasPrefix("http") })
        #expect(frames.allSatisfy { $0.attributes["sandbox"] == "allow-scripts allow-same-origin" })
        // Nowhere to go on to: no script.
        #expect(!shown.contentSecurityPolicy.contains("script-src"))
    }
}
