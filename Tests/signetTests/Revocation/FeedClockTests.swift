import IssuerConnection
import ResourceServer
import Testing

// The server's own clock is not set here: the executable takes the system's, and offers no other. What a reader does when
// that clock runs ahead or goes back is in FeedLedgerTests and FeedReaderTests, which make such messages.
@Suite("Revocation, server and API: clocks that are wrong", .serialized, .timeLimit(.minutes(5)))
struct FeedClockTests {
    static let strict = FreshnessPolicy.strict()
    /// A token lives for 15 minutes, and the leeway is 5 seconds.
    static let skews: [(skew: Duration, refusal: TokenRefusal.Code?)] = [
        (.seconds(600), nil), (.seconds(960), .tokenExpired), (.seconds(-3), nil), (.seconds(-600), .tokenNotYetValid),
    ]

    @Test("RFC 7519 §4.1.4: exp and iat are judged by the API's clock, within its leeway; freshness by no wall clock")
    func wall() async throws {
        try await FeedHouse.with { house in
            try await FollowingAPI.with(house) { api in
                for (skew, expected) in Self.skews {
                    let (good, doomed) = (try await house.token(), try await house.token())
                    api.clock.setWall(off: skew)
                    let code = await api.refusal(good)?.code
                    #expect(code == expected, "\(skew)")
                    #expect(await api.isFreshInTheEnd(), "\(skew)")
                    if expected == nil { #expect(await becomesTrue { await api.serves(good, Self.strict) }) }
                    // What ends while the clock is wrong is kept, though by that clock it may have expired long ago.
                    try await house.revoke(doomed)
                    let last = try await house.token()
                    try await house.revoke(last)
                    api.clock.setWall(off: .zero)
                    #expect(await api.refusesInTheEnd(last))
                    #expect(await api.refusal(doomed)?.code == .tokenRevoked, "\(skew)")
                    #expect(await becomesTrue { await api.serves(good, Self.strict) }, "\(skew)")
                }
            }
        }
    }

    @Test("A wall clock that steps while the feed is followed changes nothing of what is known, nor how fresh it is")
    func steps() async throws {
        try await FeedHouse.with { house in
            try await FollowingAPI.with(house) { api in
                let snapshots = api.way.requests["snapshot"]
                var doomed: [String] = []
                for step in [600, -600, 30, -30, 86_400, 0] {
                    api.clock.setWall(off: .seconds(step))
                    let token = try await house.token()
                    try await house.revoke(token)
                    doomed.append(token)
                    #expect(await api.isFreshInTheEnd(), "\(step)")
                }
                for token in doomed { #expect(await api.refusesInTheEnd(token)) }
                #expect(api.way.requests["snapshot"] == snapshots)
            }
        }
    }

    @Test(
        "FIELD F23: time that the issuer's clock has not counted makes knowledge old at once, until it is proven anew"
    )
    func jump() async throws {
        try await FeedHouse.with { house in
            try await FollowingAPI.with(house) { api in
                let token = try await house.token()
                #expect(await becomesTrue { await api.serves(token, Self.strict) })
                let events = api.way.requests["events"] ?? 0
                api.clock.jump(by: .seconds(30))
                #expect(await api.refusal(token, Self.strict)?.code == .revocationStale)
                #expect(await api.serves(token, .introspectWhenStale()))
                // Heartbeats by the old proof stay 30 seconds late. The reader takes another connection.
                #expect(await becomesTrue { await api.serves(token, Self.strict) })
                #expect((api.way.requests["events"] ?? 0) > events)
            }
        }
    }
}
