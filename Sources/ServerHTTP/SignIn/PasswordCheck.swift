import Accounts
import AuthorizationServer
import OAuthVocabulary
import Storage

/// Judges a password, wherever it is presented: one throttle, one answer, one way to be busy.
struct PasswordCheck: Sendable {
    /// What came of it.
    enum Verdict: Sendable {
        /// The attempt is to be counted as a success once the person is signed in.
        case right(Person, Attempt)
        /// One answer for an unknown person, a wrong password and a disabled one (CVE-2026-23511).
        case wrong(OAuthError)
        /// Too many attempts of this account or address.
        case throttled(OAuthError, wait: Duration)
        /// Nothing was judged: too many people are signing in.
        case busy(OAuthError)
    }

    let people: People
    let throttle: Throttle
    let time: any TimeSource

    func judge(username: String, password: Secret, address: String) async throws(OAuthError) -> Verdict {
        let now = time.moment().steady
        let attempt = Attempt.login(username: username, address: address)
        let wait = try await AuthorizationServer.answering { () async throws(StoreError) in
            try await throttle.reserve(attempt, now: now)
        }
        if let wait {
            let error = OAuthError.tooManyRequests(
                retryAfter: wait,
                detail: "sign-in attempts of this account or address"
            )
            return .throttled(error, wait: wait)
        }
        let person: Person?
        do {
            person = try await people.authenticate(username: username, password: password, now: now)
        } catch {
            // Nothing was judged, so that it does not count as an attempt.
            try? await throttle.release(attempt, now: now)
            guard error.code == .busy else { throw OAuthError(error) }
            return .busy(OAuthError(error))
        }
        guard let person else {
            return .wrong(OAuthError(.accessDenied, "the username and password do not match", status: 401))
        }
        return .right(person, attempt)
    }

    /// The person is signed in: what was counted against them is forgotten.
    func succeeded(_ attempt: Attempt) async throws(OAuthError) {
        let now = time.moment().steady
        try await AuthorizationServer.answering { () async throws(StoreError) in
            try await throttle.recordSuccess(attempt, now: now)
        }
    }
}
