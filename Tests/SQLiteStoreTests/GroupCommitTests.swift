import GRDB
import SQLiteStore
import Storage
import Testing

@Suite
struct GroupCommitTests {
    /// Applies `perTask` inserts in each of `tasks` tasks and returns how many were applied.
    private func insert(into store: SQLiteStore, tasks: Int, perTask: Int) async throws -> Int {
        try await withThrowingTaskGroup(of: Int.self) { group in
            for task in 0..<tasks {
                group.addTask {
                    var applied = 0
                    for number in 0..<perTask {
                        let record = Record(number: task * perTask + number)
                        if try await store.apply([.insert(record)], now: .testTime) == .applied { applied += 1 }
                    }
                    return applied
                }
            }
            return try await group.reduce(0, +)
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `Requests of 64 tasks share commits, and all of them are stored`() async throws {
        try await TemporaryFolder.with { folder in
            let store = try SQLiteStore(path: folder.database)
            #expect(try await insert(into: store, tasks: 64, perTask: 20) == 1280)
            let (requests, commits) = store.commitStatistics
            #expect(requests == 1280)
            #expect(commits < requests / 2, "\(requests) requests took \(commits) commits")
            try await store.close()

            let reopened = try SQLiteStore(path: folder.database)
            var stored = 0
            var last: IdentifierHash?
            while true {
                let page = try await reopened.page(
                    RecordKind("thing"),
                    filter: .all,
                    after: last,
                    limit: 1000,
                    now: .testTime
                )
                if page.isEmpty { break }
                stored += page.count
                last = page.last?.key.identifier
            }
            #expect(stored == 1280)
            try await reopened.close()
        }
    }

    @Test func `A conflict in a shared commit refuses its own request only`() async throws {
        try await TemporaryFolder.with { folder in
            let store = try SQLiteStore(path: folder.database)
            _ = try await store.apply([.insert(Record(number: 0))], now: .testTime)
            let outcomes = try await withThrowingTaskGroup(of: (Int, ApplyOutcome).self) { group in
                for number in 1...40 {
                    group.addTask {
                        let last = number.isMultiple(of: 2) ? Record(number: 0) : Record(number: 1000 + number)
                        let changes: [Change] = [.insert(Record(number: number)), .insert(last)]
                        return (number, try await store.apply(changes, now: .testTime))
                    }
                }
                return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            for number in 1...40 {
                let isRefused = number.isMultiple(of: 2)
                #expect(outcomes[number] == (isRefused ? .conflict(change: 1, record: Record(number: 0)) : .applied))
                let found = try await store.find(Record(number: number).key, now: .testTime)
                #expect((found == nil) == isRefused)
            }
            try await store.close()
        }
    }

    @Test func `A full queue refuses instead of growing`() async throws {
        try await TemporaryFolder.with { folder in
            var settings = SQLiteStoreSettings()
            settings.largestQueue = 4
            settings.busyTimeout = .milliseconds(300)
            let store = try SQLiteStore(path: folder.database, settings: settings)
            let holder = try folder.otherConnection()
            // Another process holds the write lock, so the first batch waits and the queue fills behind it.
            let refused = try await holder.writeWithoutTransaction { database in
                try database.execute(sql: "BEGIN IMMEDIATE")
                return Task {
                    await withTaskGroup(of: StoreError?.self) { group in
                        for number in 0..<20 {
                            group.addTask {
                                do throws(StoreError) {
                                    _ = try await store.apply([.insert(Record(number: number))], now: .testTime)
                                    return nil
                                } catch {
                                    return error
                                }
                            }
                        }
                        return await group.reduce(into: []) { $0.append($1) }
                    }
                }
            }.value
            let full = StoreError.unavailable(reason: "too many writes are waiting for the disk")
            let busy = StoreError.unavailable(reason: "another process has held the database's lock for too long")
            #expect(refused.contains(full))
            #expect(refused.allSatisfy { $0 == full || $0 == busy }, "\(refused)")

            try await holder.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
            #expect(try await store.apply([.insert(Record(number: 1))], now: .testTime) == .applied)
            #expect(
                try await store.page(RecordKind("thing"), filter: .all, after: nil, limit: 9, now: .testTime).count == 1
            )
            try holder.close()
            try await store.close()
        }
    }

    @Test func `A commit that fails is reported to every request in it`() async throws {
        try await TemporaryFolder.with { folder in
            let store = try SQLiteStore(path: folder.database)
            // A trigger that refuses one row stands in for a disk that refuses a write.
            let saboteur = try DatabaseQueue(path: folder.database)
            try await saboteur.writeWithoutTransaction { database in
                try database.execute(
                    sql: """
                        CREATE TRIGGER refuse BEFORE INSERT ON records WHEN new.family = 'bad'
                        BEGIN SELECT raise(ABORT, 'no'); END
                        """
                )
            }
            var bad = Record(number: 1)
            bad.family = "bad"
            let changes: [Change] = [.insert(Record(number: 2)), .insert(bad)]
            await #expect(throws: StoreError.self) { try await store.apply(changes, now: .testTime) }
            #expect(try await store.find(Record(number: 2).key, now: .testTime) == nil)
            #expect(try await store.apply([.insert(Record(number: 2))], now: .testTime) == .applied)
            try saboteur.close()
            try await store.close()
        }
    }
}
