import JOSE
package import OAuthVocabulary
import Storage

/// The token endpoint.
///
/// It owns the phases; a grant fills two of them.
package struct TokenEndpoint: Endpoint {
    package let location = EndpointLocation.belowIssuer("/token")
    package let methods: Set<EndpointRequest.Method> = [.post]
    package let browserAccess = BrowserAccess.registeredOrigins
    package let audience = EndpointAudience.programs

    package init() {}

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        var known: RegisteredClient?
        do throws(OAuthError) {
            let moment = services.time.moment()
            let reader = Reader(services, now: moment.wall)
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
            return try await run(grant, for: client, request: request, services: services)
        } catch {
            return .refusal(error, client: known)
        }
    }

    private func run<G: Grant>(
        _ grant: G,
        for client: Stored<RegisteredClient>,
        request: EndpointRequest,
        services: Services
    ) async throws(OAuthError) -> EndpointResponse {
        var client = client
        for _ in 0..<Limits.applyAttempts {
            // Asked anew for every attempt: the winner of a race may have written a later moment than ours.
            let moment = services.time.moment()
            let reader = Reader(services, now: moment.wall)
            let grantRequest = GrantRequest(
                client: client,
                parameters: request.parameters.restricted(to: grant.parameters),
                moment: moment,
                configuration: services.configuration,
                keys: services.keys
            )
            let material = try await grant.load(grantRequest, from: reader)
            switch grant.decide(grantRequest, material) {
            case .issue(let issuance, let changes):
                let place = try await answering { () async throws(StoreError) in
                    try await services.statusLists.place(for: issuance, client: client.content, now: moment.wall)
                }
                let minted = try Minter(services).mint(issuance, for: client.content, at: moment, listedAt: place)
                let all = [client.unchanged] + changes + minted.changes
                switch try await apply(all, services: services, at: moment) {
                case .applied:
                    minted.log(services.logger, traceID: request.traceID)
                    return EndpointResponse(body: .json(.object(minted.response)), client: client.content)
                case .conflict:
                    client = try await reload(client, services: services)
                }
            case .refuse(let error, let ending):
                if let ending {
                    // FIELD D15 (CVE-2020-15223): a revocation that could not be stored is an error, never passed over.
                    try await answering { () async throws(StoreError) in
                        _ = try await services.revocations.apply(
                            ending: ending,
                            now: moment.wall,
                            settlingBy: services.time
                        )
                    }
                }
                throw error
            }
        }
        throw .unavailable("the grant lost \(Limits.applyAttempts) races")
    }

    /// Changes that only guard need no transaction: they held when they were read, and what ends later is ended by its
    /// own record.
    private func apply(_ changes: [Change], services: Services, at moment: Moment) async throws(OAuthError)
        -> ApplyOutcome
    {
        let writes = changes.contains { change in
            if case .require = change { false } else { true }
        }
        guard writes else { return .applied }
        return try await answering { () async throws(StoreError) in
            try await services.store.apply(changes, now: moment.wall)
        }
    }

    private func reload(
        _ client: Stored<RegisteredClient>,
        services: Services
    ) async throws(OAuthError) -> Stored<RegisteredClient> {
        let reader = Reader(services, now: services.time.moment().wall)
        guard let fresh = try await reader.client(client.content.id), fresh.content.isEnabled else {
            throw PresentedCredentials.failure("client \(client.content.id) was disabled or deleted meanwhile")
        }
        return fresh
    }
}
