import Foundation
import GRDB
import Instants
import Storage
import Testing

@testable import SQLiteStore

/// That nothing is ever answered from memory that a query would not answer is shown by the conformance suite, which
/// alternates between two stores on one file; here, that the memory is used at all, and the corners of it.
@Suite
struct RecordMemoryTests {
    private func with(
        _ settings: SQLiteStoreSettings = SQLiteStoreSettings(),
        isolation: isolated (any Actor)? = #isolation,
        _ body: (TemporaryFolder, SQLiteStore) async throws -> Void
    ) async throws {
        try await TemporaryFolder.with { folder in
            let store = try SQLiteStore(path: folder.database, settings: settings)
            try await body(folder, store)
            try await store.close()
        }
    }

    private func knows(_ store: SQLiteStore, _ number: Int) -> Bool {
        store.memory.answer([.key(Record(number: number).key)], at: .testTime) != nil
    }

    @Test func `What was read or written is known, and what is known to be absent too`() async throws {
        try await with { _, store in
            _ = try await store.apply([.insert(Record(number: 1))], now: .testTime)
            #expect(knows(store, 1))
            #expect(try await store.find(Record(number: 1).key, now: .testTime) == Record(number: 1))
            #expect(!knows(store, 2))
            #expect(try await store.find(Record(number: 2).key, now: .testTime) == nil)
            #expect(knows(store, 2))
            // Writing something else takes nothing of it away; writing it does.
            _ = try await store.apply([.insert(Record(number: 3))], now: .testTime)
            #expect(knows(store, 1) && knows(store, 2))
            _ = try await store.apply([.insert(Record(number: 2)), .delete(Record(number: 1).key)], now: .testTime)
            #expect(try await store.find(Record(number: 2).key, now: .testTime) == Record(number: 2))
            #expect(try await store.find(Record(number: 1).key, now: .testTime) == nil)
        }
    }

    @Test func `A commit of another connection empties it at once`() async throws {
        try await with { folder, store in
            var record = Record(number: 1)
            _ = try await store.apply([.insert(record)], now: .testTime)
            #expect(knows(store, 1))
            let other = try folder.otherConnection()
            try await other.writeWithoutTransaction {
                try $0.execute(sql: "UPDATE records SET payload = x'31', version = 7")
            }
            #expect(!knows(store, 1))
            record.version = 7
            record.payload = [0x31]
            #expect(try await store.find(record.key, now: .testTime) == record)
            // Another one, right before a commit of ours.
            try await other.writeWithoutTransaction { try $0.execute(sql: "UPDATE records SET version = 8") }
            _ = try await store.apply([.insert(Record(number: 2))], now: .testTime)
            record.version = 8
            #expect(try await store.find(record.key, now: .testTime) == record)
            try other.close()
        }
    }

    @Test func `What was read beside commits of ours is kept, but for what they wrote, and for what has a second name`()
        async throws
    {
        try await with { folder, store in
            let lookups = (1...3).map { Lookup.key(Record(number: $0).key) }
            let name = SecondaryIndex(name: "name", value: IdentifierHash(bytes: [1]))
            let named = Lookup.index(Record(number: 1).key.kind, name)
            let state = store.memory.recall(lookups).state
            for number in 3...5 { _ = try await store.apply([.insert(Record(number: number))], now: .testTime) }
            // Read before the first of these commits or after the last, record 1 is the same; record 3 is not.
            let read = [Record(number: 1), nil, nil, Record(number: 1)]
            #expect(!store.memory.remember(lookups + [named], read, since: state))
            #expect(store.memory.answer([lookups[0]], at: .testTime) == [Record(number: 1)])
            #expect(store.memory.answer([lookups[1]], at: .testTime) == [nil])
            #expect(store.memory.answer([lookups[2]], at: .testTime) == [Record(number: 3)])
            #expect(store.memory.answer([named], at: .testTime) == nil)
            // A commit of somebody else among them, and nobody knows what it wrote.
            let older = store.memory.recall(lookups).state
            let other = try folder.otherConnection()
            _ = try await store.apply([.insert(Record(number: 6))], now: .testTime)
            try await other.writeWithoutTransaction { try $0.execute(sql: "PRAGMA user_version = 1") }
            _ = try await store.apply([.insert(Record(number: 7))], now: .testTime)
            #expect(!store.memory.remember([lookups[0]], [Record(number: 1)], since: older))
            #expect(!knows(store, 1))
            try other.close()
        }
    }

    @Test func `A read that took longer than a few commits is not kept`() async throws {
        try await with { _, store in
            let lookup = Lookup.key(Record(number: 1).key)
            for (commits, isKept) in [(16, true), (17, false)] {
                let state = store.memory.recall([lookup]).state
                for number in 0..<commits {
                    _ = try await store.apply([.insert(Record(number: 100 * commits + number))], now: .testTime)
                }
                #expect(!store.memory.remember([lookup], [nil], since: state))
                #expect(knows(store, 1) == isKept)
                _ = try await store.apply([.insert(Record(number: 1)), .delete(Record(number: 1).key)], now: .testTime)
                store.memory.failed()
            }
        }
    }

    @Test func `What was read while somebody committed is not kept`() async throws {
        try await with { folder, store in
            let lookup = Lookup.key(Record(number: 1).key)
            let state = store.memory.recall([lookup]).state
            let other = try folder.otherConnection()
            // Between the look at the memory and what the query brought.
            try await other.writeWithoutTransaction { try $0.execute(sql: "PRAGMA user_version = 1") }
            #expect(!store.memory.remember([lookup], [nil], since: state))
            #expect(!knows(store, 1))
            #expect(store.memory.remember([lookup], [nil], since: store.memory.recall([lookup]).state))
            #expect(knows(store, 1))
            try other.close()
        }
    }

    @Test func `Another process that commits right behind us empties it`() async throws {
        try await with { folder, store in
            _ = try await store.find(Record(number: 1).key, now: .testTime)
            let other = try folder.otherConnection()
            // Of those that are seen, the first is ours where we have written.
            for (commits, hasWritten, isKept) in [
                (0, false, true), (1, true, true), (1, false, false), (2, true, false), (0, true, false),
            ] {
                _ = try await store.find(Record(number: 1).key, now: .testTime)
                #expect(knows(store, 1))
                store.memory.began()
                for _ in 0..<commits {
                    try await other.writeWithoutTransaction { try $0.execute(sql: "PRAGMA user_version = 1") }
                }
                store.memory.committed([], of: [], hasWritten: hasWritten, sweptUpTo: nil)
                #expect(knows(store, 1) == isKept, "\(commits) commits, \(hasWritten)")
            }
            try other.close()
        }
    }

    /// Whether something was written is told by SQLite, commit by commit.
    @Test func `A transaction that writes nothing is no commit`() async throws {
        try await with { _, store in
            _ = try await store.apply([.insert(Record(number: 1))], now: .testTime)
            let before = store.checkpointer.commits
            #expect(before > 0)
            try await store.checkHealth()
            _ = try await store.apply([.insert(Record(number: 1))], now: .testTime)
            _ = try await store.apply([.delete(Record(number: 2).key)], now: .testTime)
            _ = try await store.sweep(now: .testTime, limit: 10)
            #expect(store.checkpointer.commits == before)
            #expect(knows(store, 1))
            _ = try await store.apply([.insert(Record(number: 2))], now: .testTime)
            #expect(store.checkpointer.commits == before + 1)
        }
    }

    @Test func `A second name leads to what it leads to now`() async throws {
        try await with { _, store in
            let name = SecondaryIndex(name: "name", value: Record(number: 99).key.identifier)
            let kind = RecordKind("thing")
            #expect(try await store.find(kind, index: name, now: .testTime) == nil)
            var first = Record(number: 1)
            first.indexes = [name]
            _ = try await store.apply([.insert(first)], now: .testTime)
            #expect(try await store.find(kind, index: name, now: .testTime) == first)
            var second = Record(number: 2)
            second.indexes = [name]
            first.indexes = []
            _ = try await store.apply([.replace(first, ifVersion: 1), .insert(second)], now: .testTime)
            #expect(try await store.find(kind, index: name, now: .testTime) == second)
            _ = try await store.apply([.delete(second.key)], now: .testTime)
            #expect(try await store.find(kind, index: name, now: .testTime) == nil)
        }
    }

    @Test func `What has expired is known and not shown, and what was swept is not known any more`() async throws {
        try await with { _, store in
            let record = Record(number: 1, expiresAt: .testTime + .seconds(1))
            _ = try await store.apply([.insert(record)], now: .testTime)
            #expect(try await store.find(record.key, now: .testTime + .seconds(1)) == nil)
            #expect(try await store.find(record.key, now: .testTime) == record)
            #expect(try await store.sweep(now: .testTime + .seconds(1), limit: 10) == 1)
            #expect(try await store.find(record.key, now: .testTime) == nil)
        }
    }

    /// One transaction that sweeps a record away and writes one in its place.
    @Test(.timeLimit(.minutes(5)))
    func `A record that is swept and written again in one transaction is there`() async throws {
        var settings = SQLiteStoreSettings()
        settings.busyTimeout = .seconds(120)  // Among many other tests, what sleeps a moment may wake late.
        try await with(settings) { folder, store in
            for round in 0..<8 {
                let record = Record(number: round, expiresAt: .testTime + .seconds(1))
                _ = try await store.apply([.insert(record)], now: .testTime)
                let next = Record(number: round)
                let later = Instant.testTime + .seconds(2)
                // Another process holds the lock until both wait for it.
                let holder = try folder.otherConnection()
                try await holder.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
                async let outcome = store.apply([.insert(Record(number: 1000 + round))], now: .testTime)
                try await Task.sleep(for: .milliseconds(2))
                async let swept = store.sweep(now: later, limit: 10)
                try await Task.sleep(for: .milliseconds(2))
                async let written = store.apply([.insert(next)], now: later)
                try await Task.sleep(for: .milliseconds(2))
                try await holder.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
                #expect(try await outcome == .applied)
                #expect(try await swept == 1)
                #expect(try await written == .applied)
                #expect(try await store.find(record.key, now: later) == next)
                try holder.close()
            }
        }
    }

    @Test func `What is loaded as it is takes the place of what was known`() async throws {
        try await with { _, store in
            _ = try await store.apply([.insert(Record(number: 1))], now: .testTime)
            var loaded = Record(number: 1)
            loaded.version = 41
            try await store.load([loaded])
            #expect(try await store.find(loaded.key, now: .testTime) == loaded)
        }
    }

    @Test func `It forgets what was not asked for long`() async throws {
        try await TemporaryFolder.with { folder in
            var settings = SQLiteStoreSettings()
            settings.rememberedBytes = 20_000
            let store = try SQLiteStore(path: folder.database, settings: settings)
            for number in 0..<200 { _ = try await store.apply([.insert(Record(number: number))], now: .testTime) }
            let known = (0..<200).filter { knows(store, $0) }
            #expect(known.count < 60 && known.contains(199), "\(known.count) are known")
            try await store.close()
        }
    }

    // MARK: Rolls

    private static let kind = Record(number: 1).key.kind

    /// With an index: then it is not remembered when it is written, and a question for it meets the roll.
    private func indexed(_ number: Int) -> Record {
        var record = Record(number: number)
        record.indexes = [SecondaryIndex(name: "name", value: record.key.identifier)]
        return record
    }

    private func misses(_ numbers: Range<Int>) -> [Lookup] { numbers.map { .key(Record(number: $0).key) } }

    @Test func `Where many keys lead to nothing, the next ones are known to`() async throws {
        try await with { _, store in
            _ = try await store.apply([.insert(indexed(1))], now: .testTime)
            for number in 1000..<1063 {
                #expect(try await store.find(Record(number: number).key, now: .testTime) == nil)
            }
            #expect(!knows(store, 5000))
            #expect(try await store.find(Record(number: 1063).key, now: .testTime) == nil)
            for _ in 0..<1000 where !knows(store, 5000) { try await Task.sleep(for: .milliseconds(5)) }
            #expect(knows(store, 5000) && knows(store, 6000))
            // What is there is found, also where it was written since.
            #expect(try await store.find(Record(number: 1).key, now: .testTime) == indexed(1))
            _ = try await store.apply([.insert(indexed(5000))], now: .testTime)
            #expect(!knows(store, 5000))
            #expect(try await store.find(Record(number: 5000).key, now: .testTime) == indexed(5000))
            #expect(try await store.apply([.insert(indexed(6000))], now: .testTime) == .applied)
            #expect(try await store.apply([.insert(indexed(6000))], now: .testTime) != .applied)
            // Another kind has another roll.
            let other = RecordKey(kind: RecordKind("other"), identifier: Record(number: 7000).key.identifier)
            #expect(store.memory.answer([.key(other)], at: .testTime) == nil)
        }
    }

    @Test func `A commit of another connection ends a roll`() async throws {
        try await with { folder, store in
            let reading = try #require(store.memory.missed(misses(0..<64)).first?.reading)
            store.memory.end(Self.kind, reading: reading, .whole([]))
            #expect(knows(store, 5000))
            let other = try folder.otherConnection()
            try await other.writeWithoutTransaction { try $0.execute(sql: "PRAGMA user_version = 1") }
            #expect(!knows(store, 5000))
            try other.close()
        }
    }

    @Test func `What is written while a roll is read is on it`() async throws {
        try await with { _, store in
            let due = store.memory.missed(misses(0..<64))
            #expect(due.map(\.kind) == [Self.kind])
            let reading = try #require(due.first?.reading)
            // It is being read: nobody else begins to.
            #expect(store.memory.missed(misses(0..<64)).isEmpty)
            _ = try await store.apply([.insert(indexed(70))], now: .testTime)
            store.memory.end(Self.kind, reading: reading, .whole([]))
            #expect(knows(store, 71))
            #expect(!knows(store, 70))
            #expect(try await store.find(Record(number: 70).key, now: .testTime) == indexed(70))
        }
    }

    @Test func `A reading that somebody's commit overtook says nothing`() async throws {
        try await with { folder, store in
            let other = try folder.otherConnection()
            let first = try #require(store.memory.missed(misses(0..<64)).first?.reading)
            try await other.writeWithoutTransaction { try $0.execute(sql: "PRAGMA user_version = 1") }
            #expect(!knows(store, 71))
            store.memory.end(Self.kind, reading: first, .whole([]))
            #expect(!knows(store, 71))
            let second = try #require(store.memory.missed(misses(0..<64)).first?.reading)
            store.memory.end(Self.kind, reading: first, .whole([]))
            #expect(!knows(store, 71))
            try await other.writeWithoutTransaction { try $0.execute(sql: "PRAGMA user_version = 1") }
            store.memory.end(Self.kind, reading: second, .whole([]))
            #expect(!knows(store, 71))
            // One that failed may be begun again.
            let third = try #require(store.memory.missed(misses(0..<64)).first?.reading)
            store.memory.end(Self.kind, reading: third, .failed)
            #expect(!knows(store, 71))
            let last = try #require(store.memory.missed(misses(0..<64)).first?.reading)
            store.memory.end(Self.kind, reading: last, .whole([]))
            #expect(knows(store, 71))
            try other.close()
        }
    }

    @Test func `A roll that is too long is given up, and not read again soon`() async throws {
        try await TemporaryFolder.with { folder in
            var settings = SQLiteStoreSettings()
            settings.rememberedBytes = 128 * 800
            let store = try SQLiteStore(path: folder.database, settings: settings)
            let reading = try #require(store.memory.missed(misses(0..<64)).first?.reading)
            // No identifier of these tests has such a mark.
            let marks = Set((0..<799).map { UInt64.max - $0 })
            store.memory.end(Self.kind, reading: reading, .whole(marks))
            #expect(knows(store, 5000))
            _ = try await store.apply([.insert(indexed(1))], now: .testTime)
            #expect(knows(store, 5000))
            _ = try await store.apply([.insert(indexed(2))], now: .testTime)
            #expect(!knows(store, 5000))
            // A query for every key, until there were as many as make up for another reading.
            for _ in 0..<3 { #expect(store.memory.missed(misses(0..<64)).isEmpty) }
            let next = try #require(store.memory.missed(misses(0..<64)).first?.reading)
            store.memory.end(Self.kind, reading: next, .tooLong)
            #expect(!knows(store, 5000))
            try await store.close()
        }
    }

    @Test func `The longest roll makes room for the others`() throws {
        var rolls = RecordRolls(room: 100, fewestMisses: 1)
        let (long, short) = (RecordKind("long"), RecordKind("short"))
        let unknown = Record(number: 5000).key.identifier
        func key(_ kind: RecordKind) -> RecordKey { RecordKey(kind: kind, identifier: unknown) }
        let first = rolls.missed(long)
        rolls.end(long, reading: try #require(first), .whole(Set(1...80)))
        #expect(rolls.excludes(key(long)))
        let second = rolls.missed(short)
        rolls.end(short, reading: try #require(second), .whole(Set(1...30)))
        #expect(rolls.excludes(key(short)))
        #expect(!rolls.excludes(key(long)))
        #expect(rolls.missed(long) != nil)
    }

    @Test func `Without memory everything is asked`() async throws {
        try await TemporaryFolder.with { folder in
            var settings = SQLiteStoreSettings()
            settings.rememberedBytes = 0
            let store = try SQLiteStore(path: folder.database, settings: settings)
            _ = try await store.apply([.insert(Record(number: 1))], now: .testTime)
            #expect(try await store.find(Record(number: 1).key, now: .testTime) == Record(number: 1))
            #expect(!knows(store, 1))
            try await store.close()
        }
    }
}
