// Records in one SQLite file. `Schema` holds the tables, `RecordTable` the SQL, `WriteLane` the group commit,
// `ReadLane` the readers, `RecordMemory` the answers without a query, `RecordSweep` the removal of what has expired,
// `Checkpointer` what becomes of the write-ahead log.
// Stores every kind of record; knows none of them.

import GRDB
package import Instants
package import Storage

/// A store in one SQLite file: durable (`synchronous=FULL`), fast through group commit, and open to other processes on
/// the same machine, such as the command line beside a running server.
package final class SQLiteStore: StoreBackend {
    /// The path of the file.
    package let location: String
    let pool: DatabasePool
    private let writes: WriteLane
    private let reads: ReadLane
    let checkpointer: Checkpointer
    let memory: RecordMemory

    /// Opens the database at `path`, creates it (mode 0600) where there is none, and brings its schema up to date.
    ///
    /// Not to be called for a file that this process has open already: looking at the file first gives up the process's locks
    /// on it (POSIX, `fcntl`), and another process could take itself for the last one.
    ///
    /// Blocks for as long as that takes: a few milliseconds, or up to `settings.busyTimeout` if another process holds
    /// the file's lock. A file that is damaged, foreign or newer is refused and left as it is.
    package init(path: String, settings: SQLiteStoreSettings = SQLiteStoreSettings()) throws(SQLiteStoreError) {
        location = path
        pool = try DatabasePool.opened(path: path, settings: settings)
        checkpointer = try Checkpointer(path: path, durability: settings.durability)
        memory = RecordMemory(
            checkpointer.header,
            bytes: settings.rememberedBytes,
            missesBeforeRoll: settings.missesBeforeRoll
        )
        writes = WriteLane(pool: pool, limits: settings, checkpointer: checkpointer, memory: memory)
        reads = ReadLane(pool: pool, limits: settings)
    }

    /// Ends the readers of a store that is dropped without ``close()``; its file is closed a moment later, when they have gone.
    deinit { reads.close() }

    package nonisolated(nonsending) func find(
        _ lookups: [Lookup],
        now: Instant
    ) async throws(StoreError) -> [Storage.Record?] {
        if let known = memory.answer(lookups, at: now) { return known }
        var recalled = memory.recall(lookups)
        let missing = lookups.indices.filter { recalled.found[$0] == nil }
        if !missing.isEmpty {
            let asked = missing.map { lookups[$0] }
            let read = try await query(asked)
            readRolls(afterMissing: zip(asked, read).lazy.filter { $0.1 == nil }.map(\.0))
            if memory.remember(asked, read, since: recalled.state) || missing.count == lookups.count {
                for (place, record) in zip(missing, read) { recalled.found[place] = .init(record) }
            } else {
                // What was recalled may be older than what was read.
                recalled.found = try await query(lookups).map { .init($0) }
            }
        }
        return recalled.found.map { $0?.answer(at: now) }
    }

    package func recall(_ lookups: [Lookup], now: Instant) -> [Storage.Record?]? {
        memory.answer(lookups, at: now)
    }

    /// Where many keys of a kind led to nothing, a roll of the kind spares the next ones their query.
    private func readRolls(afterMissing lookups: some Sequence<Lookup>) {
        for (kind, reading) in memory.missed(lookups) {
            reads.submit(
                .roll(kind, atMost: memory.mostOnRolls) { [memory] in memory.end(kind, reading: reading, $0) }
            )
        }
    }

    private nonisolated(nonsending) func query(_ lookups: [Lookup]) async throws(StoreError) -> [Storage.Record?] {
        try await withCheckedContinuation { reads.submit(.find(lookups, $0)) }.get()
    }

    package nonisolated(nonsending) func apply(
        _ changes: [Change],
        now: Instant
    ) async throws(StoreError) -> ApplyOutcome {
        guard !changes.isEmpty else { return .applied }
        return try await withCheckedContinuation { writes.submit(.apply(changes, now: now, $0)) }.get()
    }

    package nonisolated(nonsending) func page(
        _ kind: RecordKind,
        filter: PageFilter,
        after: IdentifierHash?,
        limit: Int,
        now: Instant
    ) async throws(StoreError) -> [Storage.Record] {
        let request = PageRequest(
            kind: kind,
            filter: filter,
            after: after,
            limit: StoreLimits.pageSize(asked: limit),
            now: now
        )
        return try await withCheckedContinuation { reads.submit(.page(request, $0)) }.get()
    }

    /// Deletes at most `limit` expired records, in one transaction unless it meets many whose expiry was moved later.
    package nonisolated(nonsending) func sweep(now: Instant, limit: Int) async throws(StoreError) -> Int {
        let limit = StoreLimits.sweepSize(asked: limit)
        guard limit > 0 else { return 0 }
        while true {
            let step = try await withCheckedContinuation { writes.submit(.sweep(limit: limit, now: now, $0)) }.get()
            if step.deleted > 0 || step.examined < limit { return step.deleted }
        }
    }

    nonisolated(nonsending) func loadThroughLane(_ records: [Storage.Record]) async throws(StoreError) {
        try await withCheckedContinuation { writes.submit(.load(records, $0)) }.get()
    }

    /// Takes the write lock and gives it back: what every `apply` needs.
    package nonisolated(nonsending) func checkHealth() async throws(StoreError) {
        _ = try await withCheckedContinuation { writes.submit(.apply([], now: Instant(secondsSinceEpoch: 0), $0)) }
            .get()
    }

    /// `nil`: SQLite tells nobody what another process wrote.
    package func announcements() -> AsyncStream<Void>? { nil }

    /// Everything that SQLite's own check and ours find wrong with the file; empty when it is sound.
    ///
    /// Reads all of it.
    package func integrityCheck() async throws(StoreError) -> [String] {
        do {
            return try await pool.read { database in
                let faults = try String.fetchAll(database, sql: "PRAGMA integrity_check").filter { $0 != "ok" }
                guard faults.isEmpty else { return faults }
                let orphans = try Int.fetchOne(
                    database,
                    sql: "SELECT count(*) FROM record_indexes WHERE record NOT IN (SELECT id FROM records)"
                )
                return orphans == 0 ? [] : ["\(orphans ?? 0) index entries belong to no record"]
            }
        } catch {
            // Damage may be such that the check itself stumbles over it.
            let fault = SQLiteFault(error)
            guard fault.isCorruption else { throw fault.storeError }
            return ["\(error)"]
        }
    }

    /// Writes what is queued, then closes the file; closing it again does nothing.
    ///
    /// Every later call throws `StoreError.unavailable`.
    package func close() async throws(StoreError) {
        guard writes.close() else { return }
        reads.close()
        memory.close()
        do {
            // The lanes drain on these queues, so whatever was queued before has been answered when these return.
            // The pool closes its writer first and its readers cannot checkpoint: without this the file would stay without
            // what is in the log, and whoever copies only the file would lose it. A busy log is left to the next one.
            try await pool.barrierWriteWithoutTransaction { database in _ = try? database.checkpoint(.passive) }
            // Before the pool: the last connection to close would remove the log, and the next open write to the file.
            checkpointer.close()
            try pool.close()
        } catch {
            throw SQLiteFault(error).storeError
        }
    }

    /// How many requests were written in how many commits since the store was opened.
    package var commitStatistics: (requests: Int, commits: Int) {
        let statistics = writes.statistics
        return (statistics.requests, statistics.commits)
    }

    /// The writer's `PRAGMA synchronous`: 2 is FULL.
    package func synchronousLevel() async throws(StoreError) -> Int {
        do {
            return try await pool.writeWithoutTransaction { database in
                try Int.fetchOne(database, sql: "PRAGMA synchronous") ?? -1
            }
        } catch {
            throw SQLiteFault(error).storeError
        }
    }
}

/// The limits of a `SQLiteStore`.
///
/// The defaults suit a server; tests make them small.
package struct SQLiteStoreSettings: Sendable {
    /// When a commit counts as done.
    package enum Durability: Sendable {
        /// When the disk says that it has it (`synchronous=FULL`).
        case full
        /// When the operating system has it (`synchronous=OFF`).
        ///
        /// Loses acknowledged records with the power; it exists so that the crash test can show that it would notice.
        case none
    }

    package var durability = Durability.full
    /// How long to wait for another process that holds the file's lock.
    package var busyTimeout: Duration = .seconds(5)
    /// Requests that may wait, on each of the two lanes, before further ones are refused as `.unavailable`.
    package var largestQueue = 16_384
    /// Requests in one transaction: what the first of them waits for.
    package var mostRequestsInCommit = 512
    /// Changes in one transaction; a single longer request is still taken, alone.
    package var mostChangesInCommit = 4096
    /// Reads that share one read transaction.
    package var mostReadsTogether = 64
    /// Connections, and so threads, that read at the same time.
    package var readers = 3
    /// How much is kept of what was read and written lately, in bytes, roughly; 0 keeps nothing.
    package var rememberedBytes = 4 * 1024 * 1024
    /// How many keys of a kind lead to nothing before it is worth its while to read which ones there are.
    package var missesBeforeRoll = 64

    package init() {}
}
