import JOSE
import OAuthVocabulary

/// What makes a client's record sound: a table of conditions, all faults reported at once.
enum ClientRules {
    static func check(_ client: RegisteredClient) throws(RegistrationError) {
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
            (client.grantTypes.isEmpty, "at least one grant type is needed"),
            (usesCode && client.redirectURIs.isEmpty, "authorization_code needs at least one redirect URI"),
            (!usesCode && !client.redirectURIs.isEmpty, "redirect URIs are only for authorization_code"),
            (
                client.allows(.refreshToken) && !usesCode,
                "refresh_token needs authorization_code: a client with its own credentials can ask again (RFC 6749 §4.4.3)"
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
        let faults = table.filter(\.isFault).map(\.sentence)
        guard faults.isEmpty else { throw .unsound(faults) }
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

    private static func isOrigin(_ text: String) -> Bool {
        guard let parts = URIParts(text), parts.scheme == "https" || parts.scheme == "http" else { return false }
        return parts.origin == text
    }
}
