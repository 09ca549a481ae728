package import Accounts
package import AuthorizationServer
package import Instants
package import OAuthVocabulary
package import Storage

/// The sessions of Accounts that belong to one client, as the protocol asks for them.
package struct AccountsApplicationSessions: ApplicationSessions {
    private let sessions: Sessions
    private let passwords: PasswordCheck

    package init(people: People, sessions: Sessions, throttle: Throttle, time: any TimeSource) {
        self.sessions = sessions
        passwords = PasswordCheck(people: people, throttle: throttle, time: time)
    }

    package func signIn(
        _ attempt: PasswordSignIn,
        at client: ClientID,
        lifetimes: SessionLifetimes,
        bearsTokens: Bool,
        ending: nonisolated(nonsending) () async throws(OAuthError) -> Void
    ) async throws(OAuthError) -> OpenedApplicationSession {
        let verdict = try await passwords.judge(
            username: attempt.username,
            password: attempt.password,
            address: attempt.address
        )
        switch verdict {
        case .wrong(let error), .busy(let error), .throttled(let error, _): throw error
        case .right(let person, let counted):
            try await ending()
            let opened: (cookie: Secret, session: Session)
            do {
                opened = try await sessions.open(
                    for: person,
                    at: client,
                    idle: lifetimes.idle,
                    absolute: lifetimes.absolute,
                    amr: SignIn.methods,
                    acr: SignIn.contextClass,
                    now: passwords.time.moment().steady,
                    from: SessionOrigin(userAgent: attempt.userAgent, address: attempt.address),
                    bearsTokens: bearsTokens
                )
            } catch {
                throw OAuthError(error)
            }
            try await passwords.succeeded(counted)
            return OpenedApplicationSession(opened)
        }
    }

    package func find(
        _ cookie: Secret,
        at client: ClientID,
        now: Instant
    ) async throws(StoreError) -> ApplicationSession? {
        try await sessions.find(cookie: cookie, at: client, now: now).map { ApplicationSession($0) }
    }

    package func use(_ id: SessionID, at client: ClientID, now: Instant) async throws(StoreError) {
        try await sessions.use(id, at: client, now: now)
    }

    package func renew(
        _ cookie: Secret,
        at client: ClientID,
        now: Instant
    ) async throws(StoreError) -> OpenedApplicationSession? {
        try await sessions.renew(cookie: cookie, at: client, now: now).map { OpenedApplicationSession($0) }
    }

    package func close(
        _ id: SessionID,
        of person: Subject,
        now: Instant
    ) async throws(StoreError) -> [SessionID]? {
        try await sessions.close(id, of: person, now: now).map { [$0.id] + $0.earlierIDs }
    }
}

extension ApplicationSession {
    fileprivate init(_ session: Session) {
        self.init(
            snapshot: session.snapshot,
            expiresAt: session.expiresAt,
            hasOtherPrivileges: session.hasOtherPrivileges
        )
    }
}

extension OpenedApplicationSession {
    fileprivate init(_ opened: (cookie: Secret, session: Session)) {
        self.init(cookie: opened.cookie, session: ApplicationSession(opened.session))
    }
}
