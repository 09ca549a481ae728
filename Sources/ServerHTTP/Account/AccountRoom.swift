// Account: the pages on which a person sees and ends what they have here. They are no part of OAuth, like the sign-in form:
// passwords and sessions belong to Accounts, consents and grants to the protocol, and this joins them. OIDC Core §3.1.2.3
// leaves to the server how a person proves who they are. Every act is a POST with a token of its own and ends in a
// redirect; an empty POST does nothing. Stores nothing itself.

import Accounts
import AuthorizationServer
import HTTPTypes
import Instants
import OAuthVocabulary
import Pages
import Storage

/// Answers everything below `/account`.
struct AccountRoom: Sendable {
    /// How many entries of a list stand on one page.
    static let pageLength = 20

    let provider: Provider
    let people: People
    let sessions: Sessions
    let passwords: PasswordCheck
    let answering: Answering
    let browsers: Browsers

    var services: Services { provider.services }
    /// Asked when it is needed: a body may take its time to arrive.
    var now: Instant { services.time.moment().steady }

    func answer(
        _ section: AccountSection,
        _ exchange: Exchange,
        _ parameters: Parameters,
        _ browser: Browser
    ) async throws(OAuthError) -> Answer {
        var request = exchange.endpointRequest(parameters)
        request.browserSession = browser.session?.snapshot
        request.browserBinding = browser.binding
        let visitor = try await services.visits.visitor(at: section.path, request, now: now)
        switch visitor {
        case .mustSignIn(let response):
            return await answering.render(response, exchange, audience: .people)
        case .signedIn(let signOn):
            guard let session = browser.session, session.id == signOn.session.id else {
                throw .internalFault("the visitor is not whom the browser names")
            }
            let visit = AccountVisit(
                section: section,
                exchange: exchange,
                parameters: parameters,
                browser: browser,
                session: session,
                interactions: provider.interactions
            )
            return exchange.method == .post ? try await act(visit) : try await show(visit)
        }
    }

    private func show(_ visit: AccountVisit) async throws(OAuthError) -> Answer {
        var answer = Answer(status: 200)
        switch visit.section {
        case .profile: answering.page(profile(visit), &answer)
        case .password: answering.page(password(visit), &answer)
        case .sessions: answering.page(try await sessionList(visit), &answer)
        case .applications: answering.page(try await applications(visit), &answer)
        }
        return answer
    }

    /// Does what a form asks for, once its token has proven that this person's browser was shown it.
    private func act(_ visit: AccountVisit) async throws(OAuthError) -> Answer {
        // A form without an answer skips no step (CVE-2026-49443).
        guard let act = visit.parameters[FormField.decision].flatMap(AccountAct.init(rawValue:)) else {
            throw .unansweredForm
        }
        let object = visit.parameters[FormField.object] ?? ""
        try visit.check(act, object)
        switch act {
        case .rename: return try await rename(visit)
        case .changePassword: return try await changePassword(visit)
        case .endSession: return try await endSession(object, visit)
        case .endOthers: return try await endOthers(visit)
        case .endAll: return try await endAll(visit)
        case .disconnect: return try await disconnect(object, visit)
        case .switchAccount: return try await switchAccount(to: object, visit)
        case .addAccount: return try await addAccount(visit)
        }
    }

    /// Back to the page by GET, with a notice that only this server can have put there.
    func done(
        _ notice: AccountNotice?,
        at section: AccountSection,
        _ visit: AccountVisit,
        as session: Session? = nil
    ) async -> Answer {
        var address = answering.issuer.value + section.path
        if let notice {
            let proof = visit.proof(of: notice, session: session ?? visit.session)
            let fields = [(name: FormField.notice, value: notice.rawValue), (name: FormField.proof, value: proof)]
            address = FormEncoding.appending(fields, to: address)
        }
        return await redirect(to: address, visit)
    }

    func redirect(to address: String, _ visit: AccountVisit) async -> Answer {
        await answering.render(EndpointResponse(body: .redirect(address)), visit.exchange, audience: .people)
    }

    /// The part of a long list that the address asks for, and where that is.
    func part<Element>(of list: [Element], _ visit: AccountVisit) -> (part: [Element], paging: AccountPaging) {
        let pages = max(1, (list.count + Self.pageLength - 1) / Self.pageLength)
        let asked = visit.parameters[FormField.page].flatMap { Int($0) } ?? 1
        let page = min(max(1, asked), pages)
        let part = list.dropFirst((page - 1) * Self.pageLength).prefix(Self.pageLength)
        return (Array(part), AccountPaging(page: page, pages: pages))
    }
}

/// A signed-in person at one of the account pages.
struct AccountVisit: Sendable {
    let section: AccountSection
    let exchange: Exchange
    let parameters: Parameters
    let browser: Browser
    /// The current session: whose account it is.
    let session: Session
    let interactions: Interactions

    var person: Person { session.person }
    var subject: Subject { session.subject }

    /// A form for one act upon one thing: its token is worthless for another, in another browser and in another session.
    func form(_ act: AccountAct, on object: String = "") -> AccountForm {
        AccountForm(act, on: object, token: token("\(act.rawValue) \(object)", session))
    }

    func check(_ act: AccountAct, _ object: String) throws(OAuthError) {
        try interactions.checkFormToken(
            parameters[FormField.csrfToken],
            .account,
            interaction: "\(act.rawValue) \(object)",
            browserBinding: browser.binding,
            session: session.snapshot
        )
    }

    func proof(of notice: AccountNotice, session: Session) -> String { token("notice \(notice.rawValue)", session) }

    /// What the address says was done, if this server put it there for this person.
    private var notice: AccountNotice? {
        guard let notice = parameters[FormField.notice].flatMap(AccountNotice.init(rawValue:)),
            let proof = parameters[FormField.proof], Secret(proof) == Secret(self.proof(of: notice, session: session))
        else { return nil }
        return notice
    }

    var frame: AccountFrame {
        AccountFrame(
            section: section,
            personName: person.displayName,
            notice: notice,
            now: exchange.receivedAt.secondsSinceEpoch
        )
    }

    private func token(_ purpose: String, _ session: Session) -> String {
        interactions.formToken(
            .account,
            interaction: purpose,
            browserBinding: browser.binding,
            session: session.snapshot
        )
    }
}
