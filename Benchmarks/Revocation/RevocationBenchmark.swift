// Room: what the benchmark of the revocation feed does from within (Benchmarks/README.md). Reads commands from its standard
// input and answers each with one line of JSON; Benchmarks/driver/revocation.py starts one process for each mode.

internal import Foundation

/// A part of the benchmark: it answers commands.
protocol Mode {
    /// The answer to a command and its arguments.
    func answer(_ command: String, _ arguments: [String]) throws -> [String: Any]
}

@main
struct RevocationBenchmark {
    // Not asynchronous: this thread measures by itself, and blocks where it likes.
    static func main() throws {
        guard CommandLine.arguments.count == 3, let mode = try mode(CommandLine.arguments[1], CommandLine.arguments[2])
        else {
            FileHandle.standardError.write(
                Data("usage: RevocationBenchmark propagation|load|verify|storm MATERIAL\n".utf8)
            )
            exit(64)
        }
        while let line = readLine() {
            let words = line.split(separator: " ").map(String.init)
            var answer: [String: Any] = ["error": "no command"]
            do {
                if let command = words.first { answer = try mode.answer(command, Array(words.dropFirst())) }
            } catch {
                answer = ["error": "\(error)"]
            }
            let json = try JSONSerialization.data(withJSONObject: answer, options: .sortedKeys)
            FileHandle.standardOutput.write(json + Data("\n".utf8))
        }
    }

    private static func mode(_ name: String, _ material: String) throws -> (any Mode)? {
        switch name {
        case "propagation": try Propagation(Material(path: material))
        case "load": Load(try Material(path: material))
        case "verify": VerificationCost()
        case "storm": Storm(folder: material)
        default: nil
        }
    }
}

/// What the driver wrote down about the server that is measured.
struct Material: Decodable, Sendable {
    var issuer: String
    var port: UInt16
    var audience: String
    var apiID: String
    var apiSecret: String
    var clientID: String
    var clientSecret: String

    init(path: String) throws {
        self = try JSONDecoder().decode(Material.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    }
}

/// What went wrong, in words.
struct Fault: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
