import OAuthVocabulary

/// `id_token_hint` is an ID token that this server issued to this client.
enum IDTokenHintCheck {
    static func run(_ context: AuthorizationContext, _ draft: inout AuthorizationDraft) throws(OAuthError) {
        guard let text = context.parameters["id_token_hint"] else { return }
        let hint = try IDTokenHint(
            text,
            keys: context.keys,
            issuer: context.configuration.issuer,
            now: context.now
        )
        guard let client = draft.client?.content, hint.clients.contains(client.id) else {
            throw .invalidRequest(
                "id_token_hint was not issued to this application",
                detail: "its audience: \(hint.clients.map(\.value).joined(separator: " "))"
            )
        }
        draft.hintedSubject = hint.subject
    }
}
