/// Where a person is signed in.
package struct AccountSessionsPage: Page {
    /// One browser, or one application in a browser, that is signed in.
    package struct Session: Sendable {
        /// What the browser says that it is, and on what it runs.
        package var agent: String?
        package var system: String?
        package var network: String?
        /// The application that alone has this session; `nil` for a session that signs on to all.
        package var applicationName: String?
        /// In seconds since 1970.
        package var signedInAt: Int64
        package var usedAt: Int64
        /// `nil` for the session that looks at the page.
        package var end: AccountForm?

        package init(
            agent: String?,
            system: String?,
            network: String?,
            applicationName: String? = nil,
            signedInAt: Int64,
            usedAt: Int64,
            end: AccountForm?
        ) {
            self.agent = agent
            self.system = system
            self.network = network
            self.applicationName = applicationName
            self.signedInAt = signedInAt
            self.usedAt = usedAt
            self.end = end
        }
    }

    package var frame: AccountFrame
    package var sessions: [Session]
    package var paging: AccountPaging
    /// `nil` where there is no other session to end.
    package var endOthers: AccountForm?
    package var endAll: AccountForm

    package init(
        frame: AccountFrame,
        sessions: [Session],
        paging: AccountPaging,
        endOthers: AccountForm?,
        endAll: AccountForm
    ) {
        self.frame = frame
        self.sessions = sessions
        self.paging = paging
        self.endOthers = endOthers
        self.endAll = endAll
    }

    package func html(texts: Texts, basePath: String) -> [UInt8] {
        let words = texts.account
        return frame.page(
            "account-sessions",
            title: words.sessions,
            texts: texts,
            basePath: basePath,
            values: [
                "sessions": sessions.enumerated().map { line($1, number: $0, texts, basePath) },
                "paging": paging.values(frame, texts, basePath: basePath),
                "endOthers": endOthers.map { $0.values(frame, basePath: basePath) },
                "endAll": endAll.values(frame, basePath: basePath),
            ]
        )
    }

    private func line(_ session: Session, number: Int, _ texts: Texts, _ basePath: String) -> [String: Any] {
        let words = texts.account
        var line: [String: Any] = [
            "id": "session-\(number)",
            "device": device(session, words),
            "signedIn": words.signedInAt.filled(["time": texts.time.date(session.signedInAt)]),
            "used": words.lastUsed.filled(["time": texts.time.ago(session.usedAt, now: frame.now)]),
        ]
        line["network"] = session.network.map { ["line": words.network.filled(["network": $0])] }
        line["application"] = session.applicationName.map {
            ["line": words.onlyApplication.filled(["application": $0])]
        }
        if let end = session.end {
            line["end"] = end.values(frame, basePath: basePath)
        } else {
            line["current"] = words.thisBrowser
        }
        return line
    }

    private func device(_ session: Session, _ words: Texts.Account) -> [[String: String]] {
        switch (session.agent, session.system) {
        case (let agent?, let system?): words.agentOnSystem.filled(["agent": agent, "system": system])
        case (let only?, nil), (nil, let only?): Phrase(stringLiteral: "{only}").filled(["only": only])
        case (nil, nil): Phrase(stringLiteral: words.unknownDevice).filled()
        }
    }
}

/// Which part of a long list is shown.
package struct AccountPaging: Hashable, Sendable {
    /// From 1.
    package var page: Int
    package var pages: Int

    package init(page: Int, pages: Int) {
        self.page = page
        self.pages = pages
    }

    /// The links as the template reads them; nothing where one page holds all.
    func values(_ frame: AccountFrame, _ texts: Texts, basePath: String) -> [String: Any]? {
        guard pages > 1 else { return nil }
        let address = basePath + frame.section.path
        var values: [String: Any] = [
            "position": texts.account.position.filled(["page": "\(page)", "pages": "\(pages)"])
        ]
        if page > 1 { values["previous"] = "\(address)?page=\(page - 1)" }
        if page < pages { values["next"] = "\(address)?page=\(page + 1)" }
        return values
    }
}
