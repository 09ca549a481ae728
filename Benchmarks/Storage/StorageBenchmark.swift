// Room: what the benchmark of the stores does from within (Benchmarks/README.md). Reads commands from its standard input and
// answers each with one line of JSON; Benchmarks/driver/storage.py starts it with a folder, in which a SQLite file is made, or
// with the address of a PostgreSQL.

internal import Foundation
internal import PostgresStore
internal import SQLiteStore
internal import Storage

@main
struct StorageBenchmark {
    static func main() async throws {
        guard CommandLine.arguments.count == 2 else {
            FileHandle.standardError.write(Data("usage: StorageBenchmark FOLDER | postgres://ADDRESS\n".utf8))
            exit(64)
        }
        let place = CommandLine.arguments[1]
        let bench: StoreBench
        var file: String?
        if place.hasPrefix("postgres://") {
            let start = ContinuousClock.now
            let store = try await PostgresStore.open(address: place, uptime: { ContinuousClock.now - start })
            bench = StoreBench(store) { (store.statistics.writes, store.statistics.commits) }
        } else {
            let path = place + "/signet.sqlite"
            let store = try SQLiteStore(path: path)
            bench = StoreBench(store) { store.commitStatistics }
            file = path
        }
        while let line = readLine() {
            let words = line.split(separator: " ").map(String.init)
            let json = try JSONSerialization.data(
                withJSONObject: await answer(words, bench, file: file),
                options: .sortedKeys
            )
            FileHandle.standardOutput.write(json + Data("\n".utf8))
        }
    }

    private static func answer(_ words: [String], _ bench: StoreBench, file: String?) async -> [String: Any] {
        do {
            if let answer = try await bench.answer(words) { return answer }
            if let file, let answer = try SQLiteLoop(path: file, families: bench.familyCount).answer(words) {
                return answer
            }
            return ["error": "no command: \(words.joined(separator: " "))"]
        } catch {
            return ["error": "\(error)"]
        }
    }
}

/// What went wrong, in words.
struct Fault: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

extension [Double] {
    /// The value below which this share of all lies; 0 of none.
    func quantile(_ share: Double) -> Double {
        guard !isEmpty else { return 0 }
        return sorted()[Swift.min(count - 1, Int(Double(count) * share))]
    }
}
