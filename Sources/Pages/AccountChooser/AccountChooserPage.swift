// AccountChooser: the page where a person with several sessions says which one an application gets.
// OIDC Core §3.1.2.1 `prompt=select_account`. Stores nothing.

/// The account chooser; its buttons send ``FormField/account`` = a reference, or empty for another account.
package struct AccountChooserPage: Page {
    /// One signed-in person in this browser.
    package struct Account: Sendable {
        package var personName: String
        /// The username or e-mail address, to tell two people of one name apart.
        package var personDetail: String?
        /// What the server recognises the session by; never the session's secret.
        package var sessionReference: String

        package init(personName: String, personDetail: String? = nil, sessionReference: String) {
            self.personName = personName
            self.personDetail = personDetail
            self.sessionReference = sessionReference
        }
    }

    package var applicationName: String
    package var accounts: [Account]
    package var action: String
    package var csrfToken: String
    /// What the form sends along unseen.
    package var hiddenFields: [HiddenField]
    package var formActions: [String]

    package init(
        applicationName: String,
        accounts: [Account],
        action: String,
        csrfToken: String,
        hiddenFields: [HiddenField] = [],
        formActions: [String] = []
    ) {
        self.applicationName = applicationName
        self.accounts = accounts
        self.action = action
        self.csrfToken = csrfToken
        self.hiddenFields = hiddenFields
        self.formActions = formActions
    }

    package func html(texts: Texts, basePath: String) -> [UInt8] {
        let words = texts.accountChooser
        return Templates.page(
            "account-chooser",
            title: words.title,
            texts: texts,
            basePath: basePath,
            values: [
                "lead": words.lead.filled(["application": applicationName]),
                "accounts": accounts.map(Self.line),
                "action": Link.target(action),
                "csrfToken": csrfToken,
                "hiddenFields": HiddenField.values(hiddenFields),
            ]
        )
    }

    private static func line(_ account: Account) -> [String: String] {
        let name = Visible.text(account.personName)
        var line = [
            "name": name, "initial": String(name.prefix(1)).uppercased(), "reference": account.sessionReference,
        ]
        line["detail"] = account.personDetail.map { Visible.text($0) }
        return line
    }
}
