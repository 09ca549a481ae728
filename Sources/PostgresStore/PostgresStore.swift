// Records in one schema of a PostgreSQL database. `Schema` holds the tables, `RecordSQL` the statements, `Worker` judges
// and writes, `Pool` has the connections, `Listener` hears other nodes, `LibPQ` is the door to libpq, loaded when it is
// needed. Docs/decisions/0025-postgresql.md says why it is built this way. Stores every kind of record; knows none.

package import Instants
package import Storage

/// A store in a PostgreSQL database that several nodes share: durable, all or nothing, and of one opinion about who was
/// first.
///
/// `StoreError.unavailable` from `apply` means "not acknowledged". Nearly always nothing was written; if the connection
/// was lost after the commit had been sent and before its answer came, the changes may stand.
package final class PostgresStore: StoreBackend {
    /// The address, without password and without parameters that could hold a secret.
    package let location: String
    let pool: Pool
    private let listener: Listener?

    private init(location: String, pool: Pool, listener: Listener?) {
        self.location = location
        self.pool = pool
        self.listener = listener
    }

    /// A store that nobody closed lets go of its connections all the same.
    deinit {
        listener?.close()
        pool.beginClosing()
    }

    /// Opens the database at `address` and brings its schema up to date.
    ///
    /// - Parameters:
    ///   - address: `postgres://user:password@host:port/database?parameters`, as libpq reads it (several hosts, TLS), and
    ///     with parameters of ours: `signet_schema=NAME` (`signet`), `signet_prepared=off` behind a pooler in transaction
    ///     mode, and `signet_direct=ADDRESS`, percent-encoded, of the server itself, for LISTEN and migrations.
    ///   - announcing: the kinds whose insertion other nodes are told of.
    ///   - uptime: a clock that is never set, such as the time since the process began.
    ///   - notify: is told what an operator may want to know, on some thread.
    package static func open(
        address text: String,
        settings: PostgresStoreSettings = PostgresStoreSettings(),
        announcing: Set<RecordKind> = [],
        uptime: @escaping @Sendable () -> Duration,
        notify: @escaping @Sendable (PostgresStoreNotice) -> Void = { _ in }
    ) async throws(PostgresStoreError) -> PostgresStore {
        let address = try PostgresAddress(text, behind: settings.directAddress)
        let opened = await NativeThread.run {
            Result { () throws(PostgresStoreError) in
                try open(address, settings: settings, announcing: announcing, uptime: uptime, notify: notify)
            }
        }
        guard let opened else { throw .cannotConnect(location: address.location, reason: "no thread can be started") }
        return try opened.get()
    }

    private static func open(
        _ address: PostgresAddress,
        settings: PostgresStoreSettings,
        announcing: Set<RecordKind>,
        uptime: @escaping Uptime,
        notify: @escaping @Sendable (PostgresStoreNotice) -> Void
    ) throws(PostgresStoreError) -> PostgresStore {
        let library = try LibPQ.load()
        let parameters = try ConnectionParameters(address, settings: settings, library: library)
        var direct: ConnectionParameters? = address.isPooled ? nil : parameters
        if let other = address.direct {
            direct = try ConnectionParameters(try PostgresAddress(other), settings: settings, library: library)
        }
        let refusal: PostgresStoreError?
        do throws(PostgresFault) {
            let connection = try Connection(
                direct ?? parameters,
                isPooled: direct == nil,
                library: library,
                uptime: uptime
            )
            let opening = Opening(
                address: address,
                settings: settings,
                connection: connection,
                uptime: uptime,
                notify: notify
            )
            refusal = opening.refusal()
        } catch {
            throw .cannotConnect(location: address.location, reason: error.reason)
        }
        if let refusal { throw refusal }
        let pool = Pool(
            address: address,
            parameters: parameters,
            settings: settings,
            announcing: announcing,
            library: library,
            uptime: uptime
        )
        let listener = direct.map { direct in
            Listener(address: address, parameters: direct, settings: settings, library: library, uptime: uptime)
        }
        return PostgresStore(
            location: address.location,
            pool: pool,
            listener: announcing.isEmpty ? nil : listener
        )
    }

    package nonisolated(nonsending) func find(
        _ lookups: [Lookup],
        now: Instant
    ) async throws(StoreError) -> [Record?] {
        guard !lookups.isEmpty else { return [] }
        return try await withCheckedContinuation { pool.submit(.find(lookups, now: now, $0)) }.get()
    }

    package nonisolated(nonsending) func apply(
        _ changes: [Change],
        now: Instant
    ) async throws(StoreError) -> ApplyOutcome {
        guard !changes.isEmpty else { return .applied }
        return try await withCheckedContinuation { answer in
            pool.submit(.apply(ApplyRequest(changes: changes, now: now, answer: answer)))
        }.get()
    }

    package nonisolated(nonsending) func page(
        _ kind: RecordKind,
        filter: PageFilter,
        after: IdentifierHash?,
        limit: Int,
        now: Instant
    ) async throws(StoreError) -> [Record] {
        let request = PageRequest(
            kind: kind,
            filter: filter,
            after: after,
            limit: StoreLimits.pageSize(asked: limit),
            now: now
        )
        return try await withCheckedContinuation { pool.submit(.page(request, $0)) }.get()
    }

    /// Deletes at most `limit` expired records, in one statement unless it meets many whose expiry was moved later.
    ///
    /// Several nodes may sweep at once: what one is looking at, the others pass over.
    package nonisolated(nonsending) func sweep(now: Instant, limit: Int) async throws(StoreError) -> Int {
        let limit = StoreLimits.sweepSize(asked: limit)
        guard limit > 0 else { return 0 }
        while true {
            let step = try await withCheckedContinuation { pool.submit(.sweep(limit: limit, now: now, $0)) }.get()
            if step.deleted > 0 || step.examined < limit { return step.deleted }
        }
    }

    /// Asks the server whether it takes writes, over a connection of the pool.
    package nonisolated(nonsending) func checkHealth() async throws(StoreError) {
        try await withCheckedContinuation { pool.submit(.health($0)) }.get()
    }

    /// `nil` where no kinds were named at opening, and behind a pooler without `signet_direct`.
    package func announcements() -> AsyncStream<Void>? { listener?.subscribe() }

    /// Answers what is queued, then closes the connections; closing again does nothing.
    package nonisolated(nonsending) func close() async throws(StoreError) {
        listener?.close()
        await pool.close()
    }

    /// How many requests were answered in how many round trips (reads) and transactions (writes).
    package var statistics: (reads: Int, readTrips: Int, writes: Int, commits: Int) {
        let statistics = pool.statistics
        return (statistics.reads, statistics.flights, statistics.writes, statistics.commits)
    }
}
