import Instants
import Storage

let recordChecks: [ConformanceCheck] = [
    ConformanceCheck("a record comes back as it was inserted, with version 1") { trial in
        let record = Record(
            key: RecordKey(1),
            indexes: [.email(5), .username(4)],
            family: "family",
            subject: "subject",
            client: "client",
            version: 7,
            expiresAt: trial.after(seconds: 60),
            consumedAt: trial.after(seconds: -9),
            payload: [1, 2, 3]
        )
        try await trial.apply(.insert(record))
        try trial.expect(try await trial.find(record.key), is: record.with(version: 1), "the record")
    },
    ConformanceCheck("a record without family, subject, client and expiry comes back without them") { trial in
        try await trial.apply(.insert(Record(1)))
        try trial.expect(try await trial.find(RecordKey(1)), is: Record(1), "the record")
    },
    ConformanceCheck("an absent record is not found") { trial in
        try await trial.apply(.insert(Record(1)))
        try trial.expect(try await trial.find(RecordKey(2)), is: nil, "an identifier that was never stored")
        try trial.expect(
            try await trial.find(RecordKey(1, kind: .second)),
            is: nil,
            "the identifier under another kind"
        )
    },
    ConformanceCheck("a record is found by each of its indexes, within its kind and the index's name only") { trial in
        let record = Record(1, indexes: [.username(10), .email(11)])
        try await trial.apply(.insert(record))
        for index in record.indexes {
            try trial.expect(
                try await trial.store.find(.first, index: index, now: trial.now),
                is: record,
                "the index's holder"
            )
        }
        try trial.expect(
            try await trial.store.find(.first, index: .email(10), now: trial.now),
            is: nil,
            "another index's value"
        )
        try trial.expect(
            try await trial.store.find(.second, index: .username(10), now: trial.now),
            is: nil,
            "another kind's index"
        )
    },
    ConformanceCheck("a spent record is still found, by key and by index") { trial in
        let record = Record(1, indexes: [.username(1)])
        try await trial.apply(.insert(record))
        try await trial.apply(.consume(record.key), at: trial.after(seconds: 3))
        let spent = record.spent(at: trial.after(seconds: 3))
        try trial.expect(try await trial.find(record.key), is: spent, "the spent record")
        try trial.expect(
            try await trial.store.find(.first, index: .username(1), now: trial.now),
            is: spent,
            "the spent record"
        )
    },
    ConformanceCheck("a record is gone from the first moment of its expiry, by key and by index") { trial in
        let record = Record(1, indexes: [.username(1)], expiresAt: trial.after(seconds: 10))
        try await trial.apply(.insert(record))
        let last = trial.after(seconds: 10) - .milliseconds(1)
        try trial.expect(try await trial.find(record.key, at: last), is: record, "the record a moment before expiry")
        try trial.expect(
            try await trial.find(record.key, at: trial.after(seconds: 10)),
            is: nil,
            "the record at its expiry"
        )
        try trial.expect(
            try await trial.store.find(.first, index: .username(1), now: last),
            is: record,
            "the index before expiry"
        )
        try trial.expect(
            try await trial.store.find(.first, index: .username(1), now: trial.after(seconds: 10)),
            is: nil,
            "the index at expiry"
        )
    },
    ConformanceCheck("the first and the last moment there are can be stored") { trial in
        let last = Record(1, expiresAt: .distantFuture)
        let first = Record(2, expiresAt: Instant(millisecondsSinceEpoch: .min))
        try await trial.apply(.insert(last), .insert(first))
        try trial.expect(try await trial.find(last.key), is: last, "a record that expires in the distant future")
        try trial.expect(try await trial.find(first.key), is: nil, "a record that expired at the first moment")
    },
    ConformanceCheck("lookups are answered in their order, with nothing where there is nothing") { trial in
        let one = Record(1, indexes: [.username(1)])
        let two = Record(2)
        try await trial.apply(.insert(two), .insert(one), .insert(Record(3, expiresAt: trial.now)))
        let found = try await trial.store.find(
            [
                .key(two.key), .key(RecordKey(9)), .index(.first, .username(1)), .key(RecordKey(3)), .key(two.key),
                .index(.first, .email(1)), .key(one.key),
            ],
            now: trial.now
        )
        try trial.expect(found, is: [two, nil, one, nil, two, nil, one], "the answer")
        try trial.expect(try await trial.store.find([], now: trial.now), is: [], "the answer to no lookups")
    },
    ConformanceCheck("payloads come back byte for byte: none, every value, a mebibyte") { trial in
        let payloads: [[UInt8]] = [
            [], [0], [0, 0, 0], Array(0...255), Array("na\u{0}me".utf8), (0..<1_048_576).map { UInt8($0 % 251) },
        ]
        for (number, payload) in payloads.enumerated() {
            var record = Record(number)
            record.payload = payload
            try await trial.apply(.insert(record))
            let found = try await trial.find(record.key)
            try trial.expect(found?.payload == payload, "a payload of \(payload.count) bytes came back changed")
        }
    },
    ConformanceCheck("identifiers of any length are told apart") { trial in
        let identifiers: [[UInt8]] = [[], [0], [0, 0], [1], [1, 0], Array(0...255)]
        for (number, identifier) in identifiers.enumerated() {
            let key = RecordKey(kind: .first, identifier: IdentifierHash(bytes: identifier))
            try await trial.apply(.insert(Record(key: key, payload: [UInt8(number)])))
        }
        for (number, identifier) in identifiers.enumerated() {
            let key = RecordKey(kind: .first, identifier: IdentifierHash(bytes: identifier))
            try trial.expect(
                try await trial.find(key)?.payload,
                is: [UInt8(number)],
                "the payload under \(identifier.count) bytes"
            )
        }
    },
]

/// Texts that a careless backend confuses with "admin": a NUL cuts C strings short, and Swift's `==` and some databases'
/// collations equate what differs in bytes.
private let confusables = ["admin", "admin\u{0}", "admin\u{0}x", "Admin", "admin ", "", "ad\u{2060}min", "%", "'"]

let textChecks: [ConformanceCheck] = [
    ConformanceCheck("families, subjects and clients are compared byte by byte") { trial in
        let texts = confusables + ["e\u{301}", "\u{e9}"]
        for (number, text) in texts.enumerated() {
            try await trial.apply(.insert(Record(number, family: text, subject: text, client: text)))
        }
        for (number, text) in texts.enumerated() {
            for filter in [PageFilter.family(text), .subject(text), .client(text)] {
                try trial.expect(
                    try await trial.page(filter: filter).map(\.key),
                    is: [RecordKey(number)],
                    "what \(filter) shows"
                )
            }
            let found = try await trial.find(RecordKey(number))
            try trial.expect(
                found?.family.map { Array($0.utf8) },
                is: Array(text.utf8),
                "the bytes of a family's name"
            )
        }
        try await trial.apply(.revokeFamily("\u{e9}"))
        let spent = try await trial.page().filter { $0.consumedAt != nil }.map(\.key)
        try trial.expect(spent, is: [RecordKey(texts.count - 1)], "what revoking the family \u{e9} spent")
    },
    ConformanceCheck("kinds and index names are told apart by every byte") { trial in
        for (number, text) in confusables.enumerated() {
            let kind = RecordKind(text)
            let named = SecondaryIndex(name: text, value: IdentifierHash(0))
            try await trial.apply(.insert(Record(0, kind: kind).with(payload: "\(number)")))
            try await trial.apply(.insert(Record(1 + number, kind: .second, indexes: [named])))
        }
        for (number, text) in confusables.enumerated() {
            try trial.expect(
                try await trial.find(RecordKey(0, kind: RecordKind(text))),
                is: Record(0, kind: RecordKind(text)).with(payload: "\(number)"),
                "the record of the kind \(text)"
            )
            let named = SecondaryIndex(name: text, value: IdentifierHash(0))
            try trial.expect(
                try await trial.store.find(.second, index: named, now: trial.now)?.key,
                is: RecordKey(1 + number, kind: .second),
                "the holder of the index \(text)"
            )
        }
    },
]
