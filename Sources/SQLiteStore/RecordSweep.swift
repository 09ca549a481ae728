import GRDB
import Instants
import Storage

/// What one step of a sweep did.
struct SweepStep: Sendable {
    var examined = 0
    var deleted = 0
}

extension RecordTable {
    /// Looks at `limit` records whose `sweep_at` has come and deletes those that have expired.
    ///
    /// A record whose expiry was moved later keeps its old `sweep_at`, so that the move costs no index write; when the
    /// sweep meets it, it catches up here, once per lifetime instead of once per move.
    func sweep(now: Instant, limit: Int) throws(SQLiteFault) -> SweepStep {
        var step = SweepStep()
        for candidate in try sweepCandidates(now: now, limit: limit) {
            step.examined += 1
            guard let expiresAt = candidate.expiresAt, expiresAt <= now else {
                var statement = try BoundStatement(
                    "UPDATE records SET sweep_at = expires_at WHERE id = ?",
                    in: database
                )
                try statement.bind(candidate.id)
                try statement.execute()
                continue
            }
            if candidate.isIndexed {
                var statement = try BoundStatement("DELETE FROM record_indexes WHERE record = ?", in: database)
                try statement.bind(candidate.id)
                try statement.execute()
            }
            var statement = try BoundStatement("DELETE FROM records WHERE id = ?", in: database)
            try statement.bind(candidate.id)
            try statement.execute()
            step.deleted += 1
        }
        return step
    }

    private struct Candidate {
        var id: Int64
        var expiresAt: Instant?
        var isIndexed: Bool
    }

    private func sweepCandidates(now: Instant, limit: Int) throws(SQLiteFault) -> [Candidate] {
        var statement = try BoundStatement(
            """
            SELECT id, expires_at, index_count FROM records INDEXED BY records_by_sweep
            WHERE sweep_at <= ? ORDER BY sweep_at LIMIT ?
            """,
            in: database
        )
        try statement.bind(now.millisecondsSinceEpoch)
        try statement.bind(Int64(limit))
        var candidates: [Candidate] = []
        while try statement.step() {
            guard let id = statement.integer(0) else { throw .unreadable("a stored record lacks its row number") }
            candidates.append(
                Candidate(
                    id: id,
                    expiresAt: statement.integer(1).map(Instant.init(millisecondsSinceEpoch:)),
                    isIndexed: statement.integer(2) != 0
                )
            )
        }
        return candidates
    }
}
