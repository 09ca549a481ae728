import ArgumentParser
import AuthorizationServer
import JOSE
import SQLiteStore
import Storage

struct StoreMigrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Move every record into another store.",
        discussion: """
            Stop every server first. The records are copied as they are, then both stores are read once more and compared, \
            kind by kind, by count and checksum. If they agree, the old store is marked as moved, and a server that is started \
            on it by mistake refuses. A move that was interrupted goes on where it was when the same command runs again; \
            --take-back gives it up and puts the old store into use again. The master key stays in the data folder.

            A SQLite store is named by its file, a PostgreSQL store by its address, without a password on the command line: \
            libpq takes it from PGPASSWORD or PGPASSFILE. To go back later, move in the other direction into a new store.

            Examples:
              signet store migrate --from sqlite:signet-data/signet.sqlite --to sqlite:/srv/signet/signet.sqlite
              signet store migrate --from sqlite:signet-data/signet.sqlite --to postgres://signet@db.example/signet
              signet store migrate --from sqlite:a/signet.sqlite --to sqlite:b/signet.sqlite --take-back
            """
    )

    @Option(help: ArgumentHelp("The store that is moved.", valueName: "store")) var from: MoveAddress
    @Option(help: ArgumentHelp("The empty store that takes its place.", valueName: "store")) var to: MoveAddress
    @Flag(name: .customLong("take-back"), help: "Give up an unfinished move.") var takeBack = false
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard from != to else { throw ValidationError("--from and --to name the same store") }
    }

    func run() async throws {
        let locks = try [try from.lock(mustExist: true), takeBack ? nil : try to.lock(mustExist: false)]
        defer { withExtendedLifetime(locks) {} }
        let source = try await from.open()
        guard !takeBack else {
            let move = StoreMove(
                source: source,
                target: source,
                console: .standard,
                clock: { SystemNow.wall },
                random: SystemRandomSource()
            )
            try await move.takeBack()
            try await source.close()
            return output.confirm(
                "\(source.location) is in use again; what has arrived in \(to) can be removed",
                ["store": .string(source.location), "taken_back": true]
            )
        }
        let target = try await to.open()
        let move = StoreMove(
            source: source,
            target: target,
            console: .standard,
            clock: { SystemNow.wall },
            random: SystemRandomSource(),
            settling: from.isLocked ? .zero : Standstill.settling
        )
        let outcome = try await move.run()
        try await target.close()
        try await source.close()
        var kinds = JSONObject()
        for (kind, tally) in outcome.tallies { kinds[kind.name] = .integer(Int64(tally.count)) }
        output.confirm(
            "moved \(outcome.records) records of \(outcome.tallies.count) kinds from \(source.location) to "
                + "\(target.location); both were compared and agree",
            [
                "from": .string(source.location), "to": .string(target.location),
                "records": .integer(Int64(outcome.records)), "kinds": .object(kinds),
            ]
        )
    }
}

/// Where a store is, as `--from` and `--to` name it.
enum MoveAddress: Hashable, Sendable, ExpressibleByArgument, CustomStringConvertible {
    case sqlite(path: String)
    case postgres(StoreAddress)

    init?(argument: String) {
        if argument.hasPrefix("sqlite:"), argument.count > 7 {
            self = .sqlite(path: String(argument.dropFirst(7)))
        } else if let address = StoreAddress(argument), address.isPostgres {
            self = .postgres(address)
        } else {
            return nil
        }
    }

    var description: String {
        switch self {
        case .sqlite(let path): "sqlite:\(path)"
        case .postgres(let address): address.shown
        }
    }

    /// Whether ``lock(mustExist:)`` keeps everybody out.
    var isLocked: Bool {
        if case .sqlite = self { true } else { false }
    }

    /// Keeps servers and commands of this machine out; `nil` where only the store itself could, which other machines have
    /// too.
    func lock(mustExist: Bool) throws(Failure) -> FolderLock? {
        switch self {
        case .sqlite(let path):
            guard path.hasSuffix("/signet.sqlite") || path == "signet.sqlite" else {
                throw Failure(
                    .usage,
                    "\(path) is not named signet.sqlite, as the database of a data folder is: name that file"
                )
            }
            let folder = DataFolder(path == "signet.sqlite" ? "." : String(path.dropLast("/signet.sqlite".count)))
            try folder.prepare(mustExist ? .refuse : .create)
            if mustExist { try folder.requireDatabase() }
            return try folder.lock(.exclusive)
        case .postgres(let address):
            guard !address.hasPassword else {
                throw Failure(
                    .usage,
                    "everybody on this machine can read a password on a command line: leave it out of \(address.shown), and "
                        + "give it in PGPASSWORD or PGPASSFILE"
                )
            }
            return nil
        }
    }

    func open() async throws(Failure) -> any RecordArchive {
        switch self {
        case .sqlite(let path): return try SQLiteStore.opened(path)
        case .postgres(.postgres(let address)): return try await Settings.Store().openPostgres(address)
        case .postgres: throw Failure(.internalFault, "an address of another engine was taken for PostgreSQL's")
        }
    }
}
