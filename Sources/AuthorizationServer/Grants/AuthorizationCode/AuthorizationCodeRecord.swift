package import Instants
package import OAuthVocabulary
package import Storage

/// What an authorization code stands for.
///
/// The code itself is stored only as the hash that names the record.
package struct AuthorizationCodeRecord: Payload, Hashable {
    package static let kind = RecordKind("authorization-code")
    /// Codes are 256 random bits behind this prefix, so that scanners find them.
    package static let prefix = "signet_ac_"

    package var client: ClientID
    /// As it stood in the authorization request.
    package var redirectURI: String
    /// The S256 challenge, RFC 7636 §4.2; `nil` only for a client that is exempt.
    package var codeChallenge: String?
    package var nonce: String?
    package var scope: ScopeSet
    /// The API that the request named or that its scopes belong to.
    package var resource: ResourceIndicator?
    package var subject: Subject
    package var session: SessionID
    package var authentication: AuthenticationEvent
    /// The grant that the code begins.
    package var family: FamilyID
    package var issuedAt: Instant

    package static func key(_ code: String) -> RecordKey { RecordKey(kind, code) }

    /// The change that makes the code redeemable until its lifetime has passed.
    package func insertion(code: String, lifetime: Duration) throws(StoreError) -> Change {
        .insert(
            Record(
                key: Self.key(code),
                family: family.value,
                subject: subject.value,
                client: client.value,
                expiresAt: issuedAt + lifetime,
                payload: try encoded()
            )
        )
    }
}
