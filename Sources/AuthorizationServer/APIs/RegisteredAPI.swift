// APIs on record: the resource servers of RFC 6749 §1.1, named by their audience (RFC 8707 §2, RFC 9068 §3).
// Owns the record kind `api`. A scope belongs to one API: a unique index says so.

package import Instants
package import OAuthVocabulary
package import Storage

/// An API as it is on record.
package struct RegisteredAPI: Payload, Hashable {
    package static let kind = RecordKind("api")

    package enum TokenFormat: String, Codable, Sendable { case jwt, opaque }
    package enum Origin: String, Codable, Sendable { case registered, demo }

    /// A scope of this API, with the sentence that a person reads before consenting.
    package struct ScopeDescription: Codable, Hashable, Sendable {
        package var scope: Scope
        package var text: String

        package init(scope: Scope, text: String) {
            self.scope = scope
            self.text = text
        }
    }

    package var audience: ResourceIndicator
    package var name: String
    package var origin: Origin = .registered
    package var scopes: [ScopeDescription] = []
    package var tokenFormat: TokenFormat = .jwt
    /// With this and its secret the API authenticates at the introspection endpoint, as a client does.
    package var credentialID: ClientID
    package var secretHash: String
    /// Claims of the person that enter its access tokens, from `roles`, `groups`, `entitlements` and the person's own.
    package var tokenClaims: [String] = []
    /// Personal data that the operator, by name, lets into access tokens.
    package var personalTokenClaims: [String] = []
    package var createdAt: Instant

    package init(
        audience: ResourceIndicator,
        name: String,
        credentialID: ClientID,
        secretHash: String,
        createdAt: Instant
    ) {
        self.audience = audience
        self.name = name
        self.credentialID = credentialID
        self.secretHash = secretHash
        self.createdAt = createdAt
    }

    package static func key(_ audience: ResourceIndicator) -> RecordKey { RecordKey(kind, audience.value) }
    package static func index(_ scope: Scope) -> SecondaryIndex { SecondaryIndex("scope", scope.value) }
    package static func index(_ credential: ClientID) -> SecondaryIndex {
        SecondaryIndex("credential", credential.value)
    }
    package func offers(_ scope: Scope) -> Bool { scopes.contains { $0.scope == scope } }
}
