import AuthorizationServer
import FoundationEssentials
import HTTPTypes
import Instants
import JOSE
import Logging
import OAuthVocabulary
import Testing

@testable import ServerHTTP

/// A folder of its own that is gone afterwards.
struct TemporaryFolder: ~Copyable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/signet-http-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

@Suite("The journal")
struct JournalTests {
    @Test("a refusal has one line with its trace id, code, description, detail, client, path and address")
    func line() async throws {
        let world = try await HTTPWorld()
        let answer = try await world.post("/token", ["grant_type": "nonsense", "client_id": "app"])
        let refused = world.log.lines.filter { $0.message == "request refused" }
        let line = try #require(refused.first)
        #expect(refused.count == 1 && line.level == .info)
        #expect(line.metadata["trace"] == answer["signet-trace-id"])
        #expect(line.metadata["error"] == answer.error)
        #expect(line.metadata["path"] == "/token" && line.metadata["method"] == "POST")
        #expect(line.metadata["client"] == "app" && line.metadata["address"] == "192.0.2.1")
        #expect(line.metadata["status"] == "\(answer.status)" && line.metadata["description"]?.isEmpty == false)
        let before = refused.count
        _ = try await world.send(.get, "/jwks.json")
        #expect(world.log.lines.filter { $0.message == "request refused" }.count == before)
        #expect(world.log.lines.contains { $0.message == "request" && $0.level == .debug })
    }

    @Test("RFC 8628 §3.5: a device that waits fills neither the log nor the file, and one that asks too often does")
    func waitingDevice() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path
        let world = try await HTTPWorld(configure: { $0.explainLog = ExplainLog(folder: path) })
        try await world.client("tv") {
            $0.redirectURIs = []
            $0.postLogoutRedirectURIs = []
            $0.grantTypes = [.deviceCode]
        }
        let codes = try await world.post("/device_authorization", ["client_id": "tv", "scope": "openid"])
        #expect(codes.status == 200 && codes["cache-control"] == "no-store")
        let form: KeyValuePairs = [
            "grant_type": GrantType.deviceCode.value, "client_id": "tv",
            "device_code": try #require(try codes.json["device_code"]?.stringValue),
        ]
        let pending = try await world.post("/token", form)
        #expect(pending.status == 400 && pending.error == "authorization_pending")
        func written() -> [CapturedLog.Line] {
            world.log.lines.filter { $0.message == "request refused" && $0.level > .debug }
        }
        #expect(written().isEmpty)
        #expect(try await world.post("/token", form).error == "slow_down")
        #expect(written().count == 1)
        #expect(!world.log.text.contains(try #require(try codes.json["device_code"]?.stringValue)))
        #expect(!world.log.text.contains(try #require(try codes.json["user_code"]?.stringValue)))
    }

    @Test("CWE-117: what a request brings stays on one line and within bounds")
    func injection() async throws {
        let world = try await HTTPWorld()
        _ = try await world.send(.get, "/a\u{0A}forged line\u{1B}[2J\u{202E}" + String(repeating: "x", count: 5000))
        for line in world.log.lines where line.message.hasPrefix("request") {
            let path = try #require(line.metadata["path"])
            #expect(!path.unicodeScalars.contains { $0.value < 0x20 || $0 == "\u{202E}" })
            #expect(path.unicodeScalars.count <= Journal.longestText + 1)
        }
    }

    @Test("no secret of a whole sign-in reaches the log or the file: password, code, tokens, cookies, form tokens")
    func noSecrets() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path
        let world = try await HTTPWorld(
            configure: { $0.explainLog = ExplainLog(folder: path) },
            provide: { $0.disclosure = .expectedAndGot }
        )
        try await world.client()
        try await world.person()
        let browser = TestBrowser(world)
        let page = try await browser.openSignIn(HeaderTests.authorize + "&nonce=a-nonce-nobody-else-uses-0123456789")
        var secrets = [HTTPWorld.password, "a wrong password of somebody", "a-nonce-nobody-else-uses-0123456789"]
        secrets += [try #require(page.field("form_token")), try #require(page.field("interaction"))]
        let failed = try await browser.signIn(page, password: "a wrong password of somebody")
        let back = try await browser.follow(try await browser.signIn(failed))
        secrets += browser.cookies.values
        let code = try #require(back["location"]).dropFirst("https://app.example/callback?code=".count).prefix {
            $0 != "&"
        }
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        secrets += [String(code), verifier]
        func redeem(_ verifier: String) async throws -> TestAnswer {
            try await world.post(
                "/token",
                [
                    "grant_type": "authorization_code", "code": String(code), "client_id": "app",
                    "redirect_uri": "https://app.example/callback", "code_verifier": verifier,
                ]
            )
        }
        let tokens = try await redeem(verifier).json
        for name in ["access_token", "refresh_token", "id_token"] {
            if let token = tokens[name]?.stringValue { secrets.append(token) }
        }
        // Everything again, where it is refused.
        let access = try #require(tokens["access_token"]?.stringValue)
        _ = try await redeem(verifier)
        _ = try await world.post(
            "/token",
            ["grant_type": "refresh_token", "refresh_token": access, "client_id": "app"]
        )
        _ = try await world.send(.get, "/userinfo", headers: [("authorization", "Bearer \(access)x")])
        _ = try await world.send(
            .post,
            "/token",
            headers: [("authorization", "Basic c2VydmljZTpzZWNyZXQtb2YtYS1zZXJ2aWNl")]
        )
        secrets += ["c2VydmljZTpzZWNyZXQtb2YtYS1zZXJ2aWNl", "secret-of-a-service"]
        _ = try await world.send(.get, "/logout?id_token_hint=\(tokens["id_token"]?.stringValue ?? "x")x")
        _ = try await browser.get("/nothing?code=\(code)&token=\(access)")

        var written = ""
        for _ in 0..<100 {
            written = (try? String(contentsOfFile: "\(path)/\(ExplainLog.fileName)", encoding: .utf8)) ?? ""
            if written.split(separator: "\n").count >= 5 { break }
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(written.split(separator: "\n").count >= 5)
        let log = world.log.text
        #expect(log.split(separator: "\n").count > 10)
        for secret in secrets {
            #expect(!log.contains(secret), "in the log: \(secret.prefix(12))…")
            #expect(!written.contains(secret), "in the file: \(secret.prefix(12))…")
        }
    }

    @Test(
        "what looks like a credential is masked",
        arguments: [
            ("short abc", "short abc"),
            ("token \(String(repeating: "a", count: 39))", "token \(String(repeating: "a", count: 39))"),
            ("token \(String(repeating: "a", count: 40)) end", "token aaaaaa… end"),
            (String(repeating: "b-_", count: 20), "b-_b-_…"),
            ("https://app.example/callback", "https://app.example/callback"), ("", ""),
        ]
    )
    func masking(text: String, masked: String) {
        #expect(Masking.masked(text) == masked)
    }
}

@Suite("The explain log")
struct ExplainLogTests {
    static func entry(_ trace: String, detail: String = "d") -> RefusalLogEntry {
        RefusalLogEntry(
            traceID: trace,
            time: Instant(secondsSinceEpoch: 1_800_000_000),
            method: "POST",
            path: "/token",
            status: 400,
            error: "invalid_grant",
            description: "the code is not valid",
            detail: detail,
            clientID: "app",
            address: "192.0.2.1"
        )
    }

    static func wait(for trace: String, in folder: String) async throws -> RefusalLogEntry? {
        for _ in 0..<200 {
            if let entry = try ExplainLog.find(trace, in: folder) { return entry }
            try await Task.sleep(for: .milliseconds(10))
        }
        return nil
    }

    @Test("an entry is found again by its trace id, from the files alone")
    func find() async throws {
        let folder = try TemporaryFolder()
        #expect(try ExplainLog.find("a", in: folder.path) == nil)
        let log = ExplainLog(folder: folder.path)
        for index in 0..<50 { log.append(Self.entry("trace-\(index)", detail: "line\nbreak \(index)")) }
        #expect(try await Self.wait(for: "trace-49", in: folder.path)?.detail == "line\nbreak 49")
        #expect(try ExplainLog.find("trace-0", in: folder.path) == Self.entry("trace-0", detail: "line\nbreak 0"))
        #expect(try ExplainLog.find("trace-", in: folder.path) == nil)
    }

    @Test("the file is for its owner alone, and is never written through a link")
    func permissions() async throws {
        let folder = try TemporaryFolder()
        ExplainLog(folder: folder.path).append(Self.entry("a"))
        _ = try await Self.wait(for: "a", in: folder.path)
        let file = "\(folder.path)/\(ExplainLog.fileName)"
        let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
        #expect(mode == 0o600)

        let other = try TemporaryFolder()
        let target = "\(other.path)/target"
        try "untouched".write(toFile: target, atomically: true, encoding: .utf8)
        try FileManager.default.createSymbolicLink(
            atPath: "\(other.path)/\(ExplainLog.fileName)",
            withDestinationPath: target
        )
        let log = ExplainLog(folder: other.path)
        log.append(Self.entry("b"))
        for _ in 0..<200 where log.dropped == 0 { try await Task.sleep(for: .milliseconds(10)) }
        #expect(log.dropped == 1)
        #expect(try String(contentsOfFile: target, encoding: .utf8) == "untouched")
    }

    @Test("it stays within twice its size, and the rotated file is searched too")
    func rotation() async throws {
        let folder = try TemporaryFolder()
        let log = ExplainLog(folder: folder.path, maximumBytes: 2000)
        for index in 0..<60 {
            log.append(Self.entry("trace-\(index)"))
            _ = try await Self.wait(for: "trace-\(index)", in: folder.path)
        }
        var total = 0
        for name in [ExplainLog.fileName, ExplainLog.rotatedName] {
            let attributes = try? FileManager.default.attributesOfItem(atPath: "\(folder.path)/\(name)")
            total += (attributes?[.size] as? Int) ?? 0
        }
        #expect(total > 0 && total < 2 * 2000 + 1000)
        #expect(try ExplainLog.find("trace-59", in: folder.path) != nil)
        #expect(try ExplainLog.find("trace-0", in: folder.path) == nil)
    }

    @Test("a line that a crash cut off hides no other")
    func cutOff() async throws {
        let folder = try TemporaryFolder()
        ExplainLog(folder: folder.path).append(Self.entry("a"))
        _ = try await Self.wait(for: "a", in: folder.path)
        let file = "\(folder.path)/\(ExplainLog.fileName)"
        let whole = try String(contentsOfFile: file, encoding: .utf8)
        try (whole + whole.dropLast(20)).write(toFile: file, atomically: true, encoding: .utf8)
        #expect(try ExplainLog.find("a", in: folder.path) == Self.entry("a"))
    }

    @Test("a refused request can be explained")
    func endToEnd() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path
        let world = try await HTTPWorld { $0.explainLog = ExplainLog(folder: path) }
        let answer = try await world.send(.get, "/answer?as=fault")
        let entry = try await Self.wait(for: try #require(answer["signet-trace-id"]), in: path)
        #expect(entry?.error == "server_error" && entry?.detail == "a pipe burst" && entry?.status == 500)
        #expect(entry?.path == "/answer" && entry?.method == "GET" && entry?.time == world.now)
    }
}
