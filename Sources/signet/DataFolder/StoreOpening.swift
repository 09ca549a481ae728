import AuthorizationServer
import Instants
import Logging
import PostgresStore
import RedisClient
import RedisStore
import SQLiteStore
import Storage

/// What a server or a command works on.
struct OpenedStore: Sendable {
    var store: any StoreBackend
    var keys: DerivedKeys
    /// The engines behind the store, by the names that `/readyz` gives them.
    var engines: [(name: String, backend: any StoreBackend)]
    /// For the denylist.
    var redis: RedisPool?
}

extension DataFolder {
    /// Opens the store, the keys that belong to it, and the Redis that keeps what may be lost.
    func open(
        _ settings: Settings,
        missing: Missing,
        random: any RandomSource,
        now: Instant
    ) async throws -> OpenedStore {
        let (store, keys) = try await open(settings.store, missing: missing, random: random, now: now)
        var opened = OpenedStore(store: store, keys: keys, engines: [("store", store)])
        guard let address = settings.redis.address else { return opened }
        do {
            if !settings.redis.keeps.isEmpty {
                let volatile = try await openRedis(address)
                opened.store = SplitStore(durable: store, volatile: volatile, kinds: Set(settings.redis.keeps))
                opened.engines.append(("redis", volatile))
            }
            if settings.redis.denylist { opened.redis = try RedisPool(address, logger: Logger(label: "signet.redis")) }
            return opened
        } catch {
            try? await opened.store.close()
            throw error
        }
    }

    private func openRedis(
        _ address: RedisAddress,
        keeping: RedisKeeping = .whatMayBeLost
    ) async throws(Failure) -> RedisStore {
        var settings = RedisStoreSettings()
        settings.keeping = keeping
        do {
            let redis = try await RedisStore.open(
                address,
                settings: settings,
                logger: Logger(label: "signet.redis")
            )
            for finding in redis.findings { Console.standard.note("note: \(finding.text)") }
            return redis
        } catch {
            let status: ExitStatus =
                switch error {
                case .unreachable: .unavailable
                case .refused, .notPermitted: .permission
                case .unfit, .prefixMissing, .cannotOpen: .configuration
                case .newerLayout: .data
                }
            throw Failure(status, "\(error)")
        }
    }

    private func open(
        _ settings: Settings.Store,
        missing: Missing,
        random: any RandomSource,
        now: Instant
    ) async throws -> (store: any StoreBackend, keys: DerivedKeys) {
        switch settings.address {
        case .sqlite:
            try checkKeepsRecords()
            // The key before the file: a file without a key is one that has lost it.
            let key = try masterKey(missing, hasRecords: hasDatabase(), random: random)
            return try await proven(DerivedKeys(key), with: openSQLite(), now: now)
        case .postgres(let address):
            return try await open(settings.openPostgres(address), missing: missing, random: random, now: now)
        case .redis(let address):
            let store = try await openRedis(address, keeping: .everythingAtTheOperatorsRisk)
            return try await open(store, missing: missing, random: random, now: now)
        }
    }

    /// The keys for a store that is elsewhere, perhaps another node's before it was this one's.
    private func open(
        _ store: any StoreBackend,
        missing: Missing,
        random: any RandomSource,
        now: Instant
    ) async throws -> (store: any StoreBackend, keys: DerivedKeys) {
        let key: MasterKey
        do {
            let hasRecords = try await store.find(MasterKeyCheck.key, now: now) != nil
            key = try masterKey(missing, hasRecords: hasRecords, random: random)
        } catch {
            try? await store.close()
            throw error
        }
        let opened = try await proven(DerivedKeys(key), with: UnmovedStore(store), now: now)
        try noteRecords(at: store.location)
        return opened
    }

    private func proven(
        _ keys: DerivedKeys,
        with store: any StoreBackend,
        now: Instant
    ) async throws -> (store: any StoreBackend, keys: DerivedKeys) {
        do {
            try await StoreMark.check(store, now: now)
            try await MasterKeyCheck.verify(keys, folder: self, store: store, now: now)
        } catch {
            try? await store.close()
            throw error
        }
        return (store, keys)
    }

    private func openSQLite() throws(Failure) -> any StoreBackend {
        do {
            return try SQLiteStore(path: database)
        } catch {
            throw Failure(sqlite: error)
        }
    }
}

extension Settings.Store {
    /// Opens the database at the address.
    func openPostgres(_ address: String) async throws(Failure) -> PostgresStore {
        var postgres = PostgresStoreSettings()
        postgres.connections = connections
        // Whoever names a direct address has a pooler.
        if case .postgres(let direct) = directAddress { postgres.directAddress = direct }
        postgres.statementTimeout = statementTimeout
        postgres.lockTimeout = min(postgres.lockTimeout, statementTimeout)
        postgres.answerTimeout = statementTimeout + .seconds(3)
        let began = ContinuousClock.now
        do {
            return try await PostgresStore.open(
                address: address,
                settings: postgres,
                announcing: FeedSignal.announcedKinds,
                uptime: { ContinuousClock.now - began },
                notify: { Console.standard.note("note: \($0)") }
            )
        } catch {
            let status: ExitStatus =
                switch error {
                case .libraryMissing, .libraryTooOld, .badAddress: .configuration
                case .cannotConnect, .readOnly: .unavailable
                case .notPermitted: .permission
                case .serverTooOld, .foreign, .newerSchema, .migrationFailed: .data
                }
            throw Failure(status, "\(error)")
        }
    }
}

extension Failure {
    /// Why a database file cannot be worked with.
    init(sqlite error: SQLiteStoreError) {
        let status: ExitStatus =
            switch error {
            case .folderMissing, .folderNotWritable: .cannotCreate
            case .notADatabase, .damaged, .foreign, .newerSchema: .data
            case .locked: .unavailable
            case .cannotOpen: .inputOutput
            }
        self.init(status, "\(error)")
    }
}

extension Settings {
    /// The data folder of a command that is about a database file.
    func folderOfDatabaseFile() throws(Failure) -> DataFolder {
        guard case .sqlite = store.address else {
            throw Failure(
                .usage,
                "the records are kept in PostgreSQL: save, restore and check them with its own tools (pg_dump or base backups "
                    + "with the log), and run `signet store restored` after going back; this command is about SQLite; nothing "
                    + "was changed"
            )
        }
        return DataFolder(dataDirectory)
    }
}
