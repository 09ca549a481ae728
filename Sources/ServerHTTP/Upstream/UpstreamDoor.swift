// Upstream: the addresses of "log in with somebody else": beginning at a form of ours, the answer of the provider by GET or as a
// form from its own site (OAuth 2.0 Form Post Response Mode §2), and the page of linked accounts. What a login means is decided by
// UpstreamLogin and Accounts; here are its cookies and pages. RFC 6265 §5 `SameSite`. Stores nothing itself.

import Accounts
import AuthorizationServer
import HTTPTypes
import HummingbirdCore
import Instants
import OAuthVocabulary
import Pages
import Storage
import UpstreamLogin

/// An address of this folder.
enum UpstreamAddress: Hashable, Sendable {
    case start(UpstreamName)
    case callback(UpstreamName)
    case links

    static let linksPath = LinkedAccountsPage.path

    /// The address of a path below the issuer, in the one spelling that it has.
    init?(_ path: Substring) {
        if path == Self.linksPath {
            self = .links
            return
        }
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0].isEmpty, parts[1] == "upstream", let name = UpstreamName(String(parts[2]))
        else {
            return nil
        }
        switch parts[3] {
        case "start": self = .start(name)
        case "callback": self = .callback(name)
        default: return nil
        }
    }

    /// As metrics name it: without the provider, so that nobody can make up names.
    var name: String {
        switch self {
        case .start: "/upstream/start"
        case .callback: "/upstream/callback"
        case .links: Self.linksPath
        }
    }

    var methods: [HTTPRequest.Method] {
        switch self {
        case .start: [.post]
        case .callback, .links: [.get, .head, .post]
        }
    }
}

/// Begins and ends logins at other providers.
struct UpstreamDoor: Sendable {
    /// RFC 8176 has no word for what somebody else checked; its values are open, and this one is in use for it.
    static let methods = ["fed"]
    /// As much as one factor of our own: whatever was checked there, we did not see it.
    static let contextClass = SignIn.contextClass
    /// The longest answer that comes as a form.
    static let longestForm = 16 * 1024

    let provider: Provider
    let people: People
    let logins: UpstreamLogins
    let answering: Answering
    let browsers: Browsers
    let limits: HTTPLimits

    var now: Instant { provider.services.time.moment().steady }
    var basePath: String { answering.issuer.path }

    func respond(to address: UpstreamAddress, _ exchange: Exchange, body: IncomingBody) async -> Answer {
        do throws(OAuthError) {
            var answer: Answer
            switch address {
            case .start(let name): answer = try await start(name, exchange, try await form(exchange, body))
            case .callback(let name) where exchange.method == .post:
                answer = try await keep(name, exchange, try await form(exchange, body))
            case .callback(let name): answer = try await finish(name, exchange)
            case .links:
                let parameters = try await exchange.content(of: body, for: .form, limits: limits).parameters
                answer = try await LinkedAccounts(door: self).respond(exchange, parameters)
            }
            answer.bodyWasRead = exchange.method == .post
            return answer
        } catch {
            return answering.refusal(error, exchange, audience: .people)
        }
    }

    private func form(_ exchange: Exchange, _ body: IncomingBody) async throws(OAuthError) -> Parameters {
        try await exchange.content(of: body, for: .form, limits: limits).parameters
    }

    /// A form of ours only: whoever could begin a login in somebody's browser could end it there as themselves (login CSRF).
    private func start(
        _ name: UpstreamName,
        _ exchange: Exchange,
        _ parameters: Parameters
    ) async throws(OAuthError) -> Answer {
        try CrossSite.refuse(exchange, issuer: answering.issuer)
        let browser = try await browsers.identify(exchange)
        let screen = try await provider.interactions.check(
            interaction: try parameters.required("interaction"),
            formToken: parameters[FormField.csrfToken] ?? "",
            browserBinding: browser.binding,
            now: now
        )
        let failure: UpstreamFailure
        do throws(UpstreamFailure) {
            guard try await mayUse(name, screen) else {
                throw UpstreamFailure(
                    .providerOff,
                    "\(name) cannot prove a fresh sign-in",
                    .signIn(interaction: screen.interaction)
                )
            }
            let address = try await logins.begin(
                name,
                for: .signIn(interaction: screen.interaction),
                screen.mustBeFresh || screen.reauthenticating != nil ? .again : .any,
                browserBinding: browser.binding,
                now: now
            )
            return leave(to: name, address)
        } catch {
            failure = error
        }
        return try refusal(failure, name, exchange)
    }

    /// Whether a page offers this provider: the same rule as for its button.
    private func mayUse(_ name: UpstreamName, _ screen: SignInScreen) async throws(UpstreamFailure) -> Bool {
        guard let subject = screen.reauthenticating, logins.providers.provider(name)?.provesFreshness == false else {
            return true
        }
        do {
            return !(try await people.find(subject: subject, now: now)?.hasPassword ?? false)
        } catch {
            throw UpstreamFailure(.store(error), "the store failed", .signIn(interaction: screen.interaction))
        }
    }

    func leave(to name: UpstreamName, _ address: String) -> Answer {
        var answer = Answer(status: 200)
        let displayName = logins.providers.provider(name)?.displayName ?? name.value
        answering.page(ContinuePage(to: .provider(displayName), address: address), &answer)
        return answer
    }

    /// An answer that the provider's site posted: browsers send no Lax cookies with it, so that it is kept until the browser
    /// comes back by GET, with them.
    private func keep(
        _ name: UpstreamName,
        _ exchange: Exchange,
        _ parameters: Parameters
    ) async throws(OAuthError) -> Answer {
        let form = FormEncoding.encode(parameters.pairs)
        guard form.utf8.count <= Self.longestForm else {
            throw .invalidRequest("the answer of the provider is too long")
        }
        do throws(UpstreamFailure) {
            let query = try await logins.keep(form, from: name, now: now)
            var answer = Answer(status: 303)
            answer.headers[.location] = "\(logins.providers.redirectURI(name))?\(query)"
            answer.headers[.cacheControl] = "no-store"
            return answer
        } catch {
            return try refusal(error, name, exchange)
        }
    }

    private func finish(_ name: UpstreamName, _ exchange: Exchange) async throws(OAuthError) -> Answer {
        let browser = try await browsers.identify(exchange)
        let outcome: UpstreamLogins.Outcome
        do throws(UpstreamFailure) {
            outcome = try await logins.finish(
                name,
                query: exchange.query,
                browserBinding: browser.binding,
                session: browser.session,
                now: now
            )
        } catch {
            return try refusal(error, name, exchange)
        }
        switch outcome {
        case .signedIn(let person, let interaction): return try await open(person, interaction, exchange, browser)
        case .linked: return LinkedAccounts(door: self).redirect(.linked)
        }
    }

    /// A new session, as after a password (CVE-2026-7507, CVE-2025-12390), and on to what waits.
    private func open(
        _ person: Person,
        _ interaction: String,
        _ exchange: Exchange,
        _ browser: Browser
    ) async throws(OAuthError) -> Answer {
        let opened = try await browsers.signIn(
            person,
            amr: Self.methods,
            acr: Self.contextClass,
            exchange,
            browser,
            now: now
        )
        let query = FormEncoding.encode([(name: "interaction", value: interaction)])
        var answer = Answer(status: 200)
        // Not a redirect: the provider's own form may have begun this chain, and its `form-action` knows no application.
        answering.page(ContinuePage(to: .back, address: "\(basePath)/authorize/resume?\(query)"), &answer)
        browsers.remember(opened, in: &answer)
        return answer
    }
}
