// Adapters: Accounts and the authorization server do not know each other; here one is shown to the other.
// The standard claims of OpenID Connect Core §5.1 come from a person's record. Stores nothing.

package import Accounts
package import AuthorizationServer
package import Instants
package import OAuthVocabulary
package import Storage

/// The people of Accounts, as the protocol asks for them.
package struct AccountsEndUsers: EndUsers {
    private let people: People
    private let sessions: Sessions

    package init(people: People, sessions: Sessions) {
        self.people = people
        self.sessions = sessions
    }

    package func person(_ subject: Subject, now: Instant) async throws(StoreError) -> PersonSnapshot? {
        try await people.find(subject: subject, now: now).map { PersonSnapshot($0) }
    }

    package func session(_ id: SessionID, now: Instant) async throws(StoreError) -> SessionSnapshot? {
        try await sessions.find(id: id, now: now)?.snapshot
    }
}

extension PersonSnapshot {
    init(_ person: Person) {
        self.init(
            subject: person.subject,
            isEnabled: person.status == .enabled,
            credentialsChangedAt: person.credentialsChangedAt,
            standardClaims: person.standardClaims,
            roles: person.roles,
            groups: person.groups,
            entitlements: person.entitlements,
            ownClaims: person.ownClaims,
            key: person.recordKey,
            version: person.version
        )
    }
}
