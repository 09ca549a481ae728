/// Why a password was not changed.
package enum PasswordProblem: Hashable, Sendable {
    case wrongCurrent
    case tooShort
    case tooLong
    case notRepeated
    case unchanged
    case throttled(retryAfterSeconds: Int)
    case busy
}

/// The form that changes the password.
package struct AccountPasswordPage: Page {
    /// Whether there is a password to change.
    package enum State: Sendable {
        case changeable(AccountForm)
        /// The person signs in in another way only.
        case none
    }

    package var frame: AccountFrame
    package var state: State
    /// For password managers, which file the new password under it.
    package var username: String
    package var minimumCharacters: Int
    package var problem: PasswordProblem?

    package init(
        frame: AccountFrame,
        state: State,
        username: String,
        minimumCharacters: Int,
        problem: PasswordProblem? = nil
    ) {
        self.frame = frame
        self.state = state
        self.username = username
        self.minimumCharacters = minimumCharacters
        self.problem = problem
    }

    package func html(texts: Texts, basePath: String) -> [UInt8] {
        let words = texts.account
        var form: [String: String]?
        if case .changeable(let change) = state { form = change.values(frame, basePath: basePath) }
        return frame.page(
            "account-password",
            title: words.password,
            problem: problem.map { text(of: $0, texts) },
            texts: texts,
            basePath: basePath,
            values: [
                "form": form,
                "username": username,
                "minimum": "\(minimumCharacters)",
                "rule": words.passwordRule.filled(["count": "\(minimumCharacters)"]),
                "isCurrentProblem": problem == .wrongCurrent,
                "isNewProblem": problem.map { [.tooShort, .tooLong, .unchanged].contains($0) } ?? false,
                "isRepeatProblem": problem == .notRepeated,
            ]
        )
    }

    private func text(of problem: PasswordProblem, _ texts: Texts) -> [[String: String]] {
        let words = texts.account
        return switch problem {
        case .wrongCurrent: words.wrongCurrentPassword.filled()
        case .tooShort: words.passwordTooShort.filled(["count": "\(minimumCharacters)"])
        case .tooLong: words.passwordTooLong.filled()
        case .notRepeated: words.passwordNotRepeated.filled()
        case .unchanged: words.passwordUnchanged.filled()
        case .throttled(let seconds): texts.signIn.text(of: .throttled(retryAfterSeconds: seconds))
        case .busy: texts.signIn.text(of: .busy)
        }
    }
}
