import Foundation
import Instants
import Storage
import Testing

@testable import PostgresStore

/// Races that are staged, so that each guard of a write is the one that has to hold.
@Suite(.serialized)
struct RaceTests {
    @Test(.timeLimit(.minutes(2)))
    func `A record that changes between judgement and write, under no lock of ours, is judged again`() async throws {
        let cluster = try await Cluster.shared
        let schema = TestServer.freshSchema()
        let store = try await PostgresStore.opened(cluster.address(parameters: "signet_schema=\(schema)"))
        let records = (1...3).map { Record(number: $0) }
        #expect(try await store.apply(records.map(Change.insert), now: .testTime) == .applied)
        // Three writes of three sorts, each judged while the row still looks untouched.
        let spend = "UPDATE \(schema).records SET consumed_at = 1, version = version + 1"
        var replacement = records[1]
        replacement.payload = [7]
        try await cluster.holding(spend) { [replacement] in
            async let consumed = store.apply([.consume(records[0].key)], now: .testTime)
            async let replaced = store.apply([.replace(replacement, ifVersion: 1)], now: .testTime)
            for outcome in [try await consumed, try await replaced] {
                guard case .conflict(0, let found?) = outcome else {
                    Issue.record("applied over a change that was committed before: \(outcome)")
                    continue
                }
                #expect(found.version == 2 && found.consumedAt != nil)
            }
        }
        try await store.close()
    }

    @Test(.timeLimit(.minutes(2)))
    func `Lists that name the same records in opposite orders on several nodes never deadlock`() async throws {
        try await Cluster.with { cluster in
            var settings = PostgresStoreSettings()
            settings.mostRequestsInCommit = 1
            let nodes = [
                try await PostgresStore.opened(cluster.address(), settings: settings),
                try await PostgresStore.opened(cluster.address(), settings: settings),
            ]
            let records = (0..<16).map { Record(number: $0) }
            #expect(try await nodes[0].apply(records.map(Change.insert), now: .testTime) == .applied)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<16 {
                    group.addTask {
                        for round in 0..<25 {
                            let turned = (0..<16).map { records[($0 + task + round) % 16].key }
                            let keys = task.isMultiple(of: 2) ? turned : turned.reversed()
                            // A conflict or not: what counts is that it is answered.
                            _ = try await nodes[task % 2].apply(
                                keys.map { .require($0, version: 1) } + [.delete(keys[0]), .insert(Record(keys[0]))],
                                now: .testTime
                            )
                        }
                    }
                }
                try await group.waitForAll()
            }
            for node in nodes { try await node.close() }
            try await Task.sleep(for: .seconds(1))
            #expect(try await cluster.sql("SELECT sum(deadlocks) FROM pg_stat_database") == "0")
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `A requirement holds until the change that rests on it is committed`() async throws {
        let cluster = try await Cluster.shared
        let schema = TestServer.freshSchema()
        let address = cluster.address(parameters: "signet_schema=\(schema)")
        let nodes = [try await PostgresStore.opened(address), try await PostgresStore.opened(address)]
        for number in 0..<100 {
            let owner = Record(number: number)
            let possession = Record(kind: RecordKind("possession"), number: number)
            #expect(try await nodes[0].apply([.insert(owner)], now: .testTime) == .applied)
            async let gained = nodes[0].apply(
                [.require(owner.key, version: 1), .insert(possession)],
                now: .testTime
            )
            async let left = nodes[1].apply([.requireAbsent(possession.key), .delete(owner.key)], now: .testTime)
            // Either of them comes first, and then the other one must see it.
            let isGained = try await gained == .applied
            let hasLeft = try await left == .applied
            #expect(isGained != hasLeft)
        }
        for node in nodes { try await node.close() }
    }
}

extension Record {
    fileprivate init(_ key: RecordKey) { self.init(key: key, payload: []) }
}
