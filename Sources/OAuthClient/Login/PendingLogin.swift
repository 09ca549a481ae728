public import Instants

/// A login between its start and its end: what the caller keeps for the browser that began it.
///
/// It belongs into a session on the server or into an encrypted cookie, never into a URL: it holds the PKCE verifier. It
/// can be encoded, and does not show itself. Finish it once, and forget it.
public struct PendingLogin: Sendable, Equatable, Codable, Concealed {
    /// The issuer that was asked.
    public let issuer: String
    /// The client that asked.
    public let clientID: String
    /// What the answer must bring back; also a name under which to keep this.
    public let state: String
    /// Where the answer comes.
    public let redirectURI: String
    /// After this the answer comes too late.
    public let expiresAt: Instant
    let nonce: String?
    let codeVerifier: String
    let scopes: [String]
    let startedAt: Instant
    let maximumAgeInSeconds: Int64?
    let requiredACR: [String]
}

/// Where to send the browser, and what to keep.
public struct LoginStart: Sendable, Concealed {
    /// The authorization request.
    public let url: String
    /// What ``RelyingParty/finish(_:query:)`` needs.
    public let pending: PendingLogin
}
