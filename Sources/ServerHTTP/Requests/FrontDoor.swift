// Requests: from bytes to an `EndpointRequest`. Exact paths, methods, strict form decoding
// (application/x-www-form-urlencoded, RFC 6749 appendix B), limits. Stores nothing.

import Accounts
import AuthorizationServer
import HTTPTypes
import Hummingbird
import JOSE
import Logging
import NIOCore
import OAuthVocabulary
import Pages
import Storage
import UpstreamLogin

/// Every request comes through here, and leaves with a trace id, its headers, and its line in the journal.
struct FrontDoor: HTTPResponder {
    typealias Context = ConnectionContext

    let provider: Provider
    let sessions: Sessions
    let configuration: HTTPConfiguration
    let routes: RouteTable
    let answering: Answering
    let browsers: Browsers
    let signIn: SignIn
    let account: AccountRoom
    let upstream: UpstreamDoor
    let origins: OriginRegister
    let streams: StreamRegister
    let health: Health
    let journal: Journal
    let metrics = HTTPMetrics()
    let dates = HTTPDates()

    init(
        provider: Provider,
        people: People,
        sessions: Sessions,
        throttle: Throttle,
        upstreams: UpstreamLogins,
        configuration: HTTPConfiguration,
        logger: Logger
    ) {
        let issuer = provider.services.configuration.issuer
        self.provider = provider
        self.sessions = sessions
        self.configuration = configuration
        routes = RouteTable(provider.endpoints, issuer: issuer)
        streams = StreamRegister(configuration.limits)
        let cookies = CookieJar(issuer: issuer, limits: configuration.limits)
        answering = Answering(
            issuer: issuer,
            cookies: cookies,
            disclosure: provider.services.configuration.disclosure,
            screens: ScreenRenderer(people: people, upstreams: upstreams.providers, basePath: issuer.path),
            development: configuration.development,
            streams: streams
        )
        browsers = Browsers(
            sessions: sessions,
            services: provider.services,
            cookies: cookies
        )
        signIn = SignIn(
            provider: provider,
            people: people,
            throttle: throttle,
            answering: answering,
            browsers: browsers
        )
        account = AccountRoom(
            provider: provider,
            people: people,
            sessions: sessions,
            passwords: signIn.passwords,
            answering: answering,
            browsers: browsers
        )
        upstream = UpstreamDoor(
            provider: provider,
            people: people,
            logins: upstreams,
            answering: answering,
            browsers: browsers,
            limits: configuration.limits
        )
        origins = OriginRegister(clients: provider.services.clients, issuer: issuer)
        health = configuration.health ?? Health(time: provider.services.time, logger: logger)
        journal = Journal(logger: logger, explainLog: configuration.explainLog)
    }

    func respond(to request: Request, context: ConnectionContext) async throws -> Response {
        let channel = context.channel
        let (exchange, answer) = await answer(
            request.head,
            body: .arriving(request.body),
            from: Peer(channel),
            on: channel
        )
        return response(to: exchange, answer, channel: channel)
    }

    /// The answer to a request, already in the journal.
    func answer(
        _ head: HTTPRequest,
        body: IncomingBody,
        from peer: Peer,
        on channel: any Channel
    ) async -> (exchange: Exchange, answer: Answer) {
        let exchange = Exchange(
            head,
            from: peer,
            // A stream of HTTP/2 is a channel in a connection, which is a channel of the listener.
            isHTTP2: channel.parent?.parent != nil,
            configuration: configuration,
            issuer: issuer,
            traceID: Self.traceID(provider.services.random),
            now: provider.services.time.moment()
        )
        let (route, answer) = await answer(exchange, body: body)
        record(exchange, route: route, answer)
        return (exchange, answer)
    }

    private func answer(_ exchange: Exchange, body: IncomingBody) async -> (route: String, answer: Answer) {
        if let refusal = exchange.refusal {
            return ("-", answering.refusal(refusal, exchange, audience: exchange.wantsPage ? .people : .programs))
        }
        guard let route = routes.find(exchange.path) else {
            let error = OAuthError(.invalidRequest, "there is nothing at this address", status: 404)
            return ("-", answering.refusal(error, exchange, audience: exchange.wantsPage ? .people : .programs))
        }
        guard route.methods.contains(exchange.method) else {
            return (route.name, await otherMethod(exchange, route))
        }
        switch route.target {
        case .asset(let asset):
            return (route.name, answering.asset(asset, exchange))
        case .welcome:
            return (route.name, answering.welcome(exchange))
        case .account(let section):
            return (route.name, await visit(section, exchange, body: body))
        case .endpoint(let endpoint):
            return (route.name, await call(endpoint, exchange, body: body))
        case .upstream(let address):
            return (route.name, await upstream.respond(to: address, exchange, body: body))
        case .health(let question):
            return (route.name, await answering.health(question, health))
        }
    }

    private func call(_ endpoint: any Endpoint, _ exchange: Exchange, body: IncomingBody) async -> Answer {
        do throws(OAuthError) {
            let content = try await exchange.content(of: body, for: endpoint.accepts, limits: configuration.limits)
            var answer =
                switch endpoint.audience {
                case .programs: try await callForProgram(endpoint, exchange, content)
                case .people: await callForPerson(endpoint, exchange, content.parameters)
                }
            answer.bodyWasRead = exchange.method == .post
            return answer
        } catch {
            var answer = answering.refusal(error, exchange, audience: endpoint.audience)
            await origins.allow(&answer, exchange, access: endpoint.browserAccess, now: exchange.receivedAt)
            return answer
        }
    }

    private func visit(_ section: AccountSection, _ exchange: Exchange, body: IncomingBody) async -> Answer {
        do throws(OAuthError) {
            let content = try await exchange.content(of: body, for: .form, limits: configuration.limits)
            if exchange.method == .post { try CrossSite.refuse(exchange, issuer: issuer) }
            let browser = try await browsers.identify(exchange)
            var answer = try await account.answer(section, exchange, content.parameters, browser)
            if exchange.method != .post { browsers.rememberBrowser(browser, in: &answer) }
            browsers.forgetDead(browser, in: &answer)
            answer.bodyWasRead = exchange.method == .post
            return answer
        } catch {
            return answering.refusal(error, exchange, audience: .people)
        }
    }

    private func callForProgram(
        _ endpoint: any Endpoint,
        _ exchange: Exchange,
        _ content: RequestContent
    ) async throws(OAuthError) -> Answer {
        var request = exchange.endpointRequest(content.parameters)
        request.json = content.json
        if content.json != nil { request.provenance.content = .json }
        if let family = endpoint.reads {
            request.cookies = browsers.cookies.cookies(of: family, in: exchange.headers)
        }
        if case .numbered = endpoint.location { request.number = RouteTable.numbered(exchange.path)?.number }
        let response =
            switch endpoint.patience {
            case .answersAtOnce, .takesItsTime: await endpoint.respond(to: request, with: provider.services)
            case .waitsForNews: try await streams.wait(for: endpoint, to: request, with: provider.services)
            }
        var answer = await answering.render(response, exchange, audience: .programs)
        await origins.allow(&answer, exchange, access: endpoint.browserAccess, now: exchange.receivedAt)
        answer.namedClient = content.parameters["client_id"] ?? content.json?.objectValue?["client_id"]?.stringValue
        return answer
    }

    private func callForPerson(
        _ endpoint: any Endpoint,
        _ exchange: Exchange,
        _ parameters: AuthorizationServer.Parameters
    ) async -> Answer {
        do throws(OAuthError) {
            let isSignIn = exchange.method == .post && routes.isSignIn(exchange.path)
            // A form token is only on pages of ours, so that a form which carries one from elsewhere was made up there.
            if isSignIn || parameters[FormField.csrfToken] != nil { try CrossSite.refuse(exchange, issuer: issuer) }
            let browser = try await browsers.identify(exchange)
            var answer: Answer
            if isSignIn {
                answer = await signIn.submit(exchange, parameters, browser)
            } else {
                var request = exchange.endpointRequest(parameters)
                request.browserSession = browser.session?.snapshot
                request.otherSessions = browser.opened.dropFirst().map(\.session.snapshot)
                request.browserBinding = browser.binding
                answer = try await finish(
                    await endpoint.respond(to: request, with: provider.services),
                    exchange,
                    browser
                )
            }
            // A form that another site posts comes without Lax cookies: a new name would end the sign-ins that are open.
            if exchange.method != .post { browsers.rememberBrowser(browser, in: &answer) }
            browsers.forgetDead(browser, in: &answer)
            answer.namedClient = parameters["client_id"]
            return answer
        } catch {
            return answering.refusal(error, exchange, audience: .people)
        }
    }

    /// Does to the browser's sessions what the answer says, before the answer exists as bytes.
    private func finish(
        _ response: EndpointResponse,
        _ exchange: Exchange,
        _ browser: Browser
    ) async throws(OAuthError) -> Answer {
        let now = provider.services.time.moment().steady
        if let person = response.endedPerson { try await browsers.endEverything(of: person, now: now) }
        if let ended = response.endedSession { try await browsers.close(ended, now: now) }
        if let used = response.usedSession {
            try await AuthorizationServer.answering { () async throws(StoreError) in
                try await sessions.noteUse(of: used, now: now)
            }
        }
        var answer = await answering.render(response, exchange, audience: .people)
        if let ended = response.endedSession {
            // Who else is signed in in this browser stays so.
            browsers.remember(browser.opened.filter { $0.session.id != ended }, in: &answer)
        } else if let chosen = response.chosenSession {
            let first = browser.opened.filter { $0.session.id == chosen }
            browsers.remember(first + browser.opened.filter { $0.session.id != chosen }, in: &answer)
        }
        return answer
    }

    private func otherMethod(_ exchange: Exchange, _ route: Route) async -> Answer {
        if exchange.method == .options, case .endpoint(let endpoint) = route.target, endpoint.browserAccess != .none {
            return await origins.preflight(exchange, endpoint, now: exchange.receivedAt)
        }
        let error = OAuthError(.invalidRequest, "this address does not answer to that method", status: 405)
        var answer = answering.refusal(error, exchange, audience: route.audience)
        // RFC 9110 §15.5.6: "The origin server MUST generate an Allow header field in a 405 response"
        answer.headers[.allow] = route.allow
        return answer
    }

    private var issuer: IssuerURL { provider.services.configuration.issuer }

    private static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }

    /// 16 unpredictable bytes in hexadecimal.
    static func traceID(_ random: any RandomSource) -> String {
        let bytes = random.bytes(16)
        return String(unsafeUninitializedCapacity: 2 * bytes.count) { text in
            for (place, byte) in bytes.enumerated() {
                text[2 * place] = Self.hexDigit(byte >> 4)
                text[2 * place + 1] = Self.hexDigit(byte & 15)
            }
            return 2 * bytes.count
        }
    }
}

/// What Hummingbird knows of the connection that a request came on.
struct ConnectionContext: InitializableFromSource, Sendable {
    let channel: any Channel

    init(source: ApplicationRequestContextSource) { channel = source.channel }
}
