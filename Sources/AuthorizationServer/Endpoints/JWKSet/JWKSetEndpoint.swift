// The key set: RFC 7517 §5. Pending keys are in it ahead of use, superseded ones until their last token has expired.
// Stores nothing; the keyring has the document ready.

package import OAuthVocabulary

package struct JWKSetEndpoint: Endpoint {
    package let location = EndpointLocation.belowIssuer("/jwks.json")
    package let methods: Set<EndpointRequest.Method> = [.get]
    package let browserAccess = BrowserAccess.everyone
    package let audience = EndpointAudience.programs
    package let patience = EndpointPatience.answersAtOnce

    package init() {}

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        // Shorter than the publication lead: a verifier has seen a key before the first token signed with it.
        EndpointResponse(
            body: .prepared(contentType: "application/jwk-set+json", services.keyring.current.document),
            caching: .publicFor(services.configuration.keyPublicationLead / 3)
        )
    }
}

/// What the key set adds to the server.
package struct JWKSetFeature: Feature {
    package init() {}

    package func contribute(to assembly: inout Assembly) {
        assembly.add(JWKSetEndpoint(), advertisedAs: "jwks_uri")
        assembly.add(SigningKeyRecord.kind)
    }
}
