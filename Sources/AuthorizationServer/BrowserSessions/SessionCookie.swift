import Instants
package import OAuthVocabulary

/// The cookie in which a browser keeps its sign-in at one client.
package enum SessionCookie {
    /// Only endpoints below `/session` read it.
    package static let family = CookieFamily(prefix: "signet-client-")
    private static let digestLength = 22

    /// One name a client.
    ///
    /// A client identifier may have characters that a cookie name must not (RFC 6265 §4.1.1), and any length: its digest
    /// stands for it, so that no two share a name.
    package static func name(of client: ClientID) -> CookieName {
        CookieName(family.prefix + Digest.sha256Text(client.value).prefix(digestLength))
    }

    /// What a form of a page without a sign-in is bound to.
    static func formName(of client: ClientID) -> CookieName { CookieName(name(of: client).value + ".form") }

    /// The refresh token, for as long as it lives unused.
    static func keeping(
        _ refresh: (token: Secret, expiresAt: Instant),
        for client: ClientID,
        now: Instant,
        _ configuration: ProviderConfiguration
    ) -> CookieChange {
        let lifetime = max(.zero, refresh.expiresAt - now)
        return change(name(of: client), refresh.token, lifetime: lifetime, configuration)
    }

    /// The secret of a session.
    ///
    /// It ends with the browser, and the session's own limits end it before that.
    static func keeping(
        _ session: Secret,
        for client: ClientID,
        _ configuration: ProviderConfiguration
    ) -> CookieChange {
        change(name(of: client), session, lifetime: nil, configuration)
    }

    /// Clears the cookie, if the request brought one.
    ///
    /// An answer to a request without cookies changes none: another site could post a form without them, and its answer
    /// would sign the person out.
    static func clearing(_ client: ClientID, _ request: EndpointRequest, _ services: Services) -> [CookieChange] {
        let name = name(of: client)
        guard request.cookies.has(name) else { return [] }
        return [change(name, nil, lifetime: nil, services.configuration)]
    }

    static func change(
        _ name: CookieName,
        _ value: Secret?,
        lifetime: Duration?,
        _ configuration: ProviderConfiguration
    ) -> CookieChange {
        let isStrict = configuration.csrfDefences.contains(.sameSite)
        return CookieChange(name, value, lifetime: lifetime, sameSite: isStrict ? .strict : .none)
    }
}
