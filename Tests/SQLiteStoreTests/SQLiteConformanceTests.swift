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

    /// Rolls from the first key on that leads to nothing, as long as they may be and too long.
    @Test(arguments: StoreConformance.checks, [4 * 1024 * 1024, 2048])
    func `The SQLite store keeps every promise where rolls are read at once`(
        check: ConformanceCheck,
        rememberedBytes: Int
    ) async throws {
        var settings = SQLiteStoreSettings()
        settings.missesBeforeRoll = 1
        settings.rememberedBytes = rememberedBytes
        try await TemporaryFolder.with { folder in
            let store = try SQLiteStore(path: folder.database, settings: settings)
            try await check.run { store }
            try await store.close()
        }
        try await TemporaryFolder.with { folder in
            let pair = AlternatingStore(
                first: try SQLiteStore(path: folder.database, settings: settings),
                second: try SQLiteStore(path: folder.database, settings: settings)
            )
            try await check.run { pair }
            try await pair.first.close()
            try await pair.second.close()
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
