import Accounts
import AuthorizationServer
import HTTPTypes
import Instants
import OAuthVocabulary
import Pages
import Storage
import UpstreamLogin

/// `/account/links`: the accounts at other providers by which a person can sign in.
///
/// Seeing and changing them needs a recent sign-in: whoever finds an open browser must not leave a way in for themselves.
struct LinkedAccounts: Sendable {
    /// How long ago the person may have proven who they are.
    static let maximumAge: Duration = .seconds(600)
    /// Names the one form of this page in its token.
    static let form = "account-links"

    let door: UpstreamDoor

    private var provider: Provider { door.provider }
    private var logins: UpstreamLogins { door.logins }
    private var accounts: UpstreamAccounts { UpstreamAccounts(people: door.people) }
    private var answering: Answering { door.answering }
    private var browsers: Browsers { door.browsers }
    private var now: Instant { door.now }
    private var basePath: String { door.basePath }

    func respond(_ exchange: Exchange, _ parameters: Parameters) async throws(OAuthError) -> Answer {
        if exchange.method == .post { try CrossSite.refuse(exchange, issuer: answering.issuer) }
        let browser = try await browsers.identify(exchange)
        var request = exchange.endpointRequest(parameters)
        request.browserSession = browser.session?.snapshot
        request.browserBinding = browser.binding
        let visitor = try await provider.services.visits.visitor(
            at: UpstreamAddress.linksPath,
            maximumAge: rests(onAnotherProvider: browser.session) ? .zero : Self.maximumAge,
            request,
            now: now
        )
        var answer: Answer
        switch visitor {
        case .mustSignIn(let response): answer = await answering.render(response, exchange, audience: .people)
        case .signedIn(let signOn) where exchange.method == .post:
            answer = try await change(signOn.session, parameters, exchange, browser)
        case .signedIn(let signOn): answer = try await page(signOn.session, parameters, browser)
        }
        if exchange.method != .post { browsers.rememberBrowser(browser, in: &answer) }
        return answer
    }

    /// Whether somebody who has a password signed in without it: a provider that is signed in itself asks nobody, and
    /// whoever found this browser open would be one click away from a way in of their own.
    private func rests(onAnotherProvider session: Session?) -> Bool {
        guard let session else { return false }
        return session.person.hasPassword && session.amr == UpstreamDoor.methods
    }

    /// To the page, by GET, with what has just happened.
    func redirect(_ notice: LinkedAccountsPage.Notice) -> Answer {
        var answer = Answer(status: 303)
        answer.headers[.location] = "\(answering.issuer.value)\(UpstreamAddress.linksPath)?notice=\(notice.rawValue)"
        answer.headers[.cacheControl] = "no-store"
        return answer
    }

    private func change(
        _ session: SessionSnapshot,
        _ parameters: Parameters,
        _ exchange: Exchange,
        _ browser: Browser
    ) async throws(OAuthError) -> Answer {
        try provider.interactions.checkFormToken(
            parameters[FormField.csrfToken],
            .linkedAccounts,
            interaction: Self.form,
            browserBinding: browser.binding,
            session: session
        )
        if let reference = parameters["unlink"] { return try await unlink(reference, of: session.subject) }
        guard let name = parameters["link"].flatMap({ UpstreamName($0) }) else { throw .unansweredForm }
        return try await link(name, session, exchange, browser)
    }

    private func unlink(_ reference: String, of subject: Subject) async throws(OAuthError) -> Answer {
        let removal: UpstreamAccounts.Removal
        do throws(AccountsError) {
            removal = try await accounts.unlink(
                reference,
                of: subject,
                usable: Set(logins.providers.enabled.map(\.name)),
                now: now
            )
        } catch {
            throw OAuthError(error)
        }
        // One that is gone already is what the person wanted.
        return redirect(removal == .lastWayIn ? .lastWayIn : .removed)
    }

    private func link(
        _ name: UpstreamName,
        _ session: SessionSnapshot,
        _ exchange: Exchange,
        _ browser: Browser
    ) async throws(OAuthError) -> Answer {
        do throws(UpstreamFailure) {
            let address = try await logins.begin(
                name,
                for: .link(session.subject, session: session.id),
                browserBinding: browser.binding,
                now: now
            )
            return door.leave(to: name, address)
        } catch {
            return try door.refusal(error, name, exchange)
        }
    }

    private func page(
        _ session: SessionSnapshot,
        _ parameters: Parameters,
        _ browser: Browser
    ) async throws(OAuthError) -> Answer {
        let (person, links) = try await AuthorizationServer.answering { () async throws(StoreError) in
            (
                try await door.people.find(subject: session.subject, now: now),
                try await accounts.list(of: session.subject, now: now)
            )
        }
        let providers = logins.providers
        let page = LinkedAccountsPage(
            personName: person?.displayName ?? session.subject.value,
            links: links.map { link in
                .init(
                    providerName: providers.provider(link.identity.provider)?.displayName
                        ?? link.identity.provider.value,
                    label: link.label,
                    reference: link.reference
                )
            },
            providers: providers.enabled.map { .init(displayName: $0.displayName, name: $0.name.value) },
            notice: parameters["notice"].flatMap { LinkedAccountsPage.Notice(rawValue: $0) },
            action: basePath + UpstreamAddress.linksPath,
            csrfToken: provider.interactions.formToken(
                .linkedAccounts,
                interaction: Self.form,
                browserBinding: browser.binding,
                session: session
            )
        )
        var answer = Answer(status: 200)
        answering.page(page, &answer)
        return answer
    }
}
