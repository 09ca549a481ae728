import Instants
import Storage

/// The statements that touch records: their texts never change, lists travel as arrays.
struct RecordSQL: Sendable {
    let lock: Statement
    /// Records by key: two arrays.
    let byKey: Statement
    /// Records by key, by index and, unspent ones, by family: two, three and one array.
    let byName: Statement
    let unindex: Statement
    let delete: Statement
    let update: Statement
    let move: Statement
    let insert: Statement
    let index: Statement
    let sweep: Statement
    let notify: Statement
    let health: Statement
    private let records: String

    static let columns = """
        r.kind, r.identifier, r.version, r.expires_at, r.consumed_at, r.family, r.subject, r.client, r.indexes,
        r.payload, r.xmin
        """

    init(_ schema: Schema) {
        let records = schema.records
        let indexes = schema.indexes
        self.records = records
        lock = Statement(
            "lock",
            """
            SELECT count(*) FROM unnest($1, $2) AS l(name, exclusively) WHERE CASE WHEN exclusively
            THEN pg_advisory_xact_lock(name) IS NULL ELSE pg_advisory_xact_lock_shared(name) IS NULL END
            """,
            [.integers, .booleans]
        )
        let key =
            "FROM unnest($1, $2) AS k(kind, identifier) JOIN \(records) r ON r.kind = k.kind AND r.identifier = k.identifier"
        byKey = Statement("by_key", "SELECT \(Self.columns) \(key)", [.manyBytes, .manyBytes])
        // OFFSET keeps the families' part apart: joined, a planner without statistics takes families for so large that it walks
        // the whole index.
        byName = Statement(
            "by_name",
            """
            SELECT \(Self.columns) \(key)
            UNION ALL SELECT \(Self.columns) FROM unnest($3, $4, $5) AS k(kind, name, value)
            JOIN \(indexes) i ON i.kind = k.kind AND i.name = k.name AND i.value = k.value
            JOIN \(records) r ON r.kind = i.kind AND r.identifier = i.identifier
            UNION ALL SELECT \(Self.columns) FROM unnest($6) AS k(family) CROSS JOIN LATERAL
            (SELECT \(Self.columns) FROM \(records) r WHERE r.family = k.family AND r.consumed_at IS NULL OFFSET 0) r
            """,
            [.manyBytes, .manyBytes, .manyBytes, .manyBytes, .manyBytes, .manyBytes]
        )
        unindex = Statement(
            "unindex",
            """
            DELETE FROM \(indexes) i USING unnest($1, $2) AS k(kind, identifier)
            WHERE i.kind = k.kind AND i.identifier = k.identifier
            """,
            [.manyBytes, .manyBytes]
        )
        (delete, update, move) = Self.guarded(schema)
        insert = Statement(
            "insert",
            """
            INSERT INTO \(records) (kind, identifier, version, expires_at, sweep_at, consumed_at, payload, family,
            subject, client, indexes) SELECT kind, identifier, version, expires_at, expires_at, consumed_at, payload,
            family, subject, client, indexes FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            AS n(kind, identifier, version, expires_at, consumed_at, payload, family, subject, client, indexes)
            """,
            [.manyBytes, .manyBytes, .integers, .integers, .integers] + .manyBytes5
        )
        index = Statement(
            "index",
            "INSERT INTO \(indexes) (kind, identifier, name, value) SELECT * FROM unnest($1, $2, $3, $4)",
            [.manyBytes, .manyBytes, .manyBytes, .manyBytes]
        )
        sweep = Self.sweep(records: records, indexes: indexes)
        notify = Statement("notify", "SELECT pg_notify($1, '')", [.text])
        health = Statement("health", "SELECT current_setting('transaction_read_only') = 'on'")
    }

    /// The statements that write over or remove what was judged, and end the transaction if it is not there any more.
    private static func guarded(_ schema: Schema) -> (delete: Statement, update: Statement, move: Statement) {
        let records = schema.records
        // What was judged is still there exactly if the row is the one that was read: `xmin` names who wrote it.
        let match = "WHERE r.kind = n.kind AND r.identifier = n.identifier AND r.xmin = n.seen RETURNING 1"
        let check = "SELECT \(schema.quoted).expect((SELECT count(*) FROM written), cardinality($1))"
        let delete = Statement(
            "delete",
            """
            WITH written AS (DELETE FROM \(records) r USING unnest($1, $2, $3) AS n(kind, identifier, seen)
            \(match)) \(check)
            """,
            [.manyBytes, .manyBytes, .transactions]
        )
        let state = "version = n.version, expires_at = n.expires_at, consumed_at = n.consumed_at, payload = n.payload"
        let update = Statement(
            "update",
            """
            WITH written AS (UPDATE \(records) r SET \(state) FROM unnest($1, $2, $3, $4, $5, $6, $7)
            AS n(kind, identifier, seen, version, expires_at, consumed_at, payload) \(match)) \(check)
            """,
            [.manyBytes, .manyBytes, .transactions, .integers, .integers, .integers, .manyBytes]
        )
        let move = Statement(
            "move",
            """
            WITH written AS (UPDATE \(records) r SET \(state), sweep_at = n.expires_at, family = n.family,
            subject = n.subject, client = n.client, indexes = n.indexes
            FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            AS n(kind, identifier, seen, version, expires_at, consumed_at, payload, family, subject, client, indexes)
            \(match)) \(check)
            """,
            [.manyBytes, .manyBytes, .transactions, .integers, .integers, .integers] + .manyBytes5
        )
        return (delete, update, move)
    }

    /// Looks at `limit` records whose `sweep_at` has come and deletes those that have expired; the others' `sweep_at`
    /// catches up, once per lifetime instead of once per move.
    ///
    /// What another node is sweeping or changing is passed over.
    private static func sweep(records: String, indexes: String) -> Statement {
        Statement(
            "sweep",
            """
            WITH due AS MATERIALIZED (
                SELECT ctid AS place FROM \(records) WHERE sweep_at <= $1 ORDER BY sweep_at LIMIT $2
                FOR UPDATE SKIP LOCKED
            ), gone AS (
                DELETE FROM \(records) r WHERE r.ctid = ANY (ARRAY(SELECT place FROM due)) AND r.expires_at <= $1
                RETURNING r.kind, r.identifier, r.indexes
            ), moved AS (
                UPDATE \(records) r SET sweep_at = r.expires_at WHERE r.ctid = ANY (ARRAY(SELECT place FROM due))
                AND (r.expires_at > $1 OR r.expires_at IS NULL)
            ), unindexed AS (
                DELETE FROM \(indexes) i USING gone g
                WHERE g.indexes IS NOT NULL AND i.kind = g.kind AND i.identifier = g.identifier
            )
            SELECT (SELECT count(*) FROM due), (SELECT count(*) FROM gone)
            """,
            [.integer, .integer]
        )
    }

    /// One page; each combination is a statement of its own, so that each has one plan.
    func page(_ request: PageRequest) -> Command {
        let (name, condition, value): (String, String, String?) =
            switch request.filter {
            case .all: ("all", "", nil)
            case .family(let family): ("family", "AND r.family = $5", family)
            case .subject(let subject): ("subject", "AND r.subject = $5", subject)
            case .client(let client): ("client", "AND r.client = $5", client)
            }
        // An absent `after` becomes the smallest value with `>=`.
        let statement = Statement(
            request.after == nil ? "page_\(name)" : "page_\(name)_after",
            """
            SELECT \(Self.columns) FROM \(records) r
            WHERE r.kind = $1 AND r.identifier \(request.after == nil ? ">=" : ">") $2 \(condition)
            AND (r.expires_at IS NULL OR r.expires_at > $3) ORDER BY r.identifier LIMIT $4
            """,
            [.bytes, .bytes, .integer, .integer] + (value == nil ? [] : [.bytes])
        )
        var parameters: [Parameter] = [
            .text(request.kind.name), .bytes(request.after?.bytes ?? []),
            .integer(request.now.millisecondsSinceEpoch), .integer(Int64(request.limit)),
        ]
        if let value { parameters.append(.text(value)) }
        return Command(statement, parameters)
    }
}

extension [ParameterType] {
    fileprivate static var manyBytes5: [ParameterType] { Array(repeating: .manyBytes, count: 5) }
}

/// What `Store.page` was asked for.
struct PageRequest: Sendable {
    var kind: RecordKind
    var filter: PageFilter
    var after: IdentifierHash?
    var limit: Int
    var now: Instant
}
