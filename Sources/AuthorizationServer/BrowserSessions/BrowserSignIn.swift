import Instants
import JOSE
import OAuthVocabulary
import Storage

/// A person's sign-in at one client, as the cookie of a request finds it.
enum BrowserSignIn: Sendable {
    /// By the refresh token in the cookie.
    case tokens(Stored<RefreshFamily>, RefreshStanding)
    /// By the session's secret in the cookie.
    case session(ApplicationSession, PersonSnapshot, cookie: Secret)

    var binding: SessionBinding {
        switch self {
        case .tokens(let family, _): .family(family.content.id)
        case .session(let session, _, _): .session(session.snapshot.id)
        }
    }
}

/// Finds, describes and ends the sign-ins that cookies stand for.
struct BrowserSignIns: Sendable {
    let services: Services

    init(_ services: Services) { self.services = services }

    /// What the cookie of this client finds; `nil` where it finds nothing of this client's.
    func find(_ asked: SessionRequest) async throws(OAuthError) -> BrowserSignIn? {
        guard let cookie = asked.request.cookies[SessionCookie.name(of: asked.id)] else { return nil }
        return asked.client.content.browserSession == .session
            ? try await session(cookie, asked.id) : try await tokens(cookie, asked.client)
    }

    private func tokens(
        _ cookie: Secret,
        _ client: Stored<RegisteredClient>
    ) async throws(OAuthError) -> BrowserSignIn? {
        let grant = RefreshTokenGrant()
        let moment = services.time.moment()
        let request = GrantRequest(
            client: client,
            parameters: try Parameters([(name: "refresh_token", value: cookie.exposed)]),
            moment: moment,
            configuration: services.configuration,
            keys: services.keys
        )
        let material = try await grant.load(request, from: Reader(services, now: moment.steady))
        guard let family = material.family else { return nil }
        return .tokens(family, grant.standing(request, material))
    }

    private func session(_ cookie: Secret, _ client: ClientID) async throws(OAuthError) -> BrowserSignIn? {
        let now = services.time.moment().steady
        let found = try await answering { () async throws(StoreError) in
            try await services.applicationSessions.find(cookie, at: client, now: now)
        }
        guard let found else { return nil }
        let reader = Reader(services, now: now)
        let snapshot = found.snapshot
        guard let person = try await reader.person(snapshot.subject), person.isEnabled else { return nil }
        // Whatever ended the person's right ends the session with it, at once.
        let cutOff = try await reader.cutOff([
            .session(snapshot.id), .subject(snapshot.subject), .client(client), .everything,
        ])
        if let cutOff, snapshot.authentication.at <= cutOff { return nil }
        return .session(found, person, cookie: cookie)
    }

    /// Ends it with everything that rests on it.
    func end(_ signIn: BrowserSignIn, at client: ClientID) async throws(OAuthError) {
        switch signIn {
        case .session(let session, _, _): try await close(session.snapshot.id, session.snapshot.subject)
        case .tokens(let family, _):
            guard family.record.consumedAt == nil else { return }
            let now = services.time.moment().steady
            let session = try await Reader(services, now: now).session(family.content.signOnSession)
            if let session, session.client == client { return try await close(session.id, session.subject) }
            // The sign-on session that the grant came from belongs to every application of this browser.
            try await answering { () async throws(StoreError) in
                _ = try await services.revocations.apply(
                    ending: Ending(family.content, because: .signedOut),
                    now: now,
                    settlingBy: services.time
                )
            }
        }
    }

    func close(_ id: SessionID, _ subject: Subject) async throws(OAuthError) {
        try await answering { () async throws(StoreError) in
            let now = services.time.moment().steady
            guard let closed = try await services.applicationSessions.close(id, of: subject, now: now) else { return }
            for id in closed {
                let ending = Ending(.session(id), because: .signedOut, subject: subject)
                try await services.revocations.endWhatSlippedThrough(ending, since: now, by: services.time)
            }
        }
    }

    /// What `GET /session` says of it; `nil` where nobody is signed in.
    func state(_ signIn: BrowserSignIn?, at client: RegisteredClient) -> JSONObject? {
        let now = services.time.moment().steady
        guard let signIn else { return nil }
        var state: JSONObject = ["active": true]
        switch signIn {
        case .tokens(let family, let standing):
            guard standing.isSignedIn else { return nil }
            state["sub"] = .string(family.content.subject.value)
            state["mode"] = "tokens"
            state["expires_in"] = .integer(((family.record.expiresAt ?? now) - now).wholeSeconds)
            state["sid"] = .string(family.content.signOnSession.value)
            add(family.content.authentication, to: &state)
        case .session(let session, let person, _):
            state["sub"] = .string(person.subject.value)
            state["mode"] = "session"
            state["expires_in"] = .integer((session.expiresAt - now).wholeSeconds)
            state["sid"] = .string(session.snapshot.id.value)
            add(session.snapshot.authentication, to: &state)
            add(person, for: client, to: &state)
            // The old secret does not get the new rights: the application renews first.
            if session.hasOtherPrivileges {
                for name in ["roles", "groups", "entitlements"] { state[name] = nil }
                state["renew"] = true
            }
        }
        state["csrf_token"] = .string(services.csrfToken(signIn.binding, of: client.id))
        return state
    }

    private func add(_ authentication: AuthenticationEvent, to state: inout JSONObject) {
        state["auth_time"] = .integer(services.time.moment().onTheWall(authentication.at).secondsSinceEpoch)
        state["acr"] = .string(authentication.acr)
        state["amr"] = .array(authentication.amr.map { .string($0) })
    }

    /// What an application without tokens learns of its person: the claims of the scopes that it may ask for, and the
    /// authorizations that would enter its tokens.
    private func add(_ person: PersonSnapshot, for client: RegisteredClient, to state: inout JSONObject) {
        var claims: JSONObject = [:]
        for (scope, names) in UserInfoEndpoint.claimsByScope where client.scopes.contains(scope) {
            for name in names { if let value = person.standardClaims[name] { claims[name] = value } }
        }
        if !claims.isEmpty { state["claims"] = .object(claims) }
        let lists = [("roles", person.roles), ("groups", person.groups), ("entitlements", person.entitlements)]
        for (name, values) in lists where client.tokenClaims.contains(name) {
            state[name] = .array(values.map { .string($0) })
        }
    }
}

extension RefreshStanding {
    var isSignedIn: Bool {
        switch self {
        case .current, .superseded: true
        case .worthless: false
        }
    }
}

extension OAuthError {
    /// Nobody is signed in at this client: the page must ask its person.
    static func loginRequired(_ detail: String) -> OAuthError {
        OAuthError(.loginRequired, "nobody is signed in at this client in this browser", status: 401, detail: detail)
    }
}
