import Instants
import IssuerConnection
import JOSE
import OAuthClient
import Synchronization
import Testing

/// A cache that is down.
struct BrokenCache: TokenCache {
    struct Down: Error {}

    func read(_ key: TokenCacheKey) async throws -> CachedToken? { throw Down() }
    func claim(_ key: TokenCacheKey, by holder: String, for lease: Duration) async throws -> Bool { throw Down() }
    func write(_ token: CachedToken, under key: TokenCacheKey, by holder: String) async throws { throw Down() }
    func release(_ key: TokenCacheKey, by holder: String) async throws { throw Down() }
    func remove(_ fingerprint: String, under key: TokenCacheKey) async throws { throw Down() }
}

/// A cache that keeps what it should remove.
struct StickyCache: TokenCache {
    let cache: MemoryTokenCache

    func read(_ key: TokenCacheKey) async throws -> CachedToken? { try await cache.read(key) }
    func claim(_ key: TokenCacheKey, by holder: String, for lease: Duration) async throws -> Bool {
        try await cache.claim(key, by: holder, for: lease)
    }
    func write(_ token: CachedToken, under key: TokenCacheKey, by holder: String) async throws {
        try await cache.write(token, under: key, by: holder)
    }
    func release(_ key: TokenCacheKey, by holder: String) async throws { try await cache.release(key, by: holder) }
    func remove(_ fingerprint: String, under key: TokenCacheKey) async throws { throw BrokenCache.Down() }
}

/// Client credentials with a cache.
@Suite(.timeLimit(.minutes(5))) struct ServiceTokenTests {
    let issuer: FakeIssuer
    let clock = SetClock()

    init() throws {
        issuer = try FakeIssuer()
        Self.count(issuer)
    }

    /// Every token says for what it is.
    static func count(_ issuer: FakeIssuer, lifetime: Int64? = 600) {
        let calls = Counter()
        issuer.on("/token") { request in
            await Task.yield()
            let resources = request.all.filter { $0.name == "resource" }.map(\.value).joined(separator: ",")
            let parts = [issuer.url, request.form["client_id"] ?? "", request.form["scope"] ?? "", resources]
            let text = parts.joined(separator: "|").map { $0 == " " ? "+" : $0 }
            return .tokens("\(String(text))#\(calls.add())", lifetime)
        }
    }

    func service(
        _ issuer: FakeIssuer? = nil,
        id: String = "service",
        as authentication: ClientAuthentication = .secretPost("s3cr3t-value"),
        cache: (any TokenCache)? = nil,
        retries: RetryPolicy = .standard
    ) -> ServiceTokens {
        let issuer = issuer ?? self.issuer
        return ServiceTokens(
            ClientRegistration(issuer: issuer.url, clientID: id, authentication: authentication),
            cache: cache,
            environment: .test(issuer, clock: clock, retries: retries)
        )
    }

    var asked: Int { issuer.received("/token").count }

    @Test("RFC 6749 §4.4.2: a token is fetched once and used until it is nearly over")
    func reuse() async throws {
        let service = service()
        let first = try await service.token(scopes: ["write", "read", "read"], resources: ["https://api.example"])
        #expect(issuer.received("/token").first?.form["grant_type"] == "client_credentials")
        #expect(first.accessToken == "https://issuer.example|service|read+write|https://api.example#1")
        // The order in which they are named makes no other token.
        let again = try await service.token(scopes: ["read", "write"], resources: ["https://api.example"])
        #expect(again == first && asked == 1)
        clock.advance(by: .seconds(500))
        #expect(try await service.token(scopes: ["write", "read"], resources: ["https://api.example"]) == first)
        clock.advance(by: .seconds(90))
        let next = try await service.token(scopes: ["read", "write"], resources: ["https://api.example"])
        #expect(next.accessToken.hasSuffix("#2") && asked == 2)
    }

    @Test("CVE-2025-26620: a hundred callers at once, each with other scopes, get each their own token, fetched once")
    func scopesApart() async throws {
        let service = service()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<100 {
                let scope = "s\(number % 10)"
                let resource = "https://api.example/\(number / 10 % 2)"
                group.addTask {
                    let token = try? await service.token(
                        scopes: [scope],
                        resources: [resource]
                    )
                    #expect(token?.accessToken.contains("|\(scope)|\(resource)#") == true)
                }
            }
        }
        #expect(asked == 20)
    }

    @Test(
        "CVE-2025-26620, CVE-2024-51987, CVE-2026-19202: another scope, resource, client, issuer or credential is another token"
    )
    func keysApart() async throws {
        let cache = MemoryTokenCache(clock: clock)
        let other = try FakeIssuer("https://other.example")
        Self.count(other)
        let key = try SigningKey.generate(.es256)
        let services: [(ServiceTokens, [String], [String])] = [
            (service(cache: cache), ["a"], []), (service(cache: cache), ["b"], []),
            (service(cache: cache), ["a", "b"], []),
            (service(cache: cache), [], []), (service(cache: cache), ["a"], ["https://api.example"]),
            (service(cache: cache), ["a"], ["https://api.example/"]),
            (service(cache: cache), ["a"], ["https://api.example", "https://b.example"]),
            (service(id: "service2", cache: cache), ["a"], []), (service(other, cache: cache), ["a"], []),
            (service(as: .secretPost("an0ther-value"), cache: cache), ["a"], []),
            (service(as: .none, cache: cache), ["a"], []),
            (service(as: .privateKeyJWT(key), cache: cache), ["a"], []),
            (service(as: .privateKeyJWT(try SigningKey.generate(.es256)), cache: cache), ["a"], []),
        ]
        var seen: Set<String> = []
        for (service, scopes, resources) in services {
            seen.insert(try await service.token(scopes: scopes, resources: resources).accessToken)
        }
        #expect(seen.count == services.count && cache.count == services.count)
        // The twin: the same question by another process of the same service is the same token.
        for (service, scopes, resources) in services {
            seen.insert(try await service.token(scopes: scopes, resources: resources).accessToken)
        }
        let twin = try await service(cache: cache).token(scopes: ["a"])
        #expect(seen.contains(twin.accessToken) && seen.count == services.count)
        #expect(asked + other.received("/token").count == services.count)
    }

    @Test("Parts of a question cannot run into each other")
    func boundaries() async throws {
        let service = service()
        let one = try await service.token(scopes: ["ab", "c"])
        let other = try await service.token(scopes: ["a", "bc"])
        #expect(one.accessToken != other.accessToken)
        let scope = try await service.token(scopes: ["https://api.example"])
        let resource = try await service.token(resources: ["https://api.example"])
        #expect(scope.accessToken != resource.accessToken)
    }

    @Test("A hundred callers at once fetch one token")
    func singleFlight() async throws {
        let service = service()
        let tokens = await withTaskGroup(of: String?.self) { group in
            for _ in 0..<100 { group.addTask { try? await service.token(scopes: ["a"]).accessToken } }
            return await group.reduce(into: Set<String?>()) { $0.insert($1) }
        }
        #expect(tokens.count == 1 && !tokens.contains(nil) && asked == 1)
    }

    @Test(
        "Shortly before its end a token is renewed while the old one is still handed out; if that fails, it goes on being used"
    )
    func renewal() async throws {
        let service = service(retries: .never)
        let first = try await service.token()
        let (renewals, renewed) = AsyncStream<Void>.makeStream()
        issuer.on("/token") { _ in
            renewed.yield()
            return .json([:], status: 503)
        }
        // 600 s, of which 10 are kept clear, and renewal begins 30 to 60 s before those.
        clock.advance(by: .seconds(529))
        #expect(try await service.token() == first && asked == 1)
        clock.advance(by: .seconds(31))
        #expect(try await service.token() == first)
        _ = await renewals.first { true }
        #expect(asked == 2)
        for _ in 0..<50 { #expect(try await service.token() == first) }
        #expect(asked == 2)
        clock.advance(by: .seconds(10))
        Self.count(issuer)
        #expect(try await service.token() == first)
        while asked < 3 { await Task.yield() }
        while try await service.token() == first { await Task.yield() }
        #expect(asked == 3)
    }

    @Test("A token that is over is not handed out, whatever the issuer's trouble")
    func over() async throws {
        let service = service(retries: .never)
        _ = try await service.token()
        clock.advance(by: .seconds(590))
        issuer.on("/token") { _ in .json([:], status: 503) }
        #expect(await refusal { _ = try await service.token() }?.code == .unavailable)
        issuer.on("/token") { _ in .refusal("invalid_client", status: 401) }
        #expect(await refusal { _ = try await service.token() }?.error == "invalid_client")
    }

    @Test("A token that an API refused is exchanged once, however many say so, and not again at once")
    func invalidated() async throws {
        let service = service()
        let first = try await service.token(scopes: ["a"]).accessToken
        await service.invalidate(first, scopes: ["a"])
        #expect(try await service.token(scopes: ["a"]).accessToken == first)
        clock.advance(by: .seconds(5))
        // What is said of another question, or of a token that is not there, changes nothing.
        await service.invalidate(first, scopes: ["b"])
        await service.invalidate("other", scopes: ["a"])
        #expect(try await service.token(scopes: ["a"]).accessToken == first)
        let tokens = await withTaskGroup(of: String?.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    await service.invalidate(first, scopes: ["a"])
                    return try? await service.token(scopes: ["a"]).accessToken
                }
            }
            return await group.reduce(into: Set<String?>()) { $0.insert($1) }
        }
        #expect(tokens.count == 1 && !tokens.contains(first) && !tokens.contains(nil))
        #expect(asked == 2)
    }

    @Test("A fleet fetches one token: of fifty processes one asks, the others wait for its token")
    func fleet() async throws {
        let cache = MemoryTokenCache(clock: clock)
        let services = (0..<50).map { _ in service(cache: cache) }
        let tokens = await withTaskGroup(of: String?.self) { group in
            for service in services {
                for _ in 0..<4 { group.addTask { try? await service.token(scopes: ["a"]).accessToken } }
            }
            return await group.reduce(into: Set<String?>()) { $0.insert($1) }
        }
        #expect(tokens.count == 1 && !tokens.contains(nil))
        #expect(asked == 1)
    }

    @Test("A process that dies with the claim holds the fleet up no longer than its lease")
    func deadHolder() async throws {
        let cache = MemoryTokenCache(clock: clock)
        let probe = service(cache: cache)
        _ = try await probe.token(scopes: ["a"])
        let key = try probe.cacheKey(scopes: ["a"])
        clock.advance(by: .seconds(600))
        #expect(try await cache.claim(key, by: "dead", for: .seconds(3)))
        let start = clock.uptime
        _ = try await service(cache: cache).token(scopes: ["a"])
        #expect(clock.uptime - start >= .seconds(3) && clock.uptime - start < .seconds(4))
        #expect(asked == 2)
    }

    @Test("A token refused by an API does not come back from the shared cache; a newer one there is taken")
    func invalidatedInFleet() async throws {
        let cache = MemoryTokenCache(clock: clock)
        let (one, two) = (service(cache: cache), service(cache: cache))
        let first = try await one.token().accessToken
        #expect(try await two.token().accessToken == first)
        clock.advance(by: .seconds(5))
        await one.invalidate(first)
        let second = try await one.token().accessToken
        #expect(second != first)
        await two.invalidate(first)
        #expect(try await two.token().accessToken == second)
        #expect(asked == 2)
    }

    @Test("A refused token does not come back from a shared cache that could not remove it")
    func unremovable() async throws {
        let service = service(cache: StickyCache(cache: MemoryTokenCache(clock: clock)))
        let first = try await service.token().accessToken
        clock.advance(by: .seconds(5))
        #expect(try await service.token().accessToken == first)
        await service.invalidate(first)
        #expect(try await service.token().accessToken != first)
        #expect(asked == 2)
    }

    @Test("A shared cache that is down costs a fetch for each process, and nothing more")
    func brokenCache() async throws {
        let service = service(cache: BrokenCache())
        for _ in 0..<10 { _ = try await service.token() }
        #expect(asked == 1)
    }

    @Test("The memory is bounded, and what ends first goes first")
    func bounded() async throws {
        let service = ServiceTokens(
            ClientRegistration(issuer: issuer.url, clientID: "service", authentication: .none),
            maximumEntries: 10,
            environment: .test(issuer, clock: clock)
        )
        for number in 0..<30 {
            _ = try await service.token(scopes: ["s\(number)"])
            clock.advance(by: .milliseconds(10))
        }
        #expect(asked == 30)
        for number in 20..<30 { _ = try await service.token(scopes: ["s\(number)"]) }
        #expect(asked == 30)
        _ = try await service.token(scopes: ["s0"])
        #expect(asked == 31)
    }

    @Test("A token whose end is unknown is used for a minute; one that has none left is not kept")
    func lifetimes() async throws {
        Self.count(issuer, lifetime: nil)
        let service = service()
        _ = try await service.token()
        clock.advance(by: .seconds(40))
        _ = try await service.token()
        #expect(asked == 1)
        clock.advance(by: .seconds(20))
        _ = try await service.token()
        #expect(asked == 2)
        Self.count(issuer, lifetime: 0)
        _ = try await service.token(scopes: ["b"])
        _ = try await service.token(scopes: ["b"])
        #expect(asked == 4)
    }

    @Test("RFC 8707 §2: what is no scope or no absolute URI is refused before anything is sent")
    func requests() async throws {
        let service = service()
        for (scopes, resources) in [(["a b"], []), ([""], []), (["a"], ["api"]), (["a"], ["https://a.example/#f"])] {
            #expect(
                await refusal { _ = try await service.token(scopes: scopes, resources: resources) }?.code
                    == .requestInvalid
            )
        }
        #expect(asked == 0)
        _ = try await service.token(scopes: ["a"], resources: ["urn:api"])
        #expect(asked == 1)
    }

    @Test("The key of a cache shows nothing of what it was made from")
    func keyIsOpaque() throws {
        let key = try service().cacheKey(scopes: ["a"])
        #expect(key.description.count == 43)
        #expect(!"\(key)".contains("service") && !"\(key)".contains("s3cr3t"))
    }
}
