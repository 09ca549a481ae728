/// The applications that hold something of a person's.
package struct AccountApplicationsPage: Page {
    /// One of them.
    package struct Application: Sendable {
        package var name: String
        /// What it may do, as on the consent page.
        package var scopes: [ConsentPage.Scope]
        package var offlineAccess: OfflineAccess
        /// In seconds since 1970.
        package var connectedAt: Int64
        /// `nil` where it was never seen since it was allowed.
        package var usedAt: Int64?
        package var disconnect: AccountForm

        package init(
            name: String,
            scopes: [ConsentPage.Scope],
            offlineAccess: OfflineAccess,
            connectedAt: Int64,
            usedAt: Int64?,
            disconnect: AccountForm
        ) {
            self.name = name
            self.scopes = scopes
            self.offlineAccess = offlineAccess
            self.connectedAt = connectedAt
            self.usedAt = usedAt
            self.disconnect = disconnect
        }
    }

    package var frame: AccountFrame
    package var applications: [Application]
    package var paging: AccountPaging

    package init(frame: AccountFrame, applications: [Application], paging: AccountPaging) {
        self.frame = frame
        self.applications = applications
        self.paging = paging
    }

    package func html(texts: Texts, basePath: String) -> [UInt8] {
        let words = texts.account
        return frame.page(
            "account-applications",
            title: words.applications,
            texts: texts,
            basePath: basePath,
            values: [
                "applications": applications.enumerated().map { line($1, number: $0, texts, basePath) },
                "isEmpty": applications.isEmpty,
                "paging": paging.values(frame, texts, basePath: basePath),
            ]
        )
    }

    private func line(_ application: Application, number: Int, _ texts: Texts, _ basePath: String) -> [String: Any] {
        let words = texts.account
        let name = Visible.text(application.name)
        var line: [String: Any] = [
            "id": "application-\(number)",
            "name": name,
            "initial": String(name.prefix(1)).uppercased(),
            "scopes": application.scopes.map(ConsentPage.line),
            "hasScopes": !application.scopes.isEmpty,
            "offline": application.offlineAccess == .requested,
            "connected": words.connectedAt.filled(["time": texts.time.date(application.connectedAt)]),
            "form": application.disconnect.values(frame, basePath: basePath),
        ]
        line["used"] = application.usedAt.map {
            ["line": words.lastUsed.filled(["time": texts.time.ago($0, now: frame.now)])]
        }
        return line
    }
}
