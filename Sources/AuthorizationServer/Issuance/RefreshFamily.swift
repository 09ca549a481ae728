package import Instants
package import OAuthVocabulary
package import Storage

/// A refresh family: one row for all refresh tokens that a grant ever has.
package struct RefreshFamily: Payload, Hashable {
    package static let kind = RecordKind("refresh-family")

    /// A past rotation: of which generation, and when on the steady clock.
    package struct Rotation: Codable, Hashable, Sendable {
        package var generation: UInt32
        package var at: Instant
    }

    package var id: FamilyID
    package var client: ClientID
    package var subject: Subject
    /// The session that it ends with; `nil` where `offline_access` was granted.
    package var session: SessionID?
    package var signOnSession: SessionID
    package var authentication: AuthenticationEvent
    package var scope: ScopeSet
    package var resource: ResourceIndicator?
    /// When the person authorized the grant; what ends their right at this moment or later ends the family.
    package var createdAt: Instant
    package var absoluteExpiry: Instant
    /// The generation of the token that is current now; the first token has generation 0.
    package var generation: UInt32 = 0
    package var nonce: [UInt8]
    /// The nonce of the generation before; `nil` before the first rotation.
    package var previousNonce: [UInt8]?
    /// The latest rotations, newest last, at most `Limits.rememberedRotations`.
    package var rotations: [Rotation] = []
    /// How often the current successor was handed out again.
    package var retries: Int = 0
    /// What the latest rotation was asked for; a repetition must ask for the same.
    package var requestDigest: String?
    package var keyVersion: UInt8 = DerivedKeys.currentRefreshKeyVersion
    /// The thumbprint of the key that the family is bound to (RFC 9449 §5), when sender constraint comes.
    package var senderConstraint: String?
    /// How the grant began; `nil` where by an authorization code.
    package var grantType: GrantType?

    package static func key(_ id: FamilyID) -> RecordKey { RecordKey(kind, id.value) }
}

extension Ending {
    /// The end of a grant with its refresh family.
    ///
    /// Its audiences are left open: a refresh may ask for less than the grant's API, and the token is then for whatever
    /// the default audience was.
    package init(_ family: RefreshFamily, because cause: EndingCause) {
        self.init(
            .grant(family.id),
            because: cause,
            subject: family.subject,
            session: family.signOnSession,
            client: family.client
        )
    }
}
