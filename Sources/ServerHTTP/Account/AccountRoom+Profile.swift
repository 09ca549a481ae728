import Accounts
import AuthorizationServer
import OAuthVocabulary
import Pages

extension AccountRoom {
    func profile(_ visit: AccountVisit, typed: String? = nil, problem: ProfileProblem? = nil) -> AccountProfilePage {
        let person = visit.person
        let email: AccountProfilePage.Email =
            switch (person.email, person.emailVerified) {
            case (let address?, true): .verified(address)
            case (let address?, false): .unverified(address)
            case (nil, _): .none
            }
        return AccountProfilePage(
            frame: visit.frame,
            username: person.username,
            email: email,
            name: typed ?? person.name ?? "",
            problem: problem,
            rename: visit.form(.rename),
            others: visit.browser.opened.dropFirst().map { other in
                .init(
                    personName: other.session.person.displayName,
                    personDetail: other.session.person.username,
                    switchTo: visit.form(.switchAccount, on: other.session.subject.value)
                )
            },
            addAccount: visit.form(.addAccount)
        )
    }

    /// A name is what others are shown; username and e-mail address say who somebody is, and stay with the operator.
    func rename(_ visit: AccountVisit) async throws(OAuthError) -> Answer {
        guard let typed = visit.parameters[FormField.name] else { throw .unansweredForm }
        let name = DisplayName.trimmed(typed)
        guard name.isEmpty || DisplayName.isAcceptable(name) else {
            var answer = Answer(status: 400)
            answer.failure = .invalidRequest("the name cannot be used", detail: "\(name.utf8.count) bytes")
            answering.page(profile(visit, typed: typed, problem: .unusableName), &answer)
            return answer
        }
        do throws(AccountsError) {
            try await people.update(visit.subject, now: now) { $0.name = name.isEmpty ? nil : name }
        } catch {
            throw OAuthError(error)
        }
        return await done(.renamed, at: .profile, visit)
    }

    func switchAccount(to object: String, _ visit: AccountVisit) async throws(OAuthError) -> Answer {
        let chosen = visit.browser.opened.filter { $0.session.subject.value == object }
        // Who is not signed in in this browser is switched to by nobody (CVE-2026-55106).
        guard let session = chosen.first?.session else { throw .staleForm }
        var answer = await done(.switched, at: .profile, visit, as: session)
        browsers.remember(chosen + visit.browser.opened.filter { $0.session.subject.value != object }, in: &answer)
        return answer
    }

    func addAccount(_ visit: AccountVisit) async throws(OAuthError) -> Answer {
        let response = try await services.visits.anotherSignIn(
            at: AccountSection.profile.path,
            browserBinding: visit.browser.binding,
            now: now
        )
        return await answering.render(response, visit.exchange, audience: .people)
    }
}
