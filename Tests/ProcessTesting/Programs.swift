// Programs that tests start: run to their end, or kept until the test ends them.
//
// Not by Foundation's `Process`: it blocks the thread that waits, which is one of Swift's few, and on Linux it hears of a
// child's end by a socket that a child started at the same moment inherits, so that it waits for that one's end
// (swift-corelibs-foundation, issue 4795). Servers that outlive the test then keep it waiting for ever.

import Foundation
import Subprocess

/// A program that did not do what it was started for.
public struct ProgramFailure: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}

/// Runs `body`, and `end` after it, whether it threw or not: `defer` cannot wait.
public func run<Value>(
    isolation: isolated (any Actor)? = #isolation,
    _ body: () async throws -> Value,
    finally end: () async -> Void
) async throws -> Value {
    do {
        let value = try await body()
        await end()
        return value
    } catch {
        await end()
        throw error
    }
}

/// Runs a program to its end and returns what it printed, errors included, without the line breaks around it.
///
/// - Throws: ``ProgramFailure`` if it ends otherwise than with 0.
@discardableResult
public func runProgram(_ program: String, _ arguments: [String]) async throws -> String {
    let ended = try await run(
        .name("sh"),
        arguments: Arguments(["-c", #"exec "$@""#, "sh", program] + arguments),
        output: .string(limit: 1 << 24),
        error: .combinedWithOutput
    )
    guard ended.terminationStatus.isSuccess else {
        throw ProgramFailure("\(program) ended with \(ended.terminationStatus): \(ended.standardOutput)")
    }
    return ended.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
}

/// A program that runs until it is ended, and at the latest until this process ends, however that does.
public final class BackgroundProgram: Sendable {
    /// The program's own number.
    public let pid: Int32
    private let hold: AsyncStream<Void>.Continuation
    private let keeper: Task<Void, any Error>

    /// The shell waits for a line that never comes: when this process lets go, or ends, it reads the end of its input.
    private static let script = #"""
        log=$1; shift
        "$@" >>"$log" 2>&1 &
        echo $!
        exec >/dev/null
        read -r line
        kill -9 $! 2>/dev/null
        wait
        """#

    /// Starts a program.
    ///
    /// - Parameter log: the file to whose end its output and errors go.
    public init(_ program: String, _ arguments: [String], log: String = "/dev/null") async throws {
        let (held, hold) = AsyncStream.makeStream(of: Void.self)
        let (started, start) = AsyncStream.makeStream(of: Int32.self)
        self.hold = hold
        keeper = Task {
            defer { start.finish() }
            _ = try await run(
                .name("sh"),
                arguments: Arguments(["-c", Self.script, "sh", log, program] + arguments),
                input: .inputWriter,
                output: .sequence,
                error: .discarded
            ) { shell in
                for try await line in shell.standardOutput.strings() {
                    if let pid = Int32(line.filter(\.isNumber)) { start.yield(pid) }
                }
                start.finish()
                for await _ in held {}
            }
        }
        var pid: Int32?
        for await number in started { pid = number }
        guard let pid else {
            hold.finish()
            try await keeper.value
            throw ProgramFailure("\(program) was not started")
        }
        self.pid = pid
    }

    /// `kill -9`; returns when it is gone.
    public func end() async {
        hold.finish()
        _ = await keeper.result
    }
}
