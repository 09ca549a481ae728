public import Instants
public import JOSE

/// Somebody signed in: who it is, and the tokens of the grant.
public struct Login: Sendable, Concealed {
    /// The tokens.
    public let tokens: TokenSet
    /// What the ID token says, all of it verified; empty where no `openid` was asked for.
    public let claims: JSONObject

    /// Who it is at this issuer: the `sub`, never to be used without the issuer (OpenID Connect Core §5.7).
    public var subject: String? { claims["sub"]?.stringValue }
    /// The session at the issuer (OpenID Connect Front-Channel Logout §3).
    public var sessionID: String? { claims["sid"]?.stringValue }
    /// When the person signed in.
    public var authenticatedAt: Instant? {
        claims["auth_time"]?.integerValue.map { Instant(secondsSinceEpoch: $0) }
    }
}
