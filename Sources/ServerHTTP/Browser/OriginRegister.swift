import AuthorizationServer
import HTTPTypes
import Instants
import OAuthVocabulary
import Storage
import Synchronization

/// Which web origins may call from a script, by the clients on record.
final class OriginRegister: Sendable {
    /// How long the union of all clients' origins is believed.
    static let freshness: Duration = .seconds(10)
    /// How soon it is read again for an origin that is not in it: a client that was just registered should work.
    static let shortestFreshness: Duration = .seconds(1)
    /// How long a browser may remember a preflight: not long, because an origin may be taken away.
    static let preflightAge = 600
    static let allowedHeaders = "Authorization, Content-Type, DPoP"
    /// What requests with cookies bear beside, so that no page can send one without being asked here first.
    static let cookieHeaders = ", Signet-CSRF"
    static let exposedHeaders = "WWW-Authenticate, Retry-After, Signet-Trace-Id, DPoP-Nonce"

    private struct Union {
        var origins: Set<String> = []
        /// Those of clients that keep their sign-in in a cookie.
        var cookieOrigins: Set<String> = []
        var readAt: Instant
    }

    /// What an origin may do with an answer.
    private struct Permission {
        var origin: String
        var credentials = false
    }

    private let clients: Clients
    private let issuer: IssuerURL
    private let union = Mutex<Union?>(nil)

    init(clients: Clients, issuer: IssuerURL) {
        self.clients = clients
        self.issuer = issuer
    }

    /// The answer to a preflight, which tells no client: the union decides.
    func preflight(_ exchange: Exchange, _ endpoint: any Endpoint, now: Instant) async -> Answer {
        var answer = Answer(status: 204)
        answer.headers[.cacheControl] = "no-store"
        if endpoint.browserAccess.dependsOnOrigin { answer.headers[.vary] = "Origin" }
        guard let allowed = await allowed(exchange, access: endpoint.browserAccess, client: nil, now: now) else {
            return answer
        }
        answer.headers[.accessControlAllowOrigin] = allowed.origin
        if allowed.credentials { answer.headers[.accessControlAllowCredentials] = "true" }
        answer.headers[.accessControlAllowMethods] = endpoint.methods.map(\.rawValue).sorted().joined(separator: ", ")
        answer.headers[.accessControlAllowHeaders] =
            Self.allowedHeaders + (allowed.credentials ? Self.cookieHeaders : "")
        answer.headers[.accessControlMaxAge] = "\(Self.preflightAge)"
        return answer
    }

    /// Adds what lets the script read the answer, if it may; with credentials only where cookies mean something.
    func allow(_ answer: inout Answer, _ exchange: Exchange, access: BrowserAccess, now: Instant) async {
        guard access != .none else { return }
        // Also where the origin is not allowed: a cache must not hand one origin's answer to another.
        if access.dependsOnOrigin { answer.headers[.vary] = "Origin" }
        guard let allowed = await allowed(exchange, access: access, client: answer.client, now: now) else { return }
        answer.headers[.accessControlAllowOrigin] = allowed.origin
        if allowed.credentials { answer.headers[.accessControlAllowCredentials] = "true" }
        answer.headers[.accessControlExposeHeaders] = Self.exposedHeaders
    }

    private func allowed(
        _ exchange: Exchange,
        access: BrowserAccess,
        client: ProvenClient?,
        now: Instant
    ) async -> Permission? {
        if access == .everyone { return Permission(origin: "*") }
        guard access != .none, let origin = exchange.origin else { return nil }
        let isRegistered: Bool
        let isOfCookies: Bool
        if let client {
            isRegistered = client.origins.contains(origin)
            isOfCookies = isRegistered && client.usesCookies && isSameSite(origin)
        } else {
            let union = await current(now: now, for: origin)
            isRegistered = union.origins.contains(origin)
            isOfCookies = union.cookieOrigins.contains(origin)
        }
        switch access {
        case .none, .everyone: return nil
        case .registeredOrigins: return isRegistered ? Permission(origin: origin) : nil
        case .registeredOriginsWithCookies:
            return isRegistered ? Permission(origin: origin, credentials: isOfCookies) : nil
        case .cookieOrigins: return isOfCookies ? Permission(origin: origin, credentials: true) : nil
        }
    }

    /// Checked at registration too; the issuer may have another address since.
    private func isSameSite(_ origin: String) -> Bool { SameSite.holds(origin, issuer) }

    private func current(now: Instant, for origin: String) async -> Union {
        if let known = union.withLock({ $0 }) {
            let age = now - known.readAt
            let isKnown = known.origins.contains(origin)
            if age >= .zero, age < (isKnown ? Self.freshness : Self.shortestFreshness) { return known }
        }
        // A store that cannot answer allows nobody.
        guard let read = try? await readAll(now: now) else { return Union(readAt: now) }
        union.withLock { $0 = read }
        return read
    }

    private func readAll(now: Instant) async throws(StoreError) -> Union {
        var union = Union(readAt: now)
        var last: ClientID?
        while true {
            let page = try await clients.list(after: last, limit: 1000, now: now)
            for client in page where client.isEnabled {
                union.origins.formUnion(client.origins)
                union.cookieOrigins.formUnion(client.origins.filter { client.usesCookies && isSameSite($0) })
            }
            guard page.count == 1000, let end = page.last?.id else { return union }
            last = end
        }
    }
}

extension BrowserAccess {
    /// Whether a cache must keep one origin's answer from another.
    fileprivate var dependsOnOrigin: Bool { self != .none && self != .everyone }
}
