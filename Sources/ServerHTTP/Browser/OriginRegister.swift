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
    static let exposedHeaders = "WWW-Authenticate, Retry-After, Signet-Trace-Id, DPoP-Nonce"

    private struct Union {
        var origins: Set<String>
        var readAt: Instant
    }

    private let clients: Clients
    private let union = Mutex<Union?>(nil)

    init(clients: Clients) { self.clients = clients }

    /// The answer to a preflight, which tells no client: the union decides.
    func preflight(_ exchange: Exchange, _ endpoint: any Endpoint, now: Instant) async -> Answer {
        var answer = Answer(status: 204)
        answer.headers[.cacheControl] = "no-store"
        if endpoint.browserAccess == .registeredOrigins { answer.headers[.vary] = "Origin" }
        guard let allowed = await allowed(exchange, access: endpoint.browserAccess, client: nil, now: now) else {
            return answer
        }
        answer.headers[.accessControlAllowOrigin] = allowed
        answer.headers[.accessControlAllowMethods] = endpoint.methods.map(\.rawValue).sorted().joined(separator: ", ")
        answer.headers[.accessControlAllowHeaders] = Self.allowedHeaders
        answer.headers[.accessControlMaxAge] = "\(Self.preflightAge)"
        return answer
    }

    /// Adds what lets the script read the answer, if it may; never with credentials, because cookies mean nothing there.
    func allow(_ answer: inout Answer, _ exchange: Exchange, access: BrowserAccess, now: Instant) async {
        guard access != .none else { return }
        // Also where the origin is not allowed: a cache must not hand one origin's answer to another.
        if access == .registeredOrigins { answer.headers[.vary] = "Origin" }
        guard let allowed = await allowed(exchange, access: access, client: answer.client, now: now) else { return }
        answer.headers[.accessControlAllowOrigin] = allowed
        answer.headers[.accessControlExposeHeaders] = Self.exposedHeaders
    }

    private func allowed(
        _ exchange: Exchange,
        access: BrowserAccess,
        client: RegisteredClient?,
        now: Instant
    ) async -> String? {
        switch access {
        case .none: return nil
        case .everyone: return "*"
        case .registeredOrigins:
            guard let origin = exchange.origin else { return nil }
            if let client { return client.origins.contains(origin) ? origin : nil }
            return await isRegistered(origin, now: now) ? origin : nil
        }
    }

    private func isRegistered(_ origin: String, now: Instant) async -> Bool {
        if let known = union.withLock({ $0 }) {
            let age = now - known.readAt
            let isKnown = known.origins.contains(origin)
            if age >= .zero, age < (isKnown ? Self.freshness : Self.shortestFreshness) { return isKnown }
        }
        // A store that cannot answer allows nobody.
        guard let origins = try? await readAll(now: now) else { return false }
        union.withLock { $0 = Union(origins: origins, readAt: now) }
        return origins.contains(origin)
    }

    private func readAll(now: Instant) async throws(StoreError) -> Set<String> {
        var origins: Set<String> = []
        var last: ClientID?
        while true {
            let page = try await clients.list(after: last, limit: 1000, now: now)
            for client in page where client.isEnabled { origins.formUnion(client.origins) }
            guard page.count == 1000, let end = page.last?.id else { return origins }
            last = end
        }
    }
}
