import JOSE
import OAuthVocabulary
import Storage

/// A status list: draft-ietf-oauth-status-list section 8.
///
/// Anybody may fetch one: it says nothing but which of sixty thousand places are revoked, and whoever fetches it does
/// not say for which token.
package struct StatusListEndpoint: Endpoint {
    package let location = EndpointLocation.numbered(StatusListAddress.prefix)
    package let methods: Set<EndpointRequest.Method> = [.get]
    // Section 8.1: "The HTTP endpoint SHOULD support the use of Cross-Origin Resource Sharing"
    package let browserAccess = BrowserAccess.everyone
    package let audience = EndpointAudience.programs

    package init() {}

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        do throws(OAuthError) {
            // Section 8.4: "If the Server does not support the additional query parameter, it SHOULD return a status
            // code of 501 (Not Implemented)". What was true at a moment long gone would be a profile of the person.
            guard request.parameters["time"] == nil else {
                throw OAuthError(.invalidRequest, "this server keeps no history of its status lists", status: 501)
            }
            let moment = services.time.moment()
            guard let number = request.number,
                let token = try await services.statusLists.token(of: number, at: moment)
            else { throw OAuthError(.invalidRequest, "there is no such status list", status: 404) }
            // Section 8.2: "In the successful response, the Status Provider MUST use the following content-type"
            return EndpointResponse(
                body: .prepared(contentType: "application/statuslist+jwt", token),
                caching: .publicFor(StatusLists.timeToLive)
            )
        } catch {
            return .refusal(error)
        }
    }
}

/// The addresses of all lists: draft-ietf-oauth-status-list section 9.
package struct StatusListAggregationEndpoint: Endpoint {
    package let location = EndpointLocation.belowIssuer(StatusListAddress.aggregation)
    package let methods: Set<EndpointRequest.Method> = [.get]
    package let browserAccess = BrowserAccess.everyone
    package let audience = EndpointAudience.programs

    package init() {}

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        do throws(OAuthError) {
            let now = services.time.moment().steady
            let addresses = try await answering { () async throws(StoreError) in
                try await services.statusLists.addresses(now: now)
            }
            let document: JSONObject = ["status_lists": .array(addresses.map { .string($0) })]
            return EndpointResponse(
                body: .prepared(contentType: "application/json", document.serialized()),
                caching: .publicFor(StatusLists.timeToLive)
            )
        } catch {
            return .refusal(error)
        }
    }
}
