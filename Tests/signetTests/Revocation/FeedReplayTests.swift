import IssuerConnection
import ResourceServer
import Testing

@Suite(
    "Revocation, server and API: a man in the middle plays back what he recorded",
    .serialized,
    .timeLimit(.minutes(5))
)
struct FeedReplayTests {
    static let strict = FreshnessPolicy.strict()

    /// A recording of a connection on which there was some time of heartbeats.
    private func record(_ api: FollowingAPI) async throws -> [String: FeedWay.Recording] {
        #expect(await becomesTrue { (api.way.recordings["events"]?.parts.count ?? 0) >= 6 })
        let recordings = api.way.recordings
        try #require(recordings["snapshot"] != nil && recordings["events"] != nil)
        return recordings
    }

    @Test("FIELD R48: an old stream with its own hello proves nothing: knowledge grows old, and the policy shows")
    func stream() async throws {
        try await FeedHouse.with { house in
            try await FollowingAPI.with(house) { api in
                let (good, doomed) = (try await house.token(), try await house.token())
                #expect(await becomesTrue { await api.serves(doomed, Self.strict) })
                api.way.set(.replays(try await record(api)))
                #expect(await becomesTrue { (api.way.replays["events"] ?? 0) >= 1 })
                let severedAt = api.clock.uptime
                try await house.revoke(doomed)

                #expect(await becomesTrue { await api.refusal(doomed, Self.strict)?.code == .revocationStale })
                let first = try #require(api.staleness)
                let firstAt = api.clock.uptime
                let replays = api.way.replays["events"] ?? 0
                #expect(await becomesTrue { (api.way.replays["events"] ?? 0) >= replays + 3 })
                let secondAt = api.clock.uptime
                let second = try #require(api.staleness)
                #expect(second >= first + (secondAt - firstAt), "nothing that was played back made it fresher")
                #expect(second >= secondAt - severedAt)
                for token in [good, doomed] {
                    #expect(await api.refusal(token, Self.strict)?.status == 503)
                }
                #expect(await api.serves(good, .introspectWhenStale()))
                #expect(await api.refusal(doomed, .introspectWhenStale())?.code == .tokenRevoked)

                api.way.set(.passes)
                #expect(await becomesTrue { await api.serves(good, Self.strict) })
                #expect(await api.refusal(doomed, Self.strict)?.code == .tokenRevoked)
            }
        }
    }

    @Test("FIELD R48: an old snapshot of before a revocation is no knowledge for an API that has just begun")
    func snapshot() async throws {
        try await FeedHouse.with { house in
            let (good, doomed) = (try await house.token(), try await house.token())
            var recordings: [String: FeedWay.Recording] = [:]
            try await FollowingAPI.with(house) { recordings = try await record($0) }
            try await house.revoke(doomed)
            let way = FeedWay(house)
            way.set(.replays(recordings))
            let api = FollowingAPI(house, way: way)
            try await api.follow {
                #expect(await becomesTrue { (way.replays["snapshot"] ?? 0) >= 3 })
                #expect(api.staleness == nil)
                #expect(await becomesTrue { await api.refusal(good, Self.strict)?.code == .revocationStale })
                #expect(await api.refusal(doomed, Self.strict)?.code == .revocationStale)
                #expect(await api.serves(good, .introspectWhenStale()))
                #expect(await api.refusal(doomed, .introspectWhenStale())?.code == .tokenRevoked)
                way.set(.passes)
                #expect(await becomesTrue { await api.serves(good, Self.strict) })
                #expect(await api.refusal(doomed, Self.strict)?.code == .tokenRevoked)
            }
        }
    }

    @Test("FIELD R48: the issuer's own hello with old messages after it: what was left out is not served as fresh")
    func afterHello() async throws {
        try await FeedHouse.with { house in
            try await FollowingAPI.with(house) { api in
                let (good, doomed) = (try await house.token(), try await house.token())
                let recording = try #require(try await record(api)["events"])
                #expect(await becomesTrue { await api.serves(doomed, Self.strict) })
                api.way.set(.replaysAfterHello(recording))
                #expect(await becomesTrue { (api.way.replays["events"] ?? 0) >= 1 })
                // On the connection that stands, only what is old follows.
                let revokedAt = api.clock.uptime
                try await house.revoke(doomed)
                let acknowledgedAt = api.clock.uptime
                var last = revokedAt
                let isKept = await becomesTrue {
                    let began = api.clock.uptime
                    if await api.serves(doomed, Self.strict) { last = began }
                    return began > acknowledgedAt + .seconds(4)
                }
                #expect(isKept)
                #expect(last <= acknowledgedAt + .seconds(1) + CutFeedTests.rounding)
                api.way.set(.passes)
                #expect(await becomesTrue { await api.serves(good, Self.strict) })
                #expect(await api.refusal(doomed, Self.strict)?.code == .tokenRevoked)
            }
        }
    }
}
