// The PostgreSQL store under test, on a real server: `Cluster` starts one for the process, or SIGNET_TEST_POSTGRES names
// one. Conformance here; opening, failures, plans and the pooler in files of their names.

import PostgresStore
import Storage
import StorageConformance
import Testing

@Suite(.serialized)
struct PostgresConformanceTests {
    @Test(.timeLimit(.minutes(5)), arguments: StoreConformance.checks)
    func `The PostgreSQL store keeps every promise of a store`(check: ConformanceCheck) async throws {
        let store = try await PostgresStore.fresh()
        try await check.run { store }
        try await store.close()
    }

    /// Two nodes: each task of a check may land on either.
    @Test(.timeLimit(.minutes(5)), arguments: StoreConformance.checks)
    func `Two stores on one database keep every promise together`(check: ConformanceCheck) async throws {
        let schema = TestServer.freshSchema()
        let pair = AlternatingStore(
            first: try await PostgresStore.opened(TestServer.address(schema: schema)),
            second: try await PostgresStore.opened(TestServer.address(schema: schema))
        )
        try await check.run { pair }
        try await pair.first.close()
        try await pair.second.close()
    }

    /// One connection and one request a transaction: what a batch hides must not be what makes the checks pass.
    @Test(.timeLimit(.minutes(5)), arguments: StoreConformance.checks)
    func `A store that puts nothing together keeps every promise`(check: ConformanceCheck) async throws {
        var settings = PostgresStoreSettings()
        settings.mostRequestsInCommit = 1
        settings.mostReadsTogether = 1
        let store = try await PostgresStore.fresh(settings: settings)
        try await check.run { store }
        try await store.close()
    }
}
