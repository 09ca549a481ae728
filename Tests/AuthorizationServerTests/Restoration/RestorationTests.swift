import Instants
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

@Suite("A store that was put back to an earlier state")
struct RestorationTests {
    let store = MemoryStore()
    let now = TestWorld.start
    let configuration: ProviderConfiguration

    init() throws {
        configuration = ProviderConfiguration(issuer: try #require(IssuerURL(TestWorld.issuer)))
    }

    /// How long an ending is told of from now on.
    private func reach(_ target: RevocationTarget, at now: Instant) async throws -> Duration {
        let revocations = Revocations(store: store, configuration: configuration)
        let changes = try await revocations.changes(ending: Ending(target, because: .operatorAct), now: now)
        let records = changes.compactMap { change in
            if case .insert(let record) = change, record.key.kind == EndingRecord.kind { record } else { nil }
        }
        return try EndingRecord(from: try #require(records.first)).expiresAt - now
    }

    private func restore(_ grants: Restoration.Grants) async throws {
        try await TokenHorizon.remember(configuration, in: store, now: now)
        try await Restoration(store: store, configuration: configuration, random: SeededRandom(seed: 1))
            .run(grants, now: now)
    }

    @Test("Everything ends for as long as any token may live that was issued after the copy was made")
    func everything() async throws {
        try await restore(.end)
        let endings = try await store.page(EndingRecord.kind, filter: .all, after: nil, limit: 10, now: now)
        let ending = try EndingRecord(from: try #require(endings.first))
        #expect(ending.target == .everything && endings.count == 1)
        #expect(ending.expiresAt == now + Limits.longestTokenLifetime + Limits.clockSkew)
        // A server that serves again knows what it issues: nothing else is alive.
        try await TokenHorizon.remember(configuration, in: store, now: now)
        #expect(try await reach(.everything, at: now) == configuration.accessTokenLifetime + Limits.clockSkew)
    }

    @Test("Where grants are kept, what is ended later reaches the tokens that the copy knows nothing of")
    func kept() async throws {
        try await restore(.keep)
        #expect(try await store.page(EndingRecord.kind, filter: .all, after: nil, limit: 10, now: now).isEmpty)
        try await TokenHorizon.remember(configuration, in: store, now: now)
        let last = now + Limits.longestTokenLifetime
        #expect(try await reach(.everything, at: last) == Limits.longestTokenLifetime + Limits.clockSkew)
        let gone = last + TokenHorizon.margin * 2
        try await TokenHorizon.remember(configuration, in: store, now: gone)
        #expect(try await reach(.everything, at: gone) == configuration.accessTokenLifetime + Limits.clockSkew)
    }
}
