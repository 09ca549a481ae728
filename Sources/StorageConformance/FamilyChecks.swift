import Instants
import Storage

let familyChecks: [ConformanceCheck] = [
    ConformanceCheck("revokeFamily: spends every member of every kind, and nothing else") { trial in
        let members = [Record(1, family: "f"), Record(2, kind: .second, family: "f", subject: "s")]
        let others = [Record(3, family: "g"), Record(4), Record(5, subject: "f", client: "f")]
        for record in members + others { try await trial.apply(.insert(record)) }
        let moment = trial.after(seconds: 2)
        try await trial.apply(.revokeFamily("f"), at: moment)
        for member in members {
            try trial.expect(try await trial.find(member.key), is: member.spent(at: moment), "a member of the family")
        }
        for other in others { try trial.expect(try await trial.find(other.key), is: other, "a stranger") }
        try await trial.applyExpectingConflict(
            [.replace(members[0], ifVersion: 1)],
            record: members[0].spent(at: moment)
        )
    },
    ConformanceCheck("revokeFamily: leaves alone what was spent before or has expired") { trial in
        let early = Record(1, family: "f")
        let expired = Record(2, family: "f", expiresAt: trial.after(seconds: 5))
        try await trial.apply(.insert(early), .insert(expired), .consume(early.key))
        try await trial.apply(.revokeFamily("f"), at: trial.after(seconds: 5))
        try trial.expect(
            try await trial.find(early.key),
            is: early.spent(at: trial.now),
            "the moment at which it was spent first"
        )
        try trial.expect(try await trial.find(expired.key), is: expired, "the expired member, seen in its lifetime")
    },
    ConformanceCheck("revokeFamily: of nobody, and a second time, changes nothing") { trial in
        try await trial.apply(.revokeFamily("f"))
        try await trial.apply(.insert(Record(1, family: "f")), .revokeFamily("f"), .revokeFamily("f"))
        try await trial.apply(.revokeFamily("f"), at: trial.after(seconds: 9))
        try trial.expect(
            try await trial.find(RecordKey(1)),
            is: Record(1, family: "f").spent(at: trial.now),
            "the member"
        )
    },
    ConformanceCheck("revokeFamily: sees who joined and who left earlier in the same list") { trial in
        try await trial.apply(.insert(Record(1, family: "f")), .insert(Record(2)), .insert(Record(3, family: "f")))
        try await trial.apply(
            .replace(Record(1, family: "g"), ifVersion: 1),
            .replace(Record(2, family: "f"), ifVersion: 1),
            .delete(RecordKey(3)),
            .insert(Record(4, family: "f")),
            .revokeFamily("f")
        )
        let spent = try await trial.page().filter { $0.consumedAt != nil }
        try trial.expect(spent.map(\.key), is: [RecordKey(2), RecordKey(4)], "the spent records")
        try trial.expect(spent.map(\.version), is: [3, 2], "their versions")
        try trial.expect(try await trial.find(RecordKey(3)), is: nil, "the deleted member")
    },
]
