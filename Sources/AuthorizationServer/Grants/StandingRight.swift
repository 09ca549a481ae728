// What the grants of people have in common: what such a grant rests on, and how long anything that it pays for can live.
// RFC 6749 §4.1.2, §10.5; OpenID Connect Back-Channel Logout §2.7. Stores nothing.

package import Instants
package import OAuthVocabulary

/// What a grant that a person gave rests on, read at one moment.
package struct StandingRight: Sendable {
    var subject: Subject
    var person: PersonSnapshot?
    /// The session in which it was given; `nil` where it outlives that.
    var sessionID: SessionID?
    var session: SessionSnapshot?
    var cutOff: Instant?

    /// The person, if nothing ended what they granted at `moment`.
    package func holder(since moment: Instant) throws(OAuthError) -> PersonSnapshot {
        guard let person, person.isEnabled, person.credentialsChangedAt <= moment else {
            throw .invalidGrant("the grant has ended", detail: "the person is disabled, gone or has a new password")
        }
        if let sessionID {
            guard let session, session.subject == subject else {
                throw .invalidGrant("the grant has ended", detail: "session \(sessionID) is closed")
            }
        }
        if let cutOff, moment <= cutOff { throw .invalidGrant("the grant has ended", detail: "revoked") }
        return person
    }
}

extension Reader {
    /// Reads what a grant rests on.
    ///
    /// - Parameter session: the one that it ends with; `nil` if it outlives the session that it was given in.
    package func standingRight(
        of subject: Subject,
        toward client: ClientID,
        in session: SessionID?,
        family: FamilyID
    ) async throws(OAuthError) -> StandingRight {
        var right = StandingRight(subject: subject, sessionID: session)
        right.person = try await person(subject)
        var targets: [RevocationTarget] = [.grant(family), .subject(subject), .client(client), .everything]
        if let session {
            right.session = try await self.session(session)
            targets.append(.session(session))
        }
        right.cutOff = try await cutOff(targets)
        return right
    }
}

extension ProviderConfiguration {
    /// How long anything that a person's grant pays for can live: a spent code stays on record for that long.
    package func longestLife(ofGrantsTo client: RegisteredClient) -> Duration {
        let refresh = client.refreshAbsoluteSeconds.map { .seconds($0) } ?? refreshAbsoluteLifetime
        let tokens = max(accessTokenLifetime, idTokenLifetime)
        return client.allows(.refreshToken) ? min(refresh, longestRefreshLifetime) + tokens : tokens
    }
}
