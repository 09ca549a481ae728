import Accounts
import ArgumentParser
import AuthorizationServer
import Instants
import JOSE
import SQLiteStore
import Storage

struct StoreRestore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Put a backup back.",
        discussion: """
            The server must be stopped. The file is copied into the data folder, read completely, and put in the place of \
            the database in one step; with --replace the old one stays beside it under another name. The master key that the \
            backup was made with must lie in the folder already.

            Nobody knows from a backup what was ended after it was made. So everything that was issued ends: people sign \
            in again, clients get new tokens. With --keep-grants it stays, and so comes back to life whatever was revoked, \
            signed out or withdrawn since: for moving a server that was stopped before its backup was made. Refresh tokens \
            that were rotated after the backup are unknown then and refused; the one that was current in it works again. \
            Passwords, people, clients and keys are what they were.

            APIs that follow the revocation feed read it from the beginning: its epoch is a new one.

            Examples:
              signet store restore /var/backups/signet-monday.sqlite
              signet store restore signet-stopped.sqlite --replace --keep-grants --data-dir /srv/signet
            """
    )

    @Argument(help: "What `signet store backup` made.", completion: .file()) var file: String
    @Flag(help: "Put it in the place of the database that is there, which is kept beside it.") var replace = false
    @Flag(name: .customLong("keep-grants"), help: "Do not end what was issued before.") var keepGrants = false
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let settings = try store.configuration().settings
        let restorer = Restorer(
            settings: settings,
            folder: try settings.folderOfDatabaseFile(),
            console: .standard
        )
        let aside = try await restorer.restore(file, over: replace ? .existing : .nothing, keepGrants ? .keep : .end)
        let fate = keepGrants ? "what was issued before stays" : "everything that was issued before has ended"
        output.confirm(
            "restored \(restorer.folder.database) from \(file); \(fate), the revocation feed begins a new epoch"
                + (aside.map { "; what was there before is in \($0)" } ?? ""),
            [
                "database": .string(restorer.folder.database), "backup": .string(file),
                "grants": keepGrants ? "kept" : "ended", "previous_database": JSON(aside),
            ]
        )
    }
}

/// Puts a database file in its place.
struct Restorer {
    enum Target: Hashable, Sendable {
        case nothing
        case existing
    }

    let settings: Settings
    let folder: DataFolder
    let console: Console

    private var staged: String { folder.database + ".restoring" }

    /// Restores; returns where the database is that was there before.
    func restore(_ file: String, over target: Target, _ grants: Restoration.Grants) async throws -> String? {
        try folder.prepare(.refuse)
        let lock = try folder.lock(.exclusive)
        defer { withExtendedLifetime(lock) {} }
        let isThere = try exists(folder.database)
        guard !isThere || target == .existing else {
            throw Failure(
                .cannotCreate,
                "\(folder.path) holds a database: name another folder, or give --replace, which keeps the old one beside it; "
                    + "nothing was changed"
            )
        }
        // Checked against what is in the backup below; missing it is known before anything long begins.
        let keys = DerivedKeys(try masterKey())
        defer { for suffix in Self.companions + [""] { try? Files.remove(staged + suffix) } }
        try stage(file)
        try await prepareStaged(keys, grants)
        let aside = isThere ? try setAside() : nil
        do {
            try Files.move(staged, over: folder.database)
        } catch {
            throw Failure.file(folder.database, error)
        }
        return aside
    }

    private static let companions = ["-wal", "-shm", "-journal"]

    private func masterKey() throws -> MasterKey {
        guard try exists(folder.masterKey) else {
            throw Failure(
                .permission,
                "\(folder.masterKey) is missing: put the master key that the backup was made with there first (mode 0600); "
                    + "nothing was changed"
            )
        }
        return try folder.masterKey(.refuse, hasRecords: true, random: SystemRandomSource())
    }

    /// A sound copy of the backup, in the data folder, under a name that nobody opens.
    private func stage(_ file: String) throws {
        // What a restore left that was killed; nobody else uses it while the lock is held.
        for suffix in Self.companions + [""] { try? Files.remove(staged + suffix) }
        guard try !exists(file + "-wal") else {
            throw Failure(
                .data,
                "\(file)-wal lies beside \(file): that is a database in use or a mere copy of one, and may be incomplete; "
                    + "restore what `signet store backup` made; nothing was changed"
            )
        }
        let size: Int64
        do {
            guard let status = try Files.status(file), !status.isFolder else { throw Files.SystemError.missing }
            size = status.size
            let lines = ProgressLines(console)
            try Files.copy(file, to: staged, mode: 0o600) { copied in
                lines.tell("copied \(copied.dataSize) of \(size.dataSize)")
            }
        } catch let error as Files.SystemError {
            try? Files.remove(staged)
            throw Failure(.noInput, "\(file) cannot be copied (\(error)): check the path, its mode and the free space")
        }
        console.note("checking \(size.dataSize)")
        do {
            let faults = try DatabaseCopy.faults(of: staged)
            guard faults.isEmpty else {
                throw Failure(
                    .data,
                    ["\(file) is damaged: restore another backup; nothing was changed"] + faults.map { "  \($0)" }
                )
            }
        } catch let error as SQLiteStoreError {
            throw Failure(sqlite: error.naming(file))
        }
    }

    private func prepareStaged(_ keys: DerivedKeys, _ grants: Restoration.Grants) async throws {
        let store: SQLiteStore
        do {
            store = try SQLiteStore(path: staged)
        } catch {
            throw Failure(sqlite: error)
        }
        do {
            let now = try await beginning(store)
            // A backup of a store that has moved on must not be served from either, before somebody decides so.
            try await StoreMark.check(store, now: now)
            try await MasterKeyCheck.verify(keys, folder: folder, store: store, now: now)
            try await settings.restoration(of: store, now: now).run(grants, now: now)
            if grants == .end { try await Sessions.endApart(in: store, now: now) }
        } catch {
            try? await store.close()
            throw error
        }
        try await store.close()
        do {
            try DatabaseCopy.closeUp(staged)
        } catch {
            throw Failure(sqlite: error)
        }
        for suffix in Self.companions where try exists(staged + suffix) {
            throw Failure(.inputOutput, "\(staged)\(suffix) could not be closed up; nothing was changed")
        }
    }

    /// Later than anything that was issued from the copy or from the database that it replaces, if the clock was set back.
    private func beginning(_ copy: SQLiteStore) async throws -> Instant {
        var latest = try await ClockRecord.beginning(from: copy)
        // What is damaged cannot be asked.
        guard try exists(folder.database), let present = try? SQLiteStore(path: folder.database) else { return latest }
        if let known = try? await ClockRecord.beginning(from: present) { latest = max(latest, known) }
        try? await present.close()
        return latest
    }

    /// Gives the present database another name; its own stays, so that there is a database at every moment.
    private func setAside() throws -> String {
        // A database that is too damaged for this keeps its log beside it, under the new name.
        try? DatabaseCopy.closeUp(folder.database)
        let digits = String(SystemTimeSource().moment().wall.text.filter { $0.isNumber || $0 == "T" })
        let aside = "\(folder.database).before-restore-\(digits)"
        do {
            try Files.name(folder.database, alsoAs: aside)
            for suffix in Self.companions where try exists(folder.database + suffix) {
                try Files.name(folder.database + suffix, alsoAs: aside + suffix)
                try Files.remove(folder.database + suffix)
            }
        } catch let error as Files.SystemError {
            throw Failure.file(aside, error)
        }
        return aside
    }

    private func exists(_ path: String) throws(Failure) -> Bool {
        do {
            return try Files.status(path) != nil
        } catch {
            throw .file(path, error)
        }
    }
}

extension SQLiteStoreError {
    /// The same of the file that the operator named, of which the one looked at is a copy.
    fileprivate func naming(_ file: String) -> SQLiteStoreError {
        switch self {
        case .notADatabase: .notADatabase(path: file)
        case .damaged(_, let detail): .damaged(path: file, detail: detail)
        case .foreign: .foreign(path: file)
        case .newerSchema(_, let found, let supported): .newerSchema(path: file, found: found, supported: supported)
        case .locked: .locked(path: file)
        case .cannotOpen(_, let reason): .cannotOpen(path: file, reason: reason)
        case .folderMissing, .folderNotWritable: self
        }
    }
}
