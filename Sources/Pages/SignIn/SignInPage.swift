// SignIn: the page where a person proves who they are with a username and a password.
// OIDC Core §3.1.2.3 (authentication), §3.1.2.1 (`login_hint`, `prompt=login`, `max_age`). Stores nothing.

/// Why a sign-in did not succeed; the page says the same for an unknown person and a wrong password.
package enum SignInProblem: Hashable, Sendable {
    case wrongCredentials
    case throttled(retryAfterSeconds: Int)
    case busy
    case expired
}

/// What the sign-in is for.
package enum SignInReason: Sendable {
    /// There is no usable session.
    case noSession
    /// There is one, but the application wants the person to prove it again (`prompt=login`, `max_age`).
    case reauthentication
}

/// Another provider by which a person may sign in.
package struct UpstreamButton: Sendable {
    package var displayName: String
    /// Where the button posts to.
    package var action: String

    package init(displayName: String, action: String) {
        self.displayName = displayName
        self.action = action
    }
}

/// The sign-in page.
package struct SignInPage: Page {
    /// The application that asks; `nil` where a page of this server does.
    package var applicationName: String?
    package var action: String
    package var csrfToken: String
    package var usernameHint: String
    package var problem: SignInProblem?
    package var reason: SignInReason
    /// Where "Cancel" posts to, with ``FormField/decision`` = `cancel`; without it there is no such button.
    package var cancelAction: String?
    /// What the form sends along unseen.
    package var hiddenFields: [HiddenField]
    package var formActions: [String]
    /// Other ways to sign in, in their order.
    package var upstreams: [UpstreamButton]

    package init(
        applicationName: String?,
        action: String,
        csrfToken: String,
        usernameHint: String = "",
        problem: SignInProblem? = nil,
        reason: SignInReason = .noSession,
        cancelAction: String? = nil,
        hiddenFields: [HiddenField] = [],
        formActions: [String] = [],
        upstreams: [UpstreamButton] = []
    ) {
        self.applicationName = applicationName
        self.action = action
        self.csrfToken = csrfToken
        self.usernameHint = usernameHint
        self.problem = problem
        self.reason = reason
        self.cancelAction = cancelAction
        self.hiddenFields = hiddenFields
        self.formActions = formActions
        self.upstreams = upstreams
    }

    package func html(texts: Texts, basePath: String) -> [UInt8] {
        let words = texts.signIn
        let isRepeat = reason == .reauthentication
        let title = isRepeat ? words.reauthenticationTitle : words.title
        return Templates.page(
            "sign-in",
            title: problem == nil ? title : words.problemTitle.plain(["title": title]),
            texts: texts,
            basePath: basePath,
            values: [
                "heading": title,
                "lead": lead(words, isRepeat: isRepeat),
                "submit": isRepeat ? words.confirm : words.submit,
                "action": Link.target(action),
                "csrfToken": csrfToken,
                "hiddenFields": HiddenField.values(hiddenFields),
                "usernameHint": usernameHint.isEmpty ? nil : usernameHint,
                "hasProblem": problem != nil,
                "problem": problem.map { words.text(of: $0) },
                "isFieldProblem": problem == .wrongCredentials,
                "focusUsername": usernameHint.isEmpty,
                "focusPassword": !usernameHint.isEmpty,
                "cancelAction": cancelAction.map(Link.target),
                "hasUpstreams": !upstreams.isEmpty,
                "upstreams": upstreams.map { button -> [String: Any] in
                    [
                        "label": texts.upstream.button.filled(["provider": button.displayName]),
                        "action": Link.target(button.action),
                    ]
                },
            ]
        )
    }
}

extension SignInPage {
    private func lead(_ words: Texts.SignIn, isRepeat: Bool) -> [[String: String]] {
        guard let applicationName else { return (isRepeat ? words.ownReauthenticationLead : words.ownLead).filled() }
        return (isRepeat ? words.reauthenticationLead : words.lead).filled(["application": applicationName])
    }
}

extension Texts.SignIn {
    func text(of problem: SignInProblem) -> [[String: String]] {
        switch problem {
        case .wrongCredentials: wrongCredentials.filled()
        case .busy: busy.filled()
        case .expired: expired.filled()
        case .throttled(let seconds): throttled(seconds: seconds)
        }
    }

    func throttled(seconds: Int) -> [[String: String]] {
        switch seconds {
        case ...1: throttledOneSecond.filled()
        case 2..<60: throttledSeconds.filled(["count": "\(seconds)"])
        case 60: throttledOneMinute.filled()
        // Rounded up: a person who comes back when told must not be refused again.
        default: throttledMinutes.filled(["count": "\((seconds - 1) / 60 + 1)"])
        }
    }
}
