import Accounts
import AuthorizationServer
import HTTPTypes
import Instants
import OAuthVocabulary
import Pages
import Storage

extension AccountRoom {
    func password(_ visit: AccountVisit, problem: PasswordProblem? = nil) -> AccountPasswordPage {
        AccountPasswordPage(
            frame: visit.frame,
            state: visit.person.hasPassword ? .changeable(visit.form(.changePassword)) : .none,
            username: visit.person.username,
            minimumCharacters: people.passwordLimits.minimumCharacters,
            problem: problem
        )
    }

    /// A new password for who knows the old one: what was signed in or granted before is over, and this browser goes on
    /// with a new session.
    func changePassword(_ visit: AccountVisit) async throws(OAuthError) -> Answer {
        let current = Secret(visit.parameters[FormField.currentPassword] ?? "")
        let new = Secret(visit.parameters[FormField.newPassword] ?? "")
        if let problem = fault(in: new, visit) {
            return again(visit, problem, .invalidRequest("the new password cannot be used", detail: "\(problem)"))
        }
        if Secret(visit.parameters[FormField.repeatPassword] ?? "") != new {
            return again(visit, .notRepeated, .invalidRequest("the new password was not repeated"))
        }
        // FIELD L35: guessing here is guessing at the sign-in form, and waits with it.
        let verdict = try await passwords.judge(
            username: visit.person.username,
            password: current,
            address: visit.exchange.address
        )
        switch verdict {
        case .wrong(let error): return again(visit, .wrongCurrent, error)
        case .busy(let error): return again(visit, .busy, error)
        case .throttled(let error, let wait):
            return again(visit, .throttled(retryAfterSeconds: Int(wait.roundedUpSeconds)), error)
        case .right(let proven, let attempt):
            // Between the page and here the username may have become somebody else's.
            guard proven.subject == visit.subject else { throw .staleForm }
            try await passwords.succeeded(attempt)
            return try await change(proven, from: current, to: new, visit)
        }
    }

    private func change(
        _ proven: Person,
        from current: Secret,
        to new: Secret,
        _ visit: AccountVisit
    ) async throws(OAuthError) -> Answer {
        if current == new {
            return again(visit, .unchanged, .invalidRequest("the new password is the one of before"))
        }
        let changedAt = now
        let person: Person
        do throws(AccountsError) {
            person = try await people.setPassword(proven.subject, to: new, provenAs: proven, now: changedAt)
        } catch {
            throw OAuthError(error)
        }
        let cutOff = try await AuthorizationServer.answering { () async throws(StoreError) in
            let ending = Ending(.subject(person.subject), because: .passwordChanged)
            try await services.revocations.endWhatSlippedThrough(ending, since: changedAt, by: services.time)
            return try await services.revocations.cutOff(for: [.subject(person.subject)], now: now)
        }
        // What begins at the moment of an end is ended by it, so that the new session begins a moment later.
        let opened = try await browsers.signIn(
            person,
            amr: SignIn.methods,
            acr: SignIn.contextClass,
            visit.exchange,
            visit.browser,
            now: max(now, (cutOff ?? changedAt) + .milliseconds(1))
        )
        var answer = await done(.passwordChanged, at: .password, visit, as: opened.first?.session)
        browsers.remember(opened, in: &answer)
        return answer
    }

    private func fault(in new: Secret, _ visit: AccountVisit) -> PasswordProblem? {
        let limits = people.passwordLimits
        if new.exposed.unicodeScalars.count < limits.minimumCharacters { return .tooShort }
        return new.exposed.utf8.count > limits.maximumBytes ? .tooLong : nil
    }

    /// The form again, empty, with what went wrong.
    private func again(_ visit: AccountVisit, _ problem: PasswordProblem, _ error: OAuthError) -> Answer {
        var answer = Answer(status: error.status)
        answer.failure = error
        if let wait = error.retryAfter { answer.headers[.retryAfter] = "\(wait.roundedUpSeconds)" }
        answering.page(password(visit, problem: problem), &answer)
        return answer
    }
}
