import GRDB
import Instants
import Storage

/// GRDB has a class of this name.
typealias Record = Storage.Record

/// The SQL: how records lie in the two tables.
///
/// Used inside a transaction that its caller has opened.
struct RecordTable: RecordReader {
    let database: Database

    static let columns =
        """
        r.id, r.kind, r.identifier, r.version, r.expires_at, r.consumed_at, r.index_count,
        r.family, r.subject, r.client, r.payload
        """

    // What every request runs is put together once.
    private static let recordByKey = "SELECT \(columns) FROM records r WHERE r.kind = ? AND r.identifier = ?"
    private static let updateInPlace = update(place: "")
    private static let updateEverywhere = update(
        place: ", sweep_at = ?, index_count = ?, family = ?, subject = ?, client = ?"
    )

    private static func update(place: String) -> String {
        """
        UPDATE records SET version = ?, expires_at = ?, consumed_at = ?, payload = ?\(place)
        WHERE kind = ? AND identifier = ?
        """
    }

    // MARK: Reading

    func record(_ key: RecordKey) throws(SQLiteFault) -> Record? {
        var statement = try BoundStatement(Self.recordByKey, in: database)
        try statement.bind(key.kind.name)
        try statement.bind(key.identifier.bytes)
        return try rows(of: statement).first
    }

    func holder(of index: SecondaryIndex, kind: RecordKind) throws(SQLiteFault) -> Record? {
        var statement = try BoundStatement(
            """
            SELECT \(Self.columns) FROM record_indexes i JOIN records r ON r.id = i.record
            WHERE i.kind = ? AND i.name = ? AND i.value = ?
            """,
            in: database
        )
        try statement.bind(kind.name)
        try statement.bind(index.name)
        try statement.bind(index.value.bytes)
        return try rows(of: statement).first
    }

    func members(ofFamily family: String) throws(SQLiteFault) -> [Record] {
        var statement = try BoundStatement(
            """
            SELECT \(Self.columns) FROM records r INDEXED BY records_by_family
            WHERE r.family = ? AND r.consumed_at IS NULL
            """,
            in: database
        )
        try statement.bind(family)
        return try rows(of: statement)
    }

    /// Whether expired or not.
    func find(_ lookup: Lookup) throws(SQLiteFault) -> Record? {
        switch lookup {
        case .key(let key): try record(key)
        case .index(let kind, let index): try holder(of: index, kind: kind)
        }
    }

    /// The roll of a kind, from its index alone.
    func roll(of kind: RecordKind, atMost most: Int) throws(SQLiteFault) -> RecordRolls.Reading {
        var statement = try BoundStatement(
            "SELECT identifier FROM records INDEXED BY records_by_identifier WHERE kind = ? LIMIT ?",
            in: database
        )
        try statement.bind(kind.name)
        try statement.bind(Int64(most) + 1)
        var marks: Set<UInt64> = []
        var count = 0
        while try statement.step() {
            marks.insert(RecordRolls.mark(statement.bytes(0)))
            count += 1
        }
        return count > most ? .tooLong : .whole(marks)
    }

    func page(_ request: PageRequest) throws(SQLiteFault) -> [Record] {
        let (walk, condition, value): (String, String, String?) =
            switch request.filter {
            case .all: ("records_by_identifier", "", nil)
            case .family(let family): ("records_by_family", "AND r.family = ?", family)
            case .subject(let subject): ("records_by_subject", "AND r.subject = ?", subject)
            case .client(let client): ("records_by_client", "AND r.client = ?", client)
            }
        // An absent `after` becomes the smallest blob with `>=`, so that both cases walk the same index; naming the
        // index keeps a page from ever becoming a scan.
        var statement = try BoundStatement(
            """
            SELECT \(Self.columns) FROM records r INDEXED BY \(walk)
            WHERE r.kind = ? \(condition) AND r.identifier \(request.after == nil ? ">=" : ">") ?
            AND (r.expires_at IS NULL OR r.expires_at > ?)
            ORDER BY r.identifier LIMIT ?
            """,
            in: database
        )
        try statement.bind(request.kind.name)
        if let value { try statement.bind(value) }
        try statement.bind(request.after?.bytes ?? [])
        try statement.bind(request.now.millisecondsSinceEpoch)
        try statement.bind(Int64(request.limit))
        return try rows(of: statement)
    }

    private func rows(of statement: borrowing BoundStatement) throws(SQLiteFault) -> [Record] {
        try numberedRows(of: statement).records
    }

    /// The records, and the row number of the last of them.
    func numberedRows(of statement: borrowing BoundStatement) throws(SQLiteFault) -> (records: [Record], last: Int64?) {
        var records: [Record] = []
        var last: Int64?
        var indexed: [(place: Int, id: Int64, count: Int64)] = []
        while try statement.step() {
            guard let id = statement.integer(0), let kind = try statement.text(1), let version = statement.integer(3),
                let indexCount = statement.integer(6)
            else { throw .unreadable("a stored record lacks a column") }
            if indexCount > 0 { indexed.append((records.count, id, indexCount)) }
            last = id
            records.append(
                Record(
                    key: RecordKey(kind: RecordKind(kind), identifier: IdentifierHash(bytes: statement.bytes(2))),
                    family: try statement.text(7),
                    subject: try statement.text(8),
                    client: try statement.text(9),
                    version: version,
                    expiresAt: statement.integer(4).map(Instant.init(millisecondsSinceEpoch:)),
                    consumedAt: statement.integer(5).map(Instant.init(millisecondsSinceEpoch:)),
                    payload: statement.bytes(10)
                )
            )
        }
        for (place, id, count) in indexed {
            records[place].indexes = try indexes(ofRecord: id, count: count)
        }
        return (records, last)
    }

    private func indexes(ofRecord id: Int64, count: Int64) throws(SQLiteFault) -> [SecondaryIndex] {
        var statement = try BoundStatement(
            "SELECT name, value FROM record_indexes WHERE record = ? ORDER BY position",
            in: database
        )
        try statement.bind(id)
        var indexes: [SecondaryIndex] = []
        while try statement.step() {
            guard let name = try statement.text(0) else { throw .unreadable("a stored index lacks its name") }
            indexes.append(SecondaryIndex(name: name, value: IdentifierHash(bytes: statement.bytes(1))))
        }
        guard indexes.count == count else { throw .unreadable("a stored record has lost some of its indexes") }
        return indexes
    }

    // MARK: Writing

    /// Brings a verdict about.
    ///
    /// Indexes leave first and arrive last, so that one may pass from record to record.
    func write(_ writes: [RecordWrite]) throws(SQLiteFault) {
        for write in writes {
            if let before = write.before, !before.indexes.isEmpty, before.indexes != write.after?.indexes {
                try removeIndexes(of: before.key)
            }
        }
        for write in writes {
            switch (write.before, write.after) {
            case (nil, let after?): try insert(after)
            case (let before?, let after?): try update(before, to: after)
            case (let before?, nil): try delete(before.key)
            case (nil, nil): break
            }
        }
        for write in writes {
            if let after = write.after, !after.indexes.isEmpty, after.indexes != write.before?.indexes {
                try insertIndexes(of: after)
            }
        }
    }

    private func insert(_ record: Record) throws(SQLiteFault) {
        var statement = try BoundStatement(
            """
            INSERT INTO records (version, expires_at, consumed_at, payload,
                sweep_at, index_count, family, subject, client, kind, identifier)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            in: database
        )
        try bindState(of: record, to: &statement)
        try bindPlace(of: record, to: &statement)
        try bindKey(record.key, to: &statement)
        try statement.execute()
    }

    private func update(_ before: Record, to after: Record) throws(SQLiteFault) {
        // What most updates change touches no index: SQLite then rewrites one page. A later expiry counts as such,
        // because `sweep_at` may stay behind it.
        let staysInPlace =
            before.family == after.family && before.subject == after.subject && before.client == after.client
            && before.indexes.count == after.indexes.count && sweepHolds(from: before.expiresAt, to: after.expiresAt)
        var statement = try BoundStatement(staysInPlace ? Self.updateInPlace : Self.updateEverywhere, in: database)
        try bindState(of: after, to: &statement)
        if !staysInPlace { try bindPlace(of: after, to: &statement) }
        try bindKey(after.key, to: &statement)
        try statement.execute()
    }

    private func sweepHolds(from before: Instant?, to after: Instant?) -> Bool {
        switch (before, after) {
        case (nil, nil): true
        case (let before?, let after?): before <= after
        default: false
        }
    }

    private func delete(_ key: RecordKey) throws(SQLiteFault) {
        var statement = try BoundStatement("DELETE FROM records WHERE kind = ? AND identifier = ?", in: database)
        try bindKey(key, to: &statement)
        try statement.execute()
    }

    private func removeIndexes(of key: RecordKey) throws(SQLiteFault) {
        var statement = try BoundStatement(
            """
            DELETE FROM record_indexes
            WHERE record = (SELECT id FROM records WHERE kind = ? AND identifier = ?)
            """,
            in: database
        )
        try bindKey(key, to: &statement)
        try statement.execute()
    }

    private func insertIndexes(of record: Record) throws(SQLiteFault) {
        for (position, index) in record.indexes.enumerated() {
            var statement = try BoundStatement(
                """
                INSERT INTO record_indexes (name, value, position, kind, record)
                SELECT ?, ?, ?, kind, id FROM records WHERE kind = ? AND identifier = ?
                """,
                in: database
            )
            try statement.bind(index.name)
            try statement.bind(index.value.bytes)
            try statement.bind(Int64(position))
            try bindKey(record.key, to: &statement)
            try statement.execute()
        }
    }

    private func bindState(of record: Record, to statement: inout BoundStatement) throws(SQLiteFault) {
        try statement.bind(record.version)
        try statement.bind(record.expiresAt?.millisecondsSinceEpoch)
        try statement.bind(record.consumedAt?.millisecondsSinceEpoch)
        try statement.bind(record.payload)
    }

    private func bindPlace(of record: Record, to statement: inout BoundStatement) throws(SQLiteFault) {
        try statement.bind(record.expiresAt?.millisecondsSinceEpoch)
        try statement.bind(Int64(record.indexes.count))
        try statement.bind(record.family)
        try statement.bind(record.subject)
        try statement.bind(record.client)
    }

    private func bindKey(_ key: RecordKey, to statement: inout BoundStatement) throws(SQLiteFault) {
        try statement.bind(key.kind.name)
        try statement.bind(key.identifier.bytes)
    }
}
