import OAuthVocabulary

/// `prompt` holds values that are known and go together.
enum PromptCheck {
    static let supported: [Prompt] = [.none, .login, .consent, .selectAccount]

    static func run(_ context: AuthorizationContext, _ draft: inout AuthorizationDraft) throws(OAuthError) {
        guard let text = context.parameters["prompt"] else { return }
        let prompts = Set(text.split(separator: " ").map { Prompt(String($0)) })
        guard prompts.isSubset(of: supported) else {
            throw .invalidRequest(
                "prompt may hold none, login, consent and select_account",
                detail: "prompt \(text.prefix(64))"
            )
        }
        // OpenID Connect Core §3.1.2.1: "If this parameter contains none with any other value, an error is returned."
        guard !prompts.contains(.none) || prompts.count == 1 else {
            throw .invalidRequest("prompt=none goes with no other value", detail: "prompt \(text.prefix(64))")
        }
        draft.prompts = prompts
    }
}
