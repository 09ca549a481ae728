// Room: people. Usernames, e-mail addresses, claims (OIDC Core §5.1), roles, groups and entitlements (RFC 9068 §2.2.3.1),
// and the one place where a password is judged. Stores `person` records, named by subject, username and e-mail address.

package import Instants
package import JOSE
package import OAuthVocabulary
package import Storage

/// Whether a person may sign in and hold tokens.
package enum PersonStatus: String, Hashable, Sendable {
    case enabled
    case disabled
}

/// Where a person came from.
package enum PersonOrigin: String, Hashable, Sendable {
    /// Made by an operator.
    case registered
    /// Made for trying Signet out; a server that is not for development does not start with one.
    case demo
    /// Made when somebody came from another provider for the first time.
    case upstream
}

/// Whether somebody proved that an e-mail address is theirs (`email_verified`, OIDC Core §5.1).
package enum EmailVerification: Hashable, Sendable {
    case verified
    case unverified
}

/// A person on record.
///
/// The password hash cannot be reached from outside this room and is never printed.
package struct Person: Hashable, Sendable {
    /// `sub`: drawn once, never given to anybody else.
    package let subject: Subject
    /// What the person types to sign in, `preferred_username` in claims.
    ///
    /// Unique, whatever the case of ASCII letters.
    package var username: String
    /// Unique among people, whatever the case of ASCII letters.
    package internal(set) var email: String?
    package internal(set) var emailVerified: Bool
    /// The display name.
    package var name: String?
    /// Further standard claims (OIDC Core §5.1) and claims of the operator's own making.
    package var claims: JSONObject
    package var roles: [String]
    package var groups: [String]
    package var entitlements: [String]
    package internal(set) var status: PersonStatus
    package let origin: PersonOrigin
    package let createdAt: Instant
    package internal(set) var updatedAt: Instant
    /// Moves forward whenever rights must end: at a new password, when disabled.
    ///
    /// What was granted before is over.
    package internal(set) var credentialsChangedAt: Instant
    var password: PasswordHash?
    /// The version that was read, for `Change.require(person.recordKey, version: person.version)`.
    package internal(set) var version: Int64

    package var hasPassword: Bool { password != nil }
    package var recordKey: RecordKey { Self.recordKey(of: subject) }

    /// The key of the record of this subject, whether there is one or not.
    package static func recordKey(of subject: Subject) -> RecordKey {
        RecordKey(kind: .person, identifier: .sha256(of: subject.value))
    }

    /// Gives the person another address or none; what was proven of the old one says nothing about the new one.
    package mutating func setEmail(_ address: String?, _ verification: EmailVerification) {
        email = address
        emailVerified = address != nil && verification == .verified
    }
}

/// A person to be made.
package struct NewPerson: Sendable {
    package var username: String
    package var email: String?
    package var emailVerification: EmailVerification
    package var name: String?
    package var claims: JSONObject
    package var roles: [String]
    package var groups: [String]
    package var entitlements: [String]
    /// Drawn at random if `nil`.
    package var subject: Subject?
    package var origin: PersonOrigin

    package init(
        username: String,
        email: String? = nil,
        emailVerification: EmailVerification = .unverified,
        name: String? = nil,
        claims: JSONObject = [:],
        roles: [String] = [],
        groups: [String] = [],
        entitlements: [String] = [],
        subject: Subject? = nil,
        origin: PersonOrigin = .registered
    ) {
        self.username = username
        self.email = email
        self.emailVerification = emailVerification
        self.name = name
        self.claims = claims
        self.roles = roles
        self.groups = groups
        self.entitlements = entitlements
        self.subject = subject
        self.origin = origin
    }
}
