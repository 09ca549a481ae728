import Foundation
import Synchronization

/// A PostgreSQL server of the tests' own, in a temporary folder and reachable by a socket in it and by loopback; or the
/// one that `SIGNET_TEST_POSTGRES` names.
///
/// `fsync` is off unless a test asks for it: these tests kill processes, not machines.
final class Cluster: Sendable {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    let folder: String
    let port: Int
    private let isDurable: Bool
    private let process = Mutex<Process?>(nil)

    /// The server that the checks share; it ends with the process.
    static let shared: Result<Cluster, any Error> = Result {
        let cluster = try Cluster()
        clusters.withLock { $0.append(cluster) }
        atexit { clusters.withLock { for cluster in $0 { cluster.remove() } } }
        return cluster
    }
    private static let clusters = Mutex<[Cluster]>([])

    /// A server for one test, which may be killed.
    static func with<Value>(
        isolation: isolated (any Actor)? = #isolation,
        durably: Bool = false,
        _ body: (Cluster) async throws -> Value
    ) async throws -> Value {
        let cluster = try Cluster(durably: durably)
        defer { cluster.remove() }
        return try await body(cluster)
    }

    init(durably isDurable: Bool = false) throws {
        self.isDurable = isDurable
        let base = FileManager.default.temporaryDirectory.path
        folder = base + "/signet-pg-\(UUID().uuidString.prefix(8))"
        port = Int.random(in: 20_000..<30_000)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        if Self.isRoot {
            // PostgreSQL refuses to run as root.
            try Self.run("/bin/chown", ["postgres", folder])
        }
        try Self.run(
            Self.program("initdb"),
            ["-D", folder + "/data", "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"],
            asPostgres: true
        )
        try start()
    }

    /// Starts the server and returns when it answers.
    func start(_ options: [String] = []) throws {
        let settings = [
            "-k", folder, "-p", "\(port)", "-c", "listen_addresses=127.0.0.1", "-c",
            "fsync=\(isDurable ? "on" : "off")",
            "-c", "max_connections=100", "-c", "autovacuum=off", "-c", "shared_buffers=32MB",
        ]
        let process = Self.process(
            Self.program("postgres"),
            ["-D", folder + "/data"] + settings + options,
            asPostgres: true
        )
        process.standardOutput = FileHandle.nullDevice
        let log = folder + "/log"
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        process.standardError = FileHandle(forWritingAtPath: log)
        try process.run()
        self.process.withLock { $0 = process }
        for _ in 0..<300 {
            if (try? Self.run(Self.program("pg_isready"), ["-q", "-h", folder, "-p", "\(port)"])) != nil { return }
            usleep(100_000)
        }
        throw Failure(
            description: "the server does not start: \((try? String(contentsOfFile: log, encoding: .utf8)) ?? "")"
        )
    }

    /// Kills every process of the server with -9.
    func kill() {
        let pids = serverProcesses()
        for pid in pids { Foundation.kill(pid, SIGKILL) }
        guard let process = process.withLock({ $0.take() }) else { return }
        // runuser stops itself when its child is stopped; it has to run to see it end.
        Foundation.kill(process.processIdentifier, SIGCONT)
        for _ in 0..<30 where process.isRunning { usleep(100_000) }
        if process.isRunning { Foundation.kill(process.processIdentifier, SIGKILL) }
        // A killed server leaves it, and a later one may find its number in use.
        try? FileManager.default.removeItem(atPath: folder + "/data/postmaster.pid")
    }

    func pause() { for pid in serverProcesses() { Foundation.kill(pid, SIGSTOP) } }
    func resume() { for pid in serverProcesses() { Foundation.kill(pid, SIGCONT) } }

    func remove() {
        kill()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// The postmaster and its children.
    private func serverProcesses() -> [Int32] {
        guard let text = try? String(contentsOfFile: folder + "/data/postmaster.pid", encoding: .utf8),
            let first = text.split(separator: "\n").first, let postmaster = Int32(first)
        else { return [] }
        let children = (try? Self.run("/bin/ps", ["-o", "pid=", "--ppid", "\(postmaster)"])) ?? ""
        return [postmaster] + children.split(whereSeparator: \.isWhitespace).compactMap { Int32($0) }
    }

    func address(_ database: String = "postgres", parameters: String = "", user: String = "postgres") -> String {
        "postgres://\(user)@127.0.0.1:\(port)/\(database)?sslmode=disable\(parameters.isEmpty ? "" : "&" + parameters)"
    }

    /// What `psql` prints for a statement: rows without decoration.
    @discardableResult
    func sql(_ statement: String, database: String = "postgres") throws -> String {
        try Self.run(
            Self.program("psql"),
            ["-h", folder, "-p", "\(port)", "-U", "postgres", "-d", database, "-qAtX", "-v", "ON_ERROR_STOP=1"]
                + ["-c", statement]
        )
    }

    /// Runs `statement` in a transaction of an administrator, who commits after so long; returns once it has run.
    func holding(_ statement: String, seconds: Int = 1) async throws -> Process {
        let holder = Self.process(
            Self.program("psql"),
            [
                "-h", folder, "-p", "\(port)", "-U", "postgres", "-d", "postgres", "-qAtX", "-c",
                "BEGIN; \(statement); SELECT pg_sleep(\(seconds)); COMMIT",
            ]
        )
        holder.standardOutput = FileHandle.nullDevice
        try holder.run()
        let isHeld = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        while try sql(isHeld) == "0" { try await Task.sleep(for: .milliseconds(20)) }
        return holder
    }

    // MARK: Programs

    static let isRoot = geteuid() == 0

    static let programs: String? = {
        let fixed = ["/opt/homebrew/opt/postgresql@15/bin", "/usr/local/bin", "/usr/bin"]
        let versions = (13...18).reversed().map { "/usr/lib/postgresql/\($0)/bin" }
        return (versions + fixed).first { FileManager.default.isExecutableFile(atPath: $0 + "/initdb") }
    }()

    static func program(_ name: String) -> String { (programs ?? "") + "/" + name }

    static func process(_ program: String, _ arguments: [String], asPostgres: Bool = false) -> Process {
        let process = Process()
        let isOther = asPostgres && isRoot
        process.executableURL = URL(fileURLWithPath: isOther ? "/usr/sbin/runuser" : program)
        process.arguments = (isOther ? ["-u", "postgres", "--", program] : []) + arguments
        process.currentDirectoryURL = URL(fileURLWithPath: "/")
        return process
    }

    @discardableResult
    static func run(_ program: String, _ arguments: [String], asPostgres: Bool = false) throws -> String {
        let process = process(program, arguments, asPostgres: asPostgres)
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(description: "\(program) ended with \(process.terminationStatus): \(text)")
        }
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
