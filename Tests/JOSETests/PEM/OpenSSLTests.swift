import Foundation
import JOSE
import ProcessTesting
import Testing

/// The `openssl` command of this machine reads what we write, and we read what it writes.
@Suite struct OpenSSLTests {
    /// The command, where it is installed.
    static let path = ["/usr/bin/openssl", "/usr/local/bin/openssl", "/opt/homebrew/bin/openssl"]
        .first { FileManager.default.isExecutableFile(atPath: $0) }

    private static func openssl(_ arguments: String..., input: String) async throws -> String {
        let folder = FileManager.default.temporaryDirectory.appending(path: "jose-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (key, output) = (folder.appending(path: "in"), folder.appending(path: "out"))
        try Data(input.utf8).write(to: key)
        try await runProgram(try #require(path), arguments + ["-in", key.path, "-out", output.path])
        return String(decoding: try Data(contentsOf: output), as: UTF8.self)
    }

    @Test(
        "A new key of every family goes to openssl and comes back, both halves",
        .enabled(if: path != nil, "there is no openssl command"),
        arguments: [SignatureAlgorithm.rs256, .es256, .es384, .es512, .edDSA]
    )
    func agreement(algorithm: SignatureAlgorithm) async throws {
        let jwk = try SigningKey.generate(algorithm).privateJWK
        let secret = try await Self.openssl("pkey", input: jwk.pem())
        #expect(try JWK(pem: secret).thumbprint() == jwk.thumbprint())
        #expect(try JWK(pem: secret).isPrivate)
        let half = try await Self.openssl("pkey", "-pubout", input: jwk.pem())
        #expect(try half == jwk.publicJWK.pem())
        #expect(try await Self.openssl("pkey", "-pubin", input: jwk.publicJWK.pem()) == half)
        if algorithm == .rs256 {
            let older = try await Self.openssl("rsa", "-traditional", input: jwk.pem())
            #expect(older.hasPrefix("-----BEGIN RSA PRIVATE KEY-----"))
            #expect(try JWK(pem: older).pem() == jwk.pem())
        }
        if jwk.members["kty"] == "EC" {
            let older = try await Self.openssl("ec", input: jwk.pem())
            #expect(older.hasPrefix("-----BEGIN EC PRIVATE KEY-----"))
            #expect(try JWK(pem: older).pem() == jwk.pem())
        }
    }
}
