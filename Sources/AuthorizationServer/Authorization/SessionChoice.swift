import JOSE
package import OAuthVocabulary

/// Which of the people who are signed in in one browser an authorization request is about.
///
/// OpenID Connect Core §3.1.2.1 lets a request name its person by `id_token_hint` or hint at them by `login_hint`. A
/// request that does neither is about the current person.
package enum SessionChoice {
    /// A session that could be meant.
    package struct Candidate: Sendable {
        package var session: SessionSnapshot
        /// What the person may be called in a `login_hint`: username and e-mail address, in lower case.
        package var loginNames: [String]

        package init(_ session: SessionSnapshot, loginNames: [String] = []) {
            self.session = session
            self.loginNames = loginNames
        }
    }

    /// - Parameter candidates: everybody who is signed in in this browser, the current person first.
    package static func session(
        for request: AuthorizationRequest,
        among candidates: [Candidate],
        interaction: InteractionRecord?
    ) -> SessionSnapshot? {
        guard let current = candidates.first?.session else { return nil }
        // Whoever has just signed in for this very request is who it is about, whatever was hinted: that it is somebody
        // else than hinted has to be said, not passed over.
        if let interaction, interaction.isFresh(current) { return current }
        let wanted = [interaction?.chosenAccount, request.hintedSubject].compactMap(\.self)
        for subject in wanted {
            if let match = candidates.first(where: { $0.session.subject == subject }) { return match.session }
        }
        if let hint = request.loginHint?.lowercased(),
            let match = candidates.first(where: { $0.loginNames.contains(hint) })
        {
            return match.session
        }
        return current
    }
}

extension Reader {
    /// The sessions of a browser as candidates, with their names where those are asked for.
    func candidates(
        _ sessions: [SessionSnapshot],
        for request: AuthorizationRequest
    ) async throws(OAuthError) -> [SessionChoice.Candidate] {
        guard sessions.count > 1, request.loginHint != nil else { return sessions.map { .init($0) } }
        var candidates: [SessionChoice.Candidate] = []
        for session in sessions {
            let claims = try await person(session.subject)?.standardClaims ?? [:]
            let names = ["preferred_username", "email"].compactMap { claims[$0]?.stringValue?.lowercased() }
            candidates.append(.init(session, loginNames: names))
        }
        return candidates
    }
}
