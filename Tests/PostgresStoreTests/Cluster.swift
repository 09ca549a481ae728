import Foundation
import ProcessTesting
import Synchronization

/// A PostgreSQL server of the tests' own, in a temporary folder and reachable by a socket in it and by loopback; or the
/// one that `SIGNET_TEST_POSTGRES` names.
///
/// `fsync` is off unless a test asks for it: these tests kill processes, not machines.
final class Cluster: Sendable {
    let folder: String
    let port: Int
    private let isDurable: Bool
    private let server = Mutex<BackgroundProgram?>(nil)

    /// The server that the checks share; it ends with the process.
    static var shared: Cluster { get async throws { try await sharing.value } }
    private static let sharing = Task {
        let cluster = try await Cluster()
        removedAtExit(cluster.folder)
        return cluster
    }
    /// What `initdb` made.
    private static let emptyData = Task {
        let folder = try await makeFolder()
        removedAtExit(folder)
        let arguments = [
            "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C", "-D", folder + "/data",
        ]
        try await runAsPostgres(program("initdb"), arguments)
        return folder + "/data"
    }

    private static func makeFolder() async throws -> String {
        let folder = FileManager.default.temporaryDirectory.path + "/signet-pg-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        if isRoot { try await runProgram("chown", ["postgres", folder]) }
        return folder
    }

    private static let folders = Mutex<[String]>([])
    private static func removedAtExit(_ folder: String) {
        let isFirst = folders.withLock { folders in
            folders.append(folder)
            return folders.count == 1
        }
        guard isFirst else { return }
        atexit { Cluster.folders.withLock { for folder in $0 { try? FileManager.default.removeItem(atPath: folder) } } }
    }

    /// A server for one test, which may be killed.
    static func with<Value>(
        isolation: isolated (any Actor)? = #isolation,
        durably: Bool = false,
        _ body: (Cluster) async throws -> Value
    ) async throws -> Value {
        let cluster = try await Cluster(durably: durably)
        return try await run {
            try await body(cluster)
        } finally: {
            await cluster.remove()
        }
    }

    private init(durably isDurable: Bool = false) async throws {
        self.isDurable = isDurable
        port = Int.random(in: 20_000..<30_000)
        folder = try await Self.makeFolder()
        // `initdb` takes ten times as long, and dozens of these begin at once.
        try await Self.runAsPostgres("cp", ["-R", try await Self.emptyData.value, folder + "/data"])
        try await start()
    }

    /// Starts the server and returns when it answers.
    func start(_ options: [String] = []) async throws {
        let settings = [
            "-k", folder, "-p", "\(port)", "-c", "listen_addresses=127.0.0.1", "-c",
            "fsync=\(isDurable ? "on" : "off")",
            "-c", "max_connections=100", "-c", "autovacuum=off", "-c", "shared_buffers=32MB",
        ]
        let log = folder + "/log"
        let program = try await Self.background(
            Self.program("postgres"),
            ["-D", folder + "/data"] + settings + options,
            log: log
        )
        server.withLock { $0 = program }
        for _ in 0..<300 {
            let question = ["-q", "-h", folder, "-p", "\(port)"]
            if (try? await runProgram(Self.program("pg_isready"), question)) != nil { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw ProgramFailure(
            "the server does not start: \((try? String(contentsOfFile: log, encoding: .utf8)) ?? "no log")"
        )
    }

    /// Kills every process of the server with -9.
    func kill() async {
        for pid in await serverProcesses() { Foundation.kill(pid, SIGKILL) }
        await server.withLock { $0.take() }?.end()
        // A killed server leaves it, and a later one may find its number in use.
        try? FileManager.default.removeItem(atPath: folder + "/data/postmaster.pid")
    }

    func pause() async { for pid in await serverProcesses() { Foundation.kill(pid, SIGSTOP) } }
    func resume() async { for pid in await serverProcesses() { Foundation.kill(pid, SIGCONT) } }

    private func remove() async {
        await kill()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// The postmaster and its children.
    private func serverProcesses() async -> [Int32] {
        guard let postmaster = server.withLock({ $0?.pid }) else { return [] }
        let children = (try? await runProgram("ps", ["-o", "pid=", "--ppid", "\(postmaster)"])) ?? ""
        return [postmaster] + children.split(whereSeparator: \.isWhitespace).compactMap { Int32($0) }
    }

    func address(_ database: String = "postgres", parameters: String = "", user: String = "postgres") -> String {
        "postgres://\(user)@127.0.0.1:\(port)/\(database)?sslmode=disable\(parameters.isEmpty ? "" : "&" + parameters)"
    }

    /// What `psql` prints for a statement: rows without decoration.
    @discardableResult
    func sql(_ statement: String, database: String = "postgres") async throws -> String {
        try await runProgram(Self.program("psql"), psql(statement, database: database))
    }

    private func psql(_ statement: String, database: String = "postgres") -> [String] {
        [
            "-h", folder, "-p", "\(port)", "-U", "postgres", "-d", database, "-qAtX", "-v", "ON_ERROR_STOP=1", "-c",
            statement,
        ]
    }

    /// Runs `statement` in a transaction of an administrator, who commits after so long; `body` is run once it has run.
    func holding<Value>(
        isolation: isolated (any Actor)? = #isolation,
        _ statement: String,
        seconds: Int = 1,
        _ body: () async throws -> Value
    ) async throws -> Value {
        let transaction = "BEGIN; \(statement); SELECT pg_sleep(\(seconds)); COMMIT"
        let holder = try await BackgroundProgram(Self.program("psql"), psql(transaction))
        return try await run {
            let isHeld = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
            while try await sql(isHeld) == "0" { try await Task.sleep(for: .milliseconds(20)) }
            return try await body()
        } finally: {
            await holder.end()
        }
    }

    // MARK: Programs

    static let isRoot = geteuid() == 0

    static let programs: String? = {
        let fixed = ["/opt/homebrew/opt/postgresql@15/bin", "/usr/local/bin", "/usr/bin"]
        let versions = (13...18).reversed().map { "/usr/lib/postgresql/\($0)/bin" }
        return (versions + fixed).first { FileManager.default.isExecutableFile(atPath: $0 + "/initdb") }
    }()

    static func program(_ name: String) -> String { (programs ?? "") + "/" + name }

    /// A command line for one that may not be root, as PostgreSQL refuses to be.
    private static func asPostgres(_ program: String, _ arguments: [String]) -> [String] {
        let becoming = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"]
        return (isRoot ? becoming : []) + [program] + arguments
    }

    private static func runAsPostgres(_ program: String, _ arguments: [String]) async throws {
        let line = asPostgres(program, arguments)
        try await runProgram(line[0], Array(line.dropFirst()))
    }

    /// Starts a program that may not be root.
    static func background(
        _ program: String,
        _ arguments: [String],
        log: String = "/dev/null"
    ) async throws -> BackgroundProgram {
        let line = asPostgres(program, arguments)
        return try await BackgroundProgram(line[0], Array(line.dropFirst()), log: log)
    }
}
