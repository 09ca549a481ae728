import Instants
import Storage

let guardChecks: [ConformanceCheck] = [
    ConformanceCheck("insert: refused where an unexpired record holds the key, spent or not") { trial in
        try await trial.apply(.insert(Record(1)))
        try await trial.applyExpectingConflict([.insert(Record(1).with(payload: "other"))], record: Record(1))
        try await trial.apply(.consume(RecordKey(1)))
        try await trial.applyExpectingConflict([.insert(Record(1))], record: Record(1).spent(at: trial.now))
        try trial.expect(
            try await trial.find(RecordKey(1)),
            is: Record(1).spent(at: trial.now),
            "the record that was there"
        )
    },
    ConformanceCheck("insert: an expired record counts as absent and leaves nothing behind") { trial in
        let old = Record(1, indexes: [.username(1)], family: "old", expiresAt: trial.after(seconds: 5))
        try await trial.apply(.insert(old))
        let new = Record(1, indexes: [.email(1)], family: "new").with(payload: "new")
        try await trial.applyExpectingConflict([.insert(new)], record: old, at: trial.after(seconds: 4))
        try await trial.apply(.insert(new), at: trial.after(seconds: 5))
        try trial.expect(try await trial.find(RecordKey(1)), is: new, "the new record")
        try trial.expect(
            try await trial.store.find(.first, index: .username(1), now: trial.now),
            is: nil,
            "the old record's index"
        )
        try trial.expect(try await trial.page(filter: .family("old")), is: [], "the old record's family")
    },
    ConformanceCheck("insert: a kind's identifiers do not stand in the way of another's (CVE-2026-4282)") { trial in
        try await trial.apply(.insert(Record(1)))
        try await trial.apply(.insert(Record(1, kind: .second)))
        try await trial.applyExpectingConflict([.consume(RecordKey(1, kind: RecordKind("third")))], record: nil)
        try await trial.apply(.consume(RecordKey(1, kind: .second)))
        try trial.expect(try await trial.find(RecordKey(1)), is: Record(1), "the record of the other kind")
    },
    ConformanceCheck("replace: writes everything and raises the version") { trial in
        try await trial.apply(.insert(Record(1, family: "f", subject: "s", client: "c")))
        var new = Record(
            1,
            indexes: [.username(3)],
            family: "g",
            subject: "t",
            client: "d",
            expiresAt: trial.after(seconds: 9)
        )
        new.payload = [9]
        new.consumedAt = trial.now
        try await trial.apply(.replace(new.with(version: 40), ifVersion: 1))
        try trial.expect(try await trial.find(new.key), is: new.with(version: 2), "the replaced record")
        try trial.expect(
            try await trial.page(filter: .subject("t")),
            is: [new.with(version: 2)],
            "the new subject's records"
        )
        try trial.expect(try await trial.page(filter: .client("c")), is: [], "the old client's records")
        try await trial.apply(.replace(Record(1), ifVersion: 2))
        try trial.expect(
            try await trial.find(new.key),
            is: Record(1).with(version: 3),
            "the record replaced once more"
        )
    },
    ConformanceCheck("replace: refused where the record is absent, expired or has another version") { trial in
        try await trial.applyExpectingConflict([.replace(Record(1), ifVersion: 1)], record: nil)
        let record = Record(1, expiresAt: trial.after(seconds: 5))
        try await trial.apply(.insert(record))
        for version: Int64 in [0, 2, -1, .min, .max] {
            try await trial.applyExpectingConflict([.replace(record, ifVersion: version)], record: record)
        }
        try await trial.applyExpectingConflict(
            [.replace(record, ifVersion: 1)],
            record: nil,
            at: trial.after(seconds: 5)
        )
        try await trial.apply(.replace(record, ifVersion: 1), at: trial.after(seconds: 4))
    },
    ConformanceCheck("replace: an expiry may move later, earlier, away and back") { trial in
        var record = Record(1, expiresAt: trial.after(seconds: 10))
        try await trial.apply(.insert(record))
        for seconds: Int64? in [20, 5, nil, 7, 30] {
            record = record.with(expiresAt: seconds.map { trial.after(seconds: $0) })
            try await trial.apply(.replace(record, ifVersion: record.version))
            record.version += 1
            try trial.expect(try await trial.find(record.key), is: record, "the record")
            if let seconds {
                try trial.expect(
                    try await trial.find(record.key, at: trial.after(seconds: seconds)),
                    is: nil,
                    "the expired record"
                )
            }
        }
    },
    ConformanceCheck("consume: once, at the moment given, with a new version") { trial in
        try await trial.applyExpectingConflict([.consume(RecordKey(1))], record: nil)
        let record = Record(1, family: "f", expiresAt: trial.after(seconds: 60))
        try await trial.apply(.insert(record))
        try await trial.applyExpectingConflict([.consume(record.key)], record: nil, at: trial.after(seconds: 60))
        try await trial.apply(.consume(record.key), at: trial.after(seconds: 1))
        let spent = record.spent(at: trial.after(seconds: 1))
        try trial.expect(try await trial.find(record.key), is: spent, "the spent record")
        try await trial.applyExpectingConflict([.consume(record.key)], record: spent, at: trial.after(seconds: 2))
        try await trial.applyExpectingConflict([.replace(record, ifVersion: 1)], record: spent)
        try trial.expect(try await trial.find(record.key), is: spent, "the spent record, unchanged")
    },
    ConformanceCheck("delete: removes a record with its indexes, and is content where there is none") { trial in
        try await trial.apply(.delete(RecordKey(1)))
        try await trial.apply(.insert(Record(1, indexes: [.username(1)], family: "f", subject: "s")))
        try await trial.apply(.delete(RecordKey(1)))
        try trial.expect(try await trial.find(RecordKey(1)), is: nil, "the deleted record")
        try trial.expect(
            try await trial.store.find(.first, index: .username(1), now: trial.now),
            is: nil,
            "the deleted index"
        )
        try trial.expect(try await trial.page(filter: .subject("s")), is: [], "the subject's records")
        try await trial.apply(.insert(Record(2, indexes: [.username(1)])))
    },
    ConformanceCheck("require: holds for the version that was read, and for no other") { trial in
        let record = Record(1, expiresAt: trial.after(seconds: 5))
        try await trial.applyExpectingConflict([.require(record.key, version: 1)], record: nil)
        try await trial.apply(.insert(record))
        try await trial.apply(.require(record.key, version: 1))
        try await trial.applyExpectingConflict([.require(record.key, version: 2)], record: record)
        try await trial.applyExpectingConflict(
            [.require(record.key, version: 1)],
            record: nil,
            at: trial.after(seconds: 5)
        )
        try trial.expect(try await trial.find(record.key), is: record, "the record, which nothing has written")
        try await trial.apply(.consume(record.key))
        try await trial.applyExpectingConflict(
            [.require(record.key, version: 1)],
            record: record.spent(at: trial.now)
        )
    },
    ConformanceCheck("requireAbsent: holds unless an unexpired record has the key") { trial in
        let record = Record(1, expiresAt: trial.after(seconds: 5))
        try await trial.apply(.requireAbsent(record.key))
        try await trial.apply(.insert(record))
        try await trial.applyExpectingConflict([.requireAbsent(record.key)], record: record)
        try await trial.apply(.requireAbsent(record.key), at: trial.after(seconds: 5))
        try trial.expect(try await trial.find(record.key), is: record, "the record, which nothing has written")
    },
]

let atomicityChecks: [ConformanceCheck] = [
    ConformanceCheck("no changes are applied at once") { trial in
        try await trial.apply()
    },
    ConformanceCheck("when one change does not hold, none is applied, and its position is told") { trial in
        let spendable = Record(1, indexes: [.username(1)])
        let member = Record(2, family: "f")
        let victim = Record(3)
        try await trial.apply(.insert(spendable), .insert(member), .insert(victim))
        let writes: [Change] = [
            .consume(spendable.key), .revokeFamily("f"), .delete(victim.key), .insert(Record(4, indexes: [.email(4)])),
        ]
        for place in 0...writes.count {
            var changes = writes
            changes.insert(.require(RecordKey(99), version: 1), at: place)
            try await trial.applyExpectingConflict(changes, position: place, record: nil)
            let found = try await trial.store.find(
                [spendable.key, member.key, victim.key, RecordKey(4)].map(Lookup.key) + [.index(.first, .email(4))],
                now: trial.now
            )
            try trial.expect(found, is: [spendable, member, victim, nil, nil], "what is stored after a refusal")
        }
        try trial.expect(
            try await trial.store.apply(writes, now: trial.now),
            is: .applied,
            "the outcome without the false guard"
        )
    },
    ConformanceCheck("the first conflict is told, not a later one") { trial in
        try await trial.apply(.insert(Record(1)), .insert(Record(2)))
        try await trial.applyExpectingConflict(
            [.requireAbsent(RecordKey(3)), .insert(Record(2)), .insert(Record(1))],
            position: 1,
            record: Record(2)
        )
    },
    ConformanceCheck("each change sees the ones before it") { trial in
        try await trial.apply(
            .insert(Record(1)),
            .require(RecordKey(1), version: 1),
            .consume(RecordKey(1)),
            .require(RecordKey(1), version: 2),
            .replace(Record(1).with(payload: "b"), ifVersion: 2),
            .require(RecordKey(1), version: 3),
            .delete(RecordKey(1)),
            .requireAbsent(RecordKey(1)),
            .insert(Record(1).with(payload: "c"))
        )
        try trial.expect(try await trial.find(RecordKey(1)), is: Record(1).with(payload: "c"), "the record in the end")
        try await trial.applyExpectingConflict(
            [.consume(RecordKey(1)), .consume(RecordKey(1))],
            position: 1,
            record: Record(1).with(payload: "c").spent(at: trial.now)
        )
        try await trial.applyExpectingConflict(
            [.insert(Record(2)), .insert(Record(2).with(payload: "x"))],
            position: 1,
            record: Record(2)
        )
        try await trial.applyExpectingConflict(
            [.delete(RecordKey(1)), .require(RecordKey(1), version: 1)],
            position: 1,
            record: nil
        )
        try trial.expect(
            try await trial.find(RecordKey(1)),
            is: Record(1).with(payload: "c"),
            "the record after the refusals"
        )
    },
    ConformanceCheck("what a list inserts as already expired is absent to the rest of it") { trial in
        try await trial.apply(
            .insert(Record(1, expiresAt: trial.now)),
            .requireAbsent(RecordKey(1)),
            .insert(Record(1)),
            .require(RecordKey(1), version: 1)
        )
        try trial.expect(try await trial.find(RecordKey(1)), is: Record(1), "the record")
    },
]
