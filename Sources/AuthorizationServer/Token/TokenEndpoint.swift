import OAuthVocabulary

/// The token endpoint.
///
/// It owns the phases; a grant fills two of them.
package struct TokenEndpoint: Endpoint {
    package let location = EndpointLocation.belowIssuer("/token")
    package let methods: Set<EndpointRequest.Method> = [.post]
    package let browserAccess = BrowserAccess.registeredOriginsWithCookies
    package let audience = EndpointAudience.programs
    package let patience = EndpointPatience.answersAtOnce

    package init() {}

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        var known: RegisteredClient?
        do throws(OAuthError) {
            let moment = services.time.moment()
            let reader = Reader(services, now: moment.steady)
            let client = try await ClientAuthentication(services, reader: reader).client(request)
            known = client.content
            let grantType = GrantType(try request.parameters.required("grant_type"))
            guard let grant = services.grants[grantType] else {
                throw OAuthError(
                    .unsupportedGrantType,
                    "this server does not support the grant type",
                    detail: "supported: \(services.grants.keys.map(\.value).sorted().joined(separator: " "))"
                )
            }
            // RFC 6749 §5.2, unauthorized_client: "The authenticated client is not authorized to use this
            // authorization grant type."
            guard client.content.allows(grantType) else {
                throw OAuthError(
                    .unauthorizedClient,
                    "this client is not registered for the grant type",
                    detail: "registered: \(client.content.grantTypes.map(\.value).joined(separator: " "))"
                )
            }
            let delivery = RefreshDelivery(services)
            try delivery.check(request, grantType, of: client.content)
            let run = GrantRun(services: services, traceID: request.traceID)
            let (minted, current) = try await run.redeem(grant, request.parameters, for: client)
            return delivery.answer(minted, to: current)
        } catch {
            return .refusal(error, client: known)
        }
    }
}
