package import Instants
package import OAuthVocabulary

/// A refusal as the RFCs have it: RFC 6749 §4.1.2.1 and §5.2, RFC 6750 §3.
///
/// What the caller may see is the code and a description made of literals, so that no request text can leak into an
/// answer (GO-2026-4861). What came and what was expected stands in `detail`, which goes to the log under the request's
/// trace id, and into the answer only in development mode. No detail holds a secret.
package struct OAuthError: Error, Hashable, Sendable {
    package var code: ErrorCode
    package var description: String
    /// The HTTP status: 400 unless the RFC asks for another.
    package var status: Int
    /// For the log: got against expected, secrets left out.
    package var detail: String
    /// How long the caller should wait, where waiting helps (`Retry-After`).
    package var retryAfter: Duration?
    /// The scope that would have been enough (RFC 6750 §3, `insufficient_scope`).
    package var requiredScope: ScopeSet?
    /// The authentication scheme to offer in `WWW-Authenticate`, where the answer is a 401.
    package var challenge: Challenge?

    package enum Challenge: Hashable, Sendable {
        case basic
        case bearer
        /// A bearer challenge without `error`: the request carried no token at all (RFC 6750 §3.1).
        case bearerWithoutError
    }

    package init(
        _ code: ErrorCode,
        _ description: StaticString,
        status: Int = 400,
        detail: String = "",
        retryAfter: Duration? = nil,
        requiredScope: ScopeSet? = nil,
        challenge: Challenge? = nil
    ) {
        self.code = code
        self.description = String(describing: description)
        self.status = status
        self.detail = detail
        self.retryAfter = retryAfter
        self.requiredScope = requiredScope
        self.challenge = challenge
    }

    /// RFC 6749 §5.2: 401 where the client tried to authenticate and failed.
    package static func invalidClient(_ description: StaticString, detail: String = "") -> OAuthError {
        OAuthError(.invalidClient, description, status: 401, detail: detail, challenge: .basic)
    }

    /// RFC 6749 §5.2, `invalid_grant`.
    package static func invalidGrant(_ description: StaticString, detail: String = "") -> OAuthError {
        OAuthError(.invalidGrant, description, detail: detail)
    }

    package static func invalidRequest(_ description: StaticString, detail: String = "") -> OAuthError {
        OAuthError(.invalidRequest, description, detail: detail)
    }

    /// The store could not answer: a clear 503, never a wrong yes.
    package static func unavailable(_ detail: String) -> OAuthError {
        OAuthError(
            .temporarilyUnavailable,
            "the server cannot reach its storage at the moment, please try again",
            status: 503,
            detail: detail,
            retryAfter: .seconds(2)
        )
    }

    package static func tooManyRequests(retryAfter: Duration, detail: String) -> OAuthError {
        OAuthError(
            .temporarilyUnavailable,
            "too many failed attempts, please wait before trying again",
            status: 429,
            detail: detail,
            retryAfter: retryAfter
        )
    }

    package static func internalFault(_ detail: String) -> OAuthError {
        OAuthError(
            .serverError,
            "the server met a fault of its own; its log has the details",
            status: 500,
            detail: detail
        )
    }
}
