package import OAuthVocabulary

/// The redirect URI is one that the client registered, byte for byte.
enum RedirectURICheck {
    static func run(_ context: AuthorizationContext, _ draft: inout AuthorizationDraft) throws(OAuthError) {
        // OpenID Connect Core §3.1.2.1: "redirect_uri REQUIRED." It is asked for from every client, so that nothing is
        // ever guessed from the record.
        guard let presented = context.parameters["redirect_uri"] else {
            throw .invalidRequest("redirect_uri is required", detail: "missing: redirect_uri")
        }
        // RFC 9700 §2.1: "authorization servers MUST utilize exact string matching except for port numbers in localhost
        // redirection URIs of native apps"
        guard let client = draft.client?.content, client.redirectURIs.contains(where: { $0.matches(presented) }),
            let uri = RedirectURI(presented)
        else {
            throw OAuthError(
                .invalidRedirectURI,
                "redirect_uri is not registered for this application",
                detail: "got \(presented.prefix { $0 != "?" }.prefix(200)), registered: "
                    + (draft.client?.content.redirectURIs.map(\.value).joined(separator: " ") ?? "none")
            )
        }
        draft.redirectURI = uri
    }
}

extension ErrorCode {
    /// The code of RFC 7591 §3.2.2.
    ///
    /// At this endpoint it is only ever shown to a person.
    package static let invalidRedirectURI = ErrorCode("invalid_redirect_uri")
}
