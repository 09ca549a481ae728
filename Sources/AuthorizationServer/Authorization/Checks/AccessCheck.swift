import OAuthVocabulary

/// The scopes and the resource are known and the client's to ask for.
enum AccessCheck {
    static func run(_ context: AuthorizationContext, _ draft: inout AuthorizationDraft) throws(OAuthError) {
        guard let client = draft.client?.content else { throw .internalFault("scope is checked before the client") }
        let material = try context.access.get()
        var access = try AccessResolution.resolve(material, client: client, configuration: context.configuration)
        // OpenID Connect Core §11: offline_access asks for a refresh token; where none can be given it is ignored, and
        // the token response names the scope that was granted (RFC 6749 §3.3).
        if !client.allows(.refreshToken) { access.scope = access.scope.filter { $0 != .offlineAccess } }
        // RFC 6749 §3.3: "If the client omits the scope parameter … the authorization server MUST either process the
        // request using a pre-defined default value or fail the request indicating an invalid scope."
        guard !access.scope.isEmpty else {
            throw OAuthError(
                .invalidScope,
                "scope is required: this application has no default scope",
                detail: "nothing to grant; the client's scopes: \(client.scopes)"
            )
        }
        draft.access = access
        draft.resource = access.api?.audience ?? material.resource
    }
}
