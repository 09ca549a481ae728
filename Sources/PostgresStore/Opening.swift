import Instants

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Looks at a database before it is used, and brings its schema up to date.
struct Opening {
    let address: PostgresAddress
    let settings: PostgresStoreSettings
    let connection: Connection
    let uptime: Uptime
    let notify: @Sendable (PostgresStoreNotice) -> Void

    private var schema: Schema { Schema(name: address.schema) }
    private var location: String { address.location }

    /// What is found in the database.
    private enum Found {
        /// Nothing; `hasSchema` where an administrator has made room for us.
        case nothing(hasSchema: Bool)
        case foreign
        case version(Int)
    }

    /// Refuses a database that is not ours, is from the future or cannot be written to; else takes the steps that it
    /// has not seen, each in one transaction.
    func run() throws(PostgresStoreError) {
        let answer: Rows
        guard connection.serverVersion >= 130_000 else {
            throw .serverTooOld(location: location, found: connection.serverVersion)
        }
        do throws(PostgresFault) {
            answer = try connection.run(
                [
                    Command(
                        """
                        SELECT current_setting('transaction_read_only') = 'on', current_setting('fsync') = 'on',
                        current_setting('full_page_writes') = 'on'
                        """
                    )
                ],
                timeout: settings.answerTimeout
            )[0]
        } catch {
            throw .cannotConnect(location: location, reason: error.reason)
        }
        guard answer.bytes(0, 0) == [0] else { throw .readOnly(location: location) }
        for (column, setting) in [(1, "fsync"), (2, "full_page_writes")] where answer.bytes(0, column) == [0] {
            notify(.notDurable(setting: setting))
        }
        try migrate()
    }

    /// Why the database cannot be used, if it cannot.
    func refusal() -> PostgresStoreError? {
        do throws(PostgresStoreError) {
            try run()
            return nil
        } catch {
            return error
        }
    }

    private func migrate() throws(PostgresStoreError) {
        let deadline = uptime() + settings.migrationTimeout
        var hasSaidWaiting = false
        while true {
            let reached = try look()
            guard reached < Schema.version else { return }
            guard uptime() < deadline else {
                throw .migrationFailed(location: location, reason: "another node has been migrating for too long")
            }
            if try take(step: reached) { continue }
            if !hasSaidWaiting { notify(.waitingForAnotherNode) }
            hasSaidWaiting = true
            usleep(100_000)
        }
    }

    /// How many steps the schema has been through.
    private func look() throws(PostgresStoreError) -> Int {
        let found: Found
        do throws(PostgresFault) {
            found = try find()
        } catch {
            if case .server("42501", _, _) = error {
                throw .notPermitted(
                    location: location,
                    advice: "GRANT ALL ON SCHEMA \(schema.quoted), ALL TABLES IN SCHEMA \(schema.quoted) TO the role"
                )
            }
            throw .cannotConnect(location: location, reason: error.reason)
        }
        switch found {
        case .nothing: return 0
        case .foreign: throw .foreign(location: location, schema: address.schema)
        case .version(let version):
            guard version <= Schema.version else {
                throw .newerSchema(location: location, found: version, supported: Schema.version)
            }
            return version
        }
    }

    private func find() throws(PostgresFault) -> Found {
        let count = """
            SELECT (SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = '\(address.schema)'), count(c.relname),
            count(*) FILTER (WHERE c.relname = 'signet_schema') FROM pg_catalog.pg_class c
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = '\(address.schema)'
            """
        let counts = try connection.run([Command(count)], timeout: settings.answerTimeout)[0]
        guard counts.integer(0, 1) != 0 else { return .nothing(hasSchema: counts.integer(0, 0) != 0) }
        guard counts.integer(0, 2) == 1 else { return .foreign }
        do throws(PostgresFault) {
            let rows = try connection.run(
                [Command("SELECT version::bigint FROM \(schema.quoted).signet_schema")],
                timeout: settings.answerTimeout
            )[0]
            guard rows.count == 1, let version = rows.integer(0, 0) else { return .foreign }
            return .version(Int(version))
        } catch {
            // A table of that name with other columns.
            if case .server("42703", _, _) = error { return .foreign }
            throw error
        }
    }

    /// Takes one step, or returns false if another node holds the lock.
    ///
    /// The lock ends with its transaction, so that it works through a pooler and cannot outlive a node.
    private func take(step: Int) throws(PostgresStoreError) -> Bool {
        do throws(PostgresFault) {
            let name = LockName.hash(of: "signet migration of \(address.schema)")
            let lock = try connection.run(
                [
                    Command("BEGIN"),
                    Command("SELECT pg_catalog.set_config('lock_timeout', '2000', true)"),
                    Command("SELECT pg_catalog.pg_try_advisory_xact_lock(\(name))"),
                ],
                timeout: settings.answerTimeout
            )
            var isOurs = lock[2].bytes(0, 0) == [1]
            var hasSchema = true
            if isOurs {
                switch try find() {
                case .nothing(let exists): (isOurs, hasSchema) = (step == 0, exists)
                case .foreign: isOurs = false
                case .version(let version): isOurs = version == step
                }
            }
            guard isOurs else {
                _ = try connection.run([Command("ROLLBACK")], timeout: settings.answerTimeout)
                return false
            }
            notify(.migrating(step: step + 1, of: Schema.version))
            var statements = schema.steps[step]
            if step == 0 {
                statements.insert("CREATE TABLE \(schema.quoted).signet_schema (version integer NOT NULL)", at: 0)
                statements.append("INSERT INTO \(schema.quoted).signet_schema VALUES (1)")
                if !hasSchema { statements.insert("CREATE SCHEMA \(schema.quoted)", at: 0) }
            } else {
                statements.append("UPDATE \(schema.quoted).signet_schema SET version = \(step + 1)")
            }
            let done = try connection.run(
                (statements + ["COMMIT"]).map { Command($0) },
                timeout: settings.migrationTimeout
            )
            guard done.last?.tag == "COMMIT" else { throw .lost("the step was not committed") }
            return true
        } catch {
            throw refusal(error)
        }
    }

    private func refusal(_ fault: PostgresFault) -> PostgresStoreError {
        guard case .server("42501", _, _) = fault else {
            return .migrationFailed(location: location, reason: fault.reason)
        }
        _ = try? connection.run([Command("ROLLBACK")], timeout: settings.answerTimeout)
        let names = try? connection.run([Command("SELECT quote_ident(current_user)")], timeout: settings.answerTimeout)
        let role = names.flatMap { try? $0[0].text(0, 0) } ?? "the role"
        return .notPermitted(
            location: location,
            advice: "CREATE SCHEMA \(schema.quoted) AUTHORIZATION \(role); or, if it exists, "
                + "GRANT ALL ON SCHEMA \(schema.quoted) TO \(role);"
        )
    }
}
