import OAuthVocabulary

/// `POST /session/logout`: ends the sign-in at this client and whatever it paid for, and clears its cookie.
package struct SessionLogoutEndpoint: Endpoint {
    package let location = EndpointLocation.belowIssuer("/session/logout")
    package let methods: Set<EndpointRequest.Method> = [.post]
    package let browserAccess = BrowserAccess.cookieOrigins
    package let audience = EndpointAudience.programs
    package let patience = EndpointPatience.answersAtOnce
    package let accepts = AcceptedBody.jsonOrForm(maximumBytes: SessionRequest.longestBody)
    package let reads: CookieFamily? = SessionCookie.family

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        var known: RegisteredClient?
        do throws(OAuthError) {
            let asked = try await SessionRequest(request, services)
            let client = asked.client.content
            known = client
            try RequestForgery.checkOrigin(request.provenance, of: client, services.configuration)
            let signIns = BrowserSignIns(services)
            let signIn = try await signIns.find(asked)
            try RequestForgery.checkProof(
                request,
                token: try asked.text("csrf_token"),
                binding: signIn?.binding,
                of: asked.id,
                services
            )
            let target = try asked.target("post_logout_redirect_uri", among: client.postLogoutRedirectURIs)
            // FIELD D15: an end that could not be stored is an error, and the cookie stays as a sign of it.
            if let signIn { try await signIns.end(signIn, at: asked.id) }
            var response = EndpointResponse(status: 204, body: .empty, client: client)
            if let target { response.body = .redirect(target.value) }
            response.cookies = SessionCookie.clearing(asked.id, request, services)
            return response
        } catch {
            return .refusal(error, client: known)
        }
    }
}
