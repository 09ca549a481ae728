import Foundation
import JOSE
import Testing

/// RFC 7468: what may stand around the bytes of a key.
@Suite struct PEMTextTests {
    private static func good() throws -> String { try KeyFile.named("P-256 SPKI").pem }

    @Test("RFC 7468 §2: what is written has lines of 64 characters and equal labels")
    func generated() throws {
        let text = try JWK(pem: KeyFile.named("rsa-2048 PKCS#8").pem).pem()
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        #expect(lines.first == "-----BEGIN PRIVATE KEY-----")
        #expect(Array(lines.suffix(2)) == ["-----END PRIVATE KEY-----", ""])
        #expect(lines.dropFirst().dropLast(3).allSatisfy { $0.count == 64 })
        #expect((1...64).contains(lines.dropLast(2).last?.count ?? 0))
        // OpenSSL wrote the same key, and DER has one form for it.
        #expect(try text == KeyFile.named("rsa-2048 PKCS#8").pem)
    }

    @Test("Line ends, other line lengths and white space around the block do not count")
    func layout() throws {
        let good = try Self.good()
        let expected = try JWK(pem: good)
        var lines = good.split(separator: "\n").map(String.init)
        let body = lines.dropFirst().dropLast().joined()
        let windows = good.replacing("\n", with: "\r\n")
        lines = ["", "  " + lines[0] + " \t"] + lines.dropFirst() + ["", ""]
        for text in [
            windows, "\n\n" + good, good + "\n \n", String(good.dropLast()), lines.joined(separator: "\n"),
            "-----BEGIN PUBLIC KEY-----\n\(body)\n-----END PUBLIC KEY-----",
        ] {
            #expect(try JWK(pem: text) == expected, "\(text)")
        }
    }

    @Test(
        "A text that is not exactly one block is refused, the block by itself is read",
        arguments: [
            (#"^"#, "Bag Attributes\n", "before"), (#"$"#, "and more\n", "last line"), (#"$"#, "@", "got 2"),
            ("-----BEGIN PUBLIC KEY-----\n", "", "got none"), ("-----END PUBLIC KEY-----\n", "", "last line"),
            ("-----END PUBLIC KEY", "-----END PRIVATE KEY", "ends with"), ("-----END", "----END", "last line"),
            ("-----BEGIN", "----BEGIN", "got none"), ("KEY-----\nM", "KEY----\nM", "before"),
            ("-----BEGIN PUBLIC KEY", "-----BEGIN public KEY", "ends with"),
            ("-----\nM", "-----\nComment: x\nM", "headers"), ("-----\nM", "-----\n=M", "base64"),
            ("-----\nM", "-----\n-M", "base64"), ("-----\nM", "-----\n_M", "base64"),
            ("-----\nM", "-----\nM*", "base64"),
            ("-----\nM", "-----\n", "base64"),
        ]
    )
    func notOneBlock(search: String, replacement: String, says: String) throws {
        let good = try Self.good()
        let spoiled =
            switch search {
            case "^": replacement + good
            case "$": good + (replacement == "@" ? good : replacement)
            default: good.replacing(search, with: replacement, maxReplacements: 1)
            }
        #expect(spoiled != good)
        let error = try refusal { try JWK(pem: spoiled) }
        #expect(error.code == .malformed)
        #expect(error.reason.contains(says), "\(error)")
        #expect(throws: Never.self) { try JWK(pem: good) }
    }

    @Test("Base64 has one form: bits after the last byte must be zero")
    func canonicalBase64() throws {
        // 44 bytes end in "=" with two unused bits in the character before it.
        let good = try KeyFile.named("Ed25519 SPKI").pem
        let end = try #require(good.range(of: "=\n-----END"))
        let last = good.index(before: end.lowerBound)
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        let value = try #require(alphabet.firstIndex(of: good[last]))
        let spoiled = good.replacingCharacters(in: last...last, with: String(alphabet[value + 1]))
        #expect(try refusal { try JWK(pem: spoiled) }.reason.contains("canonical"))
        #expect(throws: Never.self) { try JWK(pem: good) }
    }

    @Test("A text beyond the limit is refused before it is looked at")
    func limit() throws {
        let good = try Self.good()
        #expect(try refusal { try JWK(pem: good + String(repeating: "\n", count: 32 * 1024)) }.code == .tooLarge)
        #expect(throws: Never.self) { try JWK(pem: good + String(repeating: "\n", count: 16 * 1024)) }
        #expect(try refusal { try JWK(der: [UInt8](repeating: 0x30, count: 16 * 1024 + 1)) }.code == .tooLarge)
    }

    @Test("The label must be that of the contents, under their own label they are read")
    func labels() throws {
        let names = [
            "P-256 SPKI": "PUBLIC KEY", "P-256 PKCS#8": "PRIVATE KEY", "P-256 SEC1": "EC PRIVATE KEY",
            "rsa-2048 PKCS#1": "RSA PRIVATE KEY", "rsa-2048 PKCS#1 public": "RSA PUBLIC KEY",
        ]
        for (name, own) in names {
            let file = try KeyFile.named(name)
            #expect(file.pem.contains("BEGIN \(own)-"))
            for other in names.values where other != own {
                let error = try refusal { try JWK(pem: file.pem.replacing(" \(own)-", with: " \(other)-")) }
                #expect(error.code == .malformed, "\(own) as \(other)")
                #expect(error.reason.contains(own) && error.reason.contains(other), "\(error)")
            }
            #expect(throws: Never.self) { try JWK(pem: file.pem) }
        }
    }

    @Test("No refusal quotes the contents of a private key")
    func silence() throws {
        for file in try KeyFile.all() {
            let lines = file.pem.split(separator: "\n").filter { !$0.hasPrefix("-----") }
            for end in ["", "\nx"] {
                let spoiled = file.pem.replacing("\n-----END", with: "A\n-----END") + end
                let error = try refusal { try JWK(pem: spoiled) }
                for line in lines where line.count > 16 { #expect(!error.description.contains(line.prefix(16))) }
            }
        }
    }
}
