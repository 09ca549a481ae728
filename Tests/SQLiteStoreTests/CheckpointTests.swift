import Foundation
import GRDB
import Instants
import Storage
import Testing

@testable import SQLiteStore

@Suite
struct CheckpointTurnTests {
    private typealias Log = Checkpointer.Log

    /// What each of these lengths leads to, every checkpoint that is due being made at once and bringing in everything.
    private func turns(_ log: inout Log, _ lengths: [Int]) -> [Log.Turn?] {
        lengths.map { length in
            let turn = log.grew(to: length)
            if turn != nil { log.ended(Log.Pass(length: length, brought: length)) }
            return turn
        }
    }

    @Test func `A log is brought in beside the writer, a thousand pages at a time`() {
        var log = Log()
        #expect(turns(&log, [1, 999, 1000, 1001, 1999, 2000]) == [nil, nil, .aside, nil, nil, .aside])
        // It began anew.
        #expect(turns(&log, [3, 999, 1000]) == [nil, nil, .aside])
    }

    @Test func `Nothing begins while one is under way`() {
        var log = Log()
        #expect(log.grew(to: 1000) == .aside)
        #expect(log.grew(to: 3000) == nil)
        log.ended(Log.Pass(length: 1000, brought: 1000))
        #expect(log.grew(to: 3001) == .aside)
    }

    @Test func `The writer finishes a long log when little is left, so that it begins anew`() {
        var log = Log()
        for length in stride(from: 1000, through: 15_000, by: 1000) { #expect(turns(&log, [length]) == [.aside]) }
        #expect(turns(&log, [15_990, 16_200, 16_300, 16_310]) == [nil, .aside, .here, .here])
    }

    @Test func `The writer brings in what it must when the other one never catches up`() {
        var log = Log()
        for length in stride(from: 1000, through: 31_000, by: 1000) { #expect(turns(&log, [length]) == [.aside]) }
        #expect(turns(&log, [32_500]) == [.here])
    }

    @Test func `A log that somebody still reads is not tried at every commit`() {
        var log = Log()
        #expect(log.grew(to: 40_000) == .here)
        log.ended(Log.Pass(length: 40_000, brought: 500))
        #expect(log.grew(to: 40_100) == nil)
        #expect(log.grew(to: 41_000) == .here)
        log.ended(Log.Pass(length: 41_000, brought: 41_000))
        #expect(log.grew(to: 41_001) == .here)
    }

    @Test func `A checkpoint that could not look leaves everything as it was`() {
        var log = Log()
        #expect(log.grew(to: 1000) == .aside)
        log.ended(nil)
        #expect(log.grew(to: 1001) == .aside)
        log.ended(Log.Pass(length: -1, brought: -1))
        #expect(log.grew(to: 1002) == .aside)
    }
}

@Suite
struct CheckpointTests {
    private func bytes(of name: String, in folder: TemporaryFolder) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: folder.path + "/" + name)
        return try #require(attributes[.size] as? Int)
    }

    /// Inserts records with long payloads: each commit adds some pages to the log.
    private func write(_ numbers: Range<Int>, to store: SQLiteStore) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<16 {
                group.addTask {
                    for number in numbers where number % 16 == task {
                        var record = Record(number: number)
                        record.payload = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 9000)
                        let outcome = try await store.apply([.insert(record)], now: .testTime)
                        let found = try await store.find(record.key, now: .testTime)
                        #expect(outcome == .applied && found == record)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `A writer that never rests does not make the log grow for ever`() async throws {
        try await TemporaryFolder.with { folder in
            let store = try SQLiteStore(path: folder.database)
            // Some 80,000 pages.
            try await write(0..<20_000, to: store)
            let log = try bytes(of: "signet.sqlite-wal", in: folder)
            #expect(log < 33_000 * 4120, "the log has \(log) bytes")
            #expect(try bytes(of: "signet.sqlite", in: folder) > 20_000 * 9000 / 2)
            #expect(try await store.integrityCheck().isEmpty)
            try await store.close()
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `Somebody who reads an old state for long holds nobody up and still sees it`() async throws {
        try await TemporaryFolder.with { folder in
            let store = try SQLiteStore(path: folder.database)
            try await write(0..<100, to: store)
            let reader = try folder.otherConnection()
            try await reader.writeWithoutTransaction { try $0.execute(sql: "BEGIN; SELECT count(*) FROM records") }
            try await write(100..<3000, to: store)
            let seen = try await reader.writeWithoutTransaction { database in
                let seen = try Int.fetchOne(database, sql: "SELECT count(*) FROM records")
                try database.execute(sql: "COMMIT")
                return seen
            }
            #expect(seen == 100)
            try reader.close()
            try await write(3000..<3100, to: store)
            try await store.close()
        }
    }
}
