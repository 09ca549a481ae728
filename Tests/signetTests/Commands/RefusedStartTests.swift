import Foundation
import JOSE
import Testing

@testable import signet

/// Every way in which a start is refused: one sentence, its exit code, nothing damaged.
@Suite("Executable: refused starts", .timeLimit(.minutes(5)))
struct RefusedStartTests {
    let temporary: TemporaryFolder
    var data: String { temporary.path + "/data" }

    init() throws { temporary = try TemporaryFolder() }

    func serve(_ arguments: String...) async throws -> Executable.Outcome {
        let port = Executable.freePort()
        let all = ["serve", "--issuer", "http://localhost:\(port)", "--listen", "127.0.0.1:\(port)"] + arguments
        return await (try Child(all)).outcome()
    }

    /// A folder that a server has used, and its two files.
    func usedFolder() async throws -> (database: [UInt8], key: [UInt8]) {
        try await RunningServer.with([], folder: data) { _ in }
        return try files()
    }

    func files() throws -> (database: [UInt8], key: [UInt8]) {
        (try temporary.bytes(of: "data/signet.sqlite"), try temporary.bytes(of: "data/master.key"))
    }

    func expectRefusal(_ outcome: Executable.Outcome, _ status: Status, naming text: String) {
        #expect(outcome.status == status.code, "\(outcome)")
        #expect(outcome.sentences.count == 1, "\(outcome.errors)")
        #expect(outcome.sentences.first?.contains(text) == true, "\(outcome.errors)")
        #expect(!outcome.output.contains("issuer"), "nothing claims that it listens")
    }

    @Test("A taken port, before anything is written")
    func takenPort() async throws {
        try await RunningServer.with([], folder: data) { server in
            let other = temporary.path + "/other"
            let outcome = try await Executable.run(
                "serve",
                "--issuer",
                "http://localhost:1",
                "--listen",
                "127.0.0.1:\(server.port)",
                "--data-dir",
                other
            )
            expectRefusal(outcome, .unavailable, naming: "127.0.0.1:\(server.port)")
            #expect(try Files.status(other) == nil)
            #expect(try await server.get("/jwks.json")["keys"].arrayValue?.isEmpty == false)
        }
    }

    @Test("A taken port of the demo")
    func takenDemoPort() async throws {
        try await RunningServer.with([], folder: data) { server in
            let outcome = try await Executable.run(
                "serve",
                "--dev",
                "--listen",
                "127.0.0.1:\(server.port - 2)",
                "--data-dir",
                temporary.path + "/other"
            )
            expectRefusal(outcome, .unavailable, naming: "127.0.0.1:\(server.port)")
        }
    }

    @Test("A folder that cannot be made or written")
    func unwritable() async throws {
        expectRefusal(try await serve("--data-dir", "/dev/null/x"), .cannotCreate, naming: "/dev/null/x")
    }

    @Test("A database that is garbage stays as it is")
    func garbage() async throws {
        _ = try await usedFolder()
        let garbage = [UInt8](repeating: 0x41, count: 8192)
        try temporary.write(garbage, to: "data/signet.sqlite")
        expectRefusal(try await serve("--data-dir", data), .data, naming: "signet.sqlite")
        #expect(try temporary.bytes(of: "data/signet.sqlite") == garbage)
    }

    @Test("A newer schema stays as it is, and the same database with its own schema starts")
    func newerSchema() async throws {
        let used = try await usedFolder()
        var newer = used.database
        // https://www.sqlite.org/fileformat.html §1.3: the user version, big-endian, at offset 60.
        newer.replaceSubrange(60..<64, with: [0, 0, 0x27, 0x0F])
        try temporary.write(newer, to: "data/signet.sqlite")
        expectRefusal(try await serve("--data-dir", data), .data, naming: "9999")
        #expect(try temporary.bytes(of: "data/signet.sqlite") == newer)
        try temporary.write(used.database, to: "data/signet.sqlite")
        try await RunningServer.with([], folder: data) { _ in }
    }

    @Test("Another store's master key, one that others can read, and none at all")
    func masterKey() async throws {
        let used = try await usedFolder()
        try temporary.write([UInt8](repeating: 9, count: 32), to: "data/master.key")
        expectRefusal(try await serve("--data-dir", data), .permission, naming: "is not the master key")
        try temporary.write(used.key, to: "data/master.key", mode: 0o644)
        expectRefusal(try await serve("--data-dir", data), .permission, naming: "chmod 600")
        try FileManager.default.removeItem(atPath: data + "/master.key")
        expectRefusal(try await serve("--data-dir", data), .permission, naming: "is missing")
        #expect(try temporary.bytes(of: "data/signet.sqlite") == used.database)
        try temporary.write(used.key, to: "data/master.key")
        try await RunningServer.with([], folder: data) { _ in }
    }

    @Test("No issuer, a plain-http issuer, and faults in the configuration")
    func configuration() async throws {
        expectRefusal(
            try await Executable.run("serve", "--data-dir", data),
            .configuration,
            naming: "the issuer must be named"
        )
        expectRefusal(
            try await Executable.run("serve", "--data-dir", data, "--issuer", "http://id.example"),
            .configuration,
            naming: "plain http"
        )
        try temporary.write(Array("isuer: https://id.example\nlisten: 80\n".utf8), to: "signet.yaml")
        let outcome = try await Executable.run("serve", "--data-dir", data, "--config", temporary.path + "/signet.yaml")
        #expect(outcome.status == Status.configuration.code)
        #expect(outcome.errors.contains("did you mean issuer?"))
        #expect(outcome.errors.contains("listen ("))
        #expect(try Files.status(data) == nil)
    }

    @Test("What serve --dev made, until the commands that it names have removed it")
    func demoLeftovers() async throws {
        try await RunningServer.with(["--dev"], folder: data) { _ in }
        let refused = try await serve("--data-dir", data)
        #expect(refused.status == Status.configuration.code)
        let commands = refused.errors.split(separator: "\n").filter { $0.hasPrefix("  signet ") }.map {
            $0.split(separator: " ").dropFirst().map(String.init)
        }
        // The person, the page, the service, the terminal, `signet login`, and the API.
        #expect(commands.count == 6, "\(refused.errors)")
        for command in commands {
            let outcome = await (try Child(command)).outcome()
            #expect(outcome.status == 0, "\(command): \(outcome.errors)")
        }
        try await RunningServer.with([], folder: data) { _ in }
    }
}
