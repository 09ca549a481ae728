import JOSE
import OAuthVocabulary

/// What makes a client's record sound: a table of conditions, all faults reported at once.
enum ClientRules {
    static func check(_ client: RegisteredClient, issuer: IssuerURL?) throws(RegistrationError) {
        let usesCode = client.allows(.authorizationCode)
        let usesSecret = [.clientSecretBasic, .clientSecretPost].contains(client.authenticationMethod)
        let table: [(isFault: Bool, sentence: String)] = [
            (client.name.isEmpty || client.name.utf8.count > 200, "the name must have 1 to 200 bytes"),
            (
                client.type == .public && client.authenticationMethod != .none,
                "a public client keeps no secret: its authentication method must be none"
            ),
            (
                client.type == .confidential && client.authenticationMethod == .none,
                "a confidential client must authenticate: use client_secret_basic, client_secret_post or private_key_jwt"
            ),
            (usesSecret && client.secretHash == nil, "\(client.authenticationMethod) needs a client secret"),
            (
                client.authenticationMethod == .privateKeyJWT && !hasUsableKeys(client),
                "private_key_jwt needs a JWK Set with at least one public RS256, ES256 or EdDSA key"
            ),
            (
                holdsSecretKeys(client),
                "the JWK Set holds a private or symmetric key: register public keys only, and replace the one that was shown"
            ),
            (client.grantTypes.isEmpty && client.browserSession != .session, "at least one grant type is needed"),
            (usesCode && client.redirectURIs.isEmpty, "authorization_code needs at least one redirect URI"),
            (
                !usesCode && !client.redirectURIs.isEmpty && client.browserSession != .session,
                "redirect URIs are only for authorization_code"
            ),
            (
                client.allows(.refreshToken) && !usesCode && !client.allows(.deviceCode)
                    && client.browserSession != .tokens,
                "refresh_token needs authorization_code or \(GrantType.deviceCode): a client with its own credentials can "
                    + "ask again (RFC 6749 §4.4.3)"
            ),
            (
                client.allows(.clientCredentials) && client.type == .public,
                "client_credentials is for confidential clients only (RFC 6749 §4.4)"
            ),
            (
                client.pkce == .optional && (client.type == .public || !client.scopes.contains(.openID)),
                "PKCE can be optional only for a confidential client with the scope openid, which must then send a nonce"
            ),
            (
                ![SignatureAlgorithm.rs256, .es256, .edDSA].map(\.name).contains(client.idTokenAlgorithm),
                "the ID token algorithm must be RS256, ES256 or EdDSA"
            ),
            (
                client.origins.contains { !isOrigin($0) },
                "an origin must be scheme://host or scheme://host:port, nothing more"
            ),
            (client.refreshIdleSeconds.map { $0 <= 0 } ?? false, "the refresh idle lifetime must be positive"),
            (client.refreshAbsoluteSeconds.map { $0 <= 0 } ?? false, "the refresh absolute lifetime must be positive"),
        ]
        let all = table + logoutRules(client) + browserRules(client, issuer)
        let faults = all.filter(\.isFault).map(\.sentence)
        guard faults.isEmpty else { throw .unsound(faults) }
    }

    /// Where a client may hear of logout.
    private static func logoutRules(_ client: RegisteredClient) -> [(isFault: Bool, sentence: String)] {
        [
            (
                hasForeignFrontchannel(client),
                "the front-channel logout URI must have scheme, host and port of a redirect URI (Front-Channel Logout §2)"
            ),
            (
                client.backchannelLogoutSessionRequired == true && client.backchannelLogoutURI == nil,
                "back-channel logout with a session needs a back-channel logout URI"
            ),
            (
                client.frontchannelLogoutSessionRequired == true && client.frontchannelLogoutURI == nil,
                "front-channel logout with a session needs a front-channel logout URI"
            ),
        ]
    }

    /// What a client may keep in a browser.
    private static func browserRules(
        _ client: RegisteredClient,
        _ issuer: IssuerURL?
    ) -> [(isFault: Bool, sentence: String)] {
        let foreign = client.origins.filter { origin in !(issuer.map { SameSite.holds(origin, $0) } ?? false) }
        return [
            (
                client.allows(.deviceCode) && client.tokenDelivery == .cookie,
                "a device takes its refresh token out of the answer: the token delivery must be body"
            ),
            (
                client.browserSession != .none && !client.isFirstParty,
                "a browser session lets people type their password into the application: it must be first-party"
            ),
            (
                client.browserSession == .tokens && client.tokenDelivery != .cookie,
                "a browser session with tokens keeps its refresh token in a cookie: the token delivery must be cookie"
            ),
            (
                client.browserSession == .session && client.tokenDelivery == .cookie,
                "a browser session without tokens has no refresh token to deliver as a cookie"
            ),
            (
                client.tokenDelivery == .cookie && client.type != .public,
                "refresh tokens in cookies are for public clients: a confidential one keeps them on its server"
            ),
            (
                client.tokenDelivery == .cookie && !client.allows(.refreshToken),
                "refresh tokens can be delivered as cookies only to a client with the grant refresh_token"
            ),
            (
                client.usesCookies && issuer == nil && !client.origins.isEmpty,
                "whether the origins are on the server's site is not known before the issuer is: set it, or serve once"
            ),
            (
                // RFC 6265bis §5.6.7.1: a browser sends a SameSite=Strict cookie with same-site requests only.
                client.usesCookies && issuer != nil && !foreign.isEmpty,
                "the origins of a client with cookies must be on the server's site (\(issuer?.value ?? "")): "
                    + "\(foreign.joined(separator: ", ")) is not"
            ),
        ]
    }

    private static func hasUsableKeys(_ client: RegisteredClient) -> Bool {
        guard let text = client.keySet, let keys = try? KeySet(parsing: Array(text.utf8)) else { return false }
        return keys.keys.contains { PrivateKeyJWT.algorithms.contains($0.algorithm) }
    }

    private static func holdsSecretKeys(_ client: RegisteredClient) -> Bool {
        guard let text = client.keySet, let document = try? JSONObject(parsing: Array(text.utf8)) else { return false }
        return (document["keys"]?.arrayValue ?? []).contains {
            $0.objectValue?["d"] != nil || $0.objectValue?["k"] != nil
        }
    }

    private static func hasForeignFrontchannel(_ client: RegisteredClient) -> Bool {
        // Front-Channel Logout §2: "The domain, port, and scheme of this URL MUST be the same as that of a registered
        // Redirection URI value."
        guard let uri = client.frontchannelLogoutURI else { return false }
        return !client.redirectURIs.contains { URIParts($0.value)?.origin == uri.parts.origin }
    }

    private static func isOrigin(_ text: String) -> Bool {
        guard let parts = URIParts(text), parts.scheme == "https" || parts.scheme == "http" else { return false }
        return parts.origin == text
    }
}
