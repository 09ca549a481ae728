// APIs on record: the resource servers of RFC 6749 §1.1, named by their audience (RFC 8707 §2, RFC 9068 §3).
// Owns the record kind `api`. A scope belongs to one API: a unique index says so.

package import Instants
package import OAuthVocabulary
package import Storage

/// An API as it is on record.
package struct RegisteredAPI: Payload, Hashable {
    package static let kind = RecordKind("api")
    /// 2 since the status list.
    package static let version = 2

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
    /// Whether its access tokens name a place in a status list.
    package var statusList = false
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

extension RegisteredAPI {
    /// Reads version 1 as well, which knew no status list.
    package init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            audience: try members.decode(ResourceIndicator.self, forKey: .audience),
            name: try members.decode(String.self, forKey: .name),
            credentialID: try members.decode(ClientID.self, forKey: .credentialID),
            secretHash: try members.decode(String.self, forKey: .secretHash),
            createdAt: try members.decode(Instant.self, forKey: .createdAt)
        )
        origin = try members.decode(Origin.self, forKey: .origin)
        scopes = try members.decode([ScopeDescription].self, forKey: .scopes)
        tokenFormat = try members.decode(TokenFormat.self, forKey: .tokenFormat)
        tokenClaims = try members.decode([String].self, forKey: .tokenClaims)
        personalTokenClaims = try members.decode([String].self, forKey: .personalTokenClaims)
        statusList = try members.decodeIfPresent(Bool.self, forKey: .statusList) ?? false
    }
}
