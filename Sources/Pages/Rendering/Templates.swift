import Mustache

/// The parsed templates, embedded in the binary and read once.
enum Templates {
    /// Every template by the name that partials use.
    private static let sources: [(name: String, text: [UInt8])] = [
        ("layout", PackageResources.layout_mustache),
        ("phrase", PackageResources.phrase_mustache),
        ("alert", PackageResources.alert_mustache),
        ("sign-in", PackageResources.sign_in_mustache),
        ("consent", PackageResources.consent_mustache),
        ("account-chooser", PackageResources.account_chooser_mustache),
        ("form-post", PackageResources.form_post_mustache),
        ("error", PackageResources.error_mustache),
        ("sign-out", PackageResources.sign_out_mustache),
        ("signed-out", PackageResources.signed_out_mustache),
        ("device-code", PackageResources.device_code_mustache),
        ("device-consent", PackageResources.device_consent_mustache),
        ("device-answered", PackageResources.device_answered_mustache),
        ("welcome", PackageResources.welcome_mustache),
        ("account-top", PackageResources.account_top_mustache),
        ("account-form", PackageResources.account_form_mustache),
        ("account-paging", PackageResources.account_paging_mustache),
        ("account-profile", PackageResources.account_profile_mustache),
        ("account-password", PackageResources.account_password_mustache),
        ("account-sessions", PackageResources.account_sessions_mustache),
        ("account-applications", PackageResources.account_applications_mustache),
        ("continue", PackageResources.continue_mustache),
        ("upstream-problem", PackageResources.upstream_problem_mustache),
        ("linked-accounts", PackageResources.linked_accounts_mustache),
    ]

    static let names = sources.map(\.name)

    private static let loaded = load()
    static var library: MustacheLibrary { loaded.library }
    /// Templates that did not parse.
    ///
    /// The templates are constants, so that a test which finds this empty settles it.
    static var faults: [String] { loaded.faults }

    /// The text that was parsed under a name, pragma included.
    static func text(of name: String) -> String? { library.getTemplate(named: name)?.description }

    private static func load() -> (library: MustacheLibrary, faults: [String]) {
        MustacheContentTypes.register(ScalarHTMLEscaping(), named: ScalarHTMLEscaping.name)
        var library = MustacheLibrary()
        var faults: [String] = []
        for (name, bytes) in sources {
            let text = String(decoding: bytes, as: UTF8.self)
            let trimmed = String(text.reversed().drop { $0.isWhitespace }.reversed())
            do {
                try library.register(ScalarHTMLEscaping.pragma + trimmed, named: name)
            } catch {
                faults.append("\(name): \(error)")
            }
        }
        return (library, faults)
    }

    /// Renders one page inside the layout.
    static func page(
        _ name: String,
        title: String,
        texts: Texts,
        basePath: String,
        values: [String: Any?]
    ) -> [UInt8] {
        var context = values.compactMapValues(\.self)
        context["title"] = title
        context["texts"] = texts
        context["csrfField"] = FormField.csrfToken
        context["stylesheet"] = Assets.link(to: "signet.css", basePath: basePath)
        context["favicon"] = Assets.link(to: "signet.svg", basePath: basePath)
        context["home"] = basePath + "/"
        let script = Assets.link(to: "form-post.js", basePath: basePath)
        context["formPostScript"] = script
        return Array((library.render(context, withTemplate: name) ?? "").utf8)
    }
}
