// Room: who the person is. People, their passwords, their sessions in browsers, and what slows down guessing.
// OIDC Core §2 and §5.1, NIST SP 800-63B-4 §3.1.1. Owns the record kinds `person`, `session`, `application-session`,
// `session-end`, `throttle`, `upstream-link`.

package import Storage

/// Why an account could not be read, changed or judged.
package struct AccountsError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What went wrong, as a stable word.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        package let name: String

        package var description: String { name }

        package static let usernameTaken = Code(name: "username-taken")
        package static let emailTaken = Code(name: "email-taken")
        package static let subjectTaken = Code(name: "subject-taken")
        package static let usernameInvalid = Code(name: "username-invalid")
        package static let emailInvalid = Code(name: "email-invalid")
        package static let claimsInvalid = Code(name: "claims-invalid")
        package static let passwordTooShort = Code(name: "password-too-short")
        package static let passwordTooLong = Code(name: "password-too-long")
        /// Nobody has this subject, or the person changed since the caller looked.
        package static let personUnknown = Code(name: "unknown-person")
        /// Too many passwords wait to be hashed; `retryAfter` says when to come back.
        package static let busy = Code(name: "busy")
        /// Others kept changing the same record; nothing was written.
        package static let contended = Code(name: "contended")
        /// The store could not answer; `cause` says why.
        package static let store = Code(name: "store")
        /// The password hash that is stored cannot be understood, or libargon2 could not work.
        package static let hashing = Code(name: "hashing")
    }

    package var code: Code
    /// One sentence that may be shown to anybody: what was expected and what to do.
    package var description: String
    /// For the log only.
    package var detail: String?
    package var retryAfter: Duration?
    package var cause: StoreError?

    init(
        _ code: Code,
        _ description: String,
        detail: String? = nil,
        retryAfter: Duration? = nil,
        cause: StoreError? = nil
    ) {
        self.code = code
        self.description = description
        self.detail = detail
        self.retryAfter = retryAfter
        self.cause = cause
    }
}

extension AccountsError {
    static let personUnknown = AccountsError(.personUnknown, "There is no such person.")
    static let contended = AccountsError(
        .contended,
        "The account was changed by others at the same time; nothing was written. Try again."
    )

    static func store(_ cause: StoreError) -> AccountsError {
        let detail =
            switch cause {
            case .unavailable(let reason): "store unavailable: \(reason)"
            case .corrupt(let reason): "store corrupt: \(reason)"
            }
        return AccountsError(.store, "The store cannot answer now. Try again later.", detail: detail, cause: cause)
    }

    /// Runs `body` and turns its `StoreError` into an `AccountsError`.
    static func wrapping<Value>(
        isolation: isolated (any Actor)? = #isolation,
        _ body: () async throws(StoreError) -> Value
    ) async throws(AccountsError) -> Value {
        do {
            return try await body()
        } catch {
            throw .store(error)
        }
    }
}
