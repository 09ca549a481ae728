import ArgumentParser
import AuthorizationServer
import Instants
import JOSE
import SQLiteStore
import Storage

struct StoreStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Say where the records are, how many, and what waits to be swept.",
        discussion: """
            Works while the server runs. What has expired is removed by the server, 200 records at a time; if much waits for \
            long, no server runs or it cannot keep up.

            Example:
              signet store status --json
            """
    )

    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let settings = try store.configuration().settings
        var lock: FolderLock?
        defer { withExtendedLifetime(lock) {} }
        let opened: any RecordArchive
        if case .postgres(let address) = settings.store.address {
            opened = try await settings.store.openPostgres(address)
        } else {
            let folder = try settings.folderOfDatabaseFile()
            lock = try folder.lockExisting()
            opened = try SQLiteStore.opened(folder.database)
        }
        let now = SystemNow.wall
        let facts = try await opened.facts()
        let kinds = try await opened.inventory(now: now)
        let mark = try await StoreMark.find(in: opened, now: now)
        let location = opened.location
        try await opened.close()
        show(facts, kinds, mark, location: location, on: .standard)
    }

    private func show(
        _ facts: StoreFacts,
        _ kinds: [KindInventory],
        _ mark: StoreMark?,
        location: String,
        on console: Console
    ) {
        let expired = kinds.reduce(0) { $0 + $1.expired }
        let oldest = kinds.compactMap(\.oldestExpiry).min()
        guard !output.json else {
            var details = JSONObject()
            for detail in facts.details { details[detail.name] = .string(detail.value) }
            return console.say([
                "engine": .string(facts.engine), "location": .string(location), "schema": .integer(Int64(facts.schema)),
                "bytes": .integer(facts.bytes), "details": .object(details), "kinds": kinds.json,
                "expired": .integer(Int64(expired)), "oldest_expiry": JSON(oldest?.text),
                "mark": JSON(mark?.part.rawValue), "other_store": JSON(mark?.other),
            ])
        }
        var card = Card()
        card.add("engine", facts.engine)
        card.add("location", location)
        card.add("schema", "\(facts.schema)")
        card.add("size", facts.bytes.dataSize)
        for detail in facts.details { card.add(detail.name, detail.value) }
        card.add("to sweep", oldest.map { "\(expired) records, the oldest expired \($0.text)" } ?? "nothing")
        card.add("mark", mark.map { "\($0.part.rawValue), see signet store migrate: \($0.other)" })
        card.show(on: console)
        console.say()
        var table = Table("KIND", "RECORDS", "EXPIRED", "OLDEST EXPIRY")
        for kind in kinds {
            table.rows.append([
                kind.kind.name, "\(kind.count)", "\(kind.expired)", kind.oldestExpiry?.text ?? "-",
            ])
        }
        table.show(on: console)
    }
}

/// The wall clock of commands that open no workbench.
enum SystemNow {
    static var wall: Instant { SystemTimeSource().moment().wall }
}

extension DataFolder {
    /// Joins those who work on the database, which must be there.
    func lockExisting() throws(Failure) -> FolderLock {
        try prepare(.refuse)
        let lock = try lock(.shared)
        try requireDatabase()
        return lock
    }
}

extension SQLiteStore {
    /// The store at the path, or the sentence that says why not.
    static func opened(_ path: String) throws(Failure) -> SQLiteStore {
        do throws(SQLiteStoreError) {
            return try SQLiteStore(path: path)
        } catch {
            throw Failure(sqlite: error)
        }
    }
}
