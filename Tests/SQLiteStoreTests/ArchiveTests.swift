import Foundation
import Instants
import SQLiteStore
import Storage
import Synchronization
import Testing

@Suite
struct ArchiveTests {
    private func all(of store: SQLiteStore) async throws -> [Record] {
        var records: [Record] = []
        var position: ArchivePosition?
        repeat {
            let page = try await store.records(after: position, limit: 7)
            records += page.records
            position = page.last
        } while position != nil
        return records
    }

    @Test func `Every record is read once, expired and spent ones too, and loaded with its version and indexes`()
        async throws
    {
        try await TemporaryFolder.with { folder in
            let store = try SQLiteStore(path: folder.database)
            for number in 0..<30 {
                var record = Record(number: number, expiresAt: number < 10 ? .testTime + .seconds(1) : nil)
                record.indexes = [SecondaryIndex(name: "n", value: record.key.identifier)]
                _ = try await store.apply([.insert(record)], now: .testTime)
                if number > 20 { _ = try await store.apply([.consume(record.key)], now: .testTime) }
            }
            let records = try await all(of: store)
            #expect(Set(records).count == 30)
            #expect(records.filter { $0.version == 2 }.count == 9)
            let later = Instant.testTime + .seconds(5)
            let kinds = try await store.inventory(now: later)
            #expect(kinds.map(\.count) == [30])
            #expect(kinds.map(\.expired) == [10])
            #expect(kinds.first?.oldestExpiry == .testTime + .seconds(1))

            let other = try SQLiteStore(path: folder.path + "/other.sqlite")
            try await other.load(records)
            try await other.load(records)
            #expect(try await Set(all(of: other)) == Set(records))
            #expect(try await other.integrityCheck().isEmpty)
            try await other.close()
            try await store.close()
        }
    }

    /// The heart of an online backup: who was answered before it began finds his record in it.
    @Test(.timeLimit(.minutes(5)))
    func `A copy made while many write is sound and has everything that was acknowledged before it began`()
        async throws
    {
        try await TemporaryFolder.with { folder in
            let store = try SQLiteStore(path: folder.database)
            let answered = Answered()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<8 {
                    group.addTask {
                        var number = task * 1_000_000
                        while !answered.isOver.load(ordering: .relaxed) {
                            number += 1
                            let record = Record(number: number)
                            guard try await store.apply([.insert(record)], now: .testTime) == .applied else { return }
                            answered.keys.withLock { $0.append(record.key) }
                        }
                    }
                }
                for round in 0..<5 {
                    while answered.keys.withLock({ $0.count }) < (round + 1) * 200 {
                        try await Task.sleep(for: .milliseconds(5))
                    }
                    let before = answered.keys.withLock { $0 }
                    let path = folder.path + "/copy-\(round).sqlite"
                    try DatabaseCopy.make(of: folder.database, at: path)
                    #expect(try DatabaseCopy.faults(of: path) == [])
                    let copy = try SQLiteStore(path: path)
                    for start in stride(from: 0, to: before.count, by: 500) {
                        let keys = before[start..<min(before.count, start + 500)]
                        let found = try await copy.find(keys.map(Lookup.key), now: .testTime)
                        #expect(!found.contains(nil))
                    }
                    try await copy.close()
                }
                answered.isOver.store(true, ordering: .relaxed)
                try await group.waitForAll()
            }
            try await store.close()
        }
    }

    @Test func `A copy never replaces a file`() async throws {
        try await TemporaryFolder.with { folder in
            let store = try SQLiteStore(path: folder.database)
            try await store.close()
            try folder.write([1, 2, 3], to: "copy.sqlite")
            #expect(throws: SQLiteStoreError.self) {
                try DatabaseCopy.make(of: folder.database, at: folder.path + "/copy.sqlite")
            }
            #expect(try folder.contents()["copy.sqlite"] == [1, 2, 3])
        }
    }
}

/// What writers were told while they wrote.
private final class Answered: Sendable {
    let keys = Mutex<[RecordKey]>([])
    let isOver = Atomic(false)
}
