import Foundation
import SQLiteStore
import Storage
import Testing

@Suite("The readers of the SQLite store")
struct ReadLaneTests {
    /// A store that answers nothing from memory.
    private func forgetfulStore(at path: String, readers: Int = 3) throws -> SQLiteStore {
        var settings = SQLiteStoreSettings()
        settings.rememberedBytes = 0
        settings.readers = readers
        return try SQLiteStore(path: path, settings: settings)
    }

    private func isFound(_ number: Int, in store: SQLiteStore) async throws -> Bool {
        try await store.find(Record(number: number).key, now: .testTime) != nil
    }

    @Test(.timeLimit(.minutes(1)), arguments: [1, 3])
    func `Readers that have come to rest are woken by the next requests, few or many`(readers: Int) async throws {
        try await TemporaryFolder.with { folder in
            let store = try forgetfulStore(at: folder.database, readers: readers)
            _ = try await store.apply([.insert(Record(number: 1))], now: .testTime)
            for together in [1, 2, 100, 1, 300] {
                let found = try await withThrowingTaskGroup(of: Bool.self) { group in
                    for number in 0..<together { group.addTask { try await isFound(1 + number % 2, in: store) } }
                    return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
                }
                #expect(found == (together + 1) / 2)
                #expect(
                    try await store.page(RecordKind("thing"), filter: .all, after: nil, limit: 9, now: .testTime).count
                        == 1
                )
            }
            try await store.close()
        }
    }

    private func isFoundByAll(_ tasks: Int, _ number: Int, in store: SQLiteStore) async throws -> Bool {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<tasks { group.addTask { try await isFound(number, in: store) } }
            return try await group.reduce(true) { $0 && $1 }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `Where no connection is to be had, requests are refused, and the next ones try again`() async throws {
        try await TemporaryFolder.with { folder in
            let store = try forgetfulStore(at: folder.database)
            _ = try await store.apply([.insert(Record(number: 1))], now: .testTime)
            let elsewhere = folder.path + "/elsewhere"
            try FileManager.default.moveItem(atPath: folder.database, toPath: elsewhere)
            for tasks in [1, 100] {
                await #expect(throws: StoreError.self) { try await isFoundByAll(tasks, 1, in: store) }
            }
            try FileManager.default.moveItem(atPath: elsewhere, toPath: folder.database)
            #expect(try await isFoundByAll(100, 1, in: store))
            try await store.close()
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `Where no further connection is to be had, the readers that have one answer`() async throws {
        try await TemporaryFolder.with { folder in
            let store = try forgetfulStore(at: folder.database)
            _ = try await store.apply([.insert(Record(number: 1))], now: .testTime)
            #expect(try await isFound(1, in: store))
            try FileManager.default.moveItem(atPath: folder.database, toPath: folder.path + "/elsewhere")
            for _ in 0..<10 { #expect(try await isFoundByAll(500, 1, in: store)) }
            try FileManager.default.moveItem(atPath: folder.path + "/elsewhere", toPath: folder.database)
            try await store.close()
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `What waits to be read when the store is closed is answered or refused`()
        async throws
    {
        try await TemporaryFolder.with { folder in
            let store = try forgetfulStore(at: folder.database)
            _ = try await store.apply([.insert(Record(number: 1))], now: .testTime)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<200 {
                    group.addTask {
                        do {
                            let found = try await isFound(1, in: store)
                            #expect(found)
                        } catch let error as StoreError {
                            // It came after the closing.
                            #expect(error == .unavailable(reason: "the store is closed"))
                        }
                    }
                }
                group.addTask { try await store.close() }
                try await group.waitForAll()
            }
            await #expect(throws: StoreError.self) { try await isFound(1, in: store) }
        }
    }

    #if os(Linux)
        @Test(.timeLimit(.minutes(1)))
        func `A store that is dropped without being closed gives its readers and their files back`() async throws {
            try await TemporaryFolder.with { folder in
                func descriptors() throws -> Int {
                    let all = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
                    return all.filter {
                        let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + $0)
                        return target?.hasPrefix(folder.database) == true
                    }.count
                }
                var store: SQLiteStore? = try forgetfulStore(at: folder.database)
                if let store { #expect(try await isFound(1, in: store) == false) }
                #expect(try descriptors() > 0)
                store = nil
                while try descriptors() > 0 { try await Task.sleep(for: .milliseconds(10)) }
            }
        }
    #endif
}
