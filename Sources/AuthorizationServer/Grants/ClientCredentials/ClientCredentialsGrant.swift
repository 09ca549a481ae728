// The client credentials grant, RFC 6749 §4.4: a client asks in its own name.
// Owns no record: what it issues is an access token without a person, and there is nothing to refresh.

package import OAuthVocabulary

package struct ClientCredentialsGrant: Grant {
    package let grantType = GrantType.clientCredentials
    package let parameters: Set<String> = ["scope", "resource"]

    package init() {}

    package func load(
        _ request: GrantRequest,
        from reader: Reader
    ) async throws(OAuthError) -> AccessResolution.Material {
        try await reader.accessMaterial(
            scope: request.parameters["scope"],
            resources: request.parameters.all("resource"),
            client: request.client.content
        )
    }

    package func decide(_ request: GrantRequest, _ material: AccessResolution.Material) -> GrantDecision {
        do throws(OAuthError) {
            let access = try AccessResolution.resolve(
                material,
                client: request.client.content,
                configuration: request.configuration
            )
            // OpenID Connect Core §3.1.2.1 and §11: these scopes speak of a person, and there is none.
            if let scope = access.scope.first(where: Scope.ofOpenIDConnect.contains) {
                return .refuse(
                    OAuthError(
                        .invalidScope,
                        "client credentials cannot carry scopes of OpenID Connect: no person is involved",
                        detail: "scope \(scope)"
                    )
                )
            }
            return .issue(Issuance(party: .client, access: access), changes: [])
        } catch {
            return .refuse(error)
        }
    }
}

/// What the grant adds to the server.
package struct ClientCredentialsFeature: Feature {
    package init() {}
    package func contribute(to assembly: inout Assembly) { assembly.add(ClientCredentialsGrant()) }
}
