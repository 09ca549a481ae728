import OAuthVocabulary

/// The client may use authorization codes.
enum ClientGrantCheck {
    static func run(_ context: AuthorizationContext, _ draft: inout AuthorizationDraft) throws(OAuthError) {
        guard let client = draft.client?.content, client.allows(.authorizationCode) else {
            throw OAuthError(
                .unauthorizedClient,
                "the application may not use the authorization code grant",
                detail: "grants: \(draft.client?.content.grantTypes.map(\.value).joined(separator: " ") ?? "none")"
            )
        }
    }
}
