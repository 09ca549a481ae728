// Room: the benchmark program of JOSE. Reads commands from its standard input and answers each with one line of JSON;
// the driver (driver/jose.py) starts one process for each contender and interleaves them.

internal import Foundation

#if canImport(Glibc)
    internal import Glibc
#endif

@main
struct Benchmark {
    let contender: any Contender
    let folder: String

    static func main() async throws {
        let contenders: [String: any Contender] = [
            "signet": SignetContender(), "raw": RawContender(), "jwt-kit": JWTKitContender(),
        ]
        guard CommandLine.arguments.count == 3, let contender = contenders[CommandLine.arguments[1]] else {
            FileHandle.standardError.write(Data("usage: JOSEBenchmark signet|raw|jwt-kit FOLDER\n".utf8))
            exit(64)
        }
        try await Benchmark(contender: contender, folder: CommandLine.arguments[2]).serve()
    }

    private func serve() async throws {
        while let line = readLine() {
            let words = line.split(separator: " ").map(String.init)
            var answer: [String: Any]
            do {
                answer = try await self.answer(to: words)
            } catch {
                answer = ["error": "\(error)"]
            }
            let json = try JSONSerialization.data(withJSONObject: answer, options: .sortedKeys)
            FileHandle.standardOutput.write(json + Data("\n".utf8))
        }
    }

    /// The commands: `check ALG`, `measure OPERATION ALG SECONDS`, `allocations OPERATION ALG`.
    private func answer(to words: [String]) async throws -> [String: Any] {
        switch (words.first, words.count) {
        case ("check", 2):
            return try await check(words[1])
        case ("measure", 4):
            guard let operation = try await operation(words[1], words[2]) else { return ["unsupported": true] }
            let (time, count) = try await measured(operation, seconds: Double(words[3]) ?? 0.3)
            return ["nanoseconds": time, "iterations": count]
        case ("allocations", 3):
            guard let operation = try await operation(words[1], words[2]) else { return ["unsupported": true] }
            return ["allocations": try await allocations(operation)]
        default:
            return ["error": "unknown command"]
        }
    }

    private func operations(_ algorithm: String) async throws -> Operations? {
        try await contender.operations(for: algorithm, with: Material(folder: folder, algorithm: algorithm))
    }

    private func operation(_ name: String, _ algorithm: String) async throws -> Operation? {
        guard let operations = try await operations(algorithm) else { return nil }
        let token = try Material(folder: folder, algorithm: algorithm).text("good")
        return switch name {
        case "verify": operations.verify(token)
        case "verify-cached": operations.verifyCached?(token)
        case "sign": operations.sign
        default: nil
        }
    }

    /// Which of the tokens are accepted, and a token of the contender's own.
    private func check(_ algorithm: String) async throws -> [String: Any] {
        guard let operations = try await operations(algorithm) else { return ["unsupported": true] }
        let material = Material(folder: folder, algorithm: algorithm)
        var answer: [String: Any] = ["signed": try await operations.signedToken()]
        for name in ["good", "flipped", "audience", "expired"] {
            let token = try material.text(name)
            let verifiers = [operations.verify] + (operations.verifyCached.map { [$0] } ?? [])
            var accepted: [Bool] = []
            // Twice, so that a cache that remembers what it refused would show.
            for verify in verifiers + verifiers { accepted.append(await succeeds(verify(token))) }
            answer[name] = name == "good" ? accepted.allSatisfy { $0 } : accepted.contains(true)
        }
        return answer
    }

    private func succeeds(_ operation: Operation) async -> Bool {
        do { return try await operation.repeated(1) > 0 } catch { return false }
    }

    /// Nanoseconds an operation over about so many seconds, after a warm-up that also finds out how many that are.
    private func measured(_ operation: Operation, seconds: Double) async throws -> (nanoseconds: Double, count: Int) {
        var count = 1
        var duration = Duration.zero
        while duration < .milliseconds(20) {
            count *= 2
            duration = try await time(operation, count)
        }
        count = max(1, Int(Double(count) * (.seconds(seconds) / duration)))
        return (try await time(operation, count) / .nanoseconds(count), count)
    }

    private func time(_ operation: Operation, _ count: Int) async throws -> Duration {
        let start = ContinuousClock.now
        let sum = try await operation.repeated(count)
        let duration = ContinuousClock.now - start
        guard sum >= count else { throw NothingDone() }
        return duration
    }

    /// Heap allocations an operation, where allocations/count.c is preloaded.
    private func allocations(_ operation: Operation) async throws -> Double {
        #if canImport(Glibc)
            guard let symbol = dlsym(nil, "signet_allocation_count") else { throw NotCounting() }
            typealias Counter = @convention(c) () -> UInt64
            let counted = unsafeBitCast(symbol, to: Counter.self)
            let count = 200
            _ = try await operation.repeated(count)
            let before = counted()
            _ = try await operation.repeated(count)
            return Double(counted() - before) / Double(count)
        #else
            throw NotCounting()
        #endif
    }

    private struct NothingDone: Error {}
    private struct NotCounting: Error {}
}
