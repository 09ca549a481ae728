// Account: the pages where a person sees and ends what they have here: profile, password, sessions, applications.
// No specification asks for them; what is consented to on them is taken back (OIDC Core §3.1.2.4). Typed values in, HTML
// out; every form carries a token of its own and works without JavaScript. Stores nothing.

/// The account pages, each at its own address.
package enum AccountSection: String, CaseIterable, Sendable {
    case profile
    case password
    case sessions
    case applications

    /// Where it stands below the issuer.
    package var path: String { self == .profile ? "/account" : "/account/\(rawValue)" }
}

/// What a person did last, said at the top of the page that they come back to.
package enum AccountNotice: String, CaseIterable, Sendable {
    case renamed
    case passwordChanged = "password-changed"
    case sessionEnded = "session-ended"
    case othersEnded = "others-ended"
    case disconnected
    case switched
}

/// What the buttons of account pages ask for: the values of ``FormField/decision`` there.
package enum AccountAct: String, CaseIterable, Sendable {
    case rename
    case changePassword = "change-password"
    case endSession = "end-session"
    case endOthers = "end-others"
    case endAll = "end-all"
    case disconnect
    case switchAccount = "switch"
    case addAccount = "add-account"
}

/// A form that asks for one act upon one thing.
package struct AccountForm: Hashable, Sendable {
    package var act: AccountAct
    /// What it is done to, as the server names it; empty where there is only one.
    package var object: String
    package var token: String

    package init(_ act: AccountAct, on object: String = "", token: String) {
        self.act = act
        self.object = object
        self.token = token
    }

    /// The form as the templates read it.
    func values(_ frame: AccountFrame, basePath: String) -> [String: String] {
        [
            "action": basePath + frame.section.path, "act": act.rawValue, "object": object, "token": token,
        ]
    }
}

/// What stands around the content of every account page.
package struct AccountFrame: Sendable {
    package var section: AccountSection
    /// The person whose account it is, so that nobody changes another one's by mistake.
    package var personName: String
    package var notice: AccountNotice?
    /// The moment that times are told against, in seconds since 1970.
    package var now: Int64

    package init(section: AccountSection, personName: String, notice: AccountNotice? = nil, now: Int64) {
        self.section = section
        self.personName = personName
        self.notice = notice
        self.now = now
    }

    /// The page inside the layout, with navigation, notice, and a title that says a problem first.
    func page(
        _ template: String,
        title: String,
        problem: [[String: String]]? = nil,
        texts: Texts,
        basePath: String,
        values: [String: Any?]
    ) -> [UInt8] {
        let words = texts.account
        var all = values
        all["wide"] = true
        all["heading"] = title
        all["navigation"] = Self.navigation(section, texts, basePath)
        all["signedIn"] = words.signedIn.filled(["person": personName])
        all["signOut"] = basePath + "/logout"
        all["notice"] = notice.map { words.text(of: $0) }
        all["hasProblem"] = problem != nil
        all["problem"] = problem
        let isProblem = problem != nil
        return Templates.page(
            template,
            title: isProblem ? texts.signIn.problemTitle.plain(["title": title]) : title,
            texts: texts,
            basePath: basePath,
            values: all
        )
    }

    /// The links to all account pages, that of linked accounts among them.
    ///
    /// - Parameter current: where the person is; `nil` on the page of linked accounts.
    static func navigation(_ current: AccountSection?, _ texts: Texts, _ basePath: String) -> [[String: String]] {
        let links = AccountSection.allCases.map { section in
            link(section.path, texts.account.label(of: section), isHere: section == current, basePath)
        }
        return links + [link(LinkedAccountsPage.path, texts.upstream.linksTitle, isHere: current == nil, basePath)]
    }

    private static func link(
        _ path: String,
        _ label: String,
        isHere: Bool,
        _ basePath: String
    ) -> [String: String] {
        var link = ["href": basePath + path, "label": label]
        if isHere { link["current"] = "page" }
        return link
    }
}
