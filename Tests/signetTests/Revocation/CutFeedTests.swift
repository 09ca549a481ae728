import IssuerConnection
import ResourceServer
import Testing

@Suite("Revocation, server and API: the feed is cut", .serialized, .timeLimit(.minutes(5)))
struct CutFeedTests {
    static let maxStaleness: Duration = .seconds(1)
    /// What messages say is in milliseconds.
    static let rounding: Duration = .milliseconds(2)

    enum Cut: String, CaseIterable, Sendable {
        case silent, refusing, halfOpen

        var condition: CuttableProxy.Condition {
            switch self {
            case .silent: .silent
            case .refusing: .refusing
            case .halfOpen: .halfOpen
            }
        }
    }

    @Test(
        "FIELD F23, R48: strict refuses with 503 from maxStaleness after the cut on, whatever kind of cut",
        arguments: Cut.allCases
    )
    func strict(_ cut: Cut) async throws {
        try await FeedHouse.with { house in
            try await CuttableProxy.with(to: house.port) { wire in
                let way = FeedWay(house)
                way.lead("/revocations", to: wire.port)
                try await FollowingAPI.with(house, way: way) { api in
                    let strict = FreshnessPolicy.strict(maxStaleness: Self.maxStaleness)
                    let (token, doomed) = (try await house.token(), try await house.token())
                    #expect(await becomesTrue { await api.serves(token, strict) })

                    await wire.set(cut.condition)
                    let cutAt = api.clock.uptime
                    try await house.revoke(doomed)
                    let revokedAt = api.clock.uptime
                    let last = try await lastAcceptance(of: doomed, by: api, strict)
                    // A wire that is only half gone is made anew: then the refusal is the revocation's.
                    if cut == .halfOpen {
                        if let last { #expect(last <= cutAt + Self.maxStaleness + Self.rounding) }
                        #expect(await api.refusesInTheEnd(doomed))
                        #expect(await becomesTrue { await api.serves(token, strict) })
                        return
                    }
                    if let last { #expect(last <= cutAt + Self.maxStaleness + Self.rounding) }
                    for asked in [token, doomed] {
                        let refusal = try #require(await api.refusal(asked, strict))
                        #expect(refusal.code == .revocationStale && refusal.status == 503)
                        #expect(refusal.retryAfter == .seconds(1))
                        let headers = api.verifier.headers(for: refusal)
                        #expect(headers.contains { $0.name == "Retry-After" && $0.value == "1" })
                        #expect(!headers.contains { $0.name == "WWW-Authenticate" })
                    }
                    #expect(await api.serves(doomed, .accept), "accept is told nothing and serves")

                    // What was held back comes in order: for so long the old may come through and be fresh enough, the
                    // revocation behind it.
                    #expect(await becomesTrue { api.clock.uptime > revokedAt + Self.maxStaleness + Self.rounding })
                    await wire.set(.whole)
                    #expect(await becomesTrue { await api.serves(token, strict) })
                    #expect(await api.refusal(doomed, .accept)?.code == .tokenRevoked)
                }
            }
        }
    }

    /// When a request began that was served last, until one was refused because nothing fresh is known, or as revoked.
    private func lastAcceptance(
        of token: String,
        by api: FollowingAPI,
        _ freshness: FreshnessPolicy
    ) async throws -> Duration? {
        var last: Duration?
        let isRefused = await becomesTrue {
            let began = api.clock.uptime
            guard let refusal = await api.refusal(token, freshness) else {
                last = began
                return false
            }
            return [.revocationStale, .tokenRevoked].contains(refusal.code)
        }
        #expect(isRefused)
        return last
    }

    @Test("introspectWhenStale asks and gets it right both ways; with the issuer down it answers 503; accept serves")
    func introspect() async throws {
        try await FeedHouse.with { house in
            try await CuttableProxy.with(to: house.port) { wire in
                try await CuttableProxy.with(to: house.port) { rest in
                    let way = FeedWay(house)
                    way.lead(to: rest.port)
                    way.lead("/revocations", to: wire.port)
                    try await FollowingAPI.with(house, way: way) { api in
                        try await introspect(house, api, wire: wire, rest: rest)
                    }
                }
            }
        }
    }

    private func introspect(
        _ house: FeedHouse,
        _ api: FollowingAPI,
        wire: CuttableProxy,
        rest: CuttableProxy
    ) async throws {
        let asking = FreshnessPolicy.introspectWhenStale(maxStaleness: Self.maxStaleness)
        let (token, doomed, later) = (try await house.token(), try await house.token(), try await house.token())
        #expect(await api.isFreshInTheEnd())
        for good in [token, doomed, later] { #expect(await api.serves(good)) }

        await wire.set(.silent)
        let cutAt = api.clock.uptime
        try await house.revoke(doomed)
        #expect(await becomesTrue { api.clock.uptime > cutAt + Self.maxStaleness + Self.rounding })
        let asked = api.way.requests["introspect"] ?? 0
        #expect(await api.refusal(doomed, asking)?.code == .tokenRevoked)
        #expect(await api.serves(token, asking))
        #expect((api.way.requests["introspect"] ?? 0) >= asked + 2)
        #expect(await api.serves(doomed, .accept), "the price of accept, as it is stated")

        // The server is away as a whole: nobody can be asked.
        #expect(await api.serves(later, asking))
        await rest.set(.refusing)
        let goneAt = api.clock.uptime
        var last: Duration?
        #expect(
            await becomesTrue {
                let began = api.clock.uptime
                let refusal = await api.refusal(later, asking)
                if refusal == nil { last = began }
                return refusal?.code == .introspectionUnavailable && refusal?.status == 503
                    && refusal?.retryAfter != nil
            }
        )
        if let last { #expect(last <= goneAt + Self.maxStaleness + Self.rounding) }
        #expect(await api.serves(token, .accept))
        // That a token is dead does not grow old; at most nothing can be said of it.
        #expect(await !api.serves(doomed, asking))

        await rest.set(.whole)
        await wire.set(.whole)
        #expect(await api.refusesInTheEnd(doomed))
        #expect(await becomesTrue { await api.serves(later, asking) })
        #expect(await becomesTrue { await api.serves(later, .strict(maxStaleness: Self.maxStaleness)) })
    }

    @Test("Where streams do not get through the API polls, and is as fresh")
    func polling() async throws {
        try await FeedHouse.with { house in
            let way = FeedWay(house)
            way.set(.cutsStreams)
            try await FollowingAPI.with(house, way: way) { api in
                let (token, doomed) = (try await house.token(), try await house.token())
                let strict = FreshnessPolicy.strict(maxStaleness: Self.maxStaleness)
                #expect(await becomesTrue { await api.serves(token, strict) })
                try await house.revoke(doomed)
                #expect(await api.refusesInTheEnd(doomed))
                let polls = way.requests["poll"] ?? 0
                #expect(await becomesTrue { (way.requests["poll"] ?? 0) >= polls + 5 })
                #expect(await becomesTrue { await api.serves(token, strict) })
                #expect(api.verifier.statistics.introspections == 0)
            }
        }
    }
}
