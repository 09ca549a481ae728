package import OAuthVocabulary

/// Where the answer to an authorization request goes, and how: RFC 6749 §4.1.2, RFC 9207, Form Post Response Mode.
package struct AuthorizationReply: Hashable, Sendable {
    /// As it was presented and proven.
    package var redirectURI: RedirectURI
    package var mode: ResponseMode
    package var state: String?

    package init(redirectURI: RedirectURI, mode: ResponseMode, state: String?) {
        self.redirectURI = redirectURI
        self.mode = mode
        self.state = state
    }

    /// The answer that carries a code.
    package func granted(code: String, configuration: ProviderConfiguration) -> EndpointResponse {
        response([("code", code)], configuration: configuration)
    }

    /// The answer that carries an error.
    package func refusal(_ error: OAuthError, configuration: ProviderConfiguration) -> EndpointResponse {
        var response = response(
            [("error", error.code.value), ("error_description", error.publicDescription(configuration.disclosure))],
            configuration: configuration
        )
        response.failure = error
        return response
    }

    private func response(
        _ answer: [(name: String, value: String)],
        configuration: ProviderConfiguration
    ) -> EndpointResponse {
        var fields = answer
        // RFC 6749 §4.1.2: "REQUIRED if the "state" parameter was present in the client authorization request."
        if let state { fields.append(("state", state)) }
        // RFC 9207 §2: "In authorization responses to the client, including error responses, an authorization server
        // supporting this specification MUST indicate its identity by including the iss parameter"
        fields.append(("iss", configuration.issuer.value))
        if mode == .formPost { return EndpointResponse(body: .formPost(redirectURI, fields: fields)) }
        return .redirect(to: FormEncoding.appending(fields, to: redirectURI.value))
    }

    /// What a person can check the application's name against: the host, or the scheme of a native application.
    package var applicationHost: String {
        guard let parts = URIParts(redirectURI.value) else { return redirectURI.value }
        return parts.hostAndPort?.host ?? parts.scheme
    }
}

extension RedirectURI {
    /// Where the browser goes from a form of ours, for the page's `form-action`: browsers apply it to redirects as
    /// well.
    package var formActionSource: String {
        guard let parts = URIParts(value) else { return "'none'" }
        // A source expression cannot name an IPv6 literal (CSP Level 3 §2.3.1), nor a URI without a host.
        guard let origin = parts.origin, !origin.contains("[") else { return "\(parts.scheme):" }
        return origin
    }
}

extension EndpointResponse {
    /// RFC 9700 §4.12: 303, so that a form's body with credentials is never repeated to the target.
    package static func redirect(to location: String) -> EndpointResponse {
        EndpointResponse(status: 303, body: .redirect(location))
    }
}

extension OAuthError {
    /// `error_description` as it may leave the server, in the characters that RFC 6749 §4.1.2.1 allows: %x20-21 /
    /// %x23-5B / %x5D-7E.
    func publicDescription(_ disclosure: ProviderConfiguration.Disclosure) -> String {
        guard disclosure == .expectedAndGot, !detail.isEmpty else { return description }
        let text = "\(description) (\(detail))".utf8.prefix(500).map { byte -> UInt8 in
            (0x20...0x7E).contains(byte) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") ? byte : 0x27
        }
        return String(decoding: text, as: UTF8.self)
    }
}

extension FormEncoding {
    /// The URI with the pairs added to its query.
    ///
    /// RFC 6749 §3.1.2: an existing query "MUST be retained when adding additional query parameters".
    package static func appending(_ pairs: [(name: String, value: String)], to uri: String) -> String {
        let separator = !uri.contains("?") ? "?" : uri.hasSuffix("?") || uri.hasSuffix("&") ? "" : "&"
        return uri + separator + encode(pairs)
    }
}
