internal import Crypto
internal import HTTPTypes
public import Hummingbird
internal import Instants
internal import IssuerConnection
internal import JOSE
internal import Logging
public import OAuthClient
internal import OAuthVocabulary

/// How a ``WebLogin`` behaves.
public struct WebLoginOptions: Sendable {
    /// What is asked for; with `offline_access` the access token is refreshed while the session lives.
    public var login = LoginOptions(scopes: ["openid", "profile"])
    /// The path that begins a login; below it, `/callback` takes the answer.
    public var loginPath = "/login"
    /// The path that a form posts to in order to sign out.
    public var logoutPath = "/logout"
    /// The path where the issuer says that somebody signed out elsewhere: registered with it, below the application's
    /// origin, as `backchannel_logout_uri`.
    public var backchannelLogoutPath = "/backchannel-logout"
    /// Where a person is after signing out: a path of this application, registered with the issuer as
    /// `post_logout_redirect_uri`.
    public var afterLogout = "/"
    /// How long a session lasts at most.
    public var lifetime: Duration = .seconds(12 * 3600)
    /// How long it lasts unused.
    public var idleLifetime: Duration = .seconds(3600)
    /// Draws the page for a login that came to nothing; a plain one without it.
    public var onFailure: (@Sendable (LoginFailure) -> Response)?

    /// The defaults.
    public init() {}
}

/// Lets people sign in at an issuer, in front of an application that draws its pages on the server.
///
/// The browser holds a random name in a cookie that no script and no other host can touch; who it is and the tokens stay
/// here. A login is bound to the browser that began it, the name is drawn anew at every login, and a login leads back to
/// this application only.
public final class WebLogin: Sendable {
    let party: RelyingParty
    let origin: String
    let options: WebLoginOptions
    let cookies: CookieRules
    let environment: ClientEnvironment
    let sessions: any SessionStore
    let seen = SeenTokens()
    private let seal: LoginSeal
    private let live = LiveSessions()

    /// A login for the application at `origin`.
    ///
    /// - Parameters:
    ///   - registration: the client, with `origin` + `/login/callback` among its redirect URIs.
    ///   - origin: how browsers reach the application, such as `https://shop.example`: no path; http on loopback only.
    ///   - sessions: where sessions are kept; servers that share one also need the same `cookieKey`.
    ///   - cookieKey: 32 random octets that seal the cookie of a login under way; drawn anew at each start without it.
    /// - Throws: `request-invalid` for an origin that is none, and paths that are none.
    public init(
        _ registration: ClientRegistration,
        at origin: String,
        options: WebLoginOptions = WebLoginOptions(),
        sessions: any SessionStore = MemorySessionStore(),
        cookieKey: [UInt8]? = nil,
        environment: ClientEnvironment = ClientEnvironment()
    ) throws(OAuthClientError) {
        guard let parts = URIParts(origin), parts.origin == origin,
            parts.scheme == "https" || parts.scheme == "http" && parts.isLoopback
        else { throw OAuthClientError(.requestInvalid, reason: "an origin is https://host, or http on loopback") }
        let paths = [options.loginPath, options.logoutPath, options.backchannelLogoutPath, options.afterLogout]
        for path in paths where ReturnTarget(path) == nil {
            throw OAuthClientError(.requestInvalid, reason: "a path of the login is none")
        }
        self.origin = origin
        self.options = options
        self.environment = environment
        self.sessions = sessions
        seal = try LoginSeal(cookieKey ?? environment.randomness.bytes(32))
        let port = origin.split(separator: ":").last.map(String.init) ?? ""
        cookies = CookieRules(isSecure: parts.scheme == "https", suffix: port.allSatisfy(\.isNumber) ? port : "80")
        party = RelyingParty(
            registration,
            redirectURI: origin + options.loginPath + "/callback",
            environment: environment
        )
    }

    /// Adds the routes: `GET /login`, `GET /login/callback`, `POST /logout`, and `POST /backchannel-logout` for the issuer.
    public func addRoutes(to router: some RouterMethods) {
        router.get(RouterPath(options.loginPath)) { request, context in await self.begin(request, context.logger) }
        router.get(RouterPath(options.loginPath + "/callback")) { request, context in
            await self.finish(request, context.logger)
        }
        router.post(RouterPath(options.logoutPath)) { request, context in
            try await self.logOut(request, context.logger)
        }
        router.post(RouterPath(options.backchannelLogoutPath)) { request, context in
            await self.receiveLogout(request, context.logger)
        }
    }

    // MARK: - Beginning

    /// At most so many logins are under way in one browser; more would make its requests too long to be served.
    static let maximumPendingLogins = 5

    func begin(_ request: Request, _ logger: Logger) async -> Response {
        let target = request.uri.queryParameters["return_to"].flatMap { ReturnTarget(String($0)) } ?? .root
        do throws(OAuthClientError) {
            let start = try await party.start(options.login)
            var response = Response.redirection(to: start.url)
            let present = RequestCookies(request.headers).names(from: cookies.loginPrefix)
            for name in present where present.count >= Self.maximumPendingLogins {
                response.headers.addCookie(cookies.removing(name))
            }
            let left = start.pending.expiresAt - environment.clock.now
            let value = try seal.closed(PendingVisit(login: start.pending, target: target.path))
            response.headers.addCookie(cookies.setting(cookies.login(start.pending.state), to: value, for: left))
            return response
        } catch {
            return failure(LoginFailure(error), error.description, logger)
        }
    }

    // MARK: - Coming back

    func finish(_ request: Request, _ logger: Logger) async -> Response {
        let present = RequestCookies(request.headers)
        let state = request.uri.queryParameters["state"].map(String.init) ?? ""
        // Login CSRF: without the cookie that this very login left, the answer is to a login of somebody else.
        guard let sealed = present.value(cookies.login(state)), let visit = seal.opened(sealed) else {
            return failure(.notPending, "no cookie of this login", logger)
        }
        var response: Response
        do throws(OAuthClientError) {
            let login = try await party.finish(visit.login, query: request.uri.query ?? "")
            response = Response.redirection(to: ReturnTarget(visit.target)?.path ?? "/")
            try await establish(login, in: &response, replacing: present.value(cookies.session))
        } catch {
            response = failure(LoginFailure(error), error.description, logger)
        }
        response.headers.addCookie(cookies.removing(cookies.login(state)))
        return response
    }

    /// Opens the session: always under a new name (CVE-2026-7507), and never in the one that the browser had.
    private func establish(
        _ login: Login,
        in response: inout Response,
        replacing old: String?
    ) async throws(OAuthClientError) {
        guard let subject = login.subject else {
            throw OAuthClientError(.unsupported, reason: "a login needs the scope openid")
        }
        let name = environment.randomness.text(32)
        let now = environment.clock.now
        let session = WebSession(
            subject: subject,
            claims: login.claims,
            tokens: login.tokens,
            createdAt: now,
            usedAt: now,
            expiresAt: now + options.lifetime,
            formToken: environment.randomness.text(32)
        )
        do {
            if let old { try await sessions.remove(Self.key(old)) }
            try await sessions.insert(session, as: Self.key(name))
        } catch {
            throw OAuthClientError(.unavailable, reason: "the session cannot be kept: \(type(of: error))")
        }
        response.headers.addCookie(cookies.setting(cookies.session, to: name, for: nil))
    }

    /// What a session is kept under.
    static func key(_ name: String) -> String { Base64URL.encode(Array(SHA256.hash(data: Array(name.utf8)))) }

    // MARK: - Being there

    /// How exactly it is known when a session was last used.
    static let useGranularity: Duration = .seconds(60)

    /// Who sent a request; nil if nobody is signed in.
    func person(of request: Request) async throws -> SignedInPerson? {
        guard let name = RequestCookies(request.headers).value(cookies.session) else { return nil }
        let key = Self.key(name)
        guard let session = try await sessions.find(key) else { return nil }
        let now = environment.clock.now
        guard now < session.expiresAt, now < session.usedAt + options.idleLifetime else {
            try await sessions.remove(key)
            return nil
        }
        if now - session.usedAt >= Self.useGranularity { try await sessions.setUse(now, of: key) }
        return SignedInPerson(
            subject: session.subject,
            claims: session.claims,
            formToken: session.formToken,
            key: key,
            login: self
        )
    }

    /// The tokens of a session, one object for everybody who wants them at the same time.
    func tokens(of key: String) async throws(OAuthClientError) -> TokenSession {
        try await live.session(key) { [self] () throws(OAuthClientError) in
            let found: WebSession?
            do {
                found = try await sessions.find(key)
            } catch {
                throw OAuthClientError(.unavailable, reason: "the session cannot be read: \(type(of: error))")
            }
            guard let found else { throw OAuthClientError(.expired, reason: "the session has ended") }
            return party.session(found.tokens, subject: found.subject, store: KeptTokens(key: key, store: sessions))
        }
    }

    /// Ends a session whose grant is over.
    func end(_ person: SignedInPerson) async { try? await sessions.remove(person.key) }

    // MARK: - Leaving

    func logOut(_ request: Request, _ logger: Logger) async throws -> Response {
        guard let name = RequestCookies(request.headers).value(cookies.session),
            let session = try await sessions.find(Self.key(name))
        else { return Response.redirection(to: options.afterLogout, cookie: cookies.removing(cookies.session)) }
        var request = request
        guard await mayLogOut(&request, session) else {
            return failure(.crossSite, "a logout that no page of this application sent", logger)
        }
        try await sessions.remove(Self.key(name))
        let home = origin + options.afterLogout
        var destination = options.afterLogout
        do throws(OAuthClientError) {
            if let token = session.tokens.refreshToken { try await party.revoke(token) }
            destination = try await party.logoutURL(idToken: session.tokens.idToken, returningTo: home)
        } catch {
            // Here the person is signed out whatever the issuer says.
            logger.warning("the issuer was not told of a logout", metadata: ["reason": "\(error)"])
        }
        return Response.redirection(to: destination, cookie: cookies.removing(cookies.session))
    }

    /// Whether a page of this application sent the form: by its origin, or by what only such a page knows.
    private func mayLogOut(_ request: inout Request, _ session: WebSession) async -> Bool {
        let origins = request.headers[values: .origin]
        if origins == [origin] { return true }
        guard origins.isEmpty || origins == ["null"] else { return false }
        guard let body = try? await request.collectBody(upTo: 4096),
            let form = try? URLEncodedFormDecoder().decode(LogoutForm.self, from: String(buffer: body))
        else { return false }
        return ConstantTime.equal(Array(form.formToken.utf8), Array(session.formToken.utf8))
    }

    private struct LogoutForm: Decodable {
        let formToken: String

        enum CodingKeys: String, CodingKey {
            case formToken = "form_token"
        }
    }

    func failure(_ failure: LoginFailure, _ detail: String, _ logger: Logger) -> Response {
        logger.info("a login came to nothing", metadata: ["reason": "\(failure.code)", "detail": "\(detail)"])
        return options.onFailure?(failure) ?? failure.page(retry: options.loginPath)
    }
}
