// What is handed out: access tokens (RFC 9068), ID tokens (OpenID Connect Core §2), refresh families, and the keys that
// sign. Minting is the only phase that signs or draws identifiers. Owns the record kinds `refresh-family`, `signing-key`.

package import Instants
package import OAuthVocabulary
package import Storage

/// What a grant decided to hand out.
///
/// Minting turns it into tokens.
package struct Issuance: Sendable {
    /// On whose behalf.
    package enum Party: Sendable {
        case client
        case person(PersonSnapshot, AuthenticationEvent, session: SessionID)
    }

    package enum RefreshPlan: Sendable {
        case none
        /// The first token of a new family.
        case start(family: FamilyID)
        /// The family's next generation.
        case rotate(Stored<RefreshFamily>)
        /// The same successor again, for a client that lost the answer.
        case repeatSuccessor(Stored<RefreshFamily>)
    }

    package struct IDTokenPlan: Sendable {
        package var nonce: String?
    }

    package var party: Party
    package var access: ResolvedAccess
    /// How the grant began.
    package var grantType = GrantType.authorizationCode
    /// The grant that all of it belongs to; `nil` for tokens that belong to none.
    package var family: FamilyID?
    /// When the person authorized it: what ended their right after that moment ends the grant, whenever it is redeemed.
    package var authorizedAt: Instant?
    package var refresh: RefreshPlan = .none
    package var idToken: IDTokenPlan?
    /// What a repetition of the same refresh must agree with.
    package var requestDigest: String?
}
