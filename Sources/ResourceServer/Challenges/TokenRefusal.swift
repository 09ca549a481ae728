// Room: how a request is refused: RFC 6750 §3, RFC 9470 §3, RFC 9728 §5.1. Owns the codes and what each says on the wire, the
// challenge, and how a token is taken out of a request. Nothing that came with the request is ever put in an answer.
// Stores nothing.

/// Why a request is not served.
///
/// The error and its description are built of literals only, so that nothing of a token or of a request can leak into an
/// answer; what came goes to ``detail``, for the log.
public struct TokenRefusal: Error, Hashable, Sendable {
    /// Why, as a stable string that programs may compare.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The stable string.
        public let description: String

        /// Makes a code from its stable string.
        public init(_ description: String) { self.description = description }

        /// The request has no access token.
        public static let tokenMissing = Code("token-missing")
        /// The credentials are malformed, or there are several.
        public static let requestMalformed = Code("request-malformed")
        /// The token is not one that could be verified.
        public static let tokenMalformed = Code("token-malformed")
        /// The token is not what it should be: its signature, algorithm, issuer, audience or type.
        public static let tokenInvalid = Code("token-invalid")
        /// The token names a key that the issuer does not publish.
        public static let keyUnknown = Code("key-unknown")
        /// The token has expired.
        public static let tokenExpired = Code("token-expired")
        /// The token is not valid yet.
        public static let tokenNotYetValid = Code("token-not-yet-valid")
        /// The token was revoked.
        public static let tokenRevoked = Code("token-revoked")
        /// The token is bound to a key, and no proof of possession is checked here.
        public static let tokenBound = Code("token-bound")
        /// The token lacks a scope.
        public static let scopeInsufficient = Code("scope-insufficient")
        /// The token lacks a claim, or has another value.
        public static let claimInsufficient = Code("claim-insufficient")
        /// The person must sign in again, or more strongly (RFC 9470 §3).
        public static let authenticationInsufficient = Code("authentication-insufficient")
        /// The issuer's keys are not known yet.
        public static let keysUnavailable = Code("keys-unavailable")
        /// What is known of revocations is older than the route allows.
        public static let revocationStale = Code("revocation-stale")
        /// The issuer has to be asked, which ``TokenVerifier/verify(_:for:)`` does not do.
        public static let introspectionNeeded = Code("introspection-needed")
        /// The issuer had to be asked and did not answer.
        public static let introspectionUnavailable = Code("introspection-unavailable")
    }

    /// Why.
    public var code: Code
    /// The HTTP status: 400, 401, 403, or 503 where it is not the token's fault.
    public var status: Int
    /// The `error` of the challenge (RFC 6750 §3.1, RFC 9470 §3); nil where there is nothing to say.
    public var error: String?
    /// The `error_description`; nil where there is no error.
    public var errorDescription: String?
    /// The scope that the route needs.
    public var scope: [String] = []
    /// The `acr` values of which the route needs one (RFC 9470 §3).
    public var acrValues: [String] = []
    /// How long ago the person may have signed in (RFC 9470 §3).
    public var maximumAge: Duration?
    /// When it is worth while to try again.
    public var retryAfter: Duration?
    /// What came and what was expected, for the log; may quote short, escaped pieces of a token, never a secret.
    public var detail: String?

    /// The refusal of this code.
    public init(_ code: Code, detail: String? = nil) {
        let wire = Self.wire(code)
        self.code = code
        self.detail = detail
        status = wire.status
        error = wire.error?.description
        errorDescription = wire.description?.description
        retryAfter = wire.status == 503 ? .seconds(1) : nil
    }

    /// What each code says on the wire.
    private static func wire(
        _ code: Code
    ) -> (status: Int, error: StaticString?, description: StaticString?) {
        switch code {
        // RFC 6750 §3.1: "If the request lacks any authentication information … the resource server SHOULD NOT include an
        // error code or other error information."
        case .tokenMissing: (401, nil, nil)
        // RFC 6750 §3.1: "uses more than one method for including an access token, or is otherwise malformed. The
        // resource server SHOULD respond with the HTTP 400 (Bad Request) status code."
        case .requestMalformed: (400, "invalid_request", "the request must carry one well-formed access token")
        case .tokenExpired: (401, "invalid_token", "the access token expired")
        case .tokenNotYetValid: (401, "invalid_token", "the access token is not valid yet")
        case .tokenRevoked: (401, "invalid_token", "the access token was revoked")
        case .tokenMalformed: (401, "invalid_token", "the access token is malformed")
        case .tokenBound: (401, "invalid_token", "the access token is bound to a key")
        case .tokenInvalid, .keyUnknown: (401, "invalid_token", "the access token is not valid here")
        // RFC 6750 §3.1: "The request requires higher privileges than provided by the access token."
        case .scopeInsufficient: (403, "insufficient_scope", "the access token lacks a scope")
        case .claimInsufficient: (403, "insufficient_scope", "the access token does not allow this")
        // RFC 9470 §3: "The authentication event associated with the access token presented with the request does not
        // meet the authentication requirements of the protected resource."
        case .authenticationInsufficient:
            (401, "insufficient_user_authentication", "another authentication of the person is needed")
        default: (503, nil, nil)
        }
    }
}

extension TokenRefusal: CustomStringConvertible {
    /// Code and detail in one line, for a log.
    public var description: String { detail.map { "\(code): \($0)" } ?? code.description }
}
