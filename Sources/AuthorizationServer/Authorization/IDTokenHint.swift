package import Instants
package import JOSE
package import OAuthVocabulary

/// An ID token of this server that came back as a hint: OpenID Connect Core §3.1.2.1, RP-Initiated Logout §2.
package struct IDTokenHint: Sendable {
    package let subject: Subject
    /// To whom it was issued.
    package let clients: [ClientID]
    package let session: SessionID?

    /// Verifies the hint by the server's own keys.
    ///
    /// Its expiry is unchecked on purpose: a hint names who was signed in and grants nothing. Everything else is
    /// checked, so that neither an access token nor another issuer's ID token passes for one (GHSA-7fpj-9hr8-28vh).
    package init(_ text: String, keys: KeySet, issuer: IssuerURL, now: Instant) throws(OAuthError) {
        let token: VerifiedToken
        do throws(JOSEError) {
            token = try UnverifiedToken(text).verified(
                by: keys,
                expecting: Expectations(
                    issuer: .exactly(issuer.value),
                    audience: .unchecked,
                    type: .exactly("JWT"),
                    algorithms: [.rs256, .es256, .edDSA],
                    now: now,
                    leeway: Limits.clockSkew,
                    requiredClaims: ["sub", "aud"],
                    expiry: .unchecked
                )
            )
        } catch {
            throw .invalidRequest(
                "id_token_hint is not an ID token of this server",
                detail: "\(error.code): \(error.reason)"
            )
        }
        guard let subject = token.subject.flatMap(Subject.init) else {
            throw .invalidRequest("id_token_hint is not an ID token of this server", detail: "sub is malformed")
        }
        self.subject = subject
        clients = token.audience.compactMap(ClientID.init)
        session = token.claims["sid"]?.stringValue.flatMap(SessionID.init)
    }
}
