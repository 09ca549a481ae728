// Welcome: what stands at the root of the issuer, for a person who opens it in a browser.
// Names the issuer and its discovery document (OIDC Discovery §4); in development also how to try it. Stores nothing.

/// The page at the issuer's root.
package struct WelcomePage: Page {
    /// What only a development server shows.
    package struct Development: Sendable {
        package var demoURL: String
        package var username: String
        package var password: String

        package init(demoURL: String, username: String, password: String) {
            self.demoURL = demoURL
            self.username = username
            self.password = password
        }
    }

    package var productName: String
    package var issuer: String
    package var discoveryURL: String
    package var development: Development?

    package init(productName: String, issuer: String, discoveryURL: String, development: Development? = nil) {
        self.productName = productName
        self.issuer = issuer
        self.discoveryURL = discoveryURL
        self.development = development
    }

    package func html(texts: Texts, basePath: String) -> [UInt8] {
        let words = texts.welcome
        let product = ["product": productName]
        return Templates.page(
            "welcome",
            title: words.title.plain(product),
            texts: texts,
            basePath: basePath,
            values: [
                "heading": words.title.filled(product),
                "issuer": Visible.text(issuer, limit: Visible.addressLimit),
                "discoveryURL": Link.web(discoveryURL),
                "discoveryText": Visible.text(discoveryURL, limit: Visible.addressLimit),
                "accountURL": basePath + AccountSection.profile.path,
                "development": development.map(Self.values),
            ]
        )
    }

    private static func values(_ development: Development) -> [String: String] {
        var values = ["username": Visible.text(development.username), "password": Visible.text(development.password)]
        values["demoURL"] = Link.web(development.demoURL)
        return values
    }
}
