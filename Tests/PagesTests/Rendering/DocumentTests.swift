import Testing

@testable import Pages

/// What holds for every page: it parses, people can use it, and the policy lets all of it through.
@Suite struct DocumentTests {
    @Test func `every template parses`() {
        #expect(Templates.faults == [])
        for name in Templates.names {
            #expect(Templates.text(of: name) != nil, "\(name)")
        }
    }

    @Test func `no template prints without escaping or changes the delimiters`() {
        for name in Templates.names {
            let text = Templates.text(of: name) ?? ""
            let body = text.dropFirst(ScalarHTMLEscaping.pragma.count)
            #expect(text.hasPrefix(ScalarHTMLEscaping.pragma), "\(name)")
            for forbidden in ["{{{", "{{&", "{{=", "{{%", "{{ "] {
                #expect(!body.contains(forbidden), "\(name) contains \(forbidden)")
            }
        }
    }

    @Test func `every page has a language, a title, one main, one h1 and a labelled field for each input`() {
        for (name, page) in Samples.ordinary {
            let markup = markup(of: page)
            #expect(markup.all("html").map { $0.attributes["lang"] } == ["en"], "\(name)")
            #expect(markup.all("title").count == 1, "\(name)")
            #expect(markup.all("main").count == 1, "\(name)")
            #expect(markup.all("h1").count == 1, "\(name)")
            let labels = Set(markup.all("label").compactMap { $0.attributes["for"] })
            for input in markup.all("input") where input.attributes["type"] != "hidden" {
                #expect(labels.contains(input.attributes["id"] ?? ""), "\(name)")
            }
            let ids = Set(markup.values(of: ["id"]))
            #expect(ids.count == markup.values(of: ["id"]).count, "\(name)")
            let named = markup.values(of: ["aria-describedby", "aria-labelledby"])
                .flatMap { $0.split(separator: " ").map(String.init) }
            #expect(Set(named).isSubset(of: ids), "\(name)")
        }
    }

    @Test func `no page has an inline script, an inline style or an event attribute`() {
        for (name, page) in Samples.ordinary {
            for tag in markup(of: page).tags {
                #expect(tag.name != "style", "\(name)")
                #expect(tag.attributes.keys.allSatisfy { $0 != "style" && !$0.hasPrefix("on") }, "\(name)")
            }
        }
    }

    @Test func `every form that changes something here posts the CSRF token`() {
        for (name, page) in Samples.ordinary where name != "form-post" {
            let markup = markup(of: page)
            let tokens = markup.all("input").filter { $0.attributes["name"] == FormField.csrfToken }
            #expect(tokens.count == markup.all("form").count, "\(name)")
            #expect(tokens.allSatisfy { $0.attributes["value"] == "c" }, "\(name)")
            #expect(markup.all("form").allSatisfy { $0.attributes["method"] == "post" }, "\(name)")
        }
    }

    @Test func `assets are linked below the path of the issuer`() {
        let html = Samples.signIn().html(texts: .english, basePath: "/tenant")
        let links = Markup(String(decoding: html, as: UTF8.self)).values(of: ["href", "src"])
        #expect(links.count == 3)
        #expect(links.allSatisfy { $0.hasPrefix("/tenant/assets/signet.") })
    }

    @Test func `every error has words of its own`() {
        let titles = Set(ErrorKind.allCases.map { Texts.english.errors[$0].title })
        #expect(titles.count == ErrorKind.allCases.count)
    }

    @Test func `an error page shows the trace, and the detail only when it is given`() {
        let quiet = ErrorPage(kind: .malformedRequest, status: 400, traceID: "trace-1")
        #expect(Samples.text(quiet).contains("trace-1"))
        #expect(!Samples.text(quiet).contains("For developers"))
        var chatty = quiet
        chatty.detail = "expected a, got b"
        #expect(Samples.text(chatty).contains("expected a, got b"))
    }

    private func markup(of page: any Page) -> Markup {
        Markup(String(decoding: page.html(texts: .english), as: UTF8.self))
    }
}
