import ArgumentParser
import JOSE
import SQLiteStore
import Storage

struct StoreCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Read the whole database and say whether it is sound.",
        discussion: """
            Works while the server runs, and takes as long as reading everything takes. Ends with 65 if something is wrong.

            Example:
              signet store check
            """
    )

    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let folder = try store.configuration().settings.folderOfDatabaseFile()
        let lock = try folder.lockExisting()
        defer { withExtendedLifetime(lock) {} }
        let opened = try SQLiteStore.opened(folder.database)
        let faults = try await opened.integrityCheck()
        guard faults.isEmpty else {
            try? await opened.close()
            throw Failure(
                .data,
                ["\(folder.database) is damaged: stop the server and restore a backup:"] + faults.map { "  \($0)" }
            )
        }
        let kinds = try await opened.inventory(now: SystemNow.wall)
        try await opened.close()
        let records = kinds.reduce(0) { $0 + $1.count }
        output.confirm(
            "\(folder.database) is sound: \(records) records of \(kinds.count) kinds",
            [
                "database": .string(folder.database), "sound": true, "records": .integer(Int64(records)),
                "kinds": kinds.json,
            ]
        )
    }
}

extension [KindInventory] {
    /// As programs read it.
    var json: JSON {
        .array(
            map { kind in
                [
                    "kind": .string(kind.kind.name), "records": .integer(Int64(kind.count)),
                    "expired": .integer(Int64(kind.expired)), "oldest_expiry": JSON(kind.oldestExpiry?.text),
                ]
            }
        )
    }
}
