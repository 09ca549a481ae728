import JOSE
import OAuthVocabulary

/// `GET /session`: who is signed in, for the application's pages and, where it forwards the cookie, for its server.
package struct SessionStateEndpoint: Endpoint {
    package let location = EndpointLocation.belowIssuer("/session")
    package let methods: Set<EndpointRequest.Method> = [.get]
    package let browserAccess = BrowserAccess.cookieOrigins
    package let audience = EndpointAudience.programs
    package let patience = EndpointPatience.answersAtOnce
    package let reads: CookieFamily? = SessionCookie.family

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        do throws(OAuthError) {
            let asked = try await SessionRequest(request, services)
            let signIns = BrowserSignIns(services)
            let client = asked.client.content
            if let state = signIns.state(try await signIns.find(asked), at: client) {
                return EndpointResponse(body: .json(.object(state)), client: client)
            }
            var response = EndpointResponse(body: .json(["active": false]), client: client)
            if client.browserSession != .none { offerForm(asked, services, &response) }
            return response
        } catch {
            return .refusal(error)
        }
    }

    /// The token of a sign-in form, bound to a cookie that only this browser has: an attacker's own token would sign the
    /// person in as somebody else.
    private func offerForm(_ asked: SessionRequest, _ services: Services, _ response: inout EndpointResponse) {
        let name = SessionCookie.formName(of: asked.id)
        let known = asked.request.cookies[name]
        let cookie = known ?? Secret(services.random.text(32))
        let token = services.csrfToken(.browser(cookie), of: asked.id)
        response.body = .json(["active": false, "csrf_token": .string(token)])
        // Another site that opens this address must not replace the cookie of a form that is open: Strict cookies did not
        // come with its request.
        guard known == nil, !asked.request.provenance.fetchSites.contains("cross-site") else { return }
        response.cookies = [SessionCookie.change(name, cookie, lifetime: nil, services.configuration)]
    }
}
