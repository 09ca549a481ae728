import ArgumentParser
import Foundation
import Instants
import OAuthClient
import Testing

@testable import signet

@Suite("signet login: where tokens are kept, and what is shown")
struct LoginTests {
    static let tokens = TokenSet(
        accessToken: "an-access-token",
        expiresAt: Instant(secondsSinceEpoch: 1_800_000_900),
        receivedAt: Instant(secondsSinceEpoch: 1_800_000_000),
        scopes: ["openid"],
        refreshToken: "a-refresh-token"
    )

    static func login(_ issuer: String = "https://id.example", client: String = "signet-cli") -> StoredLogin {
        StoredLogin(issuer: issuer, clientID: client, subject: "s", name: "ada", tokens: tokens)
    }

    /// A folder of logins that is gone afterwards.
    private func withFolder(_ body: (LoginFiles) throws -> Void) throws {
        let base = FileManager.default.temporaryDirectory.appending(path: "signet-login-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: base) }
        try body(try LoginFiles.standard(environment: ["XDG_CONFIG_HOME": base, "HOME": "/nowhere"]))
    }

    private func options(_ arguments: String...) throws -> signet.LoginOptions {
        try signet.LoginOptions.parse(arguments)
    }

    @Test("A login comes back as it was kept, in a file and a folder that only their owner can read")
    func roundTrip() throws {
        try withFolder { files in
            let file = files.file(issuer: "https://id.example", client: "signet-cli")
            try file.write(Self.login())
            #expect(try file.read() == Self.login())
            #expect(try Files.status(file.path)?.mode == 0o600)
            #expect(try Files.status(files.folder)?.mode == 0o700)
            try file.write(Self.login())
            #expect(try Files.status(file.path)?.mode == 0o600, "also when it is written again")
            try file.remove()
            try file.remove()
            #expect(try Files.status(file.path) == nil)
        }
    }

    @Test("A file that others can read, or that is damaged or from another version, is not used")
    func unsound() throws {
        try withFolder { files in
            let file = files.file(issuer: "https://id.example", client: "signet-cli")
            try file.write(Self.login())
            chmod(file.path, 0o644)
            #expect(
                throws: Failure(.permission, "\(file.path) holds tokens and can be read by others: run chmod 600 on it")
            ) {
                try file.read()
            }
            chmod(file.path, 0o600)
            for text in ["", "{", "{\"version\":1}"] {
                try Files.replace(file.path, mode: 0o600, content: Array(text.utf8))
                let failure = #expect(throws: Failure.self) { try file.read() }
                #expect(failure?.status == .data)
            }
            var newer = Self.login()
            newer.version = 2
            try file.write(newer)
            #expect(throws: Failure.self) { try file.read() }
        }
    }

    @Test("Each issuer and client has a login of its own, and several must be told apart")
    func several() throws {
        try withFolder { files in
            #expect(throws: LoginFiles.none) { try files.only(try options()) }
            for (issuer, client) in [
                ("https://a.example", "x"), ("https://a.example", "y"), ("https://b.example", "x"),
            ] {
                try files.file(issuer: issuer, client: client).write(Self.login(issuer, client: client))
            }
            #expect(try files.matching(try options()).count == 3)
            let failure = #expect(throws: Failure.self) { try files.only(try options("--issuer", "https://a.example")) }
            #expect(failure?.status == .usage && failure?.sentences.count == 3)
            let one = try files.only(try options("--issuer", "https://a.example/", "--client", "y")).read()
            #expect(one.issuer == "https://a.example" && one.clientID == "y")
            #expect(try files.only(try options("--issuer", "https://b.example")).read().clientID == "x")
            #expect(throws: LoginFiles.none) { try files.only(try options("--client", "z")) }
        }
    }

    @Test("Without a home there is no place for tokens, and a relative XDG_CONFIG_HOME counts as none")
    func places() throws {
        #expect(
            try LoginFiles.standard(environment: ["HOME": "/people/ada"]).folder == "/people/ada/.config/signet/logins"
        )
        #expect(
            try LoginFiles.standard(environment: ["HOME": "/people/ada", "XDG_CONFIG_HOME": "here"]).folder
                == "/people/ada/.config/signet/logins"
        )
        #expect(throws: Failure.self) { try LoginFiles.standard(environment: [:]) }
    }

    @Test("What is shown of a login holds no token")
    func secrecy() {
        let login = Self.login()
        let texts = [login.json(file: "f").pretty] + login.card(file: "f").fields.map(\.value)
        #expect(!texts.joined().contains("-token"))
        #expect(texts.joined().contains("ada"))
    }

    @Test("The issuer must be https, or on this machine")
    func issuers() throws {
        for bad in ["http://id.example", "id.example", "https://id.example/?a=b", "ftp://id.example", ""] {
            let failure = #expect(throws: Failure.self, "\(bad)") { try options("--issuer", bad).namedIssuer() }
            #expect(failure?.status == .usage)
        }
        for good in [
            "https://id.example", "http://localhost:8080", "http://127.0.0.1:8080", "https://id.example/tenant",
        ] {
            #expect(try options("--issuer", good).namedIssuer() == good)
        }
    }

    static let refusals: [(OAuthClientError, Status, String)] = [
        (refused("access_denied"), .permission, "denied"),
        (refused("expired_token"), .unavailable, "in time"),
        (OAuthClientError(.expired, reason: "late"), .unavailable, "in time"),
        (refused("invalid_client"), .notOnRecord, "signet client create --id tool --device"),
        (refused("unauthorized_client"), .notOnRecord, "--grant device_code"),
        (refused("invalid_scope"), .data, "scope"),
        (OAuthClientError(.unsupported, reason: "no such endpoint"), .data, "devices"),
        (OAuthClientError(.transport, reason: "connection refused"), .unavailable, "does not answer"),
        (OAuthClientError(.responseMalformed, reason: "no JSON"), .data, "no JSON"),
    ]

    static func refused(_ word: String) -> OAuthClientError {
        var error = OAuthClientError(.refused, reason: "the issuer refused")
        error.error = word
        error.traceID = "7f3a"
        return error
    }

    @Test("Every way in which a login fails has a sentence and an exit code of its own", arguments: refusals)
    func failures(_ row: (OAuthClientError, Status, String)) {
        let failure = Failure(login: row.0, "https://id.example", client: "tool")
        #expect(failure.status == row.1)
        #expect(failure.description.contains(row.2), "\(failure)")
        if row.0.error != nil, row.0.error != "expired_token" { #expect(failure.description.contains("7f3a")) }
    }

    @Test("Text of a server cannot steer the terminal")
    func hostileText() {
        #expect(Printable.text("ada\u{1B}[2J\r\n\u{202E}x") == "ada\u{FFFD}[2J\u{FFFD}\u{FFFD}\u{FFFD}x")
        #expect(Printable.text(String(repeating: "a", count: 1000)).count == 100)
    }
}
