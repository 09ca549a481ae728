internal import HTTPTypes
public import Hummingbird
internal import Instants
internal import IssuerConnection
internal import JOSE
internal import Logging
internal import OAuthClient
internal import OAuthVocabulary
internal import Synchronization

extension WebLogin {
    /// The longest form that is read.
    private static let longestLogoutForm = 16 * 1024

    /// `POST` from the issuer: somebody's session there has ended, so it ends here (OpenID Connect Back-Channel Logout §2.5).
    ///
    /// No cookie comes with it and no browser sends it: the token is the whole proof.
    func receiveLogout(_ request: Request, _ logger: Logger) async -> Response {
        var request = request
        guard Self.isForm(request.headers[.contentType]),
            let body = try? await request.collectBody(upTo: Self.longestLogoutForm),
            let fields = FormEncoding.pairs(String(buffer: body))
        else { return Self.refusedLogout("the body is no form, or too long", logger) }
        let tokens = fields.filter { $0.name == "logout_token" }
        guard tokens.count == 1 else { return Self.refusedLogout("there must be one logout_token", logger) }
        do {
            let token = try await party.logoutToken(tokens[0].value)
            guard seen.isNew(token.tokenID, until: token.expiresAt, now: environment.clock.now) else {
                return Self.refusedLogout("the logout token was taken already", logger)
            }
            do {
                try await sessions.remove(LogoutSelector(token))
            } catch {
                // It will come again, and must not be taken for a replay then.
                seen.forget(token.tokenID)
                throw error
            }
            logger.info("a logout of the issuer was carried out")
            return Response(status: .ok, headers: [.cacheControl: "no-store"])
        } catch let error as OAuthClientError where !error.isTransient {
            return Self.refusedLogout(error.reason, logger)
        } catch {
            // Neither a success nor the 400 that ends it: an issuer that tries again finds us better.
            logger.warning("a logout could not be carried out", metadata: ["error": "\(type(of: error))"])
            return Response(status: .serviceUnavailable, headers: [.cacheControl: "no-store", .retryAfter: "5"])
        }
    }

    private static func isForm(_ type: String?) -> Bool {
        let media = type?.prefix { $0 != ";" }.lowercased().filter { $0 != " " && $0 != "\t" }
        return media == "application/x-www-form-urlencoded"
    }

    /// Back-Channel Logout §2.8: "If the logout request was invalid or the logout failed, the RP MUST respond with HTTP 400
    /// Bad Request." and "The RP's response SHOULD include the Cache-Control HTTP response header field with a no-store
    /// value".
    private static func refusedLogout(_ reason: String, _ logger: Logger) -> Response {
        logger.warning("a logout was refused", metadata: ["reason": "\(reason)"])
        return Response(
            status: .badRequest,
            headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: #"{"error":"invalid_request"}"#))
        )
    }
}

/// Which sessions a logout ends.
public struct LogoutSelector: Hashable, Sendable {
    /// Whose; nil for the session's person, whoever that is.
    public let subject: String?
    /// The `sid` of their ID tokens; nil for every session of the person.
    public let sessionID: String?

    init(_ token: LogoutToken) {
        subject = token.subject
        sessionID = token.sessionID
    }

    /// Whether it means this session: everything that is named must be the session's, compared by octets.
    public func matches(_ session: WebSession) -> Bool {
        if let subject, !subject.utf8.elementsEqual(session.subject.utf8) { return false }
        guard let sessionID else { return subject != nil }
        return session.claims["sid"]?.stringValue.map { sessionID.utf8.elementsEqual($0.utf8) } ?? false
    }
}

/// The logout tokens that came, as long as they count: each is taken once.
final class SeenTokens: Sendable {
    private struct State {
        var seen: [String: Instant] = [:]
        var limit = 256
    }

    private let state = Mutex(State())

    /// Whether it did not come before; it is remembered until it counts no more.
    ///
    /// Only what the issuer signed is remembered: nobody else can fill this.
    func isNew(_ id: String, until end: Instant, now: Instant) -> Bool {
        state.withLock { state in
            if let known = state.seen[id], known > now { return false }
            if state.seen.count >= state.limit {
                state.seen = state.seen.filter { $0.value > now }
                state.limit = max(256, 2 * state.seen.count)
            }
            state.seen[id] = end
            return true
        }
    }

    func forget(_ id: String) { state.withLock { _ = $0.seen.removeValue(forKey: id) } }
}
