// Discovery: RFC 8414 and OpenID Connect Discovery 1.0. One document under two names; each feature contributes its
// members, so that nothing is advertised that is not there. Stores nothing.

package import JOSE
package import OAuthVocabulary

package struct DiscoveryEndpoint: Endpoint {
    package let location: EndpointLocation
    package let methods: Set<EndpointRequest.Method> = [.get]
    package let browserAccess = BrowserAccess.everyone
    package let audience = EndpointAudience.programs
    package let patience = EndpointPatience.answersAtOnce

    /// `openid-configuration` or `oauth-authorization-server`.
    package init(_ name: String) { location = .wellKnown(name) }

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        var document: JSONObject = ["issuer": .string(services.configuration.issuer.value)]
        for (name, value) in services.metadata { document[name] = value }
        document["grant_types_supported"] = .array(
            services.grants.keys.map(\.value).sorted().map { .string($0) }
        )
        return EndpointResponse(
            body: .prepared(contentType: "application/json", document.serialized()),
            caching: .publicFor(.seconds(300))
        )
    }
}

/// The two well-known addresses, and what is true of the server as a whole.
package struct DiscoveryFeature: Feature {
    package init() {}

    package func contribute(to assembly: inout Assembly) {
        assembly.add(DiscoveryEndpoint("openid-configuration"))
        assembly.add(DiscoveryEndpoint("oauth-authorization-server"))
        assembly.addMetadata("subject_types_supported", ["public"])
        assembly.addMetadata(
            "id_token_signing_alg_values_supported",
            .array([SignatureAlgorithm.rs256, .es256, .edDSA].map { .string($0.name) })
        )
        assembly.addMetadata(
            "scopes_supported",
            .array(
                [Scope.openID, .profile, .email, .address, .phone, .offlineAccess].map { .string($0.value) }
            )
        )
    }
}
