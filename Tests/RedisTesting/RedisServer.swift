// A real Redis for tests: started in a temporary folder, on a socket or a spare port of its own, and ended with the test.
// Never the system's instance. `SIGNET_TEST_REDIS` names another one for tests that only need a Redis.

import Foundation
import ProcessTesting
public import RedisClient
import Synchronization

/// One `redis-server` of a test.
public final class RedisServer: Sendable {
    public struct Options: Sendable {
        /// A spare port instead of a socket.
        public var isOnNetwork = false
        /// TLS on a spare port, with certificates made for it.
        public var hasTLS = false
        /// Further lines of its configuration.
        public var configuration: [String] = []

        public init(isOnNetwork: Bool = false, hasTLS: Bool = false, configuration: [String] = []) {
            self.isOnNetwork = isOnNetwork || hasTLS
            self.hasTLS = hasTLS
            self.configuration = configuration
        }
    }

    public let folder: String
    public let options: Options
    /// Where it listens, with TLS as it is made here and without a user.
    public let address: RedisAddress
    private let running = Mutex<BackgroundProgram?>(nil)

    private init(folder: String, options: Options) throws {
        self.folder = folder
        self.options = options
        if options.isOnNetwork {
            let tls = options.hasTLS ? RedisTLS(authorities: folder + "/ca.pem") : nil
            address = RedisAddress(.network(host: "localhost", port: Int(try sparePort())), tls: tls)
        } else {
            address = RedisAddress(.socket(path: folder + "/redis.sock"))
        }
        try configurationText.write(toFile: folder + "/redis.conf", atomically: true, encoding: .utf8)
    }

    /// Runs `body` with a Redis of its own.
    ///
    /// - Parameter isRunning: whether it was started; otherwise nobody listens at its address.
    public static func with<Value>(
        _ options: Options = Options(),
        isRunning: Bool = true,
        isolation: isolated (any Actor)? = #isolation,
        _ body: (RedisServer) async throws -> Value
    ) async throws -> Value {
        let server = try make(options)
        return try await run {
            if isRunning { try await server.start() }
            return try await body(server)
        } finally: {
            await server.remove()
        }
    }

    /// A server that is not running yet.
    static func make(_ options: Options = Options()) throws -> RedisServer {
        // Short: the path of a socket may have a hundred bytes.
        let folder = "\(FileManager.default.temporaryDirectory.path)/redis-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        return try RedisServer(folder: folder, options: options)
    }

    private var configurationText: String {
        var lines = [
            "dir \(folder)", "logfile \(folder)/redis.log", "daemonize no", "save \"\"", "databases 16",
            "protected-mode no", "bind 127.0.0.1 -::1", "enable-debug-command yes",
        ]
        switch address.place {
        case .socket(let path): lines += ["port 0", "unixsocket \(path)"]
        case .network(_, let port):
            if options.hasTLS {
                lines += [
                    "port 0", "tls-port \(port)", "tls-cert-file \(folder)/server.pem",
                    "tls-key-file \(folder)/server.key", "tls-ca-cert-file \(folder)/ca.pem", "tls-auth-clients no",
                ]
            } else {
                lines.append("port \(port)")
            }
        }
        return (lines + options.configuration).joined(separator: "\n") + "\n"
    }

    /// Starts it, again if it was killed, and waits until it answers.
    public func start() async throws {
        if options.hasTLS { try await makeCertificates(in: folder) }
        let readiness = timesReady
        let program = try await BackgroundProgram("redis-server", [folder + "/redis.conf"])
        running.withLock { $0 = program }
        for _ in 0..<1000 {
            if timesReady > readiness { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw ProgramFailure("redis-server, which scripts/setup-tests.sh installs, did not start: \(log)")
    }

    private var log: String { (try? String(contentsOfFile: folder + "/redis.log", encoding: .utf8)) ?? "no log" }

    private var timesReady: Int { log.components(separatedBy: "eady to accept connections").count }

    private func signal(_ number: Int32) {
        running.withLock { running in
            if let running { kill(running.pid, number) }
        }
    }

    /// `kill -9`, as a crash.
    public func crash() async { await running.withLock { $0.take() }?.end() }

    /// It stands still: connections stand, and nothing is answered.
    public func pause() { signal(SIGSTOP) }

    /// It goes on.
    public func resume() { signal(SIGCONT) }

    /// Ends it and removes its folder.
    func remove() async {
        await crash()
        try? FileManager.default.removeItem(atPath: folder)
    }
}

private func sparePort() throws -> UInt16 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
        }
    }
    guard isBound else { throw ProgramFailure("no spare port") }
    return UInt16(bigEndian: address.sin_port)
}

/// An authority, a certificate for localhost, and the certificate of a stranger.
private func makeCertificates(in folder: String) async throws {
    let script = #"""
        set -e
        cd "$1"
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test-ca -keyout ca.key -out ca.pem
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=stranger -keyout other.key -out other.pem
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=redis -keyout server.key -out server.csr
        echo subjectAltName=DNS:localhost > san
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out server.pem
        """#
    try await runProgram("/bin/sh", ["-c", script, "sh", folder])
}
