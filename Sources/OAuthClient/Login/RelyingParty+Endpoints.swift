internal import IssuerConnection
public import JOSE
internal import OAuthVocabulary

extension RelyingParty {
    /// What userinfo says about the person (OpenID Connect Core §5.3).
    ///
    /// - Parameter subject: the `sub` of the ID token, without which nothing here may be believed.
    public func userInfo(
        accessToken: String,
        expecting subject: String
    ) async throws(OAuthClientError) -> JSONObject {
        let endpoint = try await dialogue.endpoint("userinfo endpoint", \.userInfoEndpoint)
        let request = TransportRequest(
            url: endpoint,
            headers: [("Accept", "application/json"), ("Authorization", "Bearer \(accessToken)")],
            timeout: dialogue.environment.timeout
        )
        let response: TransportResponse
        do throws(TransportError) {
            response = try await PatientTransport(retrying: dialogue.retrying(dialogue.environment.retries)).send(
                request
            )
        } catch {
            throw OAuthClientError(error)
        }
        guard response.status == 200 else {
            var error = Answer.refusal(response, hiding: [accessToken], now: dialogue.clock.now)
            error.error = error.error ?? BearerChallenge.error(in: response)
            throw error
        }
        let claims = try Answer.object(response)
        // OIDC Core §5.3.2: "The sub Claim in the UserInfo Response MUST be verified to exactly match the sub Claim in the
        // ID Token; if they do not match, the UserInfo Response values MUST NOT be used."
        // By octets: `==` takes texts for the same that Unicode holds for equivalent.
        guard claims["sub"]?.stringValue?.utf8.elementsEqual(subject.utf8) == true else {
            throw OAuthClientError(.tokenInvalid, reason: "userinfo is about somebody else")
        }
        return claims
    }

    /// Where to send the browser so that the issuer ends its session too (OpenID Connect RP-Initiated Logout §2).
    ///
    /// - Parameter idToken: tells the issuer whose session; it stands in the URL, as that specification wants.
    public func logoutURL(
        idToken: String? = nil,
        returningTo postLogoutRedirectURI: String? = nil,
        state: String? = nil
    ) async throws(OAuthClientError) -> String {
        let endpoint = try await dialogue.endpoint("logout endpoint", \.endSessionEndpoint)
        var fields = [FormField("client_id", registration.clientID)]
        if let idToken { fields.append(FormField("id_token_hint", idToken)) }
        if let postLogoutRedirectURI {
            fields.append(FormField("post_logout_redirect_uri", postLogoutRedirectURI))
            if let state { fields.append(FormField("state", state)) }
        }
        return "\(endpoint)\(endpoint.contains("?") ? "&" : "?")\(FormEncoding.encode(fields))"
    }

    /// Tells the issuer that a token is needed no more (RFC 7009 §2.1): the refresh token, and the grant goes with it.
    ///
    /// A token that the issuer does not know is no error (RFC 7009 §2.2).
    public func revoke(
        _ token: String,
        hint: RevocationHint = .refreshToken
    ) async throws(OAuthClientError) {
        try await dialogue.revoke(token, hint: hint)
    }

    /// The tokens of a login, kept fresh: see ``TokenSession``.
    ///
    /// - Parameter subject: who the person is, so that no refresh can make somebody else of them.
    public func session(
        _ tokens: TokenSet,
        subject: String?,
        store: (any TokenSessionStore)? = nil
    ) -> TokenSession {
        TokenSession(tokens, subject: subject, dialogue: dialogue, judge: judge, store: store)
    }
}

/// What kind of token is revoked: saves the issuer a search (RFC 7009 §2.1).
public struct RevocationHint: Hashable, Sendable {
    let value: String

    /// A refresh token, and with it the grant.
    public static let refreshToken = RevocationHint(value: "refresh_token")
    /// An access token.
    public static let accessToken = RevocationHint(value: "access_token")
}

extension IssuerDialogue {
    func revoke(_ token: String, hint: RevocationHint) async throws(OAuthClientError) {
        let endpoint = try await endpoint("revocation endpoint", \.revocationEndpoint)
        // RFC 7009 §2.2.1: "the client must assume the token still exists and may retry after a reasonable delay"
        _ = try await post(
            [FormField("token", token), FormField("token_type_hint", hint.value)],
            to: endpoint,
            .repeatable
        )
    }
}
