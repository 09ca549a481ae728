// Clients on record: RFC 6749 §2, RFC 7591 §2 (the names of the metadata), OpenID Connect Registration §2.
// Owns the record kind `client`. Stores one record a client, its secret as a SHA-256 hash.

package import Instants
package import JOSE
package import OAuthVocabulary
package import Storage

/// A client as it is on record.
package struct RegisteredClient: Payload, Hashable {
    package static let kind = RecordKind("client")

    /// RFC 6749 §2.1.
    package enum ClientType: String, Codable, Sendable { case `public`, confidential }
    package enum Status: String, Codable, Sendable { case enabled, disabled }
    package enum Origin: String, Codable, Sendable { case registered, demo }
    /// Whether a person is asked.
    ///
    /// `implicit` is for the operator's own applications; `offline_access` always asks.
    package enum ConsentPolicy: String, Codable, Sendable { case required, implicit }
    /// `optional` exempts a confidential OpenID client, which must then send a nonce (OAuth 2.1 §7.5.1).
    package enum PKCEPolicy: String, Codable, Sendable { case required, optional }

    package var id: ClientID
    package var name: String
    package var type: ClientType
    package var status: Status = .enabled
    package var origin: Origin = .registered
    package var redirectURIs: [RedirectURI] = []
    package var postLogoutRedirectURIs: [RedirectURI] = []
    /// Where it hears that a session has ended, by a POST of ours: Back-Channel Logout §2.2.
    package var backchannelLogoutURI: LogoutURI?
    /// Whether it needs `sid` in logout tokens, where it gets one in any case; `nil` is no.
    package var backchannelLogoutSessionRequired: Bool?
    /// What is shown in a frame of the signed-out page: Front-Channel Logout §2.
    package var frontchannelLogoutURI: LogoutURI?
    /// Whether it needs `iss` and `sid` there, where it gets both in any case; `nil` is no.
    package var frontchannelLogoutSessionRequired: Bool?
    package var grantTypes: [GrantType] = []
    /// The scopes that it may ask for.
    package var scopes: ScopeSet = []
    package var authenticationMethod: ClientAuthenticationMethod
    /// `Digest.sha256Text` of the secret: secrets are generated with 256 bits, so that no slow hash is needed.
    package var secretHash: String?
    /// The public keys of `private_key_jwt`, a JWK Set document.
    package var keySet: String?
    /// Web origins that may call the token endpoint, userinfo and revocation from a browser.
    package var origins: [String] = []
    package var pkce: PKCEPolicy = .required
    package var consent: ConsentPolicy = .required
    /// `id_token_signed_response_alg`: RS256, ES256 or EdDSA.
    package var idTokenAlgorithm: String = SignatureAlgorithm.rs256.name
    /// The audience of its access tokens where a request names none.
    package var defaultResource: ResourceIndicator?
    package var refreshIdleSeconds: Int64?
    package var refreshAbsoluteSeconds: Int64?
    /// Claims of the person that enter its access tokens, from `roles`, `groups`, `entitlements` and the person's own.
    package var tokenClaims: [String] = []
    /// Personal data that the operator, by name, lets into access tokens, such as `email` or `name`.
    package var personalTokenClaims: [String] = []
    /// Roles, groups, entitlements of the client itself, for tokens of its own (client credentials).
    package var roles: [String] = []
    package var groups: [String] = []
    package var entitlements: [String] = []
    /// What it keeps in browsers; absent from records of clients that keep nothing there.
    package var browserUse: BrowserUse?
    package var createdAt: Instant
    /// When its secret or keys last changed or it was last disabled: everything issued to it before is void.
    package var credentialsChangedAt: Instant

    package init(
        id: ClientID,
        name: String,
        type: ClientType,
        authenticationMethod: ClientAuthenticationMethod,
        createdAt: Instant
    ) {
        self.id = id
        self.name = name
        self.type = type
        self.authenticationMethod = authenticationMethod
        self.createdAt = createdAt
        credentialsChangedAt = createdAt
    }

    package var isEnabled: Bool { status == .enabled }
    package func allows(_ grantType: GrantType) -> Bool { grantTypes.contains(grantType) }

    package static func key(_ id: ClientID) -> RecordKey { RecordKey(kind, id.value) }
}
