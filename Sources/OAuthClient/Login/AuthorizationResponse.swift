internal import IssuerConnection
internal import JOSE
internal import OAuthVocabulary

/// The answer that a browser brought back (RFC 6749 §4.1.2), checked against the login that it claims to answer.
enum AuthorizationResponse {
    /// The code, if the response is the answer of our issuer to our request.
    static func code(
        _ query: String,
        for pending: PendingLogin,
        issuer metadata: IssuerMetadata,
        template: IssuerTemplate? = nil
    ) throws(OAuthClientError) -> String {
        guard let fields = FormEncoding.fields(query) else {
            throw OAuthClientError(.responseInvalid, reason: "the authorization response cannot be read")
        }
        // RFC 6749 §3.1: "Request and response parameters MUST NOT be included more than once."
        guard Set(fields.map(\.name)).count == fields.count else {
            throw OAuthClientError(.responseInvalid, reason: "a parameter came twice")
        }
        let values = Dictionary(uniqueKeysWithValues: fields.map { ($0.name, $0.value) })
        // RFC 6749 §10.12: "The client MUST implement CSRF protection for its redirection URI."
        guard let state = values["state"], Secret(state) == Secret(pending.state) else {
            throw OAuthClientError(.responseInvalid, reason: "the state is not that of this login")
        }
        try checkIssuer(values["iss"], metadata, template)
        if let code = ForeignText.code(values["error"]) {
            var error = OAuthClientError(.refused, reason: "the issuer refused the login")
            error.error = code
            error.errorDescription = ForeignText.shown(values["error_description"], hiding: [pending.codeVerifier])
            throw error
        }
        guard let code = values["code"], TokenSet.isToken(code), values["error"] == nil else {
            throw OAuthClientError(.responseInvalid, reason: "the response has neither code nor error")
        }
        return code
    }

    private static func checkIssuer(
        _ claimed: String?,
        _ metadata: IssuerMetadata,
        _ template: IssuerTemplate?
    ) throws(OAuthClientError) {
        guard let claimed else {
            // RFC 9207 §2.4: "Clients MUST reject authorization responses without the iss parameter from authorization
            // servers that do support the parameter according to the client's configuration"
            guard !metadata.sendsIssuerInResponse else {
                throw OAuthClientError(.responseInvalid, reason: "the response does not say whose it is")
            }
            return
        }
        // RFC 9207 §2.4: "If the value does not match the expected issuer identifier, clients MUST reject the
        // authorization response and MUST NOT proceed with the authorization grant."
        guard template?.tenant(of: claimed) != nil || claimed.utf8.elementsEqual(metadata.issuer.utf8) else {
            throw OAuthClientError(.responseInvalid, reason: "the response is another issuer's")
        }
    }
}
