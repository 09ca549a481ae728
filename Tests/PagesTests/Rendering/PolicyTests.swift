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

    @Test func `only the form-post page may load a script, and it is a file of ours`() {
        for (name, page) in Samples.ordinary {
            let isFormPost = name == "form-post"
            #expect(page.contentSecurityPolicy.contains("script-src 'self'") == isFormPost, "\(name)")
            let scripts = Markup(String(decoding: page.html(texts: .english), as: UTF8.self)).all("script")
            #expect(scripts.count == (isFormPost ? 1 : 0), "\(name)")
            #expect(scripts.allSatisfy { $0.attributes["src"]?.hasPrefix("/assets/form-post.js?v=") == true })
        }
    }
}
