import GRDB
import Instants
import Synchronization
import Testing

@testable import SQLiteStore
@testable import Storage

/// What users of other servers suffer when tables grow (FIELD 15 to 17): no statement may scan or sort a table.
@Suite
struct QueryPlanTests {
    private final class Trace: Sendable {
        let statements = Mutex<Set<String>>([])
    }

    /// Does everything that the store ever does to the tables.
    private func exercise(_ table: RecordTable) throws {
        let kind = RecordKind("thing")
        let index = SecondaryIndex(name: "name", value: IdentifierHash(bytes: [1]))
        var record = Record(number: 1, expiresAt: .testTime)
        record.indexes = [index]
        record.family = "family"
        var later = record
        later.expiresAt = .testTime + .seconds(1)
        var moved = later
        moved.subject = "subject"
        moved.indexes = []
        try table.write([RecordWrite(before: nil, after: record)])
        try table.write([RecordWrite(before: record, after: later)])
        try table.write([RecordWrite(before: later, after: moved)])
        _ = try table.find(.key(record.key))
        _ = try table.find(.index(kind, index))
        _ = try table.members(ofFamily: "family")
        for filter in [PageFilter.all, .family("f"), .subject("s"), .client("c")] {
            for after in [nil, record.key.identifier] {
                _ = try table.page(PageRequest(kind: kind, filter: filter, after: after, limit: 9, now: .testTime))
            }
        }
        try table.write([RecordWrite(before: moved, after: nil)])
        try table.write([RecordWrite(before: nil, after: record)])
        try table.write([RecordWrite(before: record, after: later)])
        _ = try table.sweep(now: .testTime, limit: 9)
        _ = try table.sweep(now: .testTime + .seconds(1), limit: 9)
    }

    @Test func `No statement of the store scans or sorts a table`() async throws {
        try await TemporaryFolder.with { folder in
            let store = try SQLiteStore(path: folder.database)
            let queue = try folder.otherConnection()
            let plans = try await queue.writeWithoutTransaction { database in
                let trace = Trace()
                database.trace { event in
                    if case .statement(let statement) = event {
                        trace.statements.withLock { _ = $0.insert(statement.expandedSQL) }
                    }
                }
                try exercise(RecordTable(database: database))
                database.trace(options: [])
                return try trace.statements.withLock { $0 }.map { statement in
                    let steps = try Row.fetchAll(database, sql: "EXPLAIN QUERY PLAN \(statement)")
                    return (statement, steps.map { $0["detail"] as String })
                }
            }
            #expect(plans.count > 15)
            for (statement, plan) in plans {
                // Families are short; their pages are read through `records_by_family` and sorted.
                let isFamilyPage = statement.contains("records_by_family") && statement.contains("ORDER BY")
                #expect(!plan.contains { $0.hasPrefix("SCAN") }, "\(statement): \(plan)")
                #expect(isFamilyPage || !plan.contains { $0.contains("TEMP B-TREE") }, "\(statement): \(plan)")
            }
            try queue.close()
            try await store.close()
        }
    }
}
