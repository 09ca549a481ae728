import OAuthVocabulary

/// `nonce` can be kept, and is there where it takes the place of PKCE.
enum NonceCheck {
    static func run(_ context: AuthorizationContext, _ draft: inout AuthorizationDraft) throws(OAuthError) {
        let nonce = context.parameters["nonce"]
        guard nonce?.utf8.count ?? 0 <= Limits.echoedParameterLength else {
            throw .invalidRequest("nonce is longer than 2048 bytes", detail: "\(nonce?.utf8.count ?? 0) bytes")
        }
        if draft.codeChallenge == nil {
            // OAuth 2.1 §7.5.1: a confidential client may do without PKCE only if it uses the OpenID Connect nonce,
            // which takes an ID token to come back in.
            guard nonce != nil, draft.access?.scope.contains(.openID) == true else {
                throw .invalidRequest(
                    "without code_challenge the scope openid and a nonce are required",
                    detail: "the client is exempt from PKCE; nonce or openid is missing"
                )
            }
        }
        draft.nonce = nonce
    }
}
