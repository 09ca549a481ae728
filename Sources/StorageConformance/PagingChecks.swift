import Instants
import Storage

let pagingChecks: [ConformanceCheck] = [
    ConformanceCheck("page: in the order of identifier hashes, byte by byte, of one kind") { trial in
        let identifiers: [[UInt8]] = [[], [0], [0, 0], [0, 1], [1], [1, 255], [2], [128], [255], [255, 0]]
        for identifier in identifiers.reversed() {
            let key = RecordKey(kind: .first, identifier: IdentifierHash(bytes: identifier))
            try await trial.apply(.insert(Record(key: key, payload: identifier)))
        }
        try await trial.apply(.insert(Record(1, kind: .second)))
        try trial.expect(try await trial.page().map(\.payload), is: identifiers, "the order of the page")
        for (place, identifier) in identifiers.enumerated() {
            let rest = try await trial.page(after: IdentifierHash(bytes: identifier))
            try trial.expect(
                rest.map(\.payload),
                is: Array(identifiers[(place + 1)...]),
                "the page after \(identifier)"
            )
        }
    },
    ConformanceCheck("page: following it to the end shows every record once, whatever the page size") { trial in
        for number in 0..<25 { try await trial.apply(.insert(Record(number, client: number % 5 == 0 ? "c" : "d"))) }
        for (filter, expected) in [(PageFilter.all, 25), (.client("c"), 5), (.client("d"), 20)] {
            for limit in [1, 3, 5, 25, 1000] {
                var seen: [RecordKey] = []
                while true {
                    let page = try await trial.page(filter: filter, after: seen.last?.identifier, limit: limit)
                    try trial.expect(page.count <= limit, "a page of \(limit) holds \(page.count) records")
                    if page.isEmpty { break }
                    seen += page.map(\.key)
                    try trial.expect(seen.count <= expected, "pages of \(limit) repeat themselves")
                }
                try trial.expect(seen.count, is: expected, "the number of records shown in pages of \(limit)")
                try trial.expect(
                    seen,
                    is: seen.sorted { $0.identifier < $1.identifier },
                    "the order across pages of \(limit)"
                )
            }
        }
    },
    ConformanceCheck("page: filters by family, subject and client") { trial in
        let records = [
            Record(1, family: "x", subject: "y", client: "z"), Record(2, family: "y", subject: "z", client: "x"),
            Record(3, family: "z", subject: "x", client: "y"), Record(4), Record(5, family: "x", client: "z"),
        ]
        for record in records { try await trial.apply(.insert(record)) }
        let expectations: [(PageFilter, [Record])] = [
            (.all, records), (.family("x"), [records[0], records[4]]), (.subject("x"), [records[2]]),
            (.client("x"), [records[1]]), (.client("z"), [records[0], records[4]]), (.family("nobody"), []),
        ]
        for (filter, expected) in expectations {
            try trial.expect(try await trial.page(filter: filter), is: expected, "what \(filter) shows")
            try trial.expect(try await trial.page(.second, filter: filter), is: [], "\(filter) of another kind")
        }
    },
    ConformanceCheck("page: shows what is spent, not what has expired") { trial in
        let spent = Record(1, subject: "s", expiresAt: trial.after(seconds: 5))
        let expiring = Record(2, subject: "s", expiresAt: trial.after(seconds: 3))
        try await trial.apply(.insert(spent), .insert(expiring), .consume(spent.key))
        for filter in [PageFilter.all, .subject("s")] {
            try trial.expect(
                try await trial.page(filter: filter),
                is: [spent.spent(at: trial.now), expiring],
                "the page now"
            )
            try trial.expect(
                try await trial.page(filter: filter, at: trial.after(seconds: 3)),
                is: [spent.spent(at: trial.now)],
                "the page once one has expired"
            )
            try trial.expect(
                try await trial.page(filter: filter, limit: 1, at: trial.after(seconds: 3)).count,
                is: 1,
                "a page of one, past an expired record"
            )
            try trial.expect(
                try await trial.page(filter: filter, at: trial.after(seconds: 5)),
                is: [],
                "the page of the expired"
            )
        }
    },
    ConformanceCheck("page: a limit of 0, below or beyond is clamped to 1 and 1000 (FIELD P45)") { trial in
        for start in stride(from: 0, to: 1010, by: 101) {
            let changes = (start..<min(start + 101, 1010)).map { Change.insert(Record($0)) }
            try trial.expect(try await trial.store.apply(changes, now: trial.now), is: .applied, "the preparation")
        }
        for (limit, size) in [(0, 1), (-1, 1), (.min, 1), (1, 1), (999, 999), (1000, 1000), (1001, 1000), (.max, 1000)]
        {
            try trial.expect(try await trial.page(limit: limit).count, is: size, "the size of a page of \(limit)")
        }
    },
]
