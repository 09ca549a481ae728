// The authorization endpoint, RFC 6749 §3.1, OpenID Connect Core §3.1.2, RFC 9207 (`iss` in answers), RFC 9700 §2.1.
// Pipeline.swift has the order of the checks, AuthorizationDecision.swift what a person must do, CodeIssuance.swift the
// code. Stores nothing of its own: requests that wait are the Interaction room's, codes the code grant's.

import JOSE
import OAuthVocabulary

package struct AuthorizationFeature: Feature {
    package init() {}

    package func contribute(to assembly: inout Assembly) {
        assembly.add(AuthorizationEndpoint(), advertisedAs: "authorization_endpoint")
        assembly.addMetadata("response_types_supported", [.string(ResponseType.code.value)])
        assembly.addMetadata("response_modes_supported", .array(ResponseModeCheck.supported.map { .string($0.value) }))
        assembly.addMetadata("prompt_values_supported", .array(PromptCheck.supported.map { .string($0.value) }))
        assembly.addMetadata("authorization_response_iss_parameter_supported", true)
        assembly.addMetadata("claims_parameter_supported", false)
        assembly.addMetadata("request_parameter_supported", false)
        assembly.addMetadata("request_uri_parameter_supported", false)
        assembly.add(InteractionRecord.kind)
        assembly.add(VisitRecord.kind)
        assembly.add(SignInEndpoint())
        assembly.add(ChooseAccountEndpoint())
        assembly.add(ResumeEndpoint())
    }
}
