import Accounts
import AuthorizationServer
import Instants
import OAuthVocabulary
import Pages
import Storage
import UpstreamLogin

/// From what the protocol wants a person to see to the page that shows it.
struct ScreenRenderer: Sendable {
    let people: People
    let upstreams: UpstreamRegister
    /// The path of the issuer, below which the forms post.
    let basePath: String

    /// The page of a screen that is no error.
    func page(_ screen: Screen, problem: SignInProblem?, now: Instant) async throws(OAuthError) -> any Page {
        switch screen {
        case .signIn(let screen): try await signIn(screen, problem, now)
        case .chooseAccount(let screen): try await chooser(screen, now)
        case .consent(let screen): try await consent(screen, now)
        case .confirmSignOut(let screen): try await signOut(screen, now)
        case .signedOut(let screen):
            SignedOutPage(
                applicationName: screen.applicationName,
                continueURL: screen.continueURL,
                frames: screen.frames
            )
        case .deviceCode(let screen): try await deviceCode(screen, now)
        case .deviceConsent(let screen): try await deviceConsent(screen, now)
        case .deviceAnswered(let screen):
            DeviceAnsweredPage(
                applicationName: screen.applicationName,
                verdict: screen.verdict == .allowed ? .allowed : .denied
            )
        case .error(let error): throw error
        }
    }

    private func signIn(
        _ screen: SignInScreen,
        _ problem: SignInProblem?,
        _ now: Instant
    ) async throws(OAuthError) -> SignInPage {
        var hint = screen.loginHint ?? ""
        var again: Person?
        if let subject = screen.reauthenticating {
            again = try await person(subject, now)
            hint = again?.username ?? ""
        }
        return SignInPage(
            applicationName: screen.applicationName,
            action: basePath + RouteTable.signInPath,
            csrfToken: screen.formToken,
            usernameHint: hint,
            problem: problem,
            reason: screen.reauthenticating == nil ? .noSession : .reauthentication,
            cancelAction: basePath + "/authorize/resume",
            hiddenFields: [interaction(screen.interaction)],
            formActions: screen.redirectOrigin.map { [$0] } ?? [],
            upstreams: buttons(again)
        )
    }

    /// The other ways to sign in; for somebody with a password who has to prove it again, only those that prove it
    /// (CVE-2023-6787).
    private func buttons(_ again: Person?) -> [UpstreamButton] {
        upstreams.enabled.filter { !(again?.hasPassword ?? false) || $0.provesFreshness }.map { provider in
            UpstreamButton(displayName: provider.displayName, action: "\(basePath)/upstream/\(provider.name)/start")
        }
    }

    private func chooser(
        _ screen: ChooseAccountScreen,
        _ now: Instant
    ) async throws(OAuthError) -> AccountChooserPage {
        var accounts: [AccountChooserPage.Account] = []
        for subject in screen.accounts {
            guard let person = try await person(subject, now) else { continue }
            accounts.append(
                .init(
                    personName: person.displayName,
                    personDetail: person.username,
                    sessionReference: subject.value
                )
            )
        }
        return AccountChooserPage(
            applicationName: screen.applicationName,
            accounts: accounts,
            action: basePath + "/choose-account",
            csrfToken: screen.formToken,
            hiddenFields: [interaction(screen.interaction)],
            formActions: [screen.redirectOrigin]
        )
    }

    private func consent(_ screen: ConsentScreen, _ now: Instant) async throws(OAuthError) -> ConsentPage {
        ConsentPage(
            applicationName: screen.applicationName,
            applicationHost: screen.applicationHost,
            personName: try await person(screen.subject, now)?.displayName ?? screen.subject.value,
            scopes: Self.lines(screen.scopes),
            offlineAccess: Self.offlineAccess(screen.scopes),
            action: basePath + "/consent",
            csrfToken: screen.formToken,
            hiddenFields: [interaction(screen.interaction)],
            formActions: [screen.redirectOrigin]
        )
    }

    private func signOut(_ screen: ConfirmSignOutScreen, _ now: Instant) async throws(OAuthError) -> SignOutPage {
        SignOutPage(
            applicationName: screen.applicationName,
            personName: try await person(screen.subject, now)?.displayName ?? screen.subject.value,
            action: basePath + "/logout",
            csrfToken: screen.formToken,
            hiddenFields: screen.fields.map { HiddenField(name: $0.name, value: $0.value) },
            formActions: screen.redirectOrigin.map { [$0] } ?? []
        )
    }

    /// What a person reads of scopes; those that say only who they are, or for how long, are said otherwise.
    static func lines(_ scopes: [(scope: Scope, text: String?)]) -> [ConsentPage.Scope] {
        let texts = Texts.english.consent
        return scopes.filter { $0.scope != .openID && $0.scope != .offlineAccess }.map { asked in
            .init(
                name: asked.scope.value,
                description: asked.text ?? texts.sentence(ofScope: asked.scope.value) ?? ""
            )
        }
    }

    static func offlineAccess(_ scopes: [(scope: Scope, text: String?)]) -> OfflineAccess {
        scopes.contains { $0.scope == .offlineAccess } ? .requested : .notRequested
    }

    func interaction(_ id: String) -> HiddenField { HiddenField(name: FormField.interaction, value: id) }

    func person(_ subject: Subject, _ now: Instant) async throws(OAuthError) -> Person? {
        try await answering { () async throws(StoreError) in try await people.find(subject: subject, now: now) }
    }
}

extension Person {
    /// How pages call the person.
    var displayName: String { name ?? username }
}
