import OAuthVocabulary

/// `/authorize`, RFC 6749 §3.1 and OpenID Connect Core §3.1.2.
package struct AuthorizationEndpoint: Endpoint {
    package let location = EndpointLocation.belowIssuer("/authorize")
    package let methods: Set<EndpointRequest.Method> = [.get, .post]
    package let browserAccess = BrowserAccess.none
    package let audience = EndpointAudience.people

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        if request.method == .post {
            // OpenID Connect Core §3.1.2.1 asks for POST, but a POST from another site comes without SameSite=Lax
            // cookies: as a GET the same request finds the person's session. What is not ours to know stays behind.
            let known = request.parameters.restricted(to: AuthorizationContext.parameterNames).pairs
            return .redirect(
                to: FormEncoding.appending(known, to: services.configuration.url("/authorize"))
            )
        }
        return await AuthorizationFlow(services, now: services.time.moment().steady).begin(request)
    }
}
