// Token revocation: RFC 7009. A refresh token ends its grant and every access token of it; an access token ends alone.
// Stores through Revocations.

package import JOSE
import Logging
package import OAuthVocabulary
import Storage

package struct RevocationEndpoint: Endpoint {
    package let location = EndpointLocation.belowIssuer("/revoke")
    package let methods: Set<EndpointRequest.Method> = [.post]
    package let browserAccess = BrowserAccess.registeredOrigins
    package let audience = EndpointAudience.programs
    package let patience = EndpointPatience.answersAtOnce

    package init() {}

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        var known: RegisteredClient?
        do throws(OAuthError) {
            let reader = Reader(services, now: services.time.moment().steady)
            let client = try await ClientAuthentication(services, reader: reader).client(request)
            known = client.content
            let token = try request.parameters.required("token")
            try await revoke(token, for: client.content, services: services, reader: reader)
            // RFC 7009 §2.2: "The authorization server responds with HTTP status code 200 if the token has been revoked
            // successfully or if the client submitted an invalid token."
            return EndpointResponse(body: .empty, client: client.content)
        } catch {
            return .refusal(error, client: known)
        }
    }

    private func revoke(
        _ token: String,
        for client: RegisteredClient,
        services: Services,
        reader: Reader
    ) async throws(OAuthError) {
        let ending: Ending?
        var grant: FamilyID?
        if token.hasPrefix(RefreshToken.prefix) {
            // Its MAC covers the client: a token of another client is as invalid as any other text.
            guard let refresh = RefreshToken(token, client: client.id, keys: services.keys) else { return }
            let family = try await reader.stored(RefreshFamily.self, RefreshFamily.key(refresh.family))
            ending =
                family.map { Ending($0.content, because: .revoked) }
                ?? Ending(.grant(refresh.family), because: .revoked, client: client.id)
        } else {
            (ending, grant) = try accessTokenEnding(token, for: client, services: services, reader: reader)
        }
        guard let ending else { return }
        try await answering { () async throws(StoreError) in
            try await apply(ending, to: grant, services: services, reader: reader)
        }
        services.logger.info("token revoked", metadata: ["target": "\(ending.target.name)"])
    }

    /// Ends the right, and takes its place in the status lists from the grant whose token is ended alone.
    private func apply(
        _ ending: Ending,
        to grant: FamilyID?,
        services: Services,
        reader: Reader
    ) async throws(StoreError) {
        for _ in 0..<Limits.applyAttempts {
            var others: [Change] = []
            if let grant, let place = ending.statusIndex.map(StatusReference.init(packed:)) {
                others = try await services.statusLists.changes(ending: place, of: grant, now: reader.now)
            }
            let outcome = try await services.revocations.apply(
                ending: ending,
                with: others,
                now: reader.now,
                settlingBy: services.time
            )
            if case .applied = outcome { return }
        }
        throw .unavailable(reason: "the revocation of \(ending.target.name) lost every race")
    }

    private func accessTokenEnding(
        _ token: String,
        for client: RegisteredClient,
        services: Services,
        reader: Reader
    ) throws(OAuthError) -> (Ending?, grant: FamilyID?) {
        guard let claims = AccessTokenVerifier(services: services, reader: reader).claims(of: token),
            let id = claims["jti"]?.stringValue.flatMap({ TokenID($0) })
        else { return (nil, nil) }
        // RFC 7009 §2.1: "verifies … whether the token was issued to the client making the revocation request. If this
        // validation fails, the request is refused and the client is informed of the error"
        guard claims["client_id"]?.stringValue == client.id.value else {
            throw OAuthError(
                .unauthorizedClient,
                "the token was issued to another client",
                detail: "issued to \(claims["client_id"]?.stringValue ?? "nobody")"
            )
        }
        let session = claims["sid"]?.stringValue.flatMap { SessionID($0) }
        var ending = Ending(
            .token(id),
            because: .revoked,
            // Without a session the subject is the client itself (RFC 9068 §2.2).
            subject: session == nil ? nil : claims["sub"]?.stringValue.flatMap { Subject($0) },
            session: session,
            client: client.id,
            audiences: claims["aud"]?.strings.first.map { [$0] }
        )
        ending.issuedAt = TokenIdentifier.moment(of: id.value)
        ending.statusIndex = StatusReference(claims: claims, configuration: services.configuration)?.packed
        return (ending, claims[AccessTokenClaims.grantID]?.stringValue.flatMap { FamilyID($0) })
    }
}

/// What revocation adds to the server.
package struct RevocationFeature: Feature {
    package init() {}

    package func contribute(to assembly: inout Assembly) {
        assembly.add(RevocationEndpoint(), advertisedAs: "revocation_endpoint")
        assembly.add(RevocationRecord.kind)
        let methods: [ClientAuthenticationMethod] = [.clientSecretBasic, .clientSecretPost, .privateKeyJWT, .none]
        assembly.addMetadata("revocation_endpoint_auth_methods_supported", .array(methods.map { .string($0.value) }))
        assembly.addMetadata(
            "revocation_endpoint_auth_signing_alg_values_supported",
            .array(PrivateKeyJWT.algorithms.map { .string($0.name) })
        )
    }
}
