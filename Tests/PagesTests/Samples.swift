import Pages

/// One example of every page, ordinary or hostile, for tests that hold for all of them.
enum Samples {
    /// Every page but those of the account with `text` in each field that comes from outside.
    static func otherPages(filledWith text: String) -> [(name: String, page: any Page)] {
        [
            (
                "sign-in",
                SignInPage(
                    applicationName: text,
                    action: text,
                    csrfToken: text,
                    usernameHint: text,
                    problem: .wrongCredentials,
                    cancelAction: text,
                    hiddenFields: [.init(name: text, value: text)],
                    formActions: [text],
                    upstreams: [.init(displayName: text, action: text)]
                )
            ),
            (
                "sign-in-again",
                SignInPage(
                    applicationName: text,
                    action: text,
                    csrfToken: text,
                    usernameHint: text,
                    problem: .throttled(retryAfterSeconds: 61),
                    reason: .reauthentication,
                    hiddenFields: [.init(name: text, value: text)],
                    formActions: [text]
                )
            ),
            (
                "consent",
                ConsentPage(
                    applicationName: text,
                    applicationHost: text,
                    personName: text,
                    scopes: [.init(name: text, description: text), .init(name: text, description: "")],
                    offlineAccess: .requested,
                    action: text,
                    csrfToken: text,
                    hiddenFields: [.init(name: text, value: text)],
                    formActions: [text]
                )
            ),
            (
                "account-chooser",
                AccountChooserPage(
                    applicationName: text,
                    accounts: [.init(personName: text, personDetail: text, sessionReference: text)],
                    action: text,
                    csrfToken: text,
                    hiddenFields: [.init(name: text, value: text)],
                    formActions: [text]
                )
            ),
            ("continue", ContinuePage(to: .provider(text), address: text)),
            (
                "upstream-problem",
                UpstreamProblemPage(
                    problem: .unavailable,
                    providerName: text,
                    traceID: text,
                    backAddress: text,
                    detail: text
                )
            ),
            (
                "linked-accounts",
                LinkedAccountsPage(
                    personName: text,
                    links: [.init(providerName: text, label: text, reference: text)],
                    providers: [.init(displayName: text, name: text)],
                    notice: .linked,
                    action: text,
                    csrfToken: text
                )
            ),
            ("form-post", FormPostPage(redirectURI: text, fields: [.init(name: text, value: text)])),
            ("error", ErrorPage(kind: .malformedRequest, status: 400, traceID: text, detail: text)),
            (
                "sign-out",
                SignOutPage(
                    applicationName: text,
                    personName: text,
                    action: text,
                    csrfToken: text,
                    hiddenFields: [.init(name: text, value: text)],
                    formActions: [text]
                )
            ),
            ("signed-out", SignedOutPage(applicationName: text, continueURL: text)),
            ("device-code", deviceCode(text, typed: text, problem: .unknownCode, action: text)),
            ("device-code-typed", deviceCode(text, typed: text, action: text)),
            ("device-consent", deviceConsent(text, scopeText: text, address: text, action: text)),
            ("device-answered", DeviceAnsweredPage(applicationName: text, verdict: .allowed)),
            ("device-denied", DeviceAnsweredPage(applicationName: text, verdict: .denied)),
            ("signed-out with frames", SignedOutPage(applicationName: text, continueURL: text, frames: [text])),
            (
                "welcome",
                WelcomePage(
                    productName: text,
                    issuer: text,
                    discoveryURL: text,
                    development: .init(demoURL: text, username: text, password: text)
                )
            ),
        ]
    }

    /// Every page as people see it.
    static let ordinaryOthers: [(name: String, page: any Page)] = [
        ("sign-in", signIn()),
        ("sign-in-cancel", signIn(cancelAction: "/interaction/1/cancel")),
        ("sign-in-wrong", signIn(usernameHint: "ada@example.com", problem: .wrongCredentials)),
        ("sign-in-throttled", signIn(usernameHint: "ada@example.com", problem: .throttled(retryAfterSeconds: 42))),
        ("sign-in-again", signIn(usernameHint: "ada@example.com", reason: .reauthentication)),
        (
            "consent",
            ConsentPage(
                applicationName: "Field Notes",
                applicationHost: "notes.example.com",
                personName: "Ada Lovelace",
                scopes: [
                    .init(name: "openid", description: "Know who you are when you sign in"),
                    .init(name: "profile", description: "See your name and picture"),
                    .init(name: "orders:read", description: "Read your orders"),
                ],
                offlineAccess: .requested,
                action: "/interaction/1/consent",
                csrfToken: "c",
                formActions: ["https://notes.example.com"]
            )
        ),
        (
            "account-chooser",
            AccountChooserPage(
                applicationName: "Field Notes",
                accounts: [
                    .init(personName: "Ada Lovelace", personDetail: "ada@example.com", sessionReference: "1"),
                    .init(personName: "Grace Hopper", personDetail: "grace@example.com", sessionReference: "2"),
                ],
                action: "/interaction/1/account",
                csrfToken: "c"
            )
        ),
        (
            "form-post",
            FormPostPage(
                redirectURI: "https://notes.example.com/callback",
                fields: [.init(name: "code", value: "abc"), .init(name: "state", value: "xyz")]
            )
        ),
        ("error", ErrorPage(kind: .unregisteredAddress, status: 400, traceID: "7f3a9c1e5b2d4806")),
        (
            "error-detail",
            ErrorPage(
                kind: .unregisteredAddress,
                status: 400,
                traceID: "7f3a9c1e5b2d4806",
                detail: "redirect_uri: expected one of https://notes.example.com/callback, "
                    + "got https://notes.example.com/callbacks. Register it with: signet client update notes"
            )
        ),
        (
            "sign-out",
            SignOutPage(
                applicationName: "Field Notes",
                personName: "Ada Lovelace",
                action: "/sign-out",
                csrfToken: "c"
            )
        ),
        ("signed-out", SignedOutPage(applicationName: "Field Notes", continueURL: "https://notes.example.com/")),
        ("device-code", deviceCode("Ada Lovelace")),
        ("device-code-typed", deviceCode("Ada Lovelace", typed: "WDJB-MJHT")),
        ("device-code-unknown", deviceCode("Ada Lovelace", typed: "WDJB-MJHZ", problem: .unknownCode)),
        ("device-code-throttled", deviceCode("Ada Lovelace", problem: .throttled(retryAfterSeconds: 42))),
        ("device-consent", deviceConsent("Field Notes TV", scopeText: "Read your orders", address: "203.0.113.9")),
        ("device-answered", DeviceAnsweredPage(applicationName: "Field Notes TV", verdict: .allowed)),
        ("device-denied", DeviceAnsweredPage(applicationName: "Field Notes TV", verdict: .denied)),
        (
            "signed-out with frames",
            SignedOutPage(
                applicationName: "Field Notes",
                continueURL: "https://notes.example.com/",
                frames: ["https://shop.example.com/bye?iss=https%3A%2F%2Fid.example&sid=s", "https://a.example/bye"]
            )
        ),
        (
            "welcome",
            WelcomePage(
                productName: "Signet",
                issuer: "http://localhost:8080",
                discoveryURL: "http://localhost:8080/.well-known/openid-configuration",
                development: .init(demoURL: "http://localhost:8081", username: "demo", password: "correct horse")
            )
        ),
    ]

    static func signIn(
        usernameHint: String = "",
        problem: SignInProblem? = nil,
        reason: SignInReason = .noSession,
        cancelAction: String? = nil
    ) -> SignInPage {
        SignInPage(
            applicationName: "Field Notes",
            action: "/interaction/1/sign-in",
            csrfToken: "c",
            usernameHint: usernameHint,
            problem: problem,
            reason: reason,
            cancelAction: cancelAction
        )
    }

    static func deviceCode(
        _ person: String,
        typed: String = "",
        problem: DeviceCodeProblem? = nil,
        action: String = "/device"
    ) -> DeviceCodePage {
        DeviceCodePage(personName: person, typed: typed, problem: problem, action: action, csrfToken: "c")
    }

    static func deviceConsent(
        _ name: String,
        scopeText: String,
        address: String,
        action: String = "/device/answer"
    ) -> DeviceConsentPage {
        DeviceConsentPage(
            applicationName: name,
            userCode: "WDJB-MJHT",
            personName: "Ada Lovelace",
            scopes: [.init(name: "orders:read", description: scopeText)],
            offlineAccess: .requested,
            address: address,
            origin: .otherAddress,
            ageInMinutes: 2,
            action: action,
            csrfToken: "c",
            hiddenFields: [.init(name: "user_code", value: "WDJB-MJHT"), .init(name: "request", value: "r")]
        )
    }

    static func text(_ page: some Page) -> String {
        String(decoding: page.html(texts: .english), as: UTF8.self)
    }
}
