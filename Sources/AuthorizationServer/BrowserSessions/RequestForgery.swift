import OAuthVocabulary

/// What holds off a request that another site has a person's browser send.
///
/// Each holds by itself for what it is meant for; the table is in Docs/decisions/0019-browser-sessions.md.
package enum CSRFDefence: String, CaseIterable, Sendable {
    /// Browsers send the cookie with requests of the same site only.
    case sameSite = "same-site"
    /// Browsers say which origin a request comes from, and it is the server's or one that the client registered.
    case origin
    /// JSON bears a header that a page of another origin can set only after a preflight, which is refused.
    case customHeader = "custom-header"
    /// A form bears a token that only the person's own page was told.
    case formToken = "form-token"
}

/// Tells requests of an application's own pages from those of others.
enum RequestForgery {
    /// The value of the header `Signet-CSRF`.
    static let marker = "1"

    /// Throws unless the request comes from a page of the client's or of the server's.
    ///
    /// A request that says nothing of where it comes from is refused: browsers say it with every POST, and whatever is
    /// none can say it too.
    static func checkOrigin(
        _ provenance: Provenance,
        of client: RegisteredClient,
        _ configuration: ProviderConfiguration
    ) throws(OAuthError) {
        guard configuration.csrfDefences.contains(.origin) else { return }
        // Fetch Metadata §2.4. "same-site" is looked at together with the origin below: a sibling is somebody else.
        guard provenance.fetchSites.allSatisfy({ $0 == "same-origin" || $0 == "same-site" }) else {
            throw foreign("Sec-Fetch-Site: \(provenance.fetchSites.joined(separator: ", "))")
        }
        guard provenance.origins.count == 1, let origin = provenance.origins.first else {
            throw OAuthError(
                .accessDenied,
                "the request does not say from which origin it comes",
                status: 403,
                detail: "\(provenance.origins.count) Origin headers"
            )
        }
        guard origin == configuration.issuer.origin || client.origins.contains(origin) else {
            throw foreign("Origin: \(origin)")
        }
    }

    /// Throws unless the request bears what only a page that may read our answers can have put there.
    ///
    /// - Parameter binding: what a form token is bound to; `nil` where there is nothing to protect.
    static func checkProof(
        _ request: EndpointRequest,
        token: String?,
        binding: SessionBinding?,
        of client: ClientID,
        _ services: Services
    ) throws(OAuthError) {
        let defences = services.configuration.csrfDefences
        if request.provenance.content == .json, defences.contains(.customHeader) {
            guard request.provenance.markers == [marker] else {
                throw OAuthError(
                    .accessDenied,
                    "a request with JSON needs the header Signet-CSRF: 1",
                    status: 403,
                    detail: "\(request.provenance.markers.count) headers Signet-CSRF"
                )
            }
            return
        }
        if defences.contains(.formToken) {
            guard let binding else { return }
            let expected = services.csrfToken(binding, of: client)
            guard let token, Secret(token) == Secret(expected) else {
                throw OAuthError(
                    .accessDenied,
                    "the form does not bear the csrf_token of this sign-in",
                    status: 403,
                    detail: token == nil ? "no csrf_token" : "another csrf_token"
                )
            }
            return
        }
        // A form cannot bear the header: where that is all there is, forms are refused.
        guard request.provenance.content == .json || !defences.contains(.customHeader) else {
            throw foreign("a form, which cannot bear Signet-CSRF")
        }
    }

    private static func foreign(_ detail: String) -> OAuthError {
        OAuthError(.accessDenied, "this request came from another site", status: 403, detail: detail)
    }
}

/// What a form token belongs to.
enum SessionBinding: Sendable {
    case family(FamilyID)
    case session(SessionID)
    /// The cookie of a browser in which nobody is signed in yet.
    case browser(Secret)

    var parts: [String] {
        switch self {
        case .family(let id): ["family", id.value]
        case .session(let id): ["session", id.value]
        case .browser(let cookie): ["browser", Digest.sha256Text(cookie.exposed)]
        }
    }
}

extension Services {
    /// `csrf_token`: an HMAC, so that nothing has to be kept, under the same key as the forms of our own pages.
    func csrfToken(_ binding: SessionBinding, of client: ClientID) -> String {
        let parts = ["browser-session", client.value] + binding.parts
        // Lengths in front: no two lists of parts make one message.
        return keys.interactionMAC(parts.map { "\($0.utf8.count):\($0)" }.joined())
    }
}
