import OAuthVocabulary

/// The request carries an S256 challenge, unless the client is exempt.
enum PKCECheck {
    static func run(_ context: AuthorizationContext, _ draft: inout AuthorizationDraft) throws(OAuthError) {
        let method = context.parameters["code_challenge_method"]
        guard let challenge = context.parameters["code_challenge"] else {
            // RFC 7636 §4.4.1: "If the server requires Proof Key for Code Exchange … and the client does not send the
            // "code_challenge" in the request, the authorization endpoint MUST return … "invalid_request"."
            guard draft.client?.content.pkce == .optional else {
                throw .invalidRequest("code_challenge is required", detail: "missing: code_challenge")
            }
            guard method == nil else {
                throw .invalidRequest(
                    "code_challenge_method was sent without code_challenge",
                    detail: "a method without a challenge"
                )
            }
            return
        }
        // RFC 7636 §4.3: the method "defaults to "plain" if not present in the request", and OAuth 2.1 §7.5.1 has left
        // plain behind.
        guard method == PKCE.method else {
            throw .invalidRequest(
                "code_challenge_method must be S256",
                detail: "code_challenge_method \(method?.prefix(64) ?? "absent, which means plain")"
            )
        }
        guard PKCE.isChallenge(challenge) else {
            throw .invalidRequest(
                "code_challenge must be a SHA-256 hash in base64url, 43 characters",
                detail: "\(challenge.utf8.count) bytes"
            )
        }
        draft.codeChallenge = challenge
    }
}
