import Instants
import Storage

let sweepChecks: [ConformanceCheck] = [
    ConformanceCheck("sweep: deletes what has expired and nothing else") { trial in
        let records = [
            Record(1, indexes: [.username(1)], family: "f", expiresAt: trial.after(seconds: 5)),
            Record(2, kind: .second, expiresAt: trial.after(seconds: 5)),
            Record(3, indexes: [.username(3)], expiresAt: trial.after(seconds: 5) + .milliseconds(1)),
            Record(4),
        ]
        for record in records { try await trial.apply(.insert(record)) }
        try await trial.apply(.consume(RecordKey(4)))
        let moment = trial.after(seconds: 5)
        try trial.expect(
            try await trial.store.sweep(now: moment - .milliseconds(1), limit: 100),
            is: 0,
            "a sweep before expiry"
        )
        try trial.expect(try await trial.store.sweep(now: moment, limit: 100), is: 2, "a sweep at expiry")
        try trial.expect(try await trial.store.sweep(now: moment, limit: 100), is: 0, "a second sweep")
        // Seen from before the expiry, so that only deletion can have removed them.
        let found = try await trial.store.find(
            records.map { .key($0.key) } + [.index(.first, .username(1)), .index(.first, .username(3))],
            now: trial.now
        )
        try trial.expect(
            found,
            is: [nil, nil, records[2], records[3].spent(at: trial.now), nil, records[2]],
            "what is left"
        )
    },
    ConformanceCheck("sweep: deletes at most as many as it was told, and ends") { trial in
        for number in 0..<25 {
            try await trial.apply(.insert(Record(number, expiresAt: trial.after(seconds: Int64(number % 7)))))
        }
        let moment = trial.after(seconds: 100)
        for limit in [0, -1, .min] {
            try trial.expect(try await trial.store.sweep(now: moment, limit: limit), is: 0, "a sweep of \(limit)")
        }
        var left = 25
        while left > 0 {
            let deleted = try await trial.store.sweep(now: moment, limit: 10)
            try trial.expect(deleted > 0, "a sweep made no progress with \(left) expired records left")
            try trial.expect(deleted <= 10, "a sweep of 10 deleted \(deleted)")
            left -= deleted
            let present = try await trial.page(limit: 1000, at: trial.after(seconds: -1)).count
            try trial.expect(present, is: left, "the records that are left")
        }
        try trial.expect(left, is: 0, "the number of records not accounted for")
        try trial.expect(try await trial.store.sweep(now: moment, limit: 10), is: 0, "a sweep with nothing to do")
    },
    ConformanceCheck("sweep: one call deletes no more than 1000, whatever it was told") { trial in
        for start in stride(from: 0, to: 1010, by: 101) {
            let changes = (start..<start + 101).map { Change.insert(Record($0, expiresAt: trial.now)) }
            try trial.expect(try await trial.store.apply(changes, now: trial.now), is: .applied, "the preparation")
        }
        let first = try await trial.store.sweep(now: trial.now, limit: .max)
        try trial.expect((1...1000).contains(first), "a sweep without a limit deleted \(first)")
    },
    ConformanceCheck("sweep: spares what was given a later expiry, however many and however often") { trial in
        for number in 0..<30 {
            try await trial.apply(.insert(Record(number, expiresAt: trial.after(seconds: 10))))
            let later = trial.after(seconds: number < 25 ? 50 : 10)
            try await trial.apply(.replace(Record(number, expiresAt: later), ifVersion: 1))
        }
        var deleted = 0
        for _ in 0..<30 {
            let step = try await trial.store.sweep(now: trial.after(seconds: 20), limit: 4)
            if step == 0 { break }
            deleted += step
        }
        try trial.expect(deleted, is: 5, "the number deleted")
        try trial.expect(try await trial.page().count, is: 25, "the number left")
        try trial.expect(
            try await trial.store.sweep(now: trial.after(seconds: 50), limit: 100),
            is: 25,
            "the rest, in time"
        )
    },
    ConformanceCheck("sweep: deletes what was given an earlier expiry, and spares what was given none") { trial in
        try await trial.apply(
            .insert(Record(1, expiresAt: trial.after(seconds: 100))),
            .insert(Record(2)),
            .insert(Record(3, expiresAt: trial.after(seconds: 5)))
        )
        try await trial.apply(
            .replace(Record(1, expiresAt: trial.after(seconds: 5)), ifVersion: 1),
            .replace(Record(2, expiresAt: trial.after(seconds: 5)), ifVersion: 1),
            .replace(Record(3), ifVersion: 1)
        )
        try trial.expect(try await trial.store.sweep(now: trial.after(seconds: 6), limit: 100), is: 2, "the sweep")
        try trial.expect(try await trial.page().map(\.key), is: [RecordKey(3)], "what is left")
    },
]
