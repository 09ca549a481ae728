import OAuthVocabulary

/// Parameters that carry a request inside the request are refused, never fetched (CVE-2020-10770).
enum RequestObjectCheck {
    static func run(_ context: AuthorizationContext, _ draft: inout AuthorizationDraft) throws(OAuthError) {
        // OpenID Connect Core §6.1, §6.2 and §7.2.1, of each: "Should an OP not support this parameter and an RP uses
        // it, the OP MUST return the … error."
        guard context.parameters["request"] == nil else {
            throw OAuthError(.requestNotSupported, "the request parameter is not supported")
        }
        guard context.parameters["request_uri"] == nil else {
            throw OAuthError(.requestURINotSupported, "the request_uri parameter is not supported")
        }
        guard context.parameters["registration"] == nil else {
            throw OAuthError(.registrationNotSupported, "the registration parameter is not supported")
        }
    }
}
