/// `login_hint` is short enough to be shown.
enum LoginHintCheck {
    static func run(_ context: AuthorizationContext, _ draft: inout AuthorizationDraft) throws(OAuthError) {
        guard let hint = context.parameters["login_hint"] else { return }
        guard hint.utf8.count <= Limits.echoedParameterLength else {
            throw .invalidRequest("login_hint is longer than 2048 bytes", detail: "\(hint.utf8.count) bytes")
        }
        draft.loginHint = hint
    }
}
