import Foundation
import NIOCore
import NIOSSL
import OAuthVocabulary
import ProcessTesting
import Testing

@testable import ServerHTTP

@Suite("TLS", .timeLimit(.minutes(5)))
struct TLSTests {
    static let request = "GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n"

    @Test("ALPN chooses HTTP/2 for who offers it, and HTTP/1.1 for the rest")
    func negotiation() async throws {
        let folder = try TemporaryFolder()
        let files = try await TestCertificates.make(in: folder.path, name: "one")
        try await withServer(issuer: HTTPWorld.https, .with { $0.tls = files }) { server in
            for (offered, expected) in [(["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), ([], nil)]
                as [([String], String?)]
            {
                let client = try TestCertificates.client(trusting: files, offering: offered)
                let connection = try await server.connect(tls: client)
                #expect(try await connection.wait { $0.isSecure })
                #expect(connection.negotiated == expected)
                if expected != "h2" {
                    try await connection.send(Self.request)
                    #expect(try await connection.wait { $0.text.contains("200 OK") })
                    #expect(connection.text.lowercased().contains("strict-transport-security: max-age="))
                }
                try await connection.close()
            }
        }
    }

    @Test("RFC 9325 §3.1.1: TLS 1.1 is not spoken, TLS 1.2 is", arguments: [TLSVersion.tlsv11, .tlsv12, .tlsv13])
    func versions(version: TLSVersion) async throws {
        let folder = try TemporaryFolder()
        let files = try await TestCertificates.make(in: folder.path, name: "one")
        try await withServer(issuer: HTTPWorld.https, .with { $0.tls = files }) { server in
            let client = try TestCertificates.client(trusting: files, maximum: version)
            let connection = try await server.connect(tls: client)
            try await connection.wait { $0.isSecure || $0.isClosed }
            #expect(connection.isSecure == (version != .tlsv11))
            try await connection.close()
        }
    }

    @Test("a handshake that does not come is not waited for, and one that is done leaves no deadline behind")
    func handshakeDeadline() async throws {
        let folder = try TemporaryFolder()
        let files = try await TestCertificates.make(in: folder.path, name: "one")
        try await withServer(
            issuer: HTTPWorld.https,
            .with {
                $0.tls = files
                $0.limits.handshakeTimeout = .seconds(2)
            }
        ) { server in
            let silent = try await server.connect()
            let spoken = try await server.connect(tls: try TestCertificates.client(trusting: files))
            #expect(try await spoken.wait { $0.isSecure })
            #expect(try await silent.wait { $0.isClosed })
            try await Task.sleep(for: .milliseconds(2500))
            try await spoken.send(Self.request)
            #expect(try await spoken.wait { $0.text.contains("200 OK") })
            try await spoken.close()
        }
    }

    @Test("changed files are used for new connections; bad ones are not, and are reported once")
    func reload() async throws {
        let folder = try TemporaryFolder()
        let old = try await TestCertificates.make(in: folder.path, name: "old")
        let new = try await TestCertificates.make(in: folder.path, name: "new")
        let files = TLSFiles(certificate: "\(folder.path)/c.pem", privateKey: "\(folder.path)/k.pem")
        func install(_ certificate: String, _ key: String) throws {
            try Data(contentsOf: URL(filePath: certificate)).write(to: URL(filePath: files.certificate))
            try Data(contentsOf: URL(filePath: key)).write(to: URL(filePath: files.privateKey))
        }
        try install(old.certificate, old.privateKey)
        try await withServer(
            issuer: HTTPWorld.https,
            .with {
                $0.tls = files
                $0.certificatePollInterval = .milliseconds(50)
            }
        ) { server in
            func isServed(_ pair: TLSFiles) async throws -> Bool {
                let connection = try await server.connect(tls: try TestCertificates.client(trusting: pair))
                try await connection.wait { $0.isSecure || $0.isClosed }
                defer { Task { try await connection.close() } }
                return connection.isSecure
            }
            func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
                for _ in 0..<200 {
                    if try await condition() { return true }
                    try await Task.sleep(for: .milliseconds(25))
                }
                return false
            }
            func reports() -> Int {
                server.world.log.lines.filter { $0.message.contains("old certificate stays") }.count
            }
            #expect(try await isServed(old))
            try install(new.certificate, old.privateKey)
            #expect(try await eventually { reports() == 1 })
            try await Task.sleep(for: .milliseconds(200))
            #expect(reports() == 1)
            #expect(try await isServed(old))
            try "no certificate".write(toFile: files.certificate, atomically: true, encoding: .utf8)
            #expect(try await eventually { reports() == 2 })
            #expect(try await isServed(old))
            try install(new.certificate, new.privateKey)
            #expect(try await eventually { try await isServed(new) })
            #expect(try await isServed(old) == false)
        }
    }

    enum Damage: String, CaseIterable, Sendable { case noCertificate, noKey, garbage, otherKey }

    @Test("TLS files that cannot be used are one clear sentence before anything listens", arguments: Damage.allCases)
    func faults(_ damage: Damage) async throws {
        let folder = try TemporaryFolder()
        var files = try await TestCertificates.make(in: folder.path, name: "one")
        let whole = files
        switch damage {
        case .noCertificate: files.certificate += ".missing"
        case .noKey: files.privateKey += ".missing"
        case .garbage: files.certificate = files.privateKey
        case .otherKey: files.privateKey = try await TestCertificates.make(in: folder.path, name: "two").privateKey
        }
        let broken = files
        let world = try await HTTPWorld { $0.tls = broken }
        let fault = #expect(throws: ListenFault.self) { try world.server.services() }
        #expect(fault?.description.hasPrefix("cannot use the TLS files: ") == true)
        let sound = try await HTTPWorld { $0.tls = whole }
        #expect(try sound.server.services().count == 2)
    }

    @Test("the sign-in journey works over TLS and HTTP/2, with host-bound cookies that another client keeps")
    func journey() async throws {
        let folder = try TemporaryFolder()
        let files = try await TestCertificates.make(in: folder.path, name: "id.example")
        try await withServer(issuer: HTTPWorld.https, .with { $0.tls = files }) { server in
            try await server.world.client()
            try await server.world.person()
            let curl = Curl(port: server.address.port, folder: folder.path)
            let started = try await curl.send(HeaderTests.authorize)
            #expect(started.version == "2" && started.status == 303)
            let page = try await curl.send(try started.localTarget).body
            func field(_ name: String) throws -> String {
                let start = try #require(page.range(of: "name=\"\(name)\" value=\""))
                return String(page[start.upperBound...].prefix { $0 != "\"" })
            }
            let signedIn = try await curl.send(
                "/sign-in",
                form: "interaction=\(try field("interaction"))&form_token=\(try field("form_token"))"
                    + "&username=alice&password=correct+horse+battery+staple"
            )
            #expect(signedIn.status == 303)
            #expect(signedIn.head.lowercased().contains("set-cookie: __host-signet-session="))
            #expect(signedIn.head.lowercased().contains("strict-transport-security: max-age=31536000"))
            let back = try await curl.send(try signedIn.localTarget)
            #expect(back.head.contains("https://app.example/callback?code="))
            // A refusal that ends its connection must not send what HTTP/2 forbids (RFC 9113 §8.2.2).
            let large = try await curl.send("/echo", form: "a=" + String(repeating: "x", count: 70_000))
            #expect(large.status == 413 && large.version == "2")
        }
    }
}

/// curl with a cookie jar, as an HTTP/2 client that is not ours.
struct Curl: Sendable {
    struct Answer: Sendable {
        var status: Int
        var version: String
        var head: String
        var body: String

        /// The redirect's path and query.
        var localTarget: String {
            get throws {
                let line = try #require(head.split(whereSeparator: \.isNewline).first { $0.hasPrefix("location: ") })
                return String(line.dropFirst("location: ".count + HTTPWorld.https.count))
            }
        }
    }

    let port: Int
    let folder: String

    func send(_ target: String, form: String? = nil, timeout seconds: Int = 20) async throws -> Answer {
        var arguments = [
            "--silent", "--no-buffer", "--http2", "--insecure", "--max-time", "\(seconds)", "--resolve",
            "id.example:\(port):127.0.0.1", "--cookie-jar", "\(folder)/jar", "--cookie", "\(folder)/jar",
            "--dump-header", "\(folder)/head", "--output", "\(folder)/body", "--write-out",
            "%{http_code} %{http_version}",
        ]
        if let form {
            try form.write(toFile: "\(folder)/form", atomically: true, encoding: .utf8)
            arguments += ["--data-binary", "@\(folder)/form"]
        }
        arguments.append("https://id.example:\(port)\(target)")
        // 28: it gave up in the middle, as it was told to.
        let output = try await runProgram("/bin/sh", ["-c", #"curl "$@" || test $? = 28"#, "sh"] + arguments)
            .split(separator: " ")
        try #require(output.count == 2)
        return Answer(
            status: Int(output[0]) ?? 0,
            version: String(output[1]),
            head: try String(contentsOfFile: "\(folder)/head", encoding: .utf8),
            body: (try? String(contentsOfFile: "\(folder)/body", encoding: .utf8)) ?? ""
        )
    }
}
