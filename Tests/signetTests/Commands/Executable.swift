import AsyncHTTPClient
import Foundation
import JOSE
import NIOCore
import NIOHTTP1
import ServerHTTP
import Synchronization

@testable import signet

/// Swift Testing has a type of the same name.
typealias Status = signet.ExitStatus

/// The built executable, run as an operator runs it.
enum Executable {
    struct Outcome: Sendable {
        var status: Int32
        var output: String
        var errors: String

        var json: JSON { get throws { try JSON(parsing: Array(output.utf8)) } }
        /// What `signet` said in its own name, without the lines of the log.
        var sentences: [String] {
            errors.split(separator: "\n").filter { $0.hasPrefix("signet: ") }.map { String($0.dropFirst(8)) }
        }
    }

    struct NotBuilt: Error {}
    struct NotStarted: Error { var outcome: Outcome }

    /// Beside the test bundle; `SIGNET_BIN` names another one.
    static var path: String {
        get throws {
            let environment = ProcessInfo.processInfo.environment["SIGNET_BIN"]
            let beside = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().path + "/signet"
            let root = URL(filePath: #filePath).pathComponents.prefix { $0 != "Tests" }.joined(separator: "/")
                .dropFirst()
            let candidates = [environment, beside, root + "/.build/debug/signet"].compactMap(\.self)
            guard let found = candidates.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
                throw NotBuilt()
            }
            return found
        }
    }

    static func run(
        _ arguments: String...,
        input: String = "",
        environment: [String: String] = [:]
    ) async throws -> Outcome {
        let child = try Child(arguments, input: input, environment: environment)
        return await child.outcome()
    }

    private static let nextPort = Mutex(20_000 + Int(ProcessInfo.processInfo.processIdentifier) % 20_000)

    /// The first of three consecutive ports that are free.
    static func freePort() -> Int {
        nextPort.withLock { next in
            while true {
                next = next > 60_000 ? 20_000 : next + 3
                let ports = (next..<next + 3).map { ListenAddress(host: "127.0.0.1", port: $0) }
                if !ports.contains(where: PortProbe.isTaken) { return next }
            }
        }
    }
}

/// A process whose output goes to files, so that nothing has to read it while it runs.
final class Child: Sendable {
    /// Foundation hears of a child's end by a socket that it does not keep from children which are started at the same time: one
    /// of those would hold it open, and the end would be heard of at that one's end.
    private static let starting = Mutex(())

    private let process: Process
    private let folder: TemporaryFolder
    private let ended: AsyncStream<Int32>

    init(_ arguments: [String], input: String = "", environment: [String: String] = [:]) throws {
        folder = try TemporaryFolder()
        process = Process()
        process.executableURL = URL(filePath: try Executable.path)
        process.arguments = arguments
        process.environment = ["PATH": "/usr/bin:/bin", "HOME": folder.path].merging(environment) { $1 }
        process.currentDirectoryURL = URL(filePath: folder.path)
        try folder.write(Array(input.utf8), to: "input")
        for name in ["output", "errors"] { try folder.write([], to: name) }
        process.standardInput = try FileHandle(forReadingFrom: URL(filePath: folder.path + "/input"))
        process.standardOutput = try FileHandle(forWritingTo: URL(filePath: folder.path + "/output"))
        process.standardError = try FileHandle(forWritingTo: URL(filePath: folder.path + "/errors"))
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self)
        ended = stream
        process.terminationHandler = { process in
            continuation.yield(process.terminationReason == .exit ? process.terminationStatus : -1)
            continuation.finish()
        }
        try Self.starting.withLock { _ in try process.run() }
    }

    var isRunning: Bool { process.isRunning }
    func text(of name: String) -> String { String(decoding: (try? folder.bytes(of: name)) ?? [], as: UTF8.self) }

    /// Waits until it has ended.
    func outcome() async -> Executable.Outcome {
        var status: Int32 = -1
        for await code in ended { status = code }
        return Executable.Outcome(status: status, output: text(of: "output"), errors: text(of: "errors"))
    }

    func terminate() { process.terminate() }
    func interrupt() { process.interrupt() }
    func kill() { Foundation.kill(process.processIdentifier, SIGKILL) }
}

/// An answer that was to be JSON and was not.
struct NoJSON: Error { var answer: String }

/// `signet serve` on a port of its own, stopped at the end of the block.
struct RunningServer: Sendable {
    let child: Child
    let issuer: String
    let port: Int

    @discardableResult
    static func with<Value: Sendable>(
        _ arguments: [String],
        folder: String,
        issuer path: String = "",
        _ body: (RunningServer) async throws -> Value
    ) async throws -> Value {
        let port = Executable.freePort()
        let issuer = "http://localhost:\(port)\(path)"
        let child = try Child(
            ["serve", "--data-dir", folder, "--listen", "127.0.0.1:\(port)", "--issuer", issuer] + arguments
        )
        do {
            while !child.text(of: "output").contains("Ctrl-C stops it.") {
                guard child.isRunning else { throw Executable.NotStarted(outcome: await child.outcome()) }
                try await Task.sleep(for: .milliseconds(10))
            }
            let value = try await body(RunningServer(child: child, issuer: issuer, port: port))
            child.terminate()
            _ = await child.outcome()
            return value
        } catch {
            child.terminate()
            print("\(error); what the server said last:\n\(await child.outcome().errors.suffix(4000))")
            throw error
        }
    }

    func get(_ path: String, authorization: String? = nil) async throws -> JSON {
        var request = HTTPClientRequest(url: issuer + path)
        if let authorization { request.headers.add(name: "Authorization", value: authorization) }
        return try await answer(request)
    }

    func post(_ path: String, _ fields: String, authorization: String? = nil) async throws -> JSON {
        var request = HTTPClientRequest(url: issuer + path)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
        if let authorization { request.headers.add(name: "Authorization", value: authorization) }
        request.body = .bytes(ByteBuffer(string: fields))
        return try await answer(request)
    }

    private func answer(_ request: HTTPClientRequest) async throws -> JSON {
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let body = Array(try await response.body.collect(upTo: 1 << 20).readableBytesView)
        do {
            return try JSON(parsing: body)
        } catch {
            throw NoJSON(
                answer:
                    "\(request.url): \(response.status) \(response.headers) \(String(decoding: body, as: UTF8.self))"
            )
        }
    }

    static func basic(_ name: String, _ secret: String) -> String {
        "Basic " + Data("\(name):\(secret)".utf8).base64EncodedString()
    }
}

extension JSON {
    subscript(name: String) -> JSON { objectValue?[name] ?? .null }
    subscript(index: Int) -> JSON { arrayValue.map { $0.indices.contains(index) ? $0[index] : .null } ?? .null }
}
