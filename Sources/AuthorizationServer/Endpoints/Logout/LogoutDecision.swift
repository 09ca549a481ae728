package import OAuthVocabulary

/// A logout request of which every check holds.
package struct LogoutRequest: Sendable {
    package var client: RegisteredClient?
    package var hint: IDTokenHint?
    /// Registered by the client, byte for byte.
    package var target: RedirectURI?
    package var state: String?
    package var uiLocales: [String]
}

/// What a logout request leads to.
package enum LogoutStep: Hashable, Sendable {
    /// Nobody is signed in here: there is nothing to end.
    case nothingToEnd
    /// The application has proven that it means this very session.
    case end
    case confirm
}

/// The decisions of RP-Initiated Logout, from values.
package enum LogoutDecision {
    /// Everything that a logout request may say; others never reach it, nor come back from the page.
    package static let parameterNames: Set<String> = [
        "id_token_hint", "logout_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales",
    ]

    /// Which client the request is from: the one that it names or, failing that, the one that its hint was issued to.
    package static func clientID(
        _ parameters: Parameters,
        hint: IDTokenHint?
    ) throws(OAuthError) -> ClientID? {
        guard let named = parameters["client_id"] else {
            guard let hint else { return nil }
            return hint.clients.count == 1 ? hint.clients.first : nil
        }
        // RP-Initiated Logout §2: where both are present, the OP must verify that client_id is the client that the ID
        // token was issued to.
        guard let id = ClientID(named), hint?.clients.contains(id) ?? true else {
            throw .invalidRequest(
                "client_id is not the application that id_token_hint was issued to",
                detail: "client_id differs from aud"
            )
        }
        return id
    }

    package static func check(
        _ parameters: Parameters,
        hint: IDTokenHint?,
        client: RegisteredClient?
    ) throws(OAuthError) -> LogoutRequest {
        for name in ["state", "logout_hint"] where parameters[name]?.utf8.count ?? 0 > Limits.echoedParameterLength {
            throw .invalidRequest("state and logout_hint may have at most 2048 bytes", detail: "\(name) is longer")
        }
        var target: RedirectURI?
        if let presented = parameters["post_logout_redirect_uri"] {
            // RP-Initiated Logout §3: "the OP MUST NOT perform post-logout redirection if the post_logout_redirect_uri
            // value supplied does not exactly match one of the previously registered post_logout_redirect_uris values"
            // (CVE-2024-39694). Without a client there is nothing to match.
            guard let client, client.isEnabled,
                let registered = client.postLogoutRedirectURIs.first(where: { $0.value == presented })
            else {
                throw OAuthError(
                    .invalidRedirectURI,
                    "post_logout_redirect_uri is not registered for this application",
                    detail: "got \(presented.prefix(200)), registered: "
                        + (client?.postLogoutRedirectURIs.map(\.value).joined(separator: " ")
                            ?? "unknown, since no client was named")
                )
            }
            target = registered
        }
        return LogoutRequest(
            client: client,
            hint: hint,
            target: target,
            state: parameters["state"],
            uiLocales: UILocalesCheck.read(parameters["ui_locales"])
        )
    }

    /// Which of the sessions of this browser the request is about: the one that its hint was issued in, else one of the
    /// person whom it names, else the current one.
    package static func session(
        _ request: LogoutRequest,
        among sessions: [SessionSnapshot]
    ) -> SessionSnapshot? {
        sessions.first { isProven(request, $0) } ?? sessions.first { $0.subject == request.hint?.subject }
            ?? sessions.first
    }

    /// Whether the person has to be asked.
    package static func step(_ request: LogoutRequest, session: SessionSnapshot?) -> LogoutStep {
        guard let session else { return .nothingToEnd }
        // RP-Initiated Logout §2: the OP must ask "if an id_token_hint was not provided or if the supplied ID Token
        // does not belong to the current OP session with the RP and/or currently logged in End-User." Otherwise any
        // link on the web could sign people out (CVE-2020-10734).
        return isProven(request, session) ? .end : .confirm
    }

    private static func isProven(_ request: LogoutRequest, _ session: SessionSnapshot) -> Bool {
        guard let hint = request.hint, let id = hint.session else { return false }
        return hint.subject == session.subject && session.answers(to: id)
    }
}
