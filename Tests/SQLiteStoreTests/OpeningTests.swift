import Foundation
import GRDB
import SQLiteStore
import Storage
import Testing

@Suite
struct OpeningTests {
    /// The error with which opening `path` ends.
    private func openingError(path: String, settings: SQLiteStoreSettings = SQLiteStoreSettings()) -> SQLiteStoreError?
    {
        do throws(SQLiteStoreError) {
            _ = try SQLiteStore(path: path, settings: settings)
            return nil
        } catch {
            return error
        }
    }

    /// Creates a sound database with one record in it and closes it.
    private func makeDatabase(in folder: TemporaryFolder) async throws {
        let store = try SQLiteStore(path: folder.database)
        _ = try await store.apply([.insert(Record(number: 1))], now: .testTime)
        try await store.close()
    }

    private func sql(_ statement: String, in folder: TemporaryFolder) throws {
        let queue = try DatabaseQueue(path: folder.database)
        try queue.writeWithoutTransaction { try $0.execute(sql: statement) }
        try queue.close()
    }

    @Test func `A new database has mode 0600, and so have its companions`() async throws {
        try await TemporaryFolder.with { folder in
            let store = try SQLiteStore(path: folder.database)
            _ = try await store.apply([.insert(Record(number: 1))], now: .testTime)
            let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            #expect(Set(names) == ["signet.sqlite", "signet.sqlite-wal", "signet.sqlite-shm"])
            for name in names {
                let attributes = try FileManager.default.attributesOfItem(atPath: folder.path + "/" + name)
                #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600, "\(name)")
            }
            try await store.close()
        }
    }

    @Test func `What was applied is there after closing and opening again`() async throws {
        try await TemporaryFolder.with { folder in
            try await makeDatabase(in: folder)
            let store = try SQLiteStore(path: folder.database)
            #expect(try await store.find(Record(number: 1).key, now: .testTime) == Record(number: 1))
            try await store.close()
        }
    }

    @Test func `The writer's synchronous level reads back as FULL`() async throws {
        try await TemporaryFolder.with { folder in
            for _ in 0..<2 {
                let store = try SQLiteStore(path: folder.database)
                #expect(try await store.synchronousLevel() == 2)
                try await store.close()
            }
            var settings = SQLiteStoreSettings()
            settings.durability = .none
            let store = try SQLiteStore(path: folder.database, settings: settings)
            #expect(try await store.synchronousLevel() == 0)
            try await store.close()
        }
    }

    @Test func `The journal is a write-ahead log and the file carries Signet's mark`() async throws {
        try await TemporaryFolder.with { folder in
            try await makeDatabase(in: folder)
            let queue = try DatabaseQueue(path: folder.database)
            let pragmas = try await queue.read { database in
                (
                    try String.fetchOne(database, sql: "PRAGMA journal_mode"),
                    try Int.fetchOne(database, sql: "PRAGMA application_id"),
                    try Int.fetchOne(database, sql: "PRAGMA user_version")
                )
            }
            #expect(pragmas.0 == "wal")
            #expect(pragmas.1 == 0x5347_4E54)
            #expect(pragmas.2 == 1)
        }
    }

    @Test func `A newer schema is refused in one sentence, and no file is changed`() async throws {
        try await TemporaryFolder.with { folder in
            try await makeDatabase(in: folder)
            try sql("PRAGMA user_version = 99", in: folder)
            let before = try folder.contents()
            let refusal = openingError(path: folder.database)
            #expect(refusal == .newerSchema(path: folder.database, found: 99, supported: 1))
            #expect(
                "\(try #require(refusal))" == """
                    The database \(folder.database) was written by a newer Signet (schema 99, this program knows up to \
                    1); nothing was changed, use the newer program.
                    """
            )
            #expect(try folder.contents() == before)
            try sql("PRAGMA user_version = 1", in: folder)
            #expect(openingError(path: folder.database) == nil)
        }
    }

    /// The file's header still says 1 while the log says 99: what a newer program leaves that was killed.
    @Test func `A newer schema that is still in the write-ahead log is refused as well`() async throws {
        try await TemporaryFolder.with { folder in
            try await makeDatabase(in: folder)
            let held = try DatabaseQueue(path: folder.database)
            try await held.writeWithoutTransaction { try $0.execute(sql: "PRAGMA user_version = 99") }
            let copy = TemporaryFolder(path: folder.path + "/copy")
            try FileManager.default.createDirectory(atPath: copy.path, withIntermediateDirectories: true)
            for name in ["signet.sqlite", "signet.sqlite-wal"] {
                try FileManager.default.copyItem(atPath: folder.path + "/" + name, toPath: copy.path + "/" + name)
            }
            #expect(openingError(path: copy.database) == .newerSchema(path: copy.database, found: 99, supported: 1))
            try held.close()
        }
    }

    @Test func `A file that is no database is refused and left as it is`() async throws {
        try await TemporaryFolder.with { folder in
            let texts = ["short", String(repeating: "This is a text, not a database. ", count: 200)]
            for text in texts {
                try folder.write(Array(text.utf8))
                #expect(openingError(path: folder.database) == .notADatabase(path: folder.database))
                #expect(try folder.contents() == ["signet.sqlite": Array(text.utf8)])
            }
        }
    }

    @Test func `An empty file becomes a database`() async throws {
        try await TemporaryFolder.with { folder in
            try folder.write([])
            #expect(openingError(path: folder.database) == nil)
        }
    }

    @Test func `A truncated database is refused as damaged`() async throws {
        try await TemporaryFolder.with { folder in
            try await makeDatabase(in: folder)
            let whole = try #require(try folder.contents()["signet.sqlite"])
            try folder.write(Array(whole.prefix(whole.count / 2)))
            guard case .damaged(let path, _)? = openingError(path: folder.database) else {
                Issue.record("opening a truncated database should be refused as damaged")
                return
            }
            #expect(path == folder.database)
            try folder.write(whole)
            #expect(openingError(path: folder.database) == nil)
        }
    }

    @Test func `A page of rubbish is found by the check, and reading it throws corrupt`() async throws {
        try await TemporaryFolder.with { folder in
            try await makeDatabase(in: folder)
            var bytes = try #require(try folder.contents()["signet.sqlite"])
            // Page 2 is the root of the first table that was created: the records.
            bytes.replaceSubrange(4096..<8192, with: (0..<4096).map { UInt8($0 * 7 % 256) })
            try folder.write(bytes)
            let store = try SQLiteStore(path: folder.database)
            await #expect {
                _ = try await store.find(Record(number: 1).key, now: .testTime)
            } throws: { error in
                if case .corrupt? = error as? StoreError { true } else { false }
            }
            #expect(try await !store.integrityCheck().isEmpty)
            try await store.close()
        }
    }

    @Test func `Another program's database is refused and left as it is`() async throws {
        try await TemporaryFolder.with { folder in
            try sql("CREATE TABLE notes (text TEXT)", in: folder)
            let before = try folder.contents()
            #expect(openingError(path: folder.database) == .foreign(path: folder.database))
            #expect(try folder.contents() == before)
        }
        try await TemporaryFolder.with { folder in
            try sql("CREATE TABLE notes (text TEXT); PRAGMA application_id = 7", in: folder)
            #expect(openingError(path: folder.database) == .foreign(path: folder.database))
        }
    }

    @Test func `A missing folder is named`() {
        let refusal = openingError(path: "/nonexistent/folder/signet.sqlite")
        #expect(refusal == .folderMissing(folder: "/nonexistent/folder"))
    }

    /// `/proc` refuses new files even to root, which any mode bits would let pass.
    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/proc/self/status")))
    func `A folder that cannot be written to is named`() throws {
        let refusal = try #require(openingError(path: "/proc/signet.sqlite"))
        guard case .folderNotWritable("/proc", _) = refusal else {
            Issue.record("\(refusal)")
            return
        }
        #expect("\(refusal)".hasPrefix("The data folder /proc cannot be written to ("))
    }

    @Test func `A database that another process holds locked is refused once the wait is over`() async throws {
        try await TemporaryFolder.with { folder in
            try await makeDatabase(in: folder)
            let holder = try folder.otherConnection()
            try await holder.writeWithoutTransaction { database in
                try database.execute(sql: "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")
                try database.execute(sql: "CREATE TABLE t (x)")
                var settings = SQLiteStoreSettings()
                settings.busyTimeout = .milliseconds(50)
                #expect(openingError(path: folder.database, settings: settings) == .locked(path: folder.database))
                try database.execute(sql: "ROLLBACK")
            }
            try holder.close()
            #expect(openingError(path: folder.database) == nil)
        }
    }

    @Test func `A closed store answers unavailable`() async throws {
        try await TemporaryFolder.with { folder in
            let store = try SQLiteStore(path: folder.database)
            try await store.close()
            let closed = StoreError.unavailable(reason: "the store is closed")
            await #expect(throws: closed) { try await store.find(Record(number: 1).key, now: .testTime) }
            await #expect(throws: closed) { try await store.apply([.insert(Record(number: 1))], now: .testTime) }
            await #expect(throws: closed) { try await store.sweep(now: .testTime, limit: 1) }
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `Many may open a database that does not exist yet at the same time`() async throws {
        for _ in 0..<5 {
            try await TemporaryFolder.with { folder in
                let stores = try await withThrowingTaskGroup(of: SQLiteStore.self) { group in
                    for _ in 0..<6 { group.addTask { try SQLiteStore(path: folder.database) } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                for (number, store) in stores.enumerated() {
                    #expect(try await store.apply([.insert(Record(number: number))], now: .testTime) == .applied)
                }
                for store in stores { try await store.close() }
            }
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `Closing under load answers everybody, and what was acknowledged is stored`() async throws {
        try await TemporaryFolder.with { folder in
            let store = try SQLiteStore(path: folder.database)
            let acknowledged = try await withThrowingTaskGroup(of: [RecordKey].self) { group in
                for task in 0..<40 {
                    group.addTask {
                        var keys: [RecordKey] = []
                        for number in 0..<100_000 {
                            let record = Record(number: task * 100_000 + number)
                            do throws(StoreError) {
                                guard try await store.apply([.insert(record)], now: .testTime) == .applied else {
                                    break
                                }
                                keys.append(record.key)
                                _ = try await store.find(record.key, now: .testTime)
                            } catch {
                                break
                            }
                        }
                        return keys
                    }
                }
                try await Task.sleep(for: .milliseconds(100))
                try await store.close()
                try await store.close()
                return try await group.reduce(into: []) { $0 += $1 }
            }
            let reopened = try SQLiteStore(path: folder.database)
            let found = try await reopened.find(acknowledged.map(Lookup.key), now: .testTime)
            #expect(!acknowledged.isEmpty && !found.contains(nil))
            try await reopened.close()
        }
    }
}
