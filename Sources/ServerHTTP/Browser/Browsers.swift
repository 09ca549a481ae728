// Browser: the cookies that name a browser and a session (RFC 6265, `__Host-` prefix of RFC 6265bis §4.1.3.2), who may
// call from a script (CORS, Fetch §3.2), and what came from another site. Stores nothing itself.

import Accounts
import AuthorizationServer
import Instants
import OAuthVocabulary
import Storage

/// What the cookies of a request say.
struct Browser: Sendable {
    /// SHA-256 of the cookie that names this browser: interactions and form tokens are bound to it.
    let binding: String
    /// The cookie, if it was made for this request and must be set.
    let newCookie: String?
    /// The sign-on cookie as it came, whether or not it names a live session.
    let sessionCookie: Secret?
    let session: Session?
}

extension Session {
    var snapshot: SessionSnapshot {
        SessionSnapshot(
            id: id,
            subject: subject,
            authentication: AuthenticationEvent(at: authenticatedAt, acr: acr, amr: amr),
            key: recordKey,
            client: client
        )
    }
}

/// Finds who a browser is, and tells it.
struct Browsers: Sendable {
    /// Bytes of randomness in the cookie that names a browser.
    static let cookieBytes = 32

    let sessions: Sessions
    let random: any RandomSource
    let cookies: CookieJar

    func identify(_ exchange: Exchange) async throws(OAuthError) -> Browser {
        let sessionCookie = cookies.value(of: .session, in: exchange.headers).map { Secret($0) }
        var session: Session?
        if let sessionCookie {
            session = try await answering { () async throws(StoreError) in
                try await sessions.find(cookie: sessionCookie, now: exchange.receivedAt)
            }
        }
        let known = cookies.value(of: .browser, in: exchange.headers)
        let cookie = known ?? random.text(Self.cookieBytes)
        return Browser(
            binding: Digest.sha256Text(cookie),
            newCookie: known == nil ? cookie : nil,
            sessionCookie: sessionCookie,
            session: session
        )
    }

    func rememberBrowser(_ browser: Browser, in answer: inout Answer) {
        guard let cookie = browser.newCookie else { return }
        answer.headers.append(cookies.field(.browser, cookie, lifetime: CookieJar.browserLifetime))
    }

    func rememberSession(_ cookie: Secret, in answer: inout Answer) {
        // No lifetime: it ends with the browser, and the session's own limits end it before that.
        answer.headers.append(cookies.field(.session, cookie.exposed, lifetime: nil))
    }

    func forgetSession(in answer: inout Answer) {
        answer.headers.append(cookies.field(.session, "", lifetime: .zero))
    }
}
