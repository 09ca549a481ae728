// Room: calls of an API with a bearer token (RFC 6750 §2.1): the token attached, to one origin only, and exchanged once if
// the API refuses it. Stores nothing.

public import IssuerConnection
internal import OAuthVocabulary

/// Somebody who has access tokens.
public protocol AccessTokenSource: Sendable {
    /// An access token that is good for a while.
    func accessToken() async throws(OAuthClientError) -> String
    /// Takes note that an API refused this one.
    func invalidate(_ accessToken: String) async
}

/// Sends requests to one API with an access token.
public struct AuthorizedTransport: Sendable {
    private let transport: any HTTPTransport
    private let tokens: any AccessTokenSource
    private let origin: String?

    /// Calls of one API.
    ///
    /// - Parameter api: an address of the API; the token goes to its origin and nowhere else.
    public init(
        to api: String,
        with tokens: any AccessTokenSource,
        by transport: any HTTPTransport = HTTPClientTransport.shared
    ) {
        self.transport = transport
        self.tokens = tokens
        origin = URIParts(api)?.origin
    }

    /// Sends a request; an API that refuses the token as invalid is asked once more, with another.
    ///
    /// - Returns: whatever the API answered, a refusal included.
    /// - Throws: `request-invalid` for an address of another origin; what the source throws; `transport`.
    public func send(_ request: TransportRequest) async throws(OAuthClientError) -> TransportResponse {
        guard let origin, URIParts(request.url)?.origin == origin else {
            throw OAuthClientError(.requestInvalid, reason: "the address is of another origin than the API")
        }
        let token = try await tokens.accessToken()
        let response = try await send(request, token)
        guard response.status == 401, BearerChallenge.error(in: response) == "invalid_token" else { return response }
        await tokens.invalidate(token)
        let other = try await tokens.accessToken()
        // The same token again would get the same answer.
        guard Secret(other) != Secret(token) else { return response }
        return try await send(request, other)
    }

    private func send(_ request: TransportRequest, _ token: String) async throws(OAuthClientError) -> TransportResponse
    {
        var request = request
        request.headers.removeAll { HeaderName.same($0.0, "Authorization") }
        request.headers.append(("Authorization", "Bearer \(token)"))
        do throws(TransportError) {
            return try await transport.send(request)
        } catch {
            throw OAuthClientError(error)
        }
    }
}
