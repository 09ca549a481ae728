package import Instants
package import OAuthVocabulary
package import Storage

/// A session that may be relied on: live, not ended, of an enabled person whose credentials are still those it began
/// with.
package struct SignOn: Sendable {
    package let session: SessionSnapshot
    /// The version of the session's record when it was read.
    package let sessionVersion: Int64
    package let person: PersonSnapshot

    /// `nil` if anything ended what the session rests on.
    package init?(
        session: SessionSnapshot,
        sessionVersion: Int64,
        person: PersonSnapshot,
        endedUpTo cutOff: Instant?
    ) {
        // A session that an application opened for itself signs on at no other (FIELD F22, CVE-2019-3868).
        guard session.client == nil, person.subject == session.subject, person.isEnabled,
            session.authentication.at >= person.credentialsChangedAt
        else { return nil }
        if let cutOff, session.authentication.at <= cutOff { return nil }
        self.session = session
        self.sessionVersion = sessionVersion
        self.person = person
    }

    package var subject: Subject { person.subject }

    /// The guards that let nothing be issued once the session was closed or the person disabled.
    package var unchanged: [Change] { [person.unchanged, .require(session.key, version: sessionVersion)] }
}

extension Reader {
    /// The browser's session with what it rests on; `nil` if there is none to rely on.
    func signOn(_ found: SessionSnapshot?) async throws(OAuthError) -> SignOn? {
        guard let found, let record = try await find([.key(found.key)])[0] else { return nil }
        // The version was read first: whatever changes from here on makes the guard fail.
        guard let session = try await session(found.id), session.key == found.key,
            let person = try await person(session.subject)
        else { return nil }
        let cutOff = try await cutOff([.session(session.id), .subject(session.subject), .everything])
        return SignOn(session: session, sessionVersion: record.version, person: person, endedUpTo: cutOff)
    }

    /// Those of the sessions that may be relied on, each with what it rests on.
    func signOns(_ found: [SessionSnapshot]) async throws(OAuthError) -> [SignOn] {
        var signOns: [SignOn] = []
        for session in found {
            if let signOn = try await signOn(session) { signOns.append(signOn) }
        }
        return signOns
    }
}
