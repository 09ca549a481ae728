import Testing

@testable import Pages

/// FIELD O41: markup that arrives in a parameter stays text on every page (GO-2026-4861, CVE-2026-29191).
@Suite struct EscapingTests {
    static let attacks = [
        "<script>alert(1)</script>",
        "</title><script>alert(1)</script>",
        "\"><img/src=x/onerror=alert(1)>",
        "'><svg/onload=alert(1)>",
        "\" onfocus=alert(1) autofocus x=\"",
        "\"\tonfocus=alert(1)\tautofocus\tx=\"",
        // A quote with an accent is one grapheme cluster, and one quote to a browser.
        "\"\u{301} onfocus=alert(1) autofocus x=\"",
        "\"\u{20D0}/onfocus=alert(1)/autofocus/x=\"",
        "<\u{FE0F}b><b\u{301}>",
        "{{texts}}{{{texts}}}{{>layout}}",
        "&lt;script&gt;",
        "\0<\0b\0>",
        "`onfocus=alert(1)`",
    ]

    @Test("GO-2026-4861: an attack in every field adds no tag and no attribute", arguments: attacks)
    func attackAddsNothing(attack: String) {
        for prefix in ["", "/", "https://evil.example/"] {
            let harmless = Samples.pages(filledWith: prefix + "plain")
            for (hostile, twin) in zip(Samples.pages(filledWith: prefix + attack), harmless) {
                let seen = Markup(text(hostile.page))
                let expected = Markup(text(twin.page))
                let known = Set(expected.tags.map(\.shape))
                #expect(seen.tags.map(\.shape).filter { !known.contains($0) } == [], "\(hostile.name)")
                #expect(seen.tags.count <= expected.tags.count, "\(hostile.name)")
            }
        }
    }

    @Test func `the twin: a harmless value is shown in full on every page that shows one`() {
        for (name, page) in Samples.pages(filledWith: "/Field-Notes") where name != "form-post" {
            #expect(Markup(text(page)).text.contains("/Field-Notes"), "\(name)")
        }
    }

    @Test func `direction overrides and invisible letters are shown as missing, so that names cannot lie`() {
        for hidden in ["\u{202E}", "\u{2066}", "\u{200B}", "\u{FEFF}", "\u{7}", "\u{E0041}"] {
            for (name, page) in Samples.pages(filledWith: "/moc\(hidden)elpmaxe") {
                let html = text(page)
                #expect(!html.contains(hidden), "\(name)")
                let reference = "&#x\(String(hidden.unicodeScalars.first?.value ?? 0, radix: 16, uppercase: true));"
                #expect(!Markup(html).text.contains(reference), "\(name)")
            }
        }
    }

    @Test func `joiners stay, because Persian and many emoji need them`() {
        #expect(Visible.text("می\u{200C}خواهم") == "می\u{200C}خواهم")
    }

    @Test func `a name of a megabyte or of ten thousand accents is cut`() {
        #expect(Visible.text(String(repeating: "x", count: 1_000_000)).count == Visible.nameLimit)
        #expect(Visible.text("e" + String(repeating: "\u{301}", count: 10_000)).unicodeScalars.count < 1_000)
        #expect(Visible.text("Ada Lovelace") == "Ada Lovelace")
    }

    @Test(
        "an address that would run or read something is refused",
        arguments: [
            "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", " javascript:alert(1)",
            "\u{1}javascript:alert(1)", "data:text/html,<script>", "vbscript:x", "blob:x", "file:///etc/passwd",
            "//evil.example", "/\\evil.example", "https:evil.example", "", "evil",
        ]
    )
    func refusedAddress(address: String) {
        #expect(Link.target(address) == Link.refused)
        for (name, page) in Samples.pages(filledWith: address) {
            let followed = Markup(text(page)).values(of: ["href", "action", "formaction", "src"])
            // Addresses that no field of the page has a part in.
            let own = AccountSection.allCases.map(\.path) + [LinkedAccountsPage.path, "/logout"]
            let foreign = followed.filter { address in
                address != Link.refused && !address.hasPrefix("/assets/")
                    && !own.contains(String(address.prefix { $0 != "?" }))
            }
            #expect(foreign == [], "\(name)")
        }
    }

    @Test(
        "the twin: an address that only navigates is kept",
        arguments: [
            "https://a.example/cb?x=1&y=2", "http://[::1]:8080/cb", "/interaction/1", "com.example.app:/cb",
            "https://a.example/javascript:alert(1)",
        ]
    )
    func keptAddress(address: String) {
        #expect(Link.target(address) == address)
        let page = Markup(text(FormPostPage(redirectURI: address, fields: [])))
        #expect(page.all("form").map { $0.attributes["action"] } == [address])
    }

    private func text(_ page: any Page) -> String {
        String(decoding: page.html(texts: .english), as: UTF8.self)
    }
}
