import JOSE
import OAuthVocabulary

/// How a client receives its refresh tokens: in the answer, or as the cookie that `/session/refresh` reads.
struct RefreshDelivery: Sendable {
    let services: Services

    init(_ services: Services) { self.services = services }

    /// What must hold at the token endpoint before a client with cookies is given any.
    func check(
        _ request: EndpointRequest,
        _ grantType: GrantType,
        of client: RegisteredClient
    ) throws(OAuthError) {
        guard client.tokenDelivery == .cookie else { return }
        // A refresh token that is never in a script's hands has no business in a request body.
        guard grantType != .refreshToken else {
            throw OAuthError(
                .unauthorizedClient,
                "this client keeps its refresh token in a cookie and refreshes at /session/refresh",
                detail: "token delivery: cookie"
            )
        }
        // Another site could have the browser post a code of its own, and so sign the person in as somebody else.
        try RequestForgery.checkOrigin(request.provenance, of: client, services.configuration)
    }

    /// The answer with what was minted.
    func answer(_ minted: Minter.Minted, to client: RegisteredClient) -> EndpointResponse {
        var response = EndpointResponse(body: .json(.object(minted.response)), client: client)
        guard client.tokenDelivery == .cookie, let refresh = minted.refresh else { return response }
        var members = minted.response
        members["refresh_token"] = nil
        response.body = .json(.object(members))
        let now = services.time.moment().steady
        response.cookies = [SessionCookie.keeping(refresh, for: client.id, now: now, services.configuration)]
        return response
    }
}
