package import Instants
package import OAuthVocabulary
package import Storage

/// A password as somebody presented it, and from where.
package struct PasswordSignIn: Sendable {
    package var username: String
    package var password: Secret
    package var address: String
    /// What the browser says that it is; shown to the person, and nothing is decided by it.
    package var userAgent: String?

    package init(username: String, password: Secret, address: String, userAgent: String? = nil) {
        self.username = username
        self.password = password
        self.address = address
        self.userAgent = userAgent
    }
}

/// How long a session of one client lives; what is not said is as for sign-on sessions.
package struct SessionLifetimes: Hashable, Sendable {
    /// It ends when it was not used for this long.
    package var idle: Duration?
    /// It ends this long after signing in, however much it is used.
    package var absolute: Duration?

    package init(idle: Duration?, absolute: Duration?) {
        self.idle = idle
        self.absolute = absolute
    }
}

/// A live session of a person at one client.
package struct ApplicationSession: Sendable {
    package var snapshot: SessionSnapshot
    /// When it ends unless it is used.
    package var expiresAt: Instant
    /// Whether the person's roles, groups or entitlements are other than when its id was drawn.
    package var hasOtherPrivileges: Bool

    package init(snapshot: SessionSnapshot, expiresAt: Instant, hasOtherPrivileges: Bool = false) {
        self.snapshot = snapshot
        self.expiresAt = expiresAt
        self.hasOtherPrivileges = hasOtherPrivileges
    }
}

/// A session that was just opened, with the secret that finds it again.
package struct OpenedApplicationSession: Sendable {
    package var cookie: Secret
    package var session: ApplicationSession

    package init(cookie: Secret, session: ApplicationSession) {
        self.cookie = cookie
        self.session = session
    }
}

/// The sessions that belong to one client: Accounts keeps them and judges passwords; the protocol only asks.
///
/// None of them signs anybody on at the authorization endpoint.
package protocol ApplicationSessions: Sendable {
    /// Judges the password, slowed down and answered as at the sign-in page, and opens a session with a new secret and a
    /// new id. `ending` runs once the password was right and before anything is opened; `bearsTokens` says that tokens will
    /// rest on the session.
    func signIn(
        _ attempt: PasswordSignIn,
        at client: ClientID,
        lifetimes: SessionLifetimes,
        bearsTokens: Bool,
        ending: () async throws(OAuthError) -> Void
    ) async throws(OAuthError) -> OpenedApplicationSession

    /// The client's session that this secret finds; being found keeps it from idling out.
    func find(_ cookie: Secret, at client: ClientID, now: Instant) async throws(StoreError) -> ApplicationSession?
    /// Keeps the session that answers to this id, and bears tokens, from idling out.
    func use(_ id: SessionID, at client: ClientID, now: Instant) async throws(StoreError)
    /// The same session under a new secret and a new id; the old ones find nothing, and the old id is ended.
    func renew(
        _ cookie: Secret,
        at client: ClientID,
        now: Instant
    ) async throws(StoreError) -> OpenedApplicationSession?
    /// Closes a session of this person with everything that rests on it.
    ///
    /// Returns every id that it answered to; `nil` if there is none.
    func close(_ id: SessionID, of person: Subject, now: Instant) async throws(StoreError) -> [SessionID]?
}

/// For a provider that nobody can sign in to with a password.
package struct NoApplicationSessions: ApplicationSessions {
    package init() {}

    package func signIn(
        _ attempt: PasswordSignIn,
        at client: ClientID,
        lifetimes: SessionLifetimes,
        bearsTokens: Bool,
        ending: () async throws(OAuthError) -> Void
    ) async throws(OAuthError) -> OpenedApplicationSession {
        throw .internalFault("this provider was assembled without sessions of applications")
    }

    package func find(
        _ cookie: Secret,
        at client: ClientID,
        now: Instant
    ) async throws(StoreError) -> ApplicationSession? { nil }

    package func use(_ id: SessionID, at client: ClientID, now: Instant) async throws(StoreError) {}

    package func renew(
        _ cookie: Secret,
        at client: ClientID,
        now: Instant
    ) async throws(StoreError) -> OpenedApplicationSession? { nil }

    package func close(_ id: SessionID, of person: Subject, now: Instant) async throws(StoreError) -> [SessionID]? {
        nil
    }
}
