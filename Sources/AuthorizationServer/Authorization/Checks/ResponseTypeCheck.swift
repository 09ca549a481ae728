import OAuthVocabulary

/// `response_type` is `code`.
enum ResponseTypeCheck {
    static func run(_ context: AuthorizationContext, _ draft: inout AuthorizationDraft) throws(OAuthError) {
        // RFC 6749 §3.1.1: "If an authorization request is missing the "response_type" parameter, or if the response
        // type is not understood, the authorization server MUST return an error response"
        guard let named = context.parameters["response_type"] else {
            throw .invalidRequest("response_type is required", detail: "missing: response_type")
        }
        // RFC 9700 §2.1.2: implicit and hybrid hand tokens to the front channel.
        guard ResponseType(named) == .code else {
            throw OAuthError(
                .unsupportedResponseType,
                "the only response_type is code",
                detail: "response_type \(named.prefix(64))"
            )
        }
    }
}
