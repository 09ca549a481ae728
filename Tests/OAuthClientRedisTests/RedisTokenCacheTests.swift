// The shared token cache under test, against a real Redis: what it keeps and for whom, and that a fleet fetches one token.

import Instants
import IssuerConnection
import OAuthClient
import OAuthClientRedis
import RedisClient
import RedisTesting
import Synchronization
import Testing

/// An issuer that counts the tokens it makes.
private final class CountingIssuer: HTTPTransport {
    static let url = "https://issuer.example"
    let count = Atomic<Int>(0)

    func stream(
        _ request: TransportRequest,
        idleTimeout: Duration,
        onHead: (TransportResponse) throws -> Void,
        onBytes: ([UInt8]) throws -> Void
    ) async throws(TransportError) {
        throw TransportError(.unreachable, reason: "nothing is streamed here")
    }

    func send(_ request: TransportRequest) async throws(TransportError) -> TransportResponse {
        let path = request.url.dropFirst(Self.url.count)
        if path.hasPrefix("/.well-known") {
            return TransportResponse(
                status: 200,
                headers: [("Content-Type", "application/json")],
                body: Array(#"{"issuer":"\#(Self.url)","token_endpoint":"\#(Self.url)/token"}"#.utf8)
            )
        }
        let number = count.add(1, ordering: .relaxed).newValue
        return TransportResponse(
            status: 200,
            headers: [("Content-Type", "application/json")],
            body: Array(#"{"access_token":"token-\#(number)","token_type":"Bearer","expires_in":600}"#.utf8)
        )
    }
}

private let key = [UInt8](repeating: 7, count: RedisTokenCache.keyLength)

private func tokens(_ issuer: CountingIssuer, _ cache: RedisTokenCache) throws -> ServiceTokens {
    let registration = ClientRegistration(
        issuer: CountingIssuer.url,
        clientID: "service",
        authentication: .secretBasic("s3cr3t-value")
    )
    return ServiceTokens(registration, cache: cache, environment: ClientEnvironment(transport: issuer))
}

@Suite(.timeLimit(.minutes(1)))
struct RedisTokenCacheTests {
    @Test
    func `Two members of a fleet share one token, and Redis cannot show it`() async throws {
        try await RedisServer.with { server in
            let issuer = CountingIssuer()
            let pools = [
                try RedisPool(server.address, settings: .patient), try RedisPool(server.address, settings: .patient),
            ]
            let fleet = try pools.map { try tokens(issuer, RedisTokenCache($0, sealedUnder: key)) }
            let got = try await withThrowingTaskGroup(of: String.self) { group in
                for number in 0..<20 { group.addTask { try await fleet[number % 2].token().accessToken } }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(got == ["token-1"])
            #expect(issuer.count.load(ordering: .relaxed) == 1)
            let names = try await pools[0].send(RedisCommand("KEYS", "signet-tokens:*")).array?.compactMap(\.text) ?? []
            #expect(names.count == 1)
            for name in names {
                let value = try await pools[0].send(RedisCommand("GET", name)).bytes ?? []
                #expect(!String(decoding: value, as: UTF8.self).contains("token-1"))
                #expect(try await pools[0].send(RedisCommand("PTTL", name)).integer ?? 0 > 0)
            }
            for pool in pools { await pool.close() }
        }
    }

    @Test
    func `A claim is held by one holder, until it lets go or its time is over`() async throws {
        try await RedisServer.with { server in
            let pool = try RedisPool(server.address, settings: .patient)
            let cache = try RedisTokenCache(pool, sealedUnder: key)
            let name = try tokens(CountingIssuer(), cache).cacheKey()
            #expect(try await cache.claim(name, by: "a", for: .seconds(60)))
            #expect(try await cache.claim(name, by: "a", for: .seconds(60)))
            #expect(try await !cache.claim(name, by: "b", for: .seconds(60)))
            try await cache.release(name, by: "b")
            #expect(try await !cache.claim(name, by: "b", for: .seconds(60)))
            try await cache.release(name, by: "a")
            #expect(try await cache.claim(name, by: "b", for: .milliseconds(1)))
            try await Task.sleep(for: .milliseconds(20))
            #expect(try await cache.claim(name, by: "a", for: .seconds(60)))
            await pool.close()
        }
    }

    @Test
    func `Removing names one token, and what another key sealed or was moved counts as absent`() async throws {
        try await RedisServer.with { server in
            let pool = try RedisPool(server.address, settings: .patient)
            let cache = try RedisTokenCache(pool, sealedUnder: key)
            let service = try tokens(CountingIssuer(), cache)
            _ = try await service.token()
            let name = try service.cacheKey()
            let token = try #require(try await cache.read(name))
            #expect(token.accessToken == "token-1")
            try await cache.remove("another-fingerprint-123", under: name)
            #expect(try await cache.read(name) == token)
            let stranger = try RedisTokenCache(pool, sealedUnder: [UInt8](repeating: 8, count: 32))
            #expect(try await stranger.read(name) == nil)
            let other = try service.cacheKey(scopes: ["admin"])
            try await pool.send(RedisCommand("COPY", "signet-tokens:t:\(name)", "signet-tokens:t:\(other)"))
            #expect(try await cache.read(other) == nil)
            try await cache.remove(token.fingerprint, under: name)
            #expect(try await cache.read(name) == nil)
            #expect(throws: RedisTokenCache.Fault.keyLength) { try RedisTokenCache(pool, sealedUnder: [1]) }
            await pool.close()
        }
    }

    @Test
    func `A cache that is down is passed over`() async throws {
        try await RedisServer.with(isRunning: false) { server in
            let pool = try RedisPool(server.address, settings: .patient)
            let issuer = CountingIssuer()
            let service = try tokens(issuer, RedisTokenCache(pool, sealedUnder: key))
            #expect(try await service.token().accessToken == "token-1")
            await pool.close()
        }
    }
}
