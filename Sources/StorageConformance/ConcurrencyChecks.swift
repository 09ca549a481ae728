import Instants
import Storage

let concurrencyChecks: [ConformanceCheck] = [
    ConformanceCheck("100 tasks consume one record: exactly one wins, and the others see the winner's") { trial in
        try await trial.apply(.insert(Record(0, family: "f")))
        let outcomes = try await trial.together(100) { number in
            let changes: [Change] = [.consume(RecordKey(0)), .insert(Record(1 + number, kind: .second))]
            return try await trial.store.apply(changes, now: trial.now)
        }
        try trial.expect(outcomes.count { $0 == .applied }, is: 1, "the number of winners")
        let spent = Record(0, family: "f").spent(at: trial.now)
        try trial.expect(
            outcomes.count { $0 == .conflict(change: 0, record: spent) },
            is: 99,
            "the number of told losers"
        )
        try trial.expect(try await trial.page(.second).count, is: 1, "the number of records that it paid for")
    },
    ConformanceCheck("100 tasks replace one version: exactly one lineage is left (CVE-2026-1035)") { trial in
        try await trial.apply(.insert(Record(0)))
        let outcomes = try await trial.together(100) { number in
            let successor = Record(0).with(payload: "successor \(number)")
            let outcome = try await trial.store.apply([.replace(successor, ifVersion: 1)], now: trial.now)
            return outcome == .applied ? number : -1
        }
        let winners = outcomes.filter { $0 >= 0 }
        try trial.expect(winners.count, is: 1, "the number of winners")
        try trial.expect(
            try await trial.find(RecordKey(0)),
            is: Record(0).with(payload: "successor \(winners.first ?? -1)").with(version: 2),
            "the lineage"
        )
    },
    ConformanceCheck("a loser that reads again and retries loses nothing: 50 tasks count to 50") { trial in
        try await trial.apply(.insert(Record(0)))
        _ = try await trial.together(50) { _ in
            for _ in 0..<1000 {
                guard let read = try await trial.find(RecordKey(0)) else { return }
                let count = read.payload.count + 1
                let next = read.with(payload: String(repeating: "x", count: count))
                if try await trial.store.apply([.replace(next, ifVersion: read.version)], now: trial.now) == .applied {
                    return
                }
            }
        }
        let end = try await trial.find(RecordKey(0))
        try trial.expect(end?.version, is: 51, "the version")
        try trial.expect(end?.payload.count, is: 51, "the count, from one")
    },
    ConformanceCheck("100 tasks claim one index: exactly one gets it") { trial in
        let outcomes = try await trial.together(100) { number in
            try await trial.store.apply([.insert(Record(number, indexes: [.username(1)]))], now: trial.now)
        }
        try trial.expect(outcomes.count { $0 == .applied }, is: 1, "the number of winners")
        let holder = try await trial.store.find(.first, index: .username(1), now: trial.now)
        try trial.expect(try await trial.page().map(\.key), is: holder.map { [$0.key] } ?? [], "the records stored")
    },
    ConformanceCheck("disabling a person cannot race an issuance that requires him (CVE-2025-64521)") { trial in
        let person = Record(0)
        try await trial.apply(.insert(person))
        let issued = try await trial.together(60) { number -> Set<RecordKey>? in
            guard number == 30 else {
                let changes: [Change] = [
                    .require(person.key, version: 1), .insert(Record(number, kind: .second)),
                ]
                _ = try await trial.store.apply(changes, now: trial.now)
                return nil
            }
            try await trial.apply(.replace(person.with(payload: "disabled"), ifVersion: 1))
            return Set(try await trial.page(.second).map(\.key))
        }
        let whenDisabled = issued.compactMap(\.self).first ?? []
        let inTheEnd = Set(try await trial.page(.second).map(\.key))
        try trial.expect(
            inTheEnd.subtracting(whenDisabled).count,
            is: 0,
            "the number of issuances after the disabling was known"
        )
        try await trial.applyExpectingConflict(
            [.require(person.key, version: 1), .insert(Record(99, kind: .second))],
            record: person.with(payload: "disabled").with(version: 2)
        )
    },
    ConformanceCheck("one find sees one moment: records that change together are seen together") { trial in
        try await trial.apply(.insert(Record(1).with(payload: "0")), .insert(Record(2).with(payload: "0")))
        let writer = Task {
            var round: Int64 = 0
            while !Task.isCancelled {
                round += 1
                try await trial.apply(
                    .replace(Record(1).with(payload: "\(round)"), ifVersion: round),
                    .replace(Record(2).with(payload: "\(round)"), ifVersion: round)
                )
                await Task.yield()
            }
        }
        defer { writer.cancel() }
        _ = try await trial.together(4) { _ in
            for _ in 0..<60 {
                let seen = try await trial.store.find([.key(RecordKey(1)), .key(RecordKey(2))], now: trial.now)
                try trial.expect(seen[0]?.payload, is: seen[1]?.payload, "the second of two twins")
            }
        }
        writer.cancel()
        try await writer.value
    },
    ConformanceCheck("what was acknowledged is seen by every find that begins afterwards") { trial in
        _ = try await trial.together(50) { number in
            try await trial.apply(.insert(Record(number)))
            try trial.expect(try await trial.find(RecordKey(number)), is: Record(number), "one's own write")
            try await trial.apply(.consume(RecordKey(number)))
            try trial.expect(
                try await trial.find(RecordKey(number)),
                is: Record(number).spent(at: trial.now),
                "one's own write"
            )
        }
    },
]
