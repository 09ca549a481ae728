import AuthorizationServer
import Foundation
import Instants
import JOSE
import SQLiteStore
import Storage
import Testing

@testable import signet

@Suite("Executable: saving, restoring, checking and moving a store", .timeLimit(.minutes(10)))
struct StoreCommandTests {
    let temporary: TemporaryFolder
    var data: String { temporary.path + "/data" }

    init() throws { temporary = try TemporaryFolder() }

    func signet(_ arguments: String...) async throws -> Executable.Outcome {
        await (try Child(arguments + ["--data-dir", data])).outcome()
    }

    func succeed(_ arguments: String...) async throws -> JSON {
        let outcome = await (try Child(arguments + ["--data-dir", data, "--json"])).outcome()
        try #require(outcome.status == 0, "\(arguments): \(outcome)")
        return try outcome.json
    }

    func epoch(of path: String) async throws -> String? {
        let store = try SQLiteStore(path: path)
        let record = try await store.find(FeedState.key, now: Instant(secondsSinceEpoch: 1_800_000_000))
        try await store.close()
        return try record.map { try FeedState(from: $0).epoch }
    }

    @Test("A backup made while the server runs is whole, private, and never replaces a file; it is restored elsewhere")
    func backupAndRestore() async throws {
        let file = temporary.path + "/saved.sqlite"
        try await RunningServer.with([], folder: data) { _ in
            _ = try await succeed("client", "create", "--id", "billing", "--name", "Billing")
            let saved = try await succeed("store", "backup", file)
            #expect(saved["master_key_to_save"] == .string(data + "/master.key"))
            #expect(try temporary.mode(of: "saved.sqlite") == 0o600)
            _ = try await succeed("client", "create", "--id", "later", "--name", "Later")
            let again = try await signet("store", "backup", file)
            #expect(again.status == Status.cannotCreate.code)
            // A restore under the server's feet.
            let refused = try await signet("store", "restore", file, "--replace")
            #expect(refused.status == Status.unavailable.code, "\(refused)")
            #expect(refused.errors.contains("is in use by process"), "\(refused)")
        }
        #expect(try await signet("store", "restore", file).status == Status.cannotCreate.code)
        let before = try await epoch(of: data + "/signet.sqlite")
        let restored = try await succeed("store", "restore", file, "--replace")
        let aside = try #require(restored["previous_database"].stringValue)
        #expect(try Files.status(aside)?.mode == 0o600)
        let after = try await epoch(of: data + "/signet.sqlite")
        #expect(before != nil && after != nil && before != after)
        #expect(try await signet("client", "show", "billing").status == 0)
        #expect(try await signet("client", "show", "later").status == Status.notOnRecord.code)
        let ended = try await succeed("revoke", "--list")
        #expect(ended[0]["revoked"] == "everything")
        try await RunningServer.with([], folder: data) { _ in }
    }

    @Test("A store that went back by other means begins anew as a restored one does, once no server is there")
    func wentBack() async throws {
        try await RunningServer.with([], folder: data) { _ in
            let refused = try await signet("store", "restored")
            #expect(refused.status == Status.unavailable.code, "\(refused)")
        }
        let before = try await epoch(of: data + "/signet.sqlite")
        #expect(try await succeed("store", "restored", "--keep-grants")["grants"] == "kept")
        let between = try await epoch(of: data + "/signet.sqlite")
        #expect(try await succeed("revoke", "--list") == [])
        #expect(try await succeed("store", "restored")["grants"] == "ended")
        let after = try await epoch(of: data + "/signet.sqlite")
        #expect(before != nil && between != nil && after != nil)
        #expect(Set([before, between, after]).count == 3)
        #expect(try await succeed("revoke", "--list")[0]["revoked"] == "everything")
        try await RunningServer.with([], folder: data) { _ in }
    }

    @Test("A damaged backup, one of another master key and one with a log beside it change nothing")
    func refusedRestores() async throws {
        let file = temporary.path + "/saved.sqlite"
        try await RunningServer.with([], folder: data) { _ in _ = try await succeed("store", "backup", file) }
        let present = try temporary.bytes(of: "data/signet.sqlite")
        let sound = try temporary.bytes(of: "saved.sqlite")

        var damaged = sound
        damaged.replaceSubrange(8192..<12288, with: [UInt8](repeating: 0x5A, count: 4096))
        try temporary.write(damaged, to: "saved.sqlite")
        let refused = try await signet("store", "restore", file, "--replace")
        #expect(refused.status == Status.data.code, "\(refused)")

        try temporary.write(sound, to: "saved.sqlite")
        try temporary.write([1], to: "saved.sqlite-wal")
        #expect(try await signet("store", "restore", file, "--replace").status == Status.data.code)
        try FileManager.default.removeItem(atPath: file + "-wal")

        let key = try temporary.bytes(of: "data/master.key")
        try temporary.write([UInt8](repeating: 3, count: 32), to: "data/master.key")
        #expect(try await signet("store", "restore", file, "--replace").status == Status.permission.code)
        try temporary.write(key, to: "data/master.key")
        #expect(try temporary.bytes(of: "data/signet.sqlite") == present)
        let names = try FileManager.default.contentsOfDirectory(atPath: data)
        #expect(!names.contains { $0.contains("restor") }, "\(names)")
        #expect(try await succeed("store", "restore", file, "--replace", "--keep-grants")["grants"] == "kept")
        #expect(try await succeed("revoke", "--list") == [])
    }

    @Test("Status counts by kind and says what waits; check finds a page of rubbish")
    func statusAndCheck() async throws {
        try await RunningServer.with([], folder: data) { _ in
            let status = try await succeed("store", "status")
            #expect(status["engine"].stringValue?.hasPrefix("SQLite ") == true)
            #expect(status["kinds"].arrayValue?.contains { $0["kind"] == "signing-key" } == true)
            #expect(try await succeed("store", "check")["sound"] == true)
        }
        var bytes = try temporary.bytes(of: "data/signet.sqlite")
        bytes.replaceSubrange(8192..<12288, with: (0..<4096).map { UInt8($0 * 7 % 256) })
        try temporary.write(bytes, to: "data/signet.sqlite")
        // Everything of the log is in the file by now, and would be read from the log all the same.
        for end in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: data + "/signet.sqlite" + end) }
        let damaged = try await signet("store", "check")
        #expect(damaged.status == Status.data.code, "\(damaged)")
    }

    @Test("A moved store serves from its new place, and the old one refuses with a sentence")
    func migrate() async throws {
        let from = "sqlite:\(data)/signet.sqlite"
        let to = "sqlite:\(temporary.path)/new/signet.sqlite"
        try await RunningServer.with([], folder: data) { _ in
            _ = try await succeed("client", "create", "--id", "billing", "--name", "Billing")
            let refused = try await signet("store", "migrate", "--from", from, "--to", to)
            #expect(refused.status == Status.unavailable.code, "\(refused)")
        }
        let moved = try await succeed("store", "migrate", "--from", from, "--to", to)
        #expect(moved["kinds"]["client"] == 1)
        let refused = try await signet("client", "list")
        #expect(refused.status == Status.configuration.code)
        #expect(refused.errors.contains("was moved to"), "\(refused)")
        #expect(try await signet("store", "migrate", "--from", from, "--to", to).status == Status.configuration.code)
        try FileManager.default.copyItem(atPath: data + "/master.key", toPath: temporary.path + "/new/master.key")
        let new = temporary.path + "/new"
        try await RunningServer.with([], folder: new) { _ in
            let outcome = try await Executable.run("client", "show", "billing", "--data-dir", new)
            #expect(outcome.status == 0, "\(outcome)")
        }
    }

    @Test("Two servers on one file: what one stores the other knows at once")
    func twoServers() async throws {
        try await RunningServer.with([], folder: data) { first in
            let issuer = first.issuer
            let port = Executable.freePort()
            let child = try Child([
                "serve", "--data-dir", data, "--listen", "127.0.0.1:\(port)", "--issuer", issuer,
            ])
            defer { child.kill() }
            while !child.text(of: "output").contains("Ctrl-C stops it.") {
                try #require(child.isRunning)
                try await Task.sleep(for: .milliseconds(10))
            }
            let second = RunningServer(child: child, issuer: "http://localhost:\(port)", port: port)
            let created = try await succeed("client", "create", "--id", "billing", "--name", "Billing")
            let secret = try #require(created["client_secret"].stringValue)
            let login = RunningServer.basic("billing", secret)
            let token = try await first.post("/token", "grant_type=client_credentials", authorization: login)
            let text = try #require(token["access_token"].stringValue)
            let other = try await second.post("/token", "grant_type=client_credentials", authorization: login)
            #expect(other["token_type"] == "Bearer", "\(other)")
            // RFC 7009 §2.2: the answer is empty.
            await #expect(throws: NoJSON.self) {
                try await second.post("/revoke", "token=\(text)", authorization: login)
            }
            let asked = try await first.post("/introspect", "token=\(text)", authorization: login)
            #expect(asked["active"] != true, "\(asked)")
        }
    }
}
