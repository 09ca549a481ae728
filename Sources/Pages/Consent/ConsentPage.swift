// Consent: the page where a person decides what an application may do for them.
// OIDC Core §3.1.2.4 (consent), §11 (`offline_access` needs it); RFC 6749 §4.1. Stores nothing.

/// Whether the application asks to act while the person is away (`offline_access`).
package enum OfflineAccess: Sendable {
    case notRequested
    case requested
}

/// The consent page; its buttons send ``FormField/decision`` = `allow` or `deny`.
package struct ConsentPage: Page {
    /// One thing the application asks for.
    package struct Scope: Sendable {
        package var name: String
        /// What it means to a person, in their words; empty to show the name alone.
        package var description: String

        package init(name: String, description: String) {
            self.name = name
            self.description = description
        }
    }

    package var applicationName: String
    /// The host that the answer goes to: the one thing on this page that an application cannot make up.
    package var applicationHost: String
    package var personName: String
    package var scopes: [Scope]
    package var offlineAccess: OfflineAccess
    package var action: String
    package var csrfToken: String
    /// What the form sends along unseen.
    package var hiddenFields: [HiddenField]
    package var formActions: [String]

    package init(
        applicationName: String,
        applicationHost: String,
        personName: String,
        scopes: [Scope],
        offlineAccess: OfflineAccess,
        action: String,
        csrfToken: String,
        hiddenFields: [HiddenField] = [],
        formActions: [String] = []
    ) {
        self.applicationName = applicationName
        self.applicationHost = applicationHost
        self.personName = personName
        self.scopes = scopes
        self.offlineAccess = offlineAccess
        self.action = action
        self.csrfToken = csrfToken
        self.hiddenFields = hiddenFields
        self.formActions = formActions
    }

    package func html(texts: Texts, basePath: String) -> [UInt8] {
        let words = texts.consent
        let application = ["application": applicationName]
        return Templates.page(
            "consent",
            title: words.title.plain(application),
            texts: texts,
            basePath: basePath,
            values: [
                "heading": words.title.filled(application),
                "lead": words.lead.filled(["person": personName]),
                "host": words.host.filled(["application": applicationName, "host": applicationHost]),
                "note": words.note.filled(application),
                "scopes": scopes.map(Self.line),
                "offline": offlineAccess == .requested,
                "action": Link.target(action),
                "csrfToken": csrfToken,
                "hiddenFields": HiddenField.values(hiddenFields),
            ]
        )
    }

    static func line(_ scope: Scope) -> [String: String] {
        let name = Visible.text(scope.name)
        guard !scope.description.isEmpty else { return ["description": name] }
        return ["description": Visible.text(scope.description, limit: Visible.addressLimit), "name": name]
    }
}
