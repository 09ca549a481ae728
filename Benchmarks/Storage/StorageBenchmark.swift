// Room: what the benchmark of the stores does from within (Benchmarks/README.md). Reads commands from its standard input and
// answers each with one line of JSON; Benchmarks/driver/storage.py starts it with a folder, in which everything is made.

internal import Foundation

@main
struct StorageBenchmark {
    static func main() async throws {
        guard CommandLine.arguments.count == 2 else {
            FileHandle.standardError.write(Data("usage: StorageBenchmark FOLDER\n".utf8))
            exit(64)
        }
        let bench = SQLiteBench(path: CommandLine.arguments[1] + "/signet.sqlite")
        while let line = readLine() {
            let words = line.split(separator: " ").map(String.init)
            var answer: [String: Any]
            do {
                answer = try await bench.answer(words)
            } catch {
                answer = ["error": "\(error)"]
            }
            let json = try JSONSerialization.data(withJSONObject: answer, options: .sortedKeys)
            FileHandle.standardOutput.write(json + Data("\n".utf8))
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
