import ArgumentParser
import JOSE
import SQLiteStore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

struct StoreBackup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Save the database into a file, while the server runs.",
        discussion: """
            The copy is the database at one moment: everything that was acknowledged before the command began is in it. It \
            has mode 0600, is on the disk and was read once more when the command says so; a file that exists is never \
            replaced.

            The master key is not in it, and without the master key a backup is worth nothing: save it once, apart from the \
            backups. Whoever has both has the server.

            Example:
              signet store backup /var/backups/signet-monday.sqlite
            """
    )

    @Argument(help: "The file to make.", completion: .file()) var file: String
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let folder = try store.configuration().settings.folderOfDatabaseFile()
        let size = try Self.save(folder, into: file, console: .standard)
        output.confirm(
            "saved \(folder.database) in \(file) (\(size.dataSize)); the master key is not in it: keep a copy of "
                + "\(folder.masterKey) at another place, or the backup is worth nothing",
            [
                "backup": .string(file), "bytes": .integer(size), "database": .string(folder.database),
                "master_key_to_save": .string(folder.masterKey),
            ]
        )
    }

    /// Makes the backup; returns its size.
    static func save(_ folder: DataFolder, into file: String, console: Console) throws(Failure) -> Int64 {
        try folder.prepare(.refuse)
        let lock = try folder.lock(.shared)
        defer { withExtendedLifetime(lock) {} }
        try folder.requireDatabase()
        guard try status(file) == nil else { throw exists(file) }
        let unfinished = "\(file).\(getpid()).unfinished"
        let lines = ProgressLines(console)
        do throws(SQLiteStoreError) {
            try DatabaseCopy.make(of: folder.database, at: unfinished) { progress in
                lines.tell("saved \(progress.done.dataSize) of \(progress.total.dataSize)")
            }
        } catch {
            throw Failure(sqlite: error)
        }
        defer { try? Files.remove(unfinished) }
        let faults: [String]
        do throws(SQLiteStoreError) {
            console.note("reading the copy once more")
            faults = try DatabaseCopy.faults(of: unfinished)
        } catch {
            throw Failure(sqlite: error)
        }
        guard faults.isEmpty else {
            throw Failure(
                .data,
                ["\(folder.database) is damaged, and so would be its backup; none was made: restore an earlier one:"]
                    + faults.map { "  \($0)" }
            )
        }
        do throws(Files.SystemError) {
            try Files.publish(unfinished, as: file)
        } catch {
            throw error == .exists ? exists(file) : .file(file, error)
        }
        return try status(file)?.size ?? 0
    }

    private static func status(_ file: String) throws(Failure) -> Files.Status? {
        do {
            return try Files.status(file)
        } catch {
            throw .file(file, error)
        }
    }

    private static func exists(_ file: String) -> Failure {
        Failure(.cannotCreate, "\(file) exists: name a new file, a backup never replaces another; nothing was changed")
    }
}

extension DataFolder {
    /// Refuses a folder in which nothing was ever kept.
    func requireDatabase() throws(Failure) {
        do throws(Files.SystemError) {
            guard try Files.status(database) == nil else { return }
        } catch {
            throw .file(database, error)
        }
        throw Failure(
            .noInput,
            "\(path) holds no database: name the right folder with --data-dir, or start `signet serve` once"
        )
    }
}
