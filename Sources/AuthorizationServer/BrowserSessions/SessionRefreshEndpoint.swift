import JOSE
import OAuthVocabulary
import Storage

/// `POST /session/refresh`: a new access token for whoever the cookie says is signed in; in session mode, a later end.
package struct SessionRefreshEndpoint: Endpoint {
    package let location = EndpointLocation.belowIssuer("/session/refresh")
    package let methods: Set<EndpointRequest.Method> = [.post]
    package let browserAccess = BrowserAccess.cookieOrigins
    package let audience = EndpointAudience.programs
    package let patience = EndpointPatience.answersAtOnce
    package let accepts = AcceptedBody.jsonOrForm(maximumBytes: SessionRequest.longestBody)
    package let reads: CookieFamily? = SessionCookie.family

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        var known: SessionRequest?
        do throws(OAuthError) {
            let asked = try await SessionRequest(request, services)
            known = asked
            try RequestForgery.checkOrigin(request.provenance, of: asked.client.content, services.configuration)
            let signIn = try await BrowserSignIns(services).find(asked)
            try RequestForgery.checkProof(
                request,
                token: try asked.text("csrf_token"),
                binding: signIn?.binding,
                of: asked.id,
                services
            )
            switch signIn {
            case .tokens(let family, _): return try await rotate(family, asked, services)
            case .session(let session, let person, let cookie):
                return try await prolong(session, person, cookie, asked, services)
            case nil:
                let came = request.cookies.has(SessionCookie.name(of: asked.id))
                throw OAuthError.loginRequired(came ? "the cookie is of no sign-in of this client" : "no cookie")
            }
        } catch {
            var response = EndpointResponse.refusal(error, client: known?.client.content)
            if error.code == .loginRequired, let known {
                response.cookies = SessionCookie.clearing(known.id, request, services)
            }
            return response
        }
    }

    /// The refresh token grant, to the letter: the cookie is its `refresh_token`.
    private func rotate(
        _ family: Stored<RefreshFamily>,
        _ asked: SessionRequest,
        _ services: Services
    ) async throws(OAuthError) -> EndpointResponse {
        guard let cookie = asked.request.cookies[SessionCookie.name(of: asked.id)] else {
            throw OAuthError.loginRequired("no cookie")
        }
        let pairs = try asked.access() + [(name: "refresh_token", value: cookie.exposed)]
        let run = GrantRun(services: services, traceID: asked.request.traceID)
        do throws(OAuthError) {
            if let session = family.content.session {
                let now = services.time.moment().steady
                try await answering { () async throws(StoreError) in
                    try await services.applicationSessions.use(session, at: asked.id, now: now)
                }
            }
            let (minted, client) = try await run.redeem(RefreshTokenGrant(), Parameters(pairs), for: asked.client)
            return RefreshDelivery(services).answer(minted, to: client)
        } catch {
            guard error.code == .invalidGrant else { throw error }
            guard case .tokens(_, .superseded) = try await BrowserSignIns(services).find(asked) else {
                throw OAuthError.loginRequired(error.detail)
            }
            // Another tab was faster, twice: the cookie that it left is good, and clearing it would sign the person out.
            throw OAuthError(
                .temporarilyUnavailable,
                "another request of this browser refreshed meanwhile, please ask again",
                status: 409,
                detail: error.detail
            )
        }
    }

    /// A session whose person came to have other rights goes on under another secret and another id.
    private func prolong(
        _ session: ApplicationSession,
        _ person: PersonSnapshot,
        _ cookie: Secret,
        _ asked: SessionRequest,
        _ services: Services
    ) async throws(OAuthError) -> EndpointResponse {
        let signIns = BrowserSignIns(services)
        let client = asked.client.content
        var signIn = BrowserSignIn.session(session, person, cookie: cookie)
        var changes: [CookieChange] = []
        if session.hasOtherPrivileges {
            let now = services.time.moment().steady
            let renewed = try await answering { () async throws(StoreError) in
                try await services.applicationSessions.renew(cookie, at: asked.id, now: now)
            }
            guard let renewed else { throw OAuthError.loginRequired("the session ended while it was renewed") }
            try await services.participations.note(client, in: renewed.session.snapshot, now: now)
            signIn = .session(renewed.session, person, cookie: renewed.cookie)
            changes = [SessionCookie.keeping(renewed.cookie, for: asked.id, services.configuration)]
        }
        guard let state = signIns.state(signIn, at: client) else { throw OAuthError.loginRequired("no session") }
        var response = EndpointResponse(body: .json(.object(state)), client: client)
        response.cookies = changes
        return response
    }
}
