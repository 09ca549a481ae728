// Browser: the cookies that name a browser and a session (RFC 6265, `__Host-` prefix of RFC 6265bis §4.1.3.2), who may
// call from a script (CORS, Fetch §3.2), and what came from another site. Stores nothing itself.

import Accounts
import AuthorizationServer
import HTTPTypes
import Instants
import OAuthVocabulary
import Storage

/// What the cookies of a request say.
struct Browser: Sendable {
    /// SHA-256 of the cookie that names this browser: interactions and form tokens are bound to it.
    let binding: String
    /// The cookie, if it was made for this request and must be set.
    let newCookie: String?
    /// The secrets in the sign-on cookie as it came, whether or not they name live sessions.
    let secrets: [Secret]
    /// Everybody who is signed in in this browser, the current person first.
    let opened: [OpenedSession]

    /// The session of the current person.
    var session: Session? { opened.first?.session }
}

extension Session {
    var snapshot: SessionSnapshot {
        var snapshot = SessionSnapshot(
            id: id,
            subject: subject,
            authentication: AuthenticationEvent(at: authenticatedAt, acr: acr, amr: amr),
            key: recordKey,
            client: client,
            earlierIDs: earlierIDs
        )
        snapshot.endsAt = endsAt
        return snapshot
    }
}

/// Finds who a browser is, and tells it.
struct Browsers: Sendable {
    /// Bytes of randomness in the cookie that names a browser.
    static let cookieBytes = 32
    /// How many people one browser keeps signed in: their secrets share one cookie of at most 256 bytes.
    static let maximumSessions = 5

    let sessions: Sessions
    let services: Services
    let cookies: CookieJar

    private var random: any RandomSource { services.random }

    func identify(_ exchange: Exchange) async throws(OAuthError) -> Browser {
        let secrets = cookies.value(of: .session, in: exchange.headers).map(Self.secrets) ?? []
        let opened = try await answering { () async throws(StoreError) in
            try await sessions.find(cookies: secrets, now: exchange.receivedAt)
        }
        let known = cookies.value(of: .browser, in: exchange.headers)
        let cookie = known ?? random.text(Self.cookieBytes)
        return Browser(
            binding: Digest.sha256Text(cookie),
            newCookie: known == nil ? cookie : nil,
            secrets: secrets,
            opened: opened
        )
    }

    /// The secrets in the value of a sign-on cookie, each once; none of a value that has more parts than we ever set.
    private static func secrets(_ value: String) -> [Secret] {
        let parts = value.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= maximumSessions else { return [] }
        var unique: [Substring] = []
        for part in parts where !part.isEmpty && !unique.contains(part) { unique.append(part) }
        return unique.map { Secret(String($0)) }
    }

    /// Opens a session for somebody who has just proven who they are, beside those of other people in this browser, with
    /// a new id and cookie, whatever the browser had before (CVE-2026-7507, CVE-2025-12390).
    ///
    /// Of more than ``maximumSessions`` the one that was current longest ago ends: nobody could reach it any more.
    ///
    /// - Returns: everybody who is signed in from now on, to be remembered with the answer.
    func signIn(
        _ person: Person,
        amr: [String],
        acr: String,
        _ exchange: Exchange,
        _ browser: Browser,
        now: Instant
    ) async throws(OAuthError) -> [OpenedSession] {
        let others = browser.opened.filter { $0.session.subject != person.subject }
        for crowded in others.dropFirst(Self.maximumSessions - 1) { try await close(crowded.session.id, now: now) }
        do throws(AccountsError) {
            let (cookie, session) = try await sessions.create(
                for: person,
                amr: amr,
                acr: acr,
                now: now,
                from: SessionOrigin(userAgent: exchange.headers[.userAgent], address: exchange.address),
                replacing: browser.secrets
            )
            return [OpenedSession(cookie: cookie, session: session)] + others.prefix(Self.maximumSessions - 1)
        } catch {
            throw OAuthError(error)
        }
    }

    /// Closes a session, and what may have been issued by it while it was being closed.
    func close(_ id: SessionID, of owner: Subject? = nil, now: Instant) async throws(OAuthError) {
        try await answering { () async throws(StoreError) in
            guard let closed = try await sessions.close(id, of: owner, now: now) else { return }
            try await settle(closed, since: now)
        }
    }

    /// Ends everything of a person in every browser and at every application, offline access included; what they
    /// consented to stays.
    ///
    /// The person's right ends first: whatever comes in between closing this session and that one is void already, and
    /// every application hears of it once.
    func endEverything(of person: Subject, now: Instant) async throws(OAuthError) {
        try await answering { () async throws(StoreError) in
            let ending = Ending(.subject(person), because: .signedOut)
            try await services.revocations.apply(ending: ending, now: now, settlingBy: services.time)
            try await sessions.closeAll(of: person, now: services.time.moment().steady)
        }
    }

    func settle(_ closed: ClosedSession, since moment: Instant) async throws(StoreError) {
        for id in [closed.id] + closed.earlierIDs {
            let ending = Ending(.session(id), because: .signedOut, subject: closed.subject)
            try await services.revocations.endWhatSlippedThrough(ending, since: moment, by: services.time)
        }
    }

    func rememberBrowser(_ browser: Browser, in answer: inout Answer) {
        guard let cookie = browser.newCookie else { return }
        answer.headers.append(cookies.field(.browser, cookie, lifetime: CookieJar.browserLifetime))
    }

    /// Tells the browser who is signed in, the current person first.
    func remember(_ opened: some Sequence<OpenedSession>, in answer: inout Answer) {
        let value = opened.map(\.cookie.exposed).joined(separator: ".")
        // No lifetime: it ends with the browser, and the sessions' own limits end them before that.
        answer.headers.append(cookies.field(.session, value, lifetime: value.isEmpty ? .zero : nil))
    }

    /// Drops from the sign-on cookie what is dead, unless the answer sets it anyway.
    func forgetDead(_ browser: Browser, in answer: inout Answer) {
        let isSet = answer.headers[values: .setCookie].contains { $0.hasPrefix(cookies.name(.session) + "=") }
        guard !isSet, browser.secrets.count > browser.opened.count else { return }
        remember(browser.opened, in: &answer)
    }
}
