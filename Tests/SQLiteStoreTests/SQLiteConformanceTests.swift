// The SQLite store under test: conformance here, opening and refusing in `OpeningTests`, group commit and sweeping
// in files of their names. Crash tests live in Tests/Crash, since they kill processes.

import SQLiteStore
import Storage
import StorageConformance
import Testing

@Suite
struct SQLiteConformanceTests {
    @Test(arguments: StoreConformance.checks)
    func `The SQLite store keeps every promise of a store`(check: ConformanceCheck) async throws {
        try await TemporaryFolder.with { folder in
            let store = try SQLiteStore(path: folder.database)
            try await check.run { store }
            #expect(try await store.integrityCheck() == [])
            try await store.close()
        }
    }

    /// A server and a command line: each task of a check may land on either connection.
    @Test(arguments: StoreConformance.checks)
    func `Two stores on one file keep every promise together`(check: ConformanceCheck) async throws {
        try await TemporaryFolder.with { folder in
            let pair = AlternatingStore(
                first: try SQLiteStore(path: folder.database),
                second: try SQLiteStore(path: folder.database)
            )
            try await check.run { pair }
            #expect(try await pair.first.integrityCheck() == [])
            try await pair.first.close()
            try await pair.second.close()
        }
    }
}
