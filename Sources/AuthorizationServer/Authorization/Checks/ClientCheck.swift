// The checks of an authorization request, RFC 6749 §4.1.1 and what builds on it: one file a check, each a pure function
// over what was loaded. Pipeline.swift says in which order they run and where their errors go. Stores nothing.

import OAuthVocabulary

/// The client is on record and enabled.
enum ClientCheck {
    static func run(_ context: AuthorizationContext, _ draft: inout AuthorizationDraft) throws(OAuthError) {
        // RFC 6749 §4.1.2.1: "if the client identifier is missing or invalid, the authorization server SHOULD inform
        // the resource owner of the error and MUST NOT automatically redirect"
        guard let named = context.parameters["client_id"] else {
            throw .invalidRequest("client_id is required", detail: "missing: client_id")
        }
        guard let client = context.client, client.content.id.value == named else {
            throw OAuthError(.invalidClient, "the application is not registered here", detail: "unknown client_id")
        }
        guard client.content.isEnabled else {
            throw OAuthError(
                .invalidClient,
                "the application is disabled",
                detail: "client \(client.content.id) is disabled"
            )
        }
        draft.client = client
    }
}
