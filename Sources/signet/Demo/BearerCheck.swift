import Instants
import JOSE

/// Why a request did not get through, with the words of RFC 6750 §3.1.
enum BearerRefusal: Error, Hashable, Sendable {
    /// Nothing was presented: the answer names no error.
    case noCredentials
    case invalidRequest(String)
    /// `detail` is for the log; the caller learns only the description.
    case invalidToken(String, detail: String)
    case insufficientScope(String)
    /// The issuer's keys cannot be had, so nothing can be said about the token.
    case unavailable(detail: String)

    var status: Int {
        switch self {
        case .noCredentials, .invalidToken: 401
        case .invalidRequest: 400
        case .insufficientScope: 403
        case .unavailable: 503
        }
    }

    var code: String? {
        switch self {
        case .noCredentials: nil
        case .invalidRequest: "invalid_request"
        case .invalidToken: "invalid_token"
        case .insufficientScope: "insufficient_scope"
        case .unavailable: "temporarily_unavailable"
        }
    }

    var description: String {
        switch self {
        case .noCredentials: "Send an access token: Authorization: Bearer …"
        case .invalidRequest(let text): text
        case .invalidToken(let text, _): text
        case .insufficientScope(let scope): "This needs an access token with the scope \(scope)."
        case .unavailable: "The issuer's keys cannot be read at the moment. Try again."
        }
    }

    var detail: String {
        switch self {
        case .noCredentials, .invalidRequest, .insufficientScope: description
        case .invalidToken(_, let detail), .unavailable(let detail): detail
        }
    }

    /// The `WWW-Authenticate` header; nothing where credentials are not the trouble.
    func challenge(realm: String) -> String? {
        var challenge = "Bearer realm=\"\(realm)\""
        switch self {
        case .unavailable: return nil
        // RFC 6750 §3.1: "If the request lacks any authentication information … the resource server SHOULD NOT include an
        // error code or other error information."
        case .noCredentials: return challenge
        case .insufficientScope(let scope):
            challenge += ", error=\"insufficient_scope\", error_description=\"\(description)\", scope=\"\(scope)\""
        case .invalidRequest, .invalidToken:
            challenge += ", error=\"\(code ?? "invalid_token")\", error_description=\"\(description)\""
        }
        return challenge
    }
}

/// Decides whether a request may pass, from its header, the issuer's keys and the time.
struct BearerCheck: Sendable {
    /// What the issuer may sign access tokens with.
    static let algorithms: [SignatureAlgorithm] = [.es256, .rs256, .edDSA]
    /// How far the issuer's clock may be off.
    static let leeway = Duration.seconds(5)

    var issuer: String
    var audience: String
    var scope: String

    /// The token that a request presents (RFC 6750 §2.1).
    func token(in authorization: [String]) throws(BearerRefusal) -> UnverifiedToken {
        guard let header = authorization.first else { throw .noCredentials }
        guard authorization.count == 1 else {
            throw .invalidRequest("Send one Authorization header, not \(authorization.count).")
        }
        let words = header.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        // RFC 9110 §11.1: the scheme's name is compared without regard to case.
        guard words.first?.lowercased() == "bearer" else { throw .noCredentials }
        guard words.count == 2, !words[1].isEmpty, words[1].utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x2C })
        else {
            throw .invalidRequest("Send the token as: Authorization: Bearer <token>")
        }
        do {
            return try UnverifiedToken(String(words[1]))
        } catch {
            throw .invalidToken("This is not a JWT access token.", detail: "\(error)")
        }
    }

    /// The token as something that can be relied on.
    func verified(_ token: UnverifiedToken, by keys: KeySet, now: Instant) throws(BearerRefusal) -> VerifiedToken {
        let verified: VerifiedToken
        do {
            verified = try token.verified(
                by: keys,
                expecting: Expectations(
                    issuer: .exactly(issuer),
                    audience: .exactly(audience),
                    // RFC 9068 §4: "The resource server MUST verify that the 'typ' header value is 'at+jwt' …"
                    type: .exactly("at+jwt"),
                    algorithms: Self.algorithms,
                    now: now,
                    leeway: Self.leeway,
                    // RFC 9068 §2.2
                    requiredClaims: ["sub", "client_id", "iat", "jti"]
                )
            )
        } catch {
            let isExpired = error.code == .tokenExpired
            throw .invalidToken(
                isExpired ? "The access token has expired." : "The access token is not valid for this API.",
                detail: "\(error)"
            )
        }
        let scopes = verified.claims["scope"]?.stringValue?.split(separator: " ") ?? []
        guard scopes.contains(where: { $0 == scope }) else { throw .insufficientScope(scope) }
        return verified
    }
}
