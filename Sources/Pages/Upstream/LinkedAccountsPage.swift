/// The accounts at other providers by which a person can sign in; its buttons send `link` = a provider, or `unlink` = a
/// reference.
package struct LinkedAccountsPage: Page {
    /// Where it stands below the issuer.
    package static let path = "/account/links"

    /// An account that is linked.
    package struct Account: Sendable {
        package var providerName: String
        /// What the person knows the account by.
        package var label: String?
        package var reference: String

        package init(providerName: String, label: String?, reference: String) {
            self.providerName = providerName
            self.label = label
            self.reference = reference
        }
    }

    /// A provider that can be added.
    package struct Provider: Sendable {
        package var displayName: String
        package var name: String

        package init(displayName: String, name: String) {
            self.displayName = displayName
            self.name = name
        }
    }

    /// What has just happened.
    package enum Notice: String, Hashable, Sendable {
        case linked
        case removed
        /// The person tried to remove what they could not sign in without.
        case lastWayIn = "last-way-in"
    }

    package var personName: String
    package var links: [Account]
    package var providers: [Provider]
    package var notice: Notice?
    package var action: String
    package var csrfToken: String

    package init(
        personName: String,
        links: [Account],
        providers: [Provider],
        notice: Notice?,
        action: String,
        csrfToken: String
    ) {
        self.personName = personName
        self.links = links
        self.providers = providers
        self.notice = notice
        self.action = action
        self.csrfToken = csrfToken
    }

    package func html(texts: Texts, basePath: String) -> [UInt8] {
        let words = texts.upstream
        return Templates.page(
            "linked-accounts",
            title: words.linksTitle,
            texts: texts,
            basePath: basePath,
            values: [
                "lead": words.linksLead.filled(["person": personName]),
                "hasProblem": notice == .lastWayIn,
                "problem": words.lastWayIn.filled(),
                "notice": notice.flatMap { words.text(of: $0) },
                "links": links.map { Self.line($0, words) },
                "hasProviders": !providers.isEmpty,
                "providers": providers.map { Self.line($0, words) },
                "action": Link.target(action),
                "csrfToken": csrfToken,
                "wide": true,
                "navigation": AccountFrame.navigation(nil, texts, basePath),
            ]
        )
    }

    private static func line(_ link: Account, _ words: Texts.Upstream) -> [String: Any] {
        let name = Visible.text(link.providerName)
        var line: [String: Any] = ["name": name, "reference": link.reference]
        let label = link.label.map { Visible.text($0) }
        line["label"] = label
        line["remove"] = words.remove.plain(["provider": name, "label": label ?? ""])
        return line
    }

    private static func line(_ provider: Provider, _ words: Texts.Upstream) -> [String: Any] {
        ["name": provider.name, "label": words.add.filled(["provider": provider.displayName])]
    }
}

extension Texts.Upstream {
    fileprivate func text(of notice: LinkedAccountsPage.Notice) -> [[String: String]]? {
        switch notice {
        case .linked: linked.filled()
        case .removed: removed.filled()
        case .lastWayIn: nil
        }
    }
}
