import Instants
import Storage

let indexChecks: [ConformanceCheck] = [
    ConformanceCheck("indexes: an unexpired holder refuses insert and replace, spent or not") { trial in
        let holder = Record(1, indexes: [.username(7), .email(7)])
        try await trial.apply(.insert(holder), .insert(Record(2)))
        let claim: [SecondaryIndex] = [.username(8), .email(7)]
        try await trial.applyExpectingConflict([.insert(Record(3, indexes: claim))], record: holder)
        try await trial.applyExpectingConflict([.replace(Record(2, indexes: claim), ifVersion: 1)], record: holder)
        try await trial.apply(.consume(holder.key))
        try await trial.applyExpectingConflict(
            [.insert(Record(3, indexes: claim))],
            record: holder.spent(at: trial.now)
        )
        try trial.expect(
            try await trial.store.find(.first, index: .username(8), now: trial.now),
            is: nil,
            "the refused index"
        )
    },
    ConformanceCheck("indexes: another kind or another name is another index") { trial in
        try await trial.apply(
            .insert(Record(1, indexes: [.username(7)])),
            .insert(Record(2, indexes: [.email(7)])),
            .insert(Record(1, kind: .second, indexes: [.username(7)]))
        )
        let found = try await trial.store.find(
            [.index(.first, .username(7)), .index(.first, .email(7)), .index(.second, .username(7))],
            now: trial.now
        )
        try trial.expect(
            found.map { $0?.key },
            is: [RecordKey(1), RecordKey(2), RecordKey(1, kind: .second)],
            "the three holders"
        )
    },
    ConformanceCheck("indexes: an expired holder counts as absent and does not take the index with it") { trial in
        let old = Record(1, indexes: [.username(7), .email(1)], expiresAt: trial.after(seconds: 5))
        let other = Record(2, indexes: [.username(8)], expiresAt: trial.after(seconds: 5))
        try await trial.apply(.insert(old), .insert(other))
        let later = trial.after(seconds: 5)
        let heir = Record(3, indexes: [.username(7)])
        try await trial.applyExpectingConflict([.insert(heir)], record: old, at: trial.after(seconds: 4))
        try await trial.apply(.insert(heir), at: later)
        try await trial.apply(.insert(Record(4)), at: later)
        try await trial.apply(.replace(Record(4, indexes: [.username(8)]), ifVersion: 1), at: later)
        _ = try await trial.store.sweep(now: later, limit: 100)
        try trial.expect(
            try await trial.store.find(.first, index: .username(7), now: later),
            is: heir,
            "the heir of an index"
        )
        try trial.expect(
            try await trial.store.find(.first, index: .username(8), now: later)?.key,
            is: RecordKey(4),
            "the holder by replacement"
        )
        try trial.expect(
            try await trial.store.find(.first, index: .email(1), now: later),
            is: nil,
            "the expired one's index"
        )
    },
    ConformanceCheck("indexes: replace drops the ones left out and keeps its own") { trial in
        try await trial.apply(.insert(Record(1, indexes: [.username(1), .email(1)])))
        let renamed = Record(1, indexes: [.email(1), .username(2)])
        try await trial.apply(.replace(renamed, ifVersion: 1))
        let found = try await trial.store.find(
            [.index(.first, .username(1)), .index(.first, .username(2)), .index(.first, .email(1))],
            now: trial.now
        )
        try trial.expect(found, is: [nil, renamed.with(version: 2), renamed.with(version: 2)], "the holders")
        try await trial.apply(.insert(Record(2, indexes: [.username(1)])))
        try await trial.apply(.replace(Record(1), ifVersion: 2), .insert(Record(3, indexes: [.email(1)])))
        try trial.expect(try await trial.find(RecordKey(1))?.indexes, is: [], "the indexes of the first record")
    },
    ConformanceCheck("indexes: one may pass from record to record within a list, even in a swap") { trial in
        try await trial.apply(
            .insert(Record(1, indexes: [.username(1)])),
            .insert(Record(2, indexes: [.username(2)]))
        )
        try await trial.apply(
            .replace(Record(1), ifVersion: 1),
            .replace(Record(2, indexes: [.username(1)]), ifVersion: 1),
            .replace(Record(1, indexes: [.username(2)]), ifVersion: 2)
        )
        let found = try await trial.store.find(
            [.index(.first, .username(1)), .index(.first, .username(2))],
            now: trial.now
        )
        try trial.expect(found.map { $0?.key }, is: [RecordKey(2), RecordKey(1)], "the holders after the swap")
        try await trial.apply(.delete(RecordKey(2)), .insert(Record(3, indexes: [.username(1)])))
        try await trial.applyExpectingConflict(
            [.insert(Record(4, indexes: [.email(4)])), .insert(Record(5, indexes: [.email(4)]))],
            position: 1,
            record: Record(4, indexes: [.email(4)])
        )
    },
    ConformanceCheck("indexes: one that is named twice in a record is stored once") { trial in
        try await trial.apply(.insert(Record(1, indexes: [.username(1), .email(1), .username(1)])))
        try trial.expect(
            try await trial.find(RecordKey(1))?.indexes,
            is: [.username(1), .email(1)],
            "the record's indexes"
        )
    },
]
