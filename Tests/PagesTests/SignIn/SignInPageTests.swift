import Testing

@testable import Pages

@Suite struct SignInPageTests {
    @Test func `password managers recognise both fields`() {
        let inputs = Markup(Samples.text(Samples.signIn())).all("input")
        #expect(inputs.map { $0.attributes["autocomplete"] } == [nil, "username", "current-password"])
        #expect(inputs.map { $0.attributes["name"] } == ["form_token", "username", "password"])
    }

    @Test func `a wrong password is announced and linked to both fields`() {
        let page = Markup(Samples.text(Samples.signIn(problem: .wrongCredentials)))
        #expect(page.tags.filter { $0.attributes["role"] == "alert" }.map { $0.attributes["id"] } == ["problem"])
        let fields = page.all("input").filter { $0.attributes["type"] != "hidden" }
        #expect(fields.map { $0.attributes["aria-describedby"] } == ["problem", "problem"])
        #expect(fields.map { $0.attributes["aria-invalid"] } == ["true", "true"])
        #expect(Samples.text(Samples.signIn(problem: .wrongCredentials)).contains("<title>Problem: Sign in"))
    }

    @Test func `without a problem nothing is announced`() {
        let page = Markup(Samples.text(Samples.signIn()))
        #expect(page.tags.allSatisfy { $0.attributes["role"] == nil && $0.attributes["aria-invalid"] == nil })
    }

    @Test func `the first empty field has the focus`() {
        let fresh = Markup(Samples.text(Samples.signIn())).all("input").filter { $0.attributes["autofocus"] != nil }
        #expect(fresh.map { $0.attributes["id"] } == ["username"])
        let hinted = Markup(Samples.text(Samples.signIn(usernameHint: "ada"))).all("input")
        #expect(hinted.filter { $0.attributes["autofocus"] != nil }.map { $0.attributes["id"] } == ["password"])
        #expect(hinted.map { $0.attributes["value"] } == ["c", "ada", nil])
    }

    @Test(
        "a throttled person reads a time that is never too short",
        arguments: [
            (0, "in a second"), (1, "in a second"), (2, "in 2 seconds"), (59, "in 59 seconds"), (60, "in a minute"),
            (61, "in 2 minutes"), (120, "in 2 minutes"), (121, "in 3 minutes"),
        ]
    )
    func throttled(seconds: Int, text: String) {
        let page = Markup(Samples.text(Samples.signIn(problem: .throttled(retryAfterSeconds: seconds))))
        #expect(page.text.contains("Try again \(text)."))
    }

    @Test func `cancelling is a post to its own address and skips the required fields`() {
        let buttons = Markup(Samples.text(Samples.signIn(cancelAction: "/cancel"))).all("button")
        #expect(buttons.map { $0.attributes["value"] } == ["sign-in", "cancel"])
        #expect(buttons.map { $0.attributes["formaction"] } == [nil, "/cancel"])
        #expect(buttons.map { $0.attributes["formnovalidate"] } == [nil, ""])
        #expect(Markup(Samples.text(Samples.signIn())).all("button").count == 1)
    }

    @Test func `the values of the buttons are the decisions that the server reads`() {
        let values = Samples.ordinary.flatMap { _, page in
            Markup(String(decoding: page.html(texts: .english), as: UTF8.self)).all("button")
                .filter { $0.attributes["name"] == FormField.decision }.compactMap { $0.attributes["value"] }
        }
        let acts = Set(AccountAct.allCases.map(\.rawValue))
        #expect(acts.isSubset(of: values), "every act of the account pages has a button")
        let decisions = values.filter { !acts.contains($0) }
        #expect(Set(decisions) == ["sign-in", "cancel", "allow", "deny", "sign-out", "sign-out-everywhere", "stay"])
        #expect(decisions.allSatisfy { Decision(rawValue: $0) != nil })
    }
}
