import JOSE
import OAuthVocabulary
import Storage

/// `POST /session/login`: a password for a session, at the operator's own applications only.
///
/// For anybody else this would be the password grant, which OAuth 2.1 §10 leaves out, by another name.
package struct SessionLoginEndpoint: Endpoint {
    package let location = EndpointLocation.belowIssuer("/session/login")
    package let methods: Set<EndpointRequest.Method> = [.post]
    package let browserAccess = BrowserAccess.cookieOrigins
    package let audience = EndpointAudience.programs
    package let accepts = AcceptedBody.jsonOrForm(maximumBytes: SessionRequest.longestBody)
    package let reads: CookieFamily? = SessionCookie.family

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        var known: RegisteredClient?
        var target: RedirectURI?
        do throws(OAuthError) {
            let asked = try await SessionRequest(request, services)
            known = asked.client.content
            try check(asked, services)
            target = try asked.target("redirect_uri", among: asked.client.content.redirectURIs)
            var response =
                switch asked.client.content.browserSession {
                case .session: try await openSession(asked, services)
                case .tokens, .none: try await openTokens(asked, services)
                }
            if let target { response.body = .redirect(target.value) }
            return response
        } catch {
            guard let target else { return .refusal(error, client: known) }
            // A person without scripts should see the application's page again, not JSON; why, only the log says.
            let code = (name: "error", value: error.code.value)
            return EndpointResponse(
                body: .redirect(FormEncoding.appending([code], to: target.value)),
                failure: error,
                client: known
            )
        }
    }

    /// Before any password is looked at.
    private func check(_ asked: SessionRequest, _ services: Services) throws(OAuthError) {
        let client = asked.client.content
        guard client.isFirstParty, client.browserSession != .none else {
            throw OAuthError(
                .unauthorizedClient,
                "this client may not take passwords: people sign in at the authorization endpoint",
                detail: "first-party: \(client.isFirstParty), browser session: \(client.browserSession.rawValue)"
            )
        }
        try RequestForgery.checkOrigin(asked.request.provenance, of: client, services.configuration)
        // Without the cookie that the form's token is bound to, no token is right.
        let cookie = asked.request.cookies[SessionCookie.formName(of: asked.id)]
        try RequestForgery.checkProof(
            asked.request,
            token: try asked.text("csrf_token"),
            binding: .browser(cookie ?? Secret(services.random.text(32))),
            of: asked.id,
            services
        )
    }

    private func openSession(_ asked: SessionRequest, _ services: Services) async throws(OAuthError) -> EndpointResponse
    {
        let client = asked.client.content
        let opened = try await open(
            asked,
            SessionLifetimes(
                idle: client.refreshIdleSeconds.map { .seconds($0) },
                absolute: client.refreshAbsoluteSeconds.map { .seconds($0) }
            ),
            bearsTokens: false,
            services
        )
        let reader = Reader(services, now: services.time.moment().steady)
        let signIns = BrowserSignIns(services)
        guard let person = try await reader.person(opened.session.snapshot.subject),
            let state = signIns.state(.session(opened.session, person, cookie: opened.cookie), at: client)
        else { throw .internalFault("the person of a new session is gone") }
        var response = EndpointResponse(body: .json(.object(state)), client: client)
        response.cookies = [SessionCookie.keeping(opened.cookie, for: client.id, services.configuration)]
        return response
    }

    private func openTokens(_ asked: SessionRequest, _ services: Services) async throws(OAuthError) -> EndpointResponse
    {
        let client = asked.client.content
        let parameters = try Parameters(try asked.access())
        let reader = Reader(services, now: services.time.moment().steady)
        _ = try SessionLoginGrant.resolve(
            try await SessionLoginGrant.access(parameters, client, reader),
            client,
            services.configuration
        )
        let configuration = services.configuration
        let absolute = client.refreshAbsoluteSeconds.map { .seconds($0) } ?? configuration.refreshAbsoluteLifetime
        let opened = try await open(
            asked,
            SessionLifetimes(
                idle: client.refreshIdleSeconds.map { .seconds($0) } ?? configuration.refreshIdleLifetime,
                absolute: min(absolute, configuration.longestRefreshLifetime)
            ),
            bearsTokens: true,
            services
        )
        let snapshot = opened.session.snapshot
        do throws(OAuthError) {
            let grant = SessionLoginGrant(session: snapshot, family: try services.random.familyID())
            let run = GrantRun(services: services, traceID: asked.request.traceID)
            let (minted, current) = try await run.redeem(grant, parameters, for: asked.client)
            return RefreshDelivery(services).answer(minted, to: current)
        } catch {
            // Nobody holds what finds this session: it must not stand in the list of the person's sessions.
            try? await BrowserSignIns(services).close(snapshot.id, snapshot.subject)
            throw error
        }
    }

    /// A new session with a new id and a new cookie, whatever the browser had before for this client (CVE-2026-7507,
    /// CVE-2025-12390), which ends.
    private func open(
        _ asked: SessionRequest,
        _ lifetimes: SessionLifetimes,
        bearsTokens: Bool,
        _ services: Services
    ) async throws(OAuthError) -> OpenedApplicationSession {
        let attempt = PasswordSignIn(
            username: try asked.required("username"),
            password: Secret(try asked.required("password")),
            address: asked.request.remoteAddress,
            userAgent: asked.request.userAgent
        )
        let opened = try await services.applicationSessions.signIn(
            attempt,
            at: asked.id,
            lifetimes: lifetimes,
            bearsTokens: bearsTokens
        ) {
            () async throws(OAuthError) in
            let signIns = BrowserSignIns(services)
            if let earlier = try await signIns.find(asked) { try await signIns.end(earlier, at: asked.id) }
        }
        let now = services.time.moment().steady
        try await services.participations.note(asked.client.content, in: opened.session.snapshot, now: now)
        return opened
    }
}
