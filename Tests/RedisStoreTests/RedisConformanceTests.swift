// The Redis store under test: conformance here, what happens when Redis fails in `OutageTests`, what is refused at
// opening in `OpeningTests`, and what is left behind in `UpkeepTests`. All against a real Redis.

import Instants
import RedisClient
import RedisStore
import RedisTesting
import Storage
import StorageConformance
import Testing

@Suite
struct RedisConformanceTests {
    @Test(.timeLimit(.minutes(2)), arguments: StoreConformance.checks)
    func `The Redis store keeps every promise of a store`(check: ConformanceCheck) async throws {
        let store = try await RedisStore.open(try await SharedRedis.only.address(), settings: .patient)
        try await check.run { store }
        try await store.close()
    }

    /// Two nodes: each task of a check may land on either.
    @Test(.timeLimit(.minutes(2)), arguments: StoreConformance.checks)
    func `Two stores on one Redis keep every promise together`(check: ConformanceCheck) async throws {
        let address = try await SharedRedis.only.address()
        let pair = AlternatingStore(
            first: try await RedisStore.open(address, settings: .patient),
            second: try await RedisStore.open(address, settings: .patient)
        )
        try await check.run { pair }
        try await pair.first.close()
        try await pair.second.close()
    }
}
