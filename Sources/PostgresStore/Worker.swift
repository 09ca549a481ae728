import Instants
import Storage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// One thread and its connection.
///
/// It takes what is waiting from the pool, as much as fits together, and answers it.
final class Worker {
    private struct WriteFailure: Error {
        var fault: PostgresFault
        /// The commit was sent and not answered: it may stand or not.
        var isInDoubt = false
    }

    /// Everybody's requests are of no avail when no server can be reached.
    private struct Unreachable: Error {
        var reason: String
    }

    private let pool: Pool
    private var connection: Connection?
    private var sql: RecordSQL { pool.sql }
    private var timeout: Duration { pool.settings.answerTimeout }

    init(pool: Pool) { self.pool = pool }

    func run() {
        while let work = pool.next() {
            do throws(Unreachable) {
                try perform(work)
            } catch {
                if pool.putBackOrRefuse(work, reason: error.reason) { break }
            }
        }
        leave()
    }

    private func perform(_ work: Pool.Work) throws(Unreachable) {
        switch work {
        case .reads(let requests): try read(requests.map(\.request))
        case .writes(let requests):
            let applies = requests.compactMap { queued -> ApplyRequest? in
                if case .apply(let request) = queued.request { request } else { nil }
            }
            if !applies.isEmpty { return try apply(applies) }
            for queued in requests {
                switch queued.request {
                case .sweep(let limit, let now, let answer): try sweep(limit: limit, now: now, answer)
                case .notify: try notify()
                case .apply: break
                }
            }
        }
    }

    // MARK: The connection

    /// The connection, made anew if the last one is gone; `isFresh` says that it was made for this request.
    private func connected() throws(Unreachable) -> (connection: Connection, isFresh: Bool) {
        if let connection {
            if connection.isAlive() { return (connection, false) }
            leave()
        }
        guard let pause = pool.pauseBeforeConnecting() else {
            throw Unreachable(reason: "no further connection can be made")
        }
        if pause > .zero { usleep(UInt32(clamping: pause.wholeMilliseconds * 1000)) }
        do throws(PostgresFault) {
            let made = try pool.connect()
            connection = made
            pool.noteConnected()
            return (made, true)
        } catch {
            pool.noteUnreachable()
            throw Unreachable(reason: error.reason)
        }
    }

    private func leave() {
        guard connection != nil else { return }
        connection = nil
        pool.noteDisconnected()
    }

    /// Runs `body`, once more over a new connection if the old one turns out to be of no use.
    ///
    /// Only for what may be repeated.
    private func repeating<Value>(
        _ body: (Connection) throws(PostgresFault) -> Value
    ) throws(Unreachable) -> Result<Value, PostgresFault> {
        while true {
            let (connection, isFresh) = try connected()
            do throws(PostgresFault) {
                return .success(try body(connection))
            } catch {
                if error.endsConnection { leave() }
                guard error.isStaleConnection, !isFresh else { return .failure(error) }
            }
        }
    }

    /// Runs commands that need no transaction of their own.
    ///
    /// Behind a pooler settings last for one transaction, so there each flight is one and brings them along.
    private func run(_ commands: [Command], on connection: Connection) throws(PostgresFault) -> [Rows] {
        guard pool.isPooled else { return try connection.run(commands, timeout: timeout) }
        do throws(PostgresFault) {
            let enclosed = [Command("BEGIN"), Command(pool.localSettings)] + commands + [Command("COMMIT")]
            return Array(try connection.run(enclosed, timeout: timeout).dropFirst(2).dropLast())
        } catch {
            rollBack(error, on: connection)
            throw error
        }
    }

    // MARK: Reading

    private func read(_ requests: [ReadRequest]) throws(Unreachable) {
        var names = Names()
        var commands: [Command] = []
        var hasFind = false
        for request in requests {
            switch request {
            case .find(let lookups, _, _):
                hasFind = true
                for lookup in lookups { names.add(lookup) }
            case .page(let page, _): commands.append(sql.page(page))
            case .health: commands.append(Command(sql.health))
            }
        }
        // One statement for all finds: each sees one moment, and it lies after everything that was acknowledged before.
        if hasFind { commands.insert(names.command(sql), at: 0) }
        let answers = try repeating { connection throws(PostgresFault) in
            try self.run(commands, on: connection)
        }
        do throws(PostgresFault) {
            try deliver(try answers.get(), hasFind: hasFind, to: requests)
        } catch {
            if error.mayBeOneRequests, requests.count > 1 {
                for request in requests { readAlone(request) }
            } else {
                for request in requests { request.refuse(error.storeError) }
            }
        }
    }

    private func readAlone(_ request: ReadRequest) {
        do throws(Unreachable) {
            try read([request])
        } catch {
            request.refuse(pool.unreachable(error.reason))
        }
    }

    /// Throws before anybody is answered.
    private func deliver(_ rows: [Rows], hasFind: Bool, to requests: [ReadRequest]) throws(PostgresFault) {
        var rest = rows[...]
        let found = WorkingSet(hasFind ? try rest.removeFirst().records() : [])
        var answers: [() -> Void] = []
        for request in requests {
            switch request {
            case .find(let lookups, let now, let answer):
                let records = lookups.map { lookup in
                    let record =
                        switch lookup {
                        case .key(let key): found.record(key)
                        case .index(let kind, let index): found.holder(of: index, kind: kind)
                        }
                    return record.flatMap { $0.isExpired(at: now) ? nil : $0 }
                }
                answers.append { answer.resume(returning: .success(records)) }
            case .page(_, let answer):
                let records = try rest.removeFirst().records().map(\.record)
                answers.append { answer.resume(returning: .success(records)) }
            case .health(let answer):
                let isReadOnly = rest.removeFirst().bytes(0, 0) != [0]
                if isReadOnly { leave() }
                let readOnly = StoreError.unavailable(reason: "the database is read-only")
                answers.append { answer.resume(returning: isReadOnly ? .failure(readOnly) : .success(())) }
            }
        }
        for answer in answers { answer() }
    }

    // MARK: Writing

    /// How long a request that is taken out of its batch waits for a lock: it has waited for `lockTimeout` before, and
    /// others may come after it.
    private static let lastLockTimeout: Duration = .milliseconds(100)

    private func apply(_ requests: [ApplyRequest], lockTimeout: Duration? = nil) throws(Unreachable) {
        let collisionsAllowed = requests.count > 1 ? 3 : 8
        for attempt in 1... {
            let connection = try connected().connection
            do throws(WriteFailure) {
                let outcomes = try attemptToApply(requests, on: connection, lockTimeout: lockTimeout)
                for (request, outcome) in zip(requests, outcomes) {
                    request.answer.resume(returning: .success(outcome))
                }
                let isAnnounced = zip(requests, outcomes).contains { request, outcome in
                    outcome == .applied && request.announces(any: pool.announcing)
                }
                if isAnnounced { pool.announce() }
                return
            } catch {
                if error.fault.endsConnection { leave() }
                if error.isInDoubt { return refuse(requests, error.fault) }
                if error.fault.isStaleConnection, attempt == 1 { continue }
                if error.fault.isCollision, attempt < collisionsAllowed {
                    usleep(UInt32(500 * attempt))
                    continue
                }
                let isHeld = error.fault.isHeldLock
                guard requests.count > 1, isHeld || error.fault.isCollision || error.fault.mayBeOneRequests else {
                    return refuse(requests, error.fault)
                }
                for request in requests { applyAlone(request, lockTimeout: isHeld ? Self.lastLockTimeout : nil) }
                return
            }
        }
    }

    private func applyAlone(_ request: ApplyRequest, lockTimeout: Duration?) {
        do throws(Unreachable) {
            try apply([request], lockTimeout: lockTimeout)
        } catch {
            request.answer.resume(returning: .failure(pool.unreachable(error.reason)))
        }
    }

    private func refuse(_ requests: [ApplyRequest], _ fault: PostgresFault) {
        for request in requests { request.answer.resume(returning: .failure(fault.storeError)) }
    }

    /// Locks, reads, judges, and writes what was judged, in two round trips.
    private func attemptToApply(
        _ requests: [ApplyRequest],
        on connection: Connection,
        lockTimeout: Duration?
    ) throws(WriteFailure) -> [ApplyOutcome] {
        var set: WorkingSet
        do throws(PostgresFault) {
            set = try lockAndRead(requests, on: connection, lockTimeout: lockTimeout)
        } catch {
            rollBack(error, on: connection)
            throw WriteFailure(fault: error)
        }
        var outcomes: [ApplyOutcome] = []
        for request in requests {
            switch ChangeJudge.judge(request.changes, reader: set, now: request.now) {
            case .conflict(let position, let record):
                outcomes.append(.conflict(change: position, record: record))
            case .writes(let writes):
                set.write(writes)
                outcomes.append(.applied)
            }
        }
        let writes = set.commands(sql)
        do throws(PostgresFault) {
            let answers = try connection.run(writes + [Command("COMMIT")], timeout: timeout)
            guard answers.last?.tag == "COMMIT" else { throw .lost("the server did not commit") }
        } catch {
            rollBack(error, on: connection)
            throw WriteFailure(fault: error, isInDoubt: error.endsConnection && !writes.isEmpty)
        }
        return outcomes
    }

    private func lockAndRead(
        _ requests: [ApplyRequest],
        on connection: Connection,
        lockTimeout: Duration?
    ) throws(PostgresFault) -> WorkingSet {
        var locks = LockName(schema: pool.schema.name)
        var names = Names()
        for request in requests {
            locks.add(request.changes)
            for change in request.changes { names.add(change) }
        }
        // The locks are a statement of their own: the next one's snapshot then lies after whatever they waited for.
        var commands = [Command("BEGIN ISOLATION LEVEL READ COMMITTED")]
        if pool.isPooled { commands.append(Command(pool.localSettings)) }
        if let lockTimeout { commands.append(Command("SET LOCAL lock_timeout = \(lockTimeout.wholeMilliseconds)")) }
        commands += [Command(sql.lock, locks.parameters()), names.command(sql)]
        let rows = try connection.run(commands, timeout: timeout)
        guard let records = rows.last else { return WorkingSet([]) }
        return WorkingSet(try records.records())
    }

    private func rollBack(_ fault: PostgresFault, on connection: Connection) {
        guard !fault.endsConnection else { return }
        do throws(PostgresFault) {
            _ = try connection.run([Command("ROLLBACK")], timeout: timeout)
        } catch {
            leave()
        }
    }

    // MARK: The rest

    private func sweep(limit: Int, now: Instant, _ answer: Answer<SweepStep>) throws(Unreachable) {
        let command = Command(sql.sweep, [.integer(now.millisecondsSinceEpoch), .integer(Int64(limit))])
        var result: Result<SweepStep, PostgresFault> = .failure(.silent)
        for _ in 0..<3 {
            // Safe to repeat: what has expired has expired.
            result = try repeating { connection throws(PostgresFault) in
                let rows = try self.run([command], on: connection)[0]
                return SweepStep(examined: Int(rows.integer(0, 0) ?? 0), deleted: Int(rows.integer(0, 1) ?? 0))
            }
            guard case .failure(let fault) = result, fault.isCollision else { break }
        }
        answer.resume(returning: result.mapError(\.storeError))
    }

    private func notify() throws(Unreachable) {
        pool.noteNotifying()
        // A hint: whether it arrives is not looked at.
        _ = try repeating { connection throws(PostgresFault) in
            try connection.run([Command(self.sql.notify, [.text(self.pool.schema.channel)])], timeout: self.timeout)
        }
    }
}
