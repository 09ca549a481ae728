/// `state` can be echoed.
enum StateCheck {
    static func run(_ context: AuthorizationContext, _ draft: inout AuthorizationDraft) throws(OAuthError) {
        guard let state = context.parameters["state"] else { return }
        guard state.utf8.count <= Limits.echoedParameterLength else {
            throw .invalidRequest("state is longer than 2048 bytes", detail: "\(state.utf8.count) bytes")
        }
        draft.state = state
    }
}
