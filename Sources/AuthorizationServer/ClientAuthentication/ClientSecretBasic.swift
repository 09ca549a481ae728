import OAuthVocabulary

/// `client_secret_basic`: HTTP Basic (RFC 7617) with both halves form-encoded (RFC 6749 §2.3.1).
enum ClientSecretBasic {
    /// The credentials of the header; `nil` where there is no Basic header.
    ///
    /// A Basic header that does not parse strictly is refused and not passed over.
    static func credentials(_ authorization: String?) throws(OAuthError) -> (ClientID, Secret)? {
        guard let authorization else { return nil }
        let malformed = PresentedCredentials.failure("the Basic header is malformed")
        do {
            guard let presented = try BasicCredentials(authorization) else { return nil }
            guard let id = ClientID(presented.name), !presented.secret.exposed.isEmpty else { throw malformed }
            return (id, presented.secret)
        } catch {
            throw malformed
        }
    }
}
