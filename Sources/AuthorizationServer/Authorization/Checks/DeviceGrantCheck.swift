import OAuthVocabulary

/// The client may use device codes.
enum DeviceGrantCheck {
    static func run(_ context: AuthorizationContext, _ draft: inout AuthorizationDraft) throws(OAuthError) {
        guard let client = draft.client?.content, client.allows(.deviceCode) else {
            throw OAuthError(
                .unauthorizedClient,
                "this client is not registered for the device authorization grant",
                detail: "grants: \(draft.client?.content.grantTypes.map(\.value).joined(separator: " ") ?? "none")"
            )
        }
    }
}
