// Words of the RFCs whose set is open: a struct with static members, so that a new word is a new line.

/// A word of an open vocabulary.
public protocol WireWord: Hashable, Sendable, CustomStringConvertible, Codable {
    var value: String { get }
    init(_ value: String)
}

extension WireWord {
    public var description: String { value }

    public init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(value)
    }
}

/// `grant_type`, RFC 6749 §4.
public struct GrantType: WireWord {
    public let value: String
    public init(_ value: String) { self.value = value }
    public static let authorizationCode = GrantType("authorization_code")
    public static let clientCredentials = GrantType("client_credentials")
    public static let refreshToken = GrantType("refresh_token")
}

/// `response_type`, RFC 6749 §3.1.1. Signet issues codes only.
public struct ResponseType: WireWord {
    public let value: String
    public init(_ value: String) { self.value = value }
    public static let code = ResponseType("code")
}

/// `response_mode`: OAuth 2.0 Multiple Response Types §2.1 and OAuth 2.0 Form Post Response Mode.
public struct ResponseMode: WireWord {
    public let value: String
    public init(_ value: String) { self.value = value }
    public static let query = ResponseMode("query")
    public static let formPost = ResponseMode("form_post")
}

/// `prompt`, OpenID Connect Core §3.1.2.1.
public struct Prompt: WireWord {
    public let value: String
    public init(_ value: String) { self.value = value }
    public static let none = Prompt("none")
    public static let login = Prompt("login")
    public static let consent = Prompt("consent")
    public static let selectAccount = Prompt("select_account")
}

/// `token_endpoint_auth_method`, RFC 7591 §2 and OpenID Connect Core §9.
public struct ClientAuthenticationMethod: WireWord {
    public let value: String
    public init(_ value: String) { self.value = value }
    public static let none = ClientAuthenticationMethod("none")
    public static let clientSecretBasic = ClientAuthenticationMethod("client_secret_basic")
    public static let clientSecretPost = ClientAuthenticationMethod("client_secret_post")
    public static let privateKeyJWT = ClientAuthenticationMethod("private_key_jwt")
}

/// `token_type_hint`, RFC 7009 §2.1.
public struct TokenTypeHint: WireWord {
    public let value: String
    public init(_ value: String) { self.value = value }
    public static let accessToken = TokenTypeHint("access_token")
    public static let refreshToken = TokenTypeHint("refresh_token")
}

/// The `error` of RFC 6749 §4.1.2.1 and §5.2, RFC 6750 §3.1, RFC 8707 §2 and OpenID Connect Core §3.1.2.6.
public struct ErrorCode: WireWord {
    public let value: String
    public init(_ value: String) { self.value = value }
    public static let invalidRequest = ErrorCode("invalid_request")
    public static let invalidClient = ErrorCode("invalid_client")
    public static let invalidGrant = ErrorCode("invalid_grant")
    public static let unauthorizedClient = ErrorCode("unauthorized_client")
    public static let unsupportedGrantType = ErrorCode("unsupported_grant_type")
    public static let unsupportedResponseType = ErrorCode("unsupported_response_type")
    public static let invalidScope = ErrorCode("invalid_scope")
    public static let accessDenied = ErrorCode("access_denied")
    public static let serverError = ErrorCode("server_error")
    public static let temporarilyUnavailable = ErrorCode("temporarily_unavailable")
    public static let invalidToken = ErrorCode("invalid_token")
    public static let insufficientScope = ErrorCode("insufficient_scope")
    public static let invalidTarget = ErrorCode("invalid_target")
    public static let loginRequired = ErrorCode("login_required")
    public static let consentRequired = ErrorCode("consent_required")
    public static let interactionRequired = ErrorCode("interaction_required")
    public static let accountSelectionRequired = ErrorCode("account_selection_required")
    public static let requestNotSupported = ErrorCode("request_not_supported")
    public static let requestURINotSupported = ErrorCode("request_uri_not_supported")
    public static let registrationNotSupported = ErrorCode("registration_not_supported")
    public static let unsupportedTokenType = ErrorCode("unsupported_token_type")
}
