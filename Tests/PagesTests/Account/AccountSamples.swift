import Pages

/// Examples of the account pages.
extension Samples {
    /// Every page with `text` in each field that comes from outside.
    static func pages(filledWith text: String) -> [(name: String, page: any Page)] {
        otherPages(filledWith: text) + accountPages(filledWith: text)
    }

    /// Every page as people see them.
    static let ordinary = ordinaryOthers + ordinaryAccountPages

    /// 2026-11-28T20:17:00Z.
    static let now: Int64 = 1_795_897_020

    static func frame(
        _ section: AccountSection,
        _ personName: String = "Ada Lovelace",
        notice: AccountNotice? = nil
    ) -> AccountFrame {
        AccountFrame(section: section, personName: personName, notice: notice, now: now)
    }

    /// Every account page with `text` in each field that comes from outside.
    static func accountPages(filledWith text: String) -> [(name: String, page: any Page)] {
        let form = AccountForm(.rename, on: text, token: text)
        return [
            (
                "account",
                AccountProfilePage(
                    frame: frame(.profile, text, notice: .renamed),
                    username: text,
                    email: .unverified(text),
                    name: text,
                    problem: .unusableName,
                    rename: form,
                    others: [.init(personName: text, personDetail: text, switchTo: form)],
                    addAccount: form
                )
            ),
            (
                "account-password",
                AccountPasswordPage(
                    frame: frame(.password, text),
                    state: .changeable(form),
                    username: text,
                    minimumCharacters: 8,
                    problem: .tooShort
                )
            ),
            (
                "account-sessions",
                AccountSessionsPage(
                    frame: frame(.sessions, text),
                    sessions: [
                        .init(
                            agent: text,
                            system: text,
                            network: text,
                            applicationName: text,
                            signedInAt: .max,
                            usedAt: .min,
                            end: form
                        ),
                        .init(agent: text, system: nil, network: nil, signedInAt: .min, usedAt: .max, end: nil),
                    ],
                    paging: AccountPaging(page: 2, pages: 3),
                    endOthers: form,
                    endAll: form
                )
            ),
            (
                "account-applications",
                AccountApplicationsPage(
                    frame: frame(.applications, text),
                    applications: [
                        .init(
                            name: text,
                            scopes: [.init(name: text, description: text), .init(name: text, description: "")],
                            offlineAccess: .requested,
                            connectedAt: 0,
                            usedAt: 0,
                            disconnect: form
                        )
                    ],
                    paging: AccountPaging(page: 1, pages: 1)
                )
            ),
        ]
    }

    /// The account pages as people see them.
    static var ordinaryAccountPages: [(name: String, page: any Page)] {
        [
            ("account", profile(others: [("Grace Hopper", "grace")])), ("account-alone", profile(others: [])),
            ("account-password", password(problem: nil)),
            ("account-password-wrong", password(problem: .wrongCurrent)),
            ("account-password-short", password(problem: .tooShort)),
            (
                "account-without-password",
                AccountPasswordPage(
                    frame: frame(.password),
                    state: .none,
                    username: "ada",
                    minimumCharacters: 8
                )
            ),
            ("account-sessions", sessions), ("account-applications", applications),
            (
                "account-no-applications",
                AccountApplicationsPage(
                    frame: frame(.applications, notice: .disconnected),
                    applications: [],
                    paging: AccountPaging(page: 1, pages: 1)
                )
            ),
        ]
    }

    private static func profile(others: [(String, String)]) -> AccountProfilePage {
        AccountProfilePage(
            frame: frame(.profile),
            username: "ada",
            email: .unverified("ada@example.com"),
            name: "Ada Lovelace",
            rename: AccountForm(.rename, token: "c"),
            others: others.map { name, detail in
                .init(
                    personName: name,
                    personDetail: detail,
                    switchTo: AccountForm(.switchAccount, on: detail, token: "c")
                )
            },
            addAccount: AccountForm(.addAccount, token: "c")
        )
    }

    private static func password(problem: PasswordProblem?) -> AccountPasswordPage {
        AccountPasswordPage(
            frame: frame(.password),
            state: .changeable(AccountForm(.changePassword, token: "c")),
            username: "ada",
            minimumCharacters: 8,
            problem: problem
        )
    }

    private static var sessions: AccountSessionsPage {
        AccountSessionsPage(
            frame: frame(.sessions, notice: .sessionEnded),
            sessions: [
                .init(
                    agent: "Firefox",
                    system: "Linux",
                    network: "192.0.2.0/24",
                    signedInAt: now - 86_400,
                    usedAt: now - 20,
                    end: nil
                ),
                .init(
                    agent: "Safari",
                    system: "iPhone",
                    network: "2001:db8:7::/48",
                    applicationName: "Field Notes",
                    signedInAt: now - 40 * 86_400,
                    usedAt: now - 7200,
                    end: AccountForm(.endSession, on: "s-2", token: "c")
                ),
                .init(
                    agent: nil,
                    system: nil,
                    network: nil,
                    signedInAt: now - 400 * 86_400,
                    usedAt: now - 60 * 86_400,
                    end: AccountForm(.endSession, on: "s-3", token: "c")
                ),
            ],
            paging: AccountPaging(page: 1, pages: 2),
            endOthers: AccountForm(.endOthers, token: "c"),
            endAll: AccountForm(.endAll, token: "c")
        )
    }

    private static var applications: AccountApplicationsPage {
        AccountApplicationsPage(
            frame: frame(.applications),
            applications: [
                .init(
                    name: "Field Notes",
                    scopes: [
                        .init(name: "profile", description: "See your name and profile"),
                        .init(name: "orders:read", description: "Read your orders"),
                    ],
                    offlineAccess: .requested,
                    connectedAt: now - 40 * 86_400,
                    usedAt: now - 7200,
                    disconnect: AccountForm(.disconnect, on: "notes", token: "c")
                ),
                .init(
                    name: "An application whose name is a good deal longer than the line that it stands on",
                    scopes: [],
                    offlineAccess: .notRequested,
                    connectedAt: now - 60,
                    usedAt: nil,
                    disconnect: AccountForm(.disconnect, on: "long", token: "c")
                ),
            ],
            paging: AccountPaging(page: 1, pages: 1)
        )
    }
}
