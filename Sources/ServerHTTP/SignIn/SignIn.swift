// SignIn: the POST of the sign-in form. It is here and not in the protocol because passwords are no part of OAuth:
// OpenID Connect Core §3.1.2.3 leaves to the server how a person proves who they are. Stores nothing itself.

import Accounts
import AuthorizationServer
import HTTPTypes
import Instants
import OAuthVocabulary
import Pages
import Storage

/// Checks a password and starts a session.
struct SignIn: Sendable {
    /// RFC 8176 §2: a password was checked.
    static let methods = ["pwd"]
    /// `acr` of a sign-in with one factor; "0" would mean none worth the name (OpenID Connect Core §2).
    static let contextClass = "1"
    /// How long a person should wait while too many others sign in.
    static let busyWait: Duration = .seconds(5)

    let provider: Provider
    let people: People
    let sessions: Sessions
    let throttle: Throttle
    let answering: Answering
    let browsers: Browsers

    /// Asked when it is needed and not when the request began: a body may take its time to arrive, and attempts that count
    /// from before the failures on record would wait for nothing.
    private var now: Instant { provider.services.time.moment().wall }

    func submit(_ exchange: Exchange, _ parameters: Parameters, _ browser: Browser) async -> Answer {
        do throws(OAuthError) {
            // The pending request must still be there and belong to this browser, and the form must bear its token,
            // before any password is looked at.
            let screen = try await provider.interactions.check(
                interaction: try parameters.required("interaction"),
                formToken: parameters[FormField.csrfToken] ?? "",
                browserBinding: browser.binding,
                now: now
            )
            return try await authenticate(screen, parameters, exchange, browser)
        } catch {
            return answering.refusal(error, exchange, audience: .people)
        }
    }

    private func authenticate(
        _ screen: SignInScreen,
        _ parameters: Parameters,
        _ exchange: Exchange,
        _ browser: Browser
    ) async throws(OAuthError) -> Answer {
        let username = parameters[FormField.username] ?? ""
        let password = Secret(parameters[FormField.password] ?? "")
        let now = self.now
        let attempt = Attempt.login(username: username, address: exchange.address)
        let wait = try await AuthorizationServer.answering { () async throws(StoreError) in
            try await throttle.reserve(attempt, now: now)
        }
        if let wait {
            let error = OAuthError.tooManyRequests(
                retryAfter: wait,
                detail: "sign-in attempts of this account or address"
            )
            return await again(
                screen,
                username,
                .throttled(retryAfterSeconds: Int(wait.roundedUpSeconds)),
                error,
                exchange
            )
        }
        let person: Person?
        do {
            person = try await people.authenticate(username: username, password: password, now: now)
        } catch {
            // Nothing was judged, so that it does not count as an attempt.
            try? await throttle.release(attempt, now: now)
            guard error.code == .busy else { throw OAuthError(error) }
            return await again(screen, username, .busy, OAuthError(error), exchange)
        }
        guard let person else {
            // One answer for an unknown person, a wrong password and a disabled one (CVE-2026-23511).
            let error = OAuthError(.accessDenied, "the username and password do not match", status: 401)
            return await again(screen, username, .wrongCredentials, error, exchange)
        }
        return try await start(person, screen, attempt, exchange, browser)
    }

    /// A new session with a new id and cookie, whatever the browser had before (CVE-2026-7507, CVE-2025-12390).
    private func start(
        _ person: Person,
        _ screen: SignInScreen,
        _ attempt: Attempt,
        _ exchange: Exchange,
        _ browser: Browser
    ) async throws(OAuthError) -> Answer {
        let now = self.now
        let cookie: Secret
        do {
            cookie = try await sessions.create(
                for: person,
                amr: Self.methods,
                acr: Self.contextClass,
                now: now,
                replacing: browser.sessionCookie
            ).cookie
        } catch {
            throw OAuthError(error)
        }
        try await AuthorizationServer.answering { () async throws(StoreError) in
            try await throttle.recordSuccess(attempt, now: now)
        }
        let query = FormEncoding.encode([(name: "interaction", value: screen.interaction)])
        let resume = EndpointResponse(body: .redirect("\(answering.issuer.value)/authorize/resume?\(query)"))
        var answer = await answering.render(resume, exchange, audience: .people)
        browsers.rememberSession(cookie, in: &answer)
        return answer
    }

    /// The form again, with what went wrong.
    private func again(
        _ screen: SignInScreen,
        _ username: String,
        _ problem: SignInProblem,
        _ error: OAuthError,
        _ exchange: Exchange
    ) async -> Answer {
        var screen = screen
        if screen.reauthenticating == nil { screen.loginHint = username }
        var answer = Answer(status: error.status)
        answer.failure = error
        if let wait = error.retryAfter { answer.headers[.retryAfter] = "\(wait.roundedUpSeconds)" }
        await answering.screen(.signIn(screen), problem: problem, exchange, &answer)
        return answer
    }
}

extension OAuthError {
    /// What the protocol says when Accounts could not answer.
    init(_ error: AccountsError) {
        switch error.code {
        case .busy:
            self.init(
                .temporarilyUnavailable,
                "many people are signing in at the moment, please try again",
                status: 503,
                detail: error.detail ?? "",
                retryAfter: error.retryAfter ?? SignIn.busyWait
            )
        case .store:
            if case .corrupt(let reason) = error.cause {
                self = .internalFault("corrupt store: \(reason)")
            } else {
                self = .unavailable(error.detail ?? error.description)
            }
        case .personUnknown, .contended:
            self.init(
                .accessDenied,
                "the account changed while you signed in, please try again",
                status: 401,
                detail: error.description
            )
        default:
            self = .internalFault(error.description)
        }
    }
}
