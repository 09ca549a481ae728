// UpstreamLogin: "log in with somebody else". Any OpenID Connect provider, and GitHub, which has OAuth 2 and an API of its own.
// OIDC Core §3.1 and RFC 6749 §4.1 by the OAuthClient's RelyingParty; OAuth 2.0 Form Post Response Mode §2; who the person is
// here is decided by Accounts. Knows no pages and no cookies: ServerHTTP mounts it. Owns the record kind `upstream-login`.

package import Accounts
internal import Crypto
package import Instants
internal import JOSE
internal import OAuthClient
package import OAuthVocabulary
package import Storage

/// The front door of the room: begins logins at other providers, and ends them.
package struct UpstreamLogins: Sendable {
    /// How long somebody may take to sign in there.
    static let lifetime: Duration = .seconds(600)
    private static let handleBytes = 32

    package let providers: UpstreamRegister
    private let store: any Store
    private let accounts: UpstreamAccounts
    private let randomness: @Sendable (Int) -> [UInt8]

    /// - Parameter randomness: as many unpredictable bytes as it is asked for.
    package init(
        providers: UpstreamRegister,
        store: any Store,
        accounts: UpstreamAccounts,
        randomness: @escaping @Sendable (Int) -> [UInt8]
    ) {
        self.providers = providers
        self.store = store
        self.accounts = accounts
        self.randomness = randomness
    }

    /// What a login is for.
    package enum Purpose: Hashable, Sendable {
        /// A request of an application or a page of ours waits for a person to sign in.
        case signIn(interaction: String)
        /// A person who is signed in wants to be able to come this way.
        case link(Subject, session: SessionID)
    }

    /// How fresh the sign-in there has to be.
    package enum Freshness: Hashable, Sendable {
        case any
        /// Somebody who is signed in here has to prove it again (`prompt=login`, `max_age`).
        case again
    }

    /// How a login ended.
    package enum Outcome: Sendable {
        case signedIn(Person, interaction: String)
        case linked
    }

    /// Begins a login: where to send the browser.
    ///
    /// - Parameter browserBinding: of the browser that begins; no other one can end it.
    package func begin(
        _ name: UpstreamName,
        for purpose: Purpose,
        _ freshness: Freshness = .any,
        browserBinding: String,
        now: Instant
    ) async throws(UpstreamFailure) -> String {
        let connection = try usable(name, purpose)
        let start: LoginStart
        do throws(OAuthClientError) {
            start = try await connection.start(freshness)
        } catch {
            throw UpstreamFailure(error, at: connection.provider, for: purpose)
        }
        let pending = PendingUpstreamLogin(
            provider: name,
            browserBinding: browserBinding,
            purpose: purpose,
            freshness: freshness,
            login: start.pending
        )
        try await stored(purpose) { () async throws(StoreError) in
            let record = try pending.record(expiresAt: now + Self.lifetime)
            guard try await store.apply([.insert(record)], now: now) == .applied else {
                throw .unavailable(reason: "two logins drew one state")
            }
        }
        return start.url
    }

    /// Takes an answer that came as a form from another site, which browsers send without our cookies (`SameSite=Lax`), and
    /// keeps it until the browser comes back with them.
    ///
    /// Nothing of it is believed yet: the code is redeemed when the browser has shown that it began this login.
    ///
    /// - Returns: the query with which the browser comes back to the same address by GET.
    package func keep(
        _ form: String,
        from name: UpstreamName,
        now: Instant
    ) async throws(UpstreamFailure) -> String {
        let connection = try usable(name, nil)
        guard connection.provider.answersByForm else { throw UpstreamFailure(.expired, "this provider answers by GET") }
        guard var pending = try await pending(of: form, at: name, now: now) else {
            throw UpstreamFailure(.expired, "no login waits for this state")
        }
        // The first answer counts: another one for the same login is somebody else's, or a form sent twice.
        guard pending.answer == nil else { throw UpstreamFailure(.expired, "this login was answered already") }
        let handle = Base64URL.encode(randomness(Self.handleBytes))
        pending.answer = form
        pending.handle = Base64URL.encode(SHA256.hash(data: Array(handle.utf8)))
        let kept = pending
        let isFirst = try await stored(pending.purpose) { () async throws(StoreError) in
            try await store.apply([.replace(try kept.record(), ifVersion: kept.version)], now: now) == .applied
        }
        guard isFirst else { throw UpstreamFailure(.expired, "two answers came for one login") }
        return FormEncoding.encode([(name: "state", value: kept.login.state), (name: "handle", value: handle)])
    }

    /// Ends a login: checks that this browser began it, redeems the code, and finds out who the person is here.
    ///
    /// - Parameters:
    ///   - query: of the request to the redirect URI, or what ``keep(_:from:now:)`` returned.
    ///   - session: who is signed in at this browser: a link is made for the session that asked for it only.
    package func finish(
        _ name: UpstreamName,
        query: String,
        browserBinding: String,
        session: Session?,
        now: Instant
    ) async throws(UpstreamFailure) -> Outcome {
        // One answer for a state that never was, one that is over, and one of another browser (login CSRF, CVE-2026-7507).
        guard let pending = try await pending(of: query, at: name, now: now),
            Secret(pending.browserBinding) == Secret(browserBinding)
        else { throw UpstreamFailure(.expired, "no login of this browser waits for this state") }
        let connection = try usable(name, pending.purpose)
        let answer = try answer(to: pending, query: query)
        if case .link(let subject, let id) = pending.purpose {
            guard let session, session.subject == subject, session.id == id else {
                throw UpstreamFailure(.expired, "the session that asked for the link is over", pending.purpose)
            }
        }
        // RFC 6749 §10.12 by single use: whatever comes of it, this state is spent.
        let isFirst = try await stored(pending.purpose) { () async throws(StoreError) in
            try await store.apply([.consume(pending.recordKey)], now: now) == .applied
        }
        guard isFirst else { throw UpstreamFailure(.expired, "this login was ended already", pending.purpose) }
        let profile: UpstreamProfile
        do throws(OAuthClientError) {
            profile = try await connection.finish(pending.login, query: answer)
        } catch {
            throw UpstreamFailure(error, at: connection.provider, for: pending.purpose)
        }
        return try await conclude(profile, connection.provider, pending, now: now)
    }

    private func conclude(
        _ profile: UpstreamProfile,
        _ provider: UpstreamProvider,
        _ pending: PendingUpstreamLogin,
        now: Instant
    ) async throws(UpstreamFailure) -> Outcome {
        let purpose = pending.purpose
        var refusal: UpstreamRefusal?
        var outcome = Outcome.linked
        do throws(AccountsError) {
            switch purpose {
            case .signIn(let interaction):
                switch try await accounts.signIn(profile, rules: provider.rules, now: now) {
                case .signedIn(let person): outcome = .signedIn(person, interaction: interaction)
                case .refused(let reason): refusal = reason
                }
            case .link(let subject, _):
                refusal = try await accounts.link(profile, to: subject, rules: provider.rules, now: now)
            }
        } catch {
            throw UpstreamFailure(.accounts(error), error.detail ?? error.description, purpose)
        }
        // CVE-2023-6787: somebody who has a password shows that they are there by it, or at a provider that proves it.
        // Before they came back nobody knew who they are.
        if case .signedIn(let person, _) = outcome, person.hasPassword, pending.freshness == .again,
            !provider.provesFreshness
        {
            throw UpstreamFailure(.providerOff, "\(provider.name) cannot prove a fresh sign-in", purpose)
        }
        guard let refusal else { return outcome }
        throw UpstreamFailure(.refused(refusal), "the rules of \(provider.name) refuse: \(refusal)", purpose)
    }
}

extension UpstreamLogins {
    /// A provider that is there and switched on (CVE-2026-1486, CVE-2026-2603: also when the answer comes).
    private func usable(_ name: UpstreamName, _ purpose: Purpose?) throws(UpstreamFailure) -> UpstreamConnection {
        guard let connection = providers.connection(name), connection.provider.state == .enabled else {
            throw UpstreamFailure(.providerOff, "\(name) is not there or is switched off", purpose)
        }
        return connection
    }

    /// The login whose state an answer names; `nil` if there is none that is open and was begun at this provider.
    private func pending(
        of answer: String,
        at name: UpstreamName,
        now: Instant
    ) async throws(UpstreamFailure) -> PendingUpstreamLogin? {
        let states = (FormEncoding.pairs(answer) ?? []).filter { $0.name == "state" }
        guard states.count == 1, let state = states.first?.value, (1...256).contains(state.utf8.count) else {
            return nil
        }
        let pending = try await stored(nil) { () async throws(StoreError) -> PendingUpstreamLogin? in
            let record = try await store.find(PendingUpstreamLogin.recordKey(state: state), now: now)
            guard let record, record.consumedAt == nil else { return nil }
            return try PendingUpstreamLogin(record)
        }
        return pending?.provider == name ? pending : nil
    }

    /// The answer itself: what was kept, if the query brings the handle for it.
    private func answer(to pending: PendingUpstreamLogin, query: String) throws(UpstreamFailure) -> String {
        guard let kept = pending.answer, let expected = pending.handle else { return query }
        let handle = (FormEncoding.pairs(query) ?? []).first { $0.name == "handle" }?.value ?? ""
        let digest = Base64URL.encode(SHA256.hash(data: Array(handle.utf8)))
        guard Secret(digest) == Secret(expected) else {
            throw UpstreamFailure(.expired, "the handle is not that of the answer", pending.purpose)
        }
        return kept
    }

    private func stored<Value>(
        _ purpose: Purpose?,
        _ body: () async throws(StoreError) -> Value
    ) async throws(UpstreamFailure) -> Value {
        do {
            return try await body()
        } catch {
            throw UpstreamFailure(.store(error), "the store failed", purpose)
        }
    }
}
