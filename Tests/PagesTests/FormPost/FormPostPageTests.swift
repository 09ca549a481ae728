import Testing

@testable import Pages

@Suite struct FormPostPageTests {
    @Test(
        "a state arrives at the application to the last byte",
        arguments: ["xyz", "a\"b<c>&amp;'`", "\u{202E}right", "e\u{301}\"\u{301}", "{{x}}", "a b+c%20d"]
    )
    func value(state: String) {
        let page = FormPostPage(
            redirectURI: "https://a.example/cb",
            fields: [.init(name: "state", value: state)]
        )
        let inputs = Markup(Samples.text(page)).all("input")
        // Compared as bytes: two strings that differ in composition are equal to Swift.
        #expect(inputs.map { Array(($0.attributes["value"] ?? "").utf8) } == [Array(state.utf8)])
        #expect(inputs.map { $0.attributes["name"] } == ["state"])
    }

    @Test func `without JavaScript a visible button sends the form`() {
        let page = Markup(
            Samples.text(FormPostPage(redirectURI: "https://a.example/cb", fields: [.init(name: "code", value: "1")]))
        )
        #expect(page.all("button").map { $0.attributes["type"] } == ["submit"])
        // A field called "submit" would hide the form's own submit method from the script.
        #expect(page.all("button").allSatisfy { $0.attributes["name"] == nil })
    }

    @Test func `the policy lets the form go to the application and nowhere else`() {
        let page = FormPostPage(redirectURI: "https://a.example/cb", fields: [])
        #expect(page.contentSecurityPolicy.contains("form-action 'self' https://a.example;"))
        let hostile = FormPostPage(redirectURI: "javascript:alert(1)", fields: [])
        #expect(hostile.contentSecurityPolicy.contains("form-action 'self';"))
        #expect(Markup(Samples.text(hostile)).all("form").map { $0.attributes["action"] } == [Link.refused])
    }
}
