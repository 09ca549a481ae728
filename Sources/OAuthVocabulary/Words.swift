// Words of the RFCs whose set is open: a struct with static members, so that a new word is a new line.

/// A word of an open vocabulary.
package protocol WireWord: Hashable, Sendable, CustomStringConvertible, Codable {
    var value: String { get }
    init(_ value: String)
}

extension WireWord {
    package var description: String { value }

    package init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode(String.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(value)
    }
}

/// `grant_type`, RFC 6749 §4.
package struct GrantType: WireWord {
    package let value: String
    package init(_ value: String) { self.value = value }
    package static let authorizationCode = GrantType("authorization_code")
    package static let clientCredentials = GrantType("client_credentials")
    package static let refreshToken = GrantType("refresh_token")
    /// RFC 8628 §3.4.
    package static let deviceCode = GrantType("urn:ietf:params:oauth:grant-type:device_code")
}

/// `response_type`, RFC 6749 §3.1.1.
///
/// Signet issues codes only.
package struct ResponseType: WireWord {
    package let value: String
    package init(_ value: String) { self.value = value }
    package static let code = ResponseType("code")
}

/// `response_mode`: OAuth 2.0 Multiple Response Types §2.1 and OAuth 2.0 Form Post Response Mode.
package struct ResponseMode: WireWord {
    package let value: String
    package init(_ value: String) { self.value = value }
    package static let query = ResponseMode("query")
    package static let formPost = ResponseMode("form_post")
}

/// `prompt`, OpenID Connect Core §3.1.2.1.
package struct Prompt: WireWord {
    package let value: String
    package init(_ value: String) { self.value = value }
    package static let none = Prompt("none")
    package static let login = Prompt("login")
    package static let consent = Prompt("consent")
    package static let selectAccount = Prompt("select_account")
}

/// `token_endpoint_auth_method`, RFC 7591 §2 and OpenID Connect Core §9.
package struct ClientAuthenticationMethod: WireWord {
    package let value: String
    package init(_ value: String) { self.value = value }
    package static let none = ClientAuthenticationMethod("none")
    package static let clientSecretBasic = ClientAuthenticationMethod("client_secret_basic")
    package static let clientSecretPost = ClientAuthenticationMethod("client_secret_post")
    package static let privateKeyJWT = ClientAuthenticationMethod("private_key_jwt")
}

/// `token_type_hint`, RFC 7009 §2.1.
package struct TokenTypeHint: WireWord {
    package let value: String
    package init(_ value: String) { self.value = value }
    package static let accessToken = TokenTypeHint("access_token")
    package static let refreshToken = TokenTypeHint("refresh_token")
}

/// The `error` of RFC 6749 §4.1.2.1 and §5.2, RFC 6750 §3.1, RFC 8628 §3.5, RFC 8707 §2 and OpenID Connect Core §3.1.2.6.
package struct ErrorCode: WireWord {
    package let value: String
    package init(_ value: String) { self.value = value }
    package static let invalidRequest = ErrorCode("invalid_request")
    package static let invalidClient = ErrorCode("invalid_client")
    package static let invalidGrant = ErrorCode("invalid_grant")
    package static let unauthorizedClient = ErrorCode("unauthorized_client")
    package static let unsupportedGrantType = ErrorCode("unsupported_grant_type")
    package static let unsupportedResponseType = ErrorCode("unsupported_response_type")
    package static let invalidScope = ErrorCode("invalid_scope")
    package static let accessDenied = ErrorCode("access_denied")
    package static let serverError = ErrorCode("server_error")
    package static let temporarilyUnavailable = ErrorCode("temporarily_unavailable")
    package static let invalidToken = ErrorCode("invalid_token")
    package static let insufficientScope = ErrorCode("insufficient_scope")
    package static let invalidTarget = ErrorCode("invalid_target")
    package static let loginRequired = ErrorCode("login_required")
    package static let consentRequired = ErrorCode("consent_required")
    package static let interactionRequired = ErrorCode("interaction_required")
    package static let accountSelectionRequired = ErrorCode("account_selection_required")
    package static let requestNotSupported = ErrorCode("request_not_supported")
    package static let requestURINotSupported = ErrorCode("request_uri_not_supported")
    package static let registrationNotSupported = ErrorCode("registration_not_supported")
    package static let unsupportedTokenType = ErrorCode("unsupported_token_type")
    package static let authorizationPending = ErrorCode("authorization_pending")
    package static let slowDown = ErrorCode("slow_down")
    package static let expiredToken = ErrorCode("expired_token")
}
