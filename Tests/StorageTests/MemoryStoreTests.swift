// Storage and its conformance suite under test. `FaultyStore` shows that the suite notices what it claims to.

import Storage
import StorageConformance
import Testing

@Suite
struct MemoryStoreTests {
    @Test(arguments: StoreConformance.checks)
    func `The memory store keeps every promise of a store`(check: ConformanceCheck) async throws {
        try await check.run { MemoryStore() }
    }
}
