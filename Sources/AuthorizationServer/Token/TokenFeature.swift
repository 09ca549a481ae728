package import JOSE
import OAuthVocabulary

/// The token endpoint and the ways in which clients authenticate at it.
package struct TokenFeature: Feature {
    package init() {}

    package func contribute(to assembly: inout Assembly) {
        assembly.add(TokenEndpoint(), advertisedAs: "token_endpoint")
        let methods: [ClientAuthenticationMethod] = [.clientSecretBasic, .clientSecretPost, .privateKeyJWT, .none]
        assembly.addMetadata(
            "token_endpoint_auth_methods_supported",
            .array(methods.map { .string($0.value) })
        )
        assembly.addMetadata(
            "token_endpoint_auth_signing_alg_values_supported",
            .array(PrivateKeyJWT.algorithms.map { .string($0.name) })
        )
        assembly.add(RegisteredClient.kind)
        assembly.add(RegisteredAPI.kind)
        assembly.add(PrivateKeyJWT.assertionKind)
    }
}
