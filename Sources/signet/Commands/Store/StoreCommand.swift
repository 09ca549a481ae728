// `signet store`: the records as a whole. Saving them while the server runs, putting them back, checking and counting them,
// and moving them to another engine. Owns the record kind `store-mark` (DataFolder/StoreMark.swift).

import ArgumentParser
import Storage

struct StoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store",
        abstract: "Save, restore, check, count and move what the server keeps.",
        subcommands: [
            StoreBackup.self, StoreRestore.self, StoreRestored.self, StoreCheck.self, StoreStatus.self,
            StoreMigrate.self,
        ]
    )
}

/// Tells a person who waits how far something long has come: at most one line in two seconds.
final class ProgressLines {
    private let console: Console
    private let clock = ContinuousClock()
    private var last: ContinuousClock.Instant

    init(_ console: Console) {
        self.console = console
        last = clock.now
    }

    func tell(_ line: @autoclosure () -> String) {
        guard clock.now - last >= .seconds(2) else { return }
        last = clock.now
        console.note(line())
    }
}

extension Int64 {
    /// As people read amounts of data.
    var dataSize: String {
        switch self {
        case ..<10_000: "\(self) bytes"
        case ..<10_000_000: "\(self / 1000) kB"
        case ..<10_000_000_000: "\(self / 1_000_000) MB"
        default: "\(self / 1_000_000_000) GB"
        }
    }
}

extension Failure {
    /// A file of the operator's, or one of the data folder, with which the system would not do as asked.
    static func file(_ path: String, _ error: Files.SystemError) -> Failure {
        Failure(
            .inputOutput,
            "\(path) cannot be read or written (\(error)): check the path, its owner and the free space"
        )
    }
}
