import Foundation
import IssuerConnection
import JOSE
import ResourceServer
import Testing

@Suite("Revocation, server and API: restarts", .serialized, .timeLimit(.minutes(5)))
struct FeedRestartTests {
    static let strict = FreshnessPolicy.strict()

    enum End: String, CaseIterable, Sendable {
        case asked, killed
    }

    @Test("A server comes back: a reader goes on from its place, and nothing is lost", arguments: End.allCases)
    func server(_ end: End) async throws {
        try await FeedHouse.with { house in
            try await FollowingAPI.with(house) { api in
                let tokens = [try await house.token(), try await house.token(), try await house.token()]
                let good = try await house.token()
                try await house.revoke(tokens[0])
                #expect(await api.refusesInTheEnd(tokens[0]))

                // Nothing happens meanwhile: it goes on where it was, without another snapshot.
                let snapshots = api.way.requests["snapshot"]
                if end == .asked { await house.stop() } else { await house.kill() }
                #expect(await becomesTrue { await api.refusal(good, Self.strict)?.code == .revocationStale })
                try await house.start()
                #expect(await becomesTrue { await api.serves(good, Self.strict) })
                #expect(api.way.requests["snapshot"] == snapshots)
                #expect(await api.refusal(tokens[0])?.code == .tokenRevoked)

                // Acknowledged, and the server is gone before it can tell anybody.
                try await house.revoke(tokens[1])
                if end == .asked { await house.stop() } else { await house.kill() }
                // And what another process revokes while none runs.
                let id = try #require(try FeedHouse.claim("jti", of: tokens[2]).stringValue)
                try await house.command("revoke", "--jti", id)
                try await house.start()
                for token in tokens { #expect(await api.refusesInTheEnd(token)) }
                #expect(await becomesTrue { await api.serves(good, Self.strict) })
                for token in tokens { #expect(await api.refusal(token, Self.strict)?.code == .tokenRevoked) }
            }
        }
    }

    @Test("An API that was restarted serves no revoked token, from its first answer on")
    func reader() async throws {
        try await FeedHouse.with { house in
            let (doomed, good) = (try await house.token(), try await house.token())
            try await FollowingAPI.with(house) { api in
                try await house.revoke(doomed)
                #expect(await api.refusesInTheEnd(doomed))
            }
            for freshness in [Self.strict, .introspectWhenStale()] {
                let again = FollowingAPI(house)
                try await again.follow {
                    var answers: [TokenRefusal.Code] = []
                    let isServed = await becomesTrue {
                        let refusal = await again.refusal(doomed, freshness)
                        answers += refusal.map { [$0.code] } ?? []
                        #expect(refusal != nil, "a revoked token was served after \(answers)")
                        return await again.serves(good, freshness) && again.verifier.statistics.staleness != nil
                    }
                    #expect(isServed)
                    #expect(answers.allSatisfy { [.revocationStale, .tokenRevoked, .keysUnavailable].contains($0) })
                    #expect(await again.refusesInTheEnd(doomed))
                }
            }
        }
    }

    @Test(
        "FIELD R48: a database is restored from a copy: what the API knew to be revoked stays so, and counts as old",
        arguments: [1, 4]
    )
    func restored(forgotten: Int) async throws {
        try await FeedHouse.with { house in
            try await FollowingAPI.with(house) { api in
                var doomed: [String] = []
                for _ in 0..<forgotten { doomed.append(try await house.token()) }
                let good = try await house.token()
                await house.stop()
                await house.closeBench()
                let copy = house.temporary.path + "/copy"
                try FileManager.default.copyItem(atPath: house.data, toPath: copy)
                try await house.start()
                for token in doomed {
                    try await house.revoke(token)
                    #expect(await api.refusesInTheEnd(token))
                }
                #expect(await becomesTrue { await api.serves(good, Self.strict) })

                await house.stop()
                try FileManager.default.removeItem(atPath: house.data)
                try FileManager.default.moveItem(atPath: copy, toPath: house.data)
                try await house.start()
                // The server has forgotten. The API has not, and does not take what stands further back for fresh.
                #expect(await becomesTrue { await api.refusal(good, Self.strict)?.code == .revocationStale })
                for token in doomed { #expect(await api.refusal(token)?.code == .tokenRevoked) }
                #expect(await api.serves(good, .introspectWhenStale()), "the server still knows the token")

                // What an operator does after a restore. Every further act brings the log nearer to the API's place.
                try await house.command("revoke", "--all")
                #expect(await becomesTrue { await api.refusal(good, .introspectWhenStale())?.code == .tokenRevoked })
                let fresh = try await house.token()
                for _ in 1..<forgotten { try await house.revoke(try await house.token()) }
                #expect(await becomesTrue { await api.serves(fresh, Self.strict) })
                #expect(await api.refusal(good)?.code == .tokenRevoked)
                for token in doomed { #expect(await api.refusal(token, Self.strict)?.code == .tokenRevoked) }
            }
        }
    }

    @Test(
        "FIELD R48: of two servers the one that numbers is killed: what was revoked in between reaches both's readers"
    )
    func leaseholder() async throws {
        try await FeedHouse.with { house in
            let port = Executable.freePort()
            let second = try await house.serve(on: port)
            let other = RunningServer(child: second, issuer: "http://127.0.0.1:\(port)", port: port)
            defer { second.kill() }
            let away = FeedWay(house)
            away.lead(to: port)
            try await FollowingAPI.with(house) { here in
                try await FollowingAPI.with(house, way: away) { there in
                    let tokens = [try await house.token(), try await house.token(at: other)]
                    let good = try await house.token()
                    for (token, server) in zip(tokens, [try house.server, other]) {
                        for api in [here, there] { #expect(await api.serves(token)) }
                        try await house.revoke(token, at: server)
                        for api in [here, there] { #expect(await api.refusesInTheEnd(token)) }
                    }
                    // The first one began first and holds the lease. It goes without a word, in the middle of an act.
                    let doomed = try await house.token()
                    await house.kill()
                    try await house.revoke(doomed, at: other)
                    #expect(await there.refusesInTheEnd(doomed))
                    #expect(await becomesTrue { await there.serves(good, Self.strict) })
                    // The balancer leads the first one's readers to the second.
                    here.way.lead(to: port)
                    #expect(await here.refusesInTheEnd(doomed))
                    #expect(await becomesTrue { await here.serves(good, Self.strict) })
                }
            }
        }
    }
}
