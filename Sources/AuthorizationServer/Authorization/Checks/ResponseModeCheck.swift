import OAuthVocabulary

/// `response_mode` is one that keeps a code out of fragments.
enum ResponseModeCheck {
    static let supported: [ResponseMode] = [.query, .formPost]

    static func run(_ context: AuthorizationContext, _ draft: inout AuthorizationDraft) throws(OAuthError) {
        guard let named = context.parameters["response_mode"] else { return }
        // The redirect URI is the same whatever the mode, and proven before it (GHSA-9vm7-v8wj-3fqw).
        guard supported.contains(ResponseMode(named)) else {
            throw .invalidRequest(
                "response_mode must be query or form_post",
                detail: "response_mode \(named.prefix(64))"
            )
        }
        draft.responseMode = ResponseMode(named)
    }
}
