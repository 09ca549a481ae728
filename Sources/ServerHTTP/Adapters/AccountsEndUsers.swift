// Adapters: Accounts and the authorization server do not know each other; here one is shown to the other.
// The standard claims of OpenID Connect Core §5.1 come from a person's record. Stores nothing.

package import Accounts
package import AuthorizationServer
package import Instants
import JOSE
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
    /// The claims of OpenID Connect Core §5.1 that an operator keeps in the record's `claims`.
    static let standardNames: Set<String> = [
        "given_name", "family_name", "middle_name", "nickname", "profile", "picture", "website", "gender", "birthdate",
        "zoneinfo", "locale", "phone_number", "phone_number_verified", "address",
    ]
    /// Claims that only the record's own fields may fill, so that free claims cannot contradict them.
    static let reservedNames: Set<String> = [
        "sub", "name", "preferred_username", "email", "email_verified", "updated_at", "roles", "groups", "entitlements",
    ]

    init(_ person: Person) {
        var standard: JSONObject = ["preferred_username": .string(person.username)]
        if let name = person.name { standard["name"] = .string(name) }
        if let email = person.email {
            standard["email"] = .string(email)
            standard["email_verified"] = .bool(person.emailVerified)
        }
        var own = JSONObject()
        for (name, value) in person.claims where !Self.reservedNames.contains(name) {
            if Self.standardNames.contains(name) { standard[name] = value } else { own[name] = value }
        }
        standard["updated_at"] = .integer(person.updatedAt.secondsSinceEpoch)
        self.init(
            subject: person.subject,
            isEnabled: person.status == .enabled,
            credentialsChangedAt: person.credentialsChangedAt,
            standardClaims: standard,
            roles: person.roles,
            groups: person.groups,
            entitlements: person.entitlements,
            ownClaims: own,
            key: person.recordKey,
            version: person.version
        )
    }
}
