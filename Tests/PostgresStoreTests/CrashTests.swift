import Instants
import Storage
import Synchronization
import Testing

@testable import PostgresStore

/// What a client knows of its record when the server has died under it.
private struct Ledger: Sendable {
    var number: Int
    /// The version that the last acknowledged change made.
    var acknowledged: Int64 = 0
    /// A change was sent and not answered: it may stand.
    var isInDoubt = false
    var refusals: [String] = []
}

/// A server that dies by -9 while it commits, with `fsync` on, and is started again.
@Suite(.serialized)
struct CrashTests {
    private var settings: PostgresStoreSettings {
        var settings = PostgresStoreSettings()
        settings.connectTimeout = .seconds(2)
        settings.answerTimeout = .seconds(3)
        return settings
    }

    /// Moves one record that nobody else touches from version to version until the server is gone.
    private static func change(_ ledger: Ledger, in store: PostgresStore, acknowledged: Count) async -> Ledger {
        var ledger = ledger
        while ledger.refusals.isEmpty, !ledger.isInDoubt {
            var record = Record(number: ledger.number)
            record.payload = Array("\(ledger.acknowledged + 1)".utf8)
            let change: Change =
                ledger.acknowledged == 0 ? .insert(record) : .replace(record, ifVersion: ledger.acknowledged)
            do throws(StoreError) {
                switch try await store.apply([change], now: .testTime) {
                case .applied:
                    ledger.acknowledged += 1
                    acknowledged.value.add(1, ordering: .relaxed)
                case .conflict(_, let record):
                    ledger.refusals.append("version \(ledger.acknowledged) against \(record?.version ?? 0)")
                }
            } catch {
                if case .unavailable = error { ledger.isInDoubt = true } else { ledger.refusals.append("\(error)") }
            }
        }
        return ledger
    }

    @Test(.timeLimit(.minutes(3)))
    func `What was acknowledged before a crash is there after it, and nothing was applied twice`() async throws {
        try await Cluster.with(durably: true) { cluster in
            let store = try await PostgresStore.opened(cluster.address(), settings: settings)
            var ledgers = (0..<32).map { Ledger(number: $0) }
            for round in 1...2 {
                let acknowledged = Count()
                let before = ledgers
                let changing = Task {
                    await withTaskGroup(of: Ledger.self) { group in
                        for ledger in before {
                            group.addTask {
                                await Self.change(ledger, in: store, acknowledged: acknowledged)
                            }
                        }
                        return await group.reduce(into: []) { $0.append($1) }
                    }
                }
                // The server dies in the middle of it, not at the beginning.
                while acknowledged.value.load(ordering: .relaxed) < 200 * round {
                    try await Task.sleep(for: .milliseconds(5))
                }
                await cluster.kill()
                ledgers = await changing.value
                #expect(ledgers.allSatisfy { $0.isInDoubt })
                try await cluster.start()
                try await answers(store)
                for place in ledgers.indices {
                    let ledger = ledgers[place]
                    #expect(ledger.refusals.isEmpty, "\(ledger)")
                    let found = try await store.find(Record(number: ledger.number).key, now: .testTime)
                    let version = found?.version ?? 0
                    #expect(version == ledger.acknowledged || version == ledger.acknowledged + 1, "\(ledger)")
                    #expect(found.map { $0.payload == Array("\(version)".utf8) } ?? (version == 0))
                    ledgers[place] = Ledger(number: ledger.number, acknowledged: version)
                }
            }
            try await store.close()
        }
    }

    private func answers(_ store: PostgresStore) async throws {
        for _ in 0..<100 {
            if (try? await store.checkHealth()) != nil { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        Issue.record("the store does not come back")
    }
}

private final class Count: Sendable {
    let value = Atomic<Int>(0)
}
