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
    let throttle: Throttle
    let answering: Answering
    let browsers: Browsers

    /// Asked when it is needed and not when the request began: a body may take its time to arrive, and attempts that count
    /// from before the failures on record would wait for nothing.
    private var now: Instant { provider.services.time.moment().steady }

    var passwords: PasswordCheck {
        PasswordCheck(people: people, throttle: throttle, time: provider.services.time)
    }

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
        switch try await passwords.judge(username: username, password: password, address: exchange.address) {
        case .right(let person, let attempt): return try await start(person, screen, attempt, exchange, browser)
        case .wrong(let error): return await again(screen, username, .wrongCredentials, error, exchange)
        case .busy(let error): return await again(screen, username, .busy, error, exchange)
        case .throttled(let error, let wait):
            let problem = SignInProblem.throttled(retryAfterSeconds: Int(wait.roundedUpSeconds))
            return await again(screen, username, problem, error, exchange)
        }
    }

    /// A new session, beside those of other people in this browser.
    private func start(
        _ person: Person,
        _ screen: SignInScreen,
        _ attempt: Attempt,
        _ exchange: Exchange,
        _ browser: Browser
    ) async throws(OAuthError) -> Answer {
        let now = self.now
        let opened = try await browsers.signIn(
            person,
            amr: Self.methods,
            acr: Self.contextClass,
            exchange,
            browser,
            now: now
        )
        try await passwords.succeeded(attempt)
        let query = FormEncoding.encode([(name: "interaction", value: screen.interaction)])
        let resume = EndpointResponse(body: .redirect("\(answering.issuer.value)/authorize/resume?\(query)"))
        var answer = await answering.render(resume, exchange, audience: .people)
        browsers.remember(opened, in: &answer)
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
