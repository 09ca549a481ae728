public import Instants
internal import IssuerConnection
public import JOSE
internal import OAuthVocabulary

/// What an issuer says when it signs somebody out: a logout token that was judged (OpenID Connect Back-Channel Logout §2.4).
public struct LogoutToken: Hashable, Sendable {
    /// Who is signed out; nil where only the session is named.
    public let subject: String?
    /// The session that ended, the `sid` of the ID tokens in it; nil where every session of the person ended.
    public let sessionID: String?
    /// `jti`: names this token, so that it is not taken twice.
    public let tokenID: String
    /// Until when it counts, and a replay of it has to be recognised.
    public let expiresAt: Instant
}

extension RelyingParty {
    /// The member of `events` that makes a token a logout token.
    private static let logoutEvent = "http://schemas.openid.net/event/backchannel-logout"
    /// The longest `sub`, `sid` and `jti`.
    private static let longestName = 255

    /// Judges a logout token that came to the application's back-channel logout address.
    ///
    /// That it is not replayed is the caller's to see: ``LogoutToken/tokenID``.
    /// - Throws: `token-invalid` for one that must not be believed; what is transient if the issuer's keys cannot be had.
    public func logoutToken(_ text: String) async throws(OAuthClientError) -> LogoutToken {
        let token = try await judge.verifiedLogout(text)
        // Back-Channel Logout §2.6: "Verify that the Logout Token contains a sub Claim, a sid Claim, or both."
        let subject = try Self.name("sub", in: token)
        let sessionID = try Self.name("sid", in: token)
        guard subject != nil || sessionID != nil else { throw Self.refusal("neither sub nor sid") }
        // Back-Channel Logout §2.6: "Verify that the Logout Token contains an events Claim whose value is JSON object
        // containing the member name http://schemas.openid.net/event/backchannel-logout."
        guard token["events"]?.objectValue?[Self.logoutEvent]?.objectValue != nil else { throw Self.refusal("events") }
        // Back-Channel Logout §2.6: "Verify that the Logout Token does not contain a nonce Claim."
        guard token["nonce"] == nil else { throw Self.refusal("nonce") }
        guard let tokenID = try Self.name("jti", in: token), let expiresAt = token["exp"]?.integerValue else {
            throw Self.refusal("jti")
        }
        return LogoutToken(
            subject: subject,
            sessionID: sessionID,
            tokenID: tokenID,
            expiresAt: Instant(secondsSinceEpoch: expiresAt) + judge.policy.leeway
        )
    }

    private static func name(_ claim: String, in token: VerifiedToken) throws(OAuthClientError) -> String? {
        guard let value = token[claim] else { return nil }
        guard let text = value.stringValue, (1...longestName).contains(text.utf8.count) else {
            throw refusal("\(claim) is malformed")
        }
        return text
    }

    private static func refusal(_ what: String) -> OAuthClientError {
        OAuthClientError(.tokenInvalid, reason: "the logout token is refused: \(what)")
    }
}

extension IDTokenJudge {
    /// A logout token of our issuer, for us, in time: Back-Channel Logout §2.6 judges these as ID tokens are judged.
    func verifiedLogout(_ text: String) async throws(OAuthClientError) -> VerifiedToken {
        let now = dialogue.clock.now
        let required: Set<String> = ["iat", "exp", "jti", "events"]
        var outcome = verify(text, by: try await keys.current(), requiring: required, now: now)
        if case .failure(let error) = outcome, error.code == .keyUnknown, let newer = try await keys.newer() {
            outcome = verify(text, by: newer, requiring: required, now: now)
        }
        let token: VerifiedToken
        do throws(JOSEError) {
            token = try outcome.get()
        } catch {
            throw OAuthClientError(
                .tokenInvalid,
                reason: "the logout token is refused: \(error.code) \(error.claim ?? "")"
            )
        }
        // FIELD F22: no access token and no other security event. §2.4 only recommends the type, so some send none; what
        // is in `events`, and the absence of a nonce, then keep ID tokens out.
        let type = token.header["typ"]?.stringValue?.lowercased()
        guard type == nil || ["logout+jwt", "application/logout+jwt", "jwt"].contains(type) else {
            throw OAuthClientError(.tokenInvalid, reason: "the logout token is refused: typ")
        }
        let others = Set(token.audience).subtracting([dialogue.registration.clientID])
        guard others.isSubset(of: policy.trustedAudiences) else {
            throw OAuthClientError(.tokenInvalid, reason: "the logout token is refused: aud names strangers")
        }
        return token
    }
}
