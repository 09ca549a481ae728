import AuthorizationServer
import Instants
import PostgresStore
import SQLiteStore
import Storage

extension DataFolder {
    /// Opens the store and the keys that belong to it.
    func open(
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
            let store = try await openPostgres(address, settings)
            let key: MasterKey
            do {
                let hasRecords = try await store.find(MasterKeyCheck.key, now: now) != nil
                key = try masterKey(missing, hasRecords: hasRecords, random: random)
            } catch {
                try? await store.close()
                throw error
            }
            let opened = try await proven(DerivedKeys(key), with: store, now: now)
            try noteRecords(at: store.location)
            return opened
        }
    }

    private func proven(
        _ keys: DerivedKeys,
        with store: any StoreBackend,
        now: Instant
    ) async throws -> (store: any StoreBackend, keys: DerivedKeys) {
        do {
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
            let status: ExitStatus =
                switch error {
                case .folderMissing, .folderNotWritable: .cannotCreate
                case .notADatabase, .damaged, .foreign, .newerSchema: .data
                case .locked: .unavailable
                case .cannotOpen: .inputOutput
                }
            throw Failure(status, "\(error)")
        }
    }

    private func openPostgres(_ address: String, _ settings: Settings.Store) async throws(Failure) -> any StoreBackend {
        var postgres = PostgresStoreSettings()
        postgres.connections = settings.connections
        postgres.statementTimeout = settings.statementTimeout
        postgres.lockTimeout = min(postgres.lockTimeout, settings.statementTimeout)
        postgres.answerTimeout = settings.statementTimeout + .seconds(3)
        let began = ContinuousClock.now
        do {
            return try await PostgresStore.open(
                address: settings.pooledAddress(address),
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

extension Settings.Store {
    /// The address with the direct one in it, as `PostgresStore` takes them: whoever names a direct address has a pooler,
    /// where no prepared statement lasts.
    fileprivate func pooledAddress(_ address: String) -> String {
        guard case .postgres(let direct) = directAddress else { return address }
        let encoded = direct.utf8.map { byte -> String in
            let isPlain = (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            let digits = String(byte, radix: 16)
            return isPlain ? String(UnicodeScalar(byte)) : "%" + (digits.utf8.count == 1 ? "0" : "") + digits
        }
        let parameters = "signet_prepared=off&signet_direct=" + encoded.joined()
        return address + (address.utf8.contains(UInt8(ascii: "?")) ? "&" : "?") + parameters
    }
}
