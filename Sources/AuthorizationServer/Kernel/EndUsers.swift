package import Instants
package import JOSE
package import OAuthVocabulary
package import Storage

/// What protocol decisions need to know of a person.
///
/// Accounts keeps the person; this is a snapshot of one moment.
package struct PersonSnapshot: Hashable, Sendable {
    package var subject: Subject
    package var isEnabled: Bool
    /// When the password last changed or the person was last re-enabled: grants made before it are over.
    package var credentialsChangedAt: Instant
    /// The standard claims of OpenID Connect Core §5.1 that are known of the person.
    package var standardClaims: JSONObject
    package var roles: [String]
    package var groups: [String]
    package var entitlements: [String]
    /// Claims of the operator's own making.
    package var ownClaims: JSONObject
    /// What a decision about this person rests on.
    package var key: RecordKey
    package var version: Int64

    package init(
        subject: Subject,
        isEnabled: Bool,
        credentialsChangedAt: Instant,
        standardClaims: JSONObject = [:],
        roles: [String] = [],
        groups: [String] = [],
        entitlements: [String] = [],
        ownClaims: JSONObject = [:],
        key: RecordKey,
        version: Int64
    ) {
        self.subject = subject
        self.isEnabled = isEnabled
        self.credentialsChangedAt = credentialsChangedAt
        self.standardClaims = standardClaims
        self.roles = roles
        self.groups = groups
        self.entitlements = entitlements
        self.ownClaims = ownClaims
        self.key = key
        self.version = version
    }

    /// The guard that lets no issuance race the disabling of this person.
    package var unchanged: Change { .require(key, version: version) }
}

/// A live session of a person in one browser.
package struct SessionSnapshot: Hashable, Sendable {
    package var id: SessionID
    package var subject: Subject
    package var authentication: AuthenticationEvent
    package var key: RecordKey
    /// The only client that it means something to; `nil` for one that signs on everywhere.
    package var client: ClientID?
    /// The ids of earlier sign-ins of the same person in this browser, which live and end with this session.
    package var earlierIDs: [SessionID]
    /// When the session ends however much it is used, where that is known.
    package var endsAt: Instant?

    /// Every id that the session answers to.
    package var ids: [SessionID] { [id] + earlierIDs }

    package init(
        id: SessionID,
        subject: Subject,
        authentication: AuthenticationEvent,
        key: RecordKey,
        client: ClientID? = nil,
        earlierIDs: [SessionID] = []
    ) {
        self.id = id
        self.subject = subject
        self.authentication = authentication
        self.key = key
        self.client = client
        self.earlierIDs = earlierIDs
    }

    /// Whether the session answers to this `sid`.
    package func answers(to id: SessionID) -> Bool { id == self.id || earlierIDs.contains(id) }
}

/// How and when a person proved who they are.
package struct AuthenticationEvent: Hashable, Sendable, Codable {
    /// `auth_time`, OpenID Connect Core §2.
    package var at: Instant
    /// `acr`, OpenID Connect Core §2.
    package var acr: String
    /// `amr`, RFC 8176.
    package var amr: [String]

    package init(at: Instant, acr: String, amr: [String]) {
        self.at = at
        self.acr = acr
        self.amr = amr
    }
}

/// The people and their sessions, as the protocol asks for them.
package protocol EndUsers: Sendable {
    /// The person, enabled or not; `nil` if there is none.
    func person(_ subject: Subject, now: Instant) async throws(StoreError) -> PersonSnapshot?
    /// The session if it is live at `now`.
    func session(_ id: SessionID, now: Instant) async throws(StoreError) -> SessionSnapshot?
}

/// What slows down guessing.
///
/// Accounts counts; the protocol only asks.
package protocol AttemptThrottle: Sendable {
    /// How long this address must wait before it may try again as this client; `nil` to go ahead.
    func wait(client: ClientID?, address: String, now: Instant) async throws(StoreError) -> Duration?
    func recordFailure(client: ClientID?, address: String, now: Instant) async throws(StoreError)
    /// How long this person at this address must wait before they may enter another user code; `nil` to go ahead, and the
    /// attempt counts as a wrong one until it is given back.
    func reserveUserCode(by person: Subject, address: String, now: Instant) async throws(StoreError) -> Duration?
    /// The attempt that was reserved was no guess.
    ///
    /// Wrong ones before it stay counted, or a code of one's own would buy any number of guesses at others.
    func giveBackUserCode(by person: Subject, address: String, now: Instant) async throws(StoreError)
}
