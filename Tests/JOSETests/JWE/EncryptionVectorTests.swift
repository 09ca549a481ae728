// The vectors of JWE as a whole: Wycheproof's, the cookbook's (RFC 7520 §5 and §6) and the examples of the RFCs. The
// ledger asks for their reports.

import JOSE
import Testing

/// JWE vectors that are opened as a recipient would.
enum EncryptionVectorTests {
    // MARK: Wycheproof

    static func wycheproofEncryption() throws -> VectorReport {
        var report = VectorReport()
        for vector in try Vectors.wycheproof("json_web_encryption_test.json") {
            try account(for: vector, in: &report)
        }
        #expect(report.ran.count == 97)
        return report
    }

    /// The file mixes signatures and encryption.
    static func wycheproofCrypto() throws -> VectorReport {
        var report = VectorReport()
        for vector in try Vectors.wycheproof("json_web_crypto_test.json") {
            guard vector.test["jws"] != nil else {
                try account(for: vector, in: &report)
                continue
            }
            if vector.id == "47" {
                report.skip(
                    vector.id,
                    because: "a set may mix symmetric and asymmetric keys here: each is bound to its one algorithm"
                )
                continue
            }
            report.run(vector.id) {
                let isValid = vector.test["result"] == "valid"
                let verified = (try? verified(tokenText("jws", of: vector.test), in: vector.group)) != nil
                #expect(verified == isValid, "\(vector.id) \(vector.test["comment"]?.stringValue ?? "")")
            }
        }
        #expect(report.ran.count == 82)
        return report
    }

    /// The token of a vector; JSON serializations stand in the file as JSON.
    private static func tokenText(_ name: String, of test: JSONObject) -> String {
        test[name]?.stringValue ?? String(decoding: (test[name] ?? .null).serialized(), as: UTF8.self)
    }

    /// Verifies with what a reader has: the public keys, or the secret where there is no other.
    private static func verified(_ token: String, in group: JSONObject) throws -> VerifiedJWS {
        let published = try #require(group["public"]?.objectValue ?? group["private"]?.objectValue)
        let entries = published["keys"]?.arrayValue?.compactMap(\.objectValue) ?? [published]
        let keys = try entries.map { try VerificationKey(JWK($0)) }
        return try UnverifiedJWS(token).verified(by: KeySet(keys), algorithms: SignatureAlgorithm.all)
    }

    private static func account(
        for vector: (id: String, test: JSONObject, group: JSONObject),
        in report: inout VectorReport
    ) throws {
        let token = tokenText("jwe", of: vector.test)
        let jwk = try vector.group.jwk("private")
        let isValid = vector.test["result"] == "valid"
        let comment = try vector.test.text("comment")
        let message = Comment(rawValue: "\(vector.id) \(comment)")
        if let reason = try inapplicable(token, jwk, isValid: isValid) {
            // Not the point of the vector, but it must be refused all the same.
            #expect(throws: JOSEError.self, message) { try open(token, jwk) }
            report.skip(vector.id, because: reason)
            return
        }
        report.run(vector.id) {
            if isValid {
                let opened = try open(token, jwk)
                // The mixed file does not say what is inside.
                guard let plaintext = vector.test["pt"]?.stringValue else { return }
                let expected = try hexBytes(plaintext)
                #expect(opened.plaintext == expected, message)
            } else {
                #expect(throws: JOSEError.self, message) { try open(token, jwk) }
            }
        }
    }

    /// Why a vector cannot be run: the key or a valid message is of an algorithm that is left out on purpose.
    private static func inapplicable(_ token: String, _ jwk: JWK, isValid: Bool) throws -> String? {
        let ownAlgorithm = try jwk.members.text("alg")
        guard KeyManagementAlgorithm(name: ownAlgorithm) != nil || ContentEncryptionAlgorithm(name: ownAlgorithm) != nil
        else { return "\(ownAlgorithm) is left out on purpose (Docs/decisions)" }
        guard isValid else { return nil }
        let header = JWEParts(token).header
        if header["zip"] != nil { return "compressed content is refused on purpose (FIELD F21)" }
        let encryption = try header.text("enc")
        return ContentEncryptionAlgorithm(name: encryption) == nil
            ? "\(encryption) is left out on purpose (Docs/decisions)" : nil
    }

    private static func open(
        _ token: String,
        _ jwk: JWK,
        algorithm: KeyManagementAlgorithm? = nil
    ) throws -> OpenedJWE {
        try UnopenedJWE(token).opened(by: DecryptionKey(jwk, algorithm: algorithm))
    }

    // MARK: The cookbook

    /// The examples of RFC 7520 §5 and of the cookbook's own folder for Curve25519.
    static func cookbook(_ path: String) throws -> VectorReport {
        let example = try #require(try Vectors.json("cookbook/\(path)").objectValue)
        let title = try example.text("title")
        let input = try #require(example["input"]?.objectValue)
        var report = VectorReport()
        guard let token = example["output"]?.objectValue?["compact"]?.stringValue else {
            report.skip(title, because: "JWE JSON serialization only, which is left out on purpose (Docs/decisions)")
            return report
        }
        let algorithm = try KeyManagementAlgorithm(name: input.text("alg"))
        guard let algorithm, JWEParts(token).header["zip"] == nil else {
            report.skip(title, because: "\(try input.text("alg")) or zip is left out on purpose (Docs/decisions)")
            #expect(try UnopenedJWE(token).isRefusedAsUnsupported())
            return report
        }
        report.run(title) {
            let opened = try open(token, input.jwk("key"), algorithm: algorithm)
            #expect(try opened.plaintext == Array(input.text("plaintext").utf8))
        }
        return report
    }

    /// RFC 7520 §6: claims, signed with PS256, encrypted with RSA-OAEP.
    static func nesting() throws -> VectorReport {
        let example = try #require(
            try Vectors.json("cookbook/6.nesting_signatures_and_encryption.json").objectValue
        )
        let signing = try #require(example["sign"]?.objectValue?["input"]?.objectValue)
        let encrypting = try #require(example["encrypt"]?.objectValue)
        let token = try #require(encrypting["output"]?.objectValue?["compact"]?.stringValue)
        var report = VectorReport()
        report.run(try example.text("title")) {
            let key = try DecryptionKey(try #require(encrypting["input"]?.objectValue).jwk("key"))
            let inner = try UnopenedToken(token).opened(
                by: DecryptionKeySet([key]),
                keyManagement: [.rsaOAEP],
                contentEncryption: [.a128GCM]
            )
            let claims = try JSONObject(parsing: Array(signing.text("payload").utf8))
            #expect(inner.unverifiedClaims == claims)
            #expect(inner.header["alg"] == "PS256")
        }
        return report
    }

    // MARK: The examples of the RFCs

    static func examples() throws -> VectorReport {
        let file = try #require(try Vectors.json("rfc-encryption-examples.json").objectValue?["vectors"]?.arrayValue)
        func example(_ name: String) throws -> JSONObject {
            try #require(file.compactMap(\.objectValue).first { $0["name"] == .string(name) })
        }
        var report = VectorReport()
        for name in ["rfc7516_a1", "rfc7516_a3"] {
            report.run(name) {
                let example = try example(name)
                let algorithm = try #require(try KeyManagementAlgorithm(name: example.text("alg")))
                let opened = try open(example.text("jwe"), example.jwk(), algorithm: algorithm)
                #expect(try opened.plaintext == Array(example.text("plaintext").utf8))
            }
        }
        #expect(try UnopenedJWE(example("rfc7516_a2").text("jwe")).isRefusedAsUnsupported())
        report.skip("rfc7516_a2", because: "RSA1_5 is left out on purpose (RFC 8725 §3.2)")
        report.run("rfc7518_c") {
            let example = try example("rfc7518_c")
            let ephemeral = try example.jwk("epk").members.setting("d", example["epk_private_d"])
            let secret = try DecryptionKey(JWK(ephemeral), algorithm: .ecdhES).agreedSecret(with: example.jwk())
            #expect(
                try secret == DecryptionKey(example.jwk(), algorithm: .ecdhES).agreedSecret(with: example.jwk("epk"))
            )
            let context = ConcatKDF.Context(
                algorithm: try example.text("enc"),
                partyUInfo: try Base64URL.decode(example.text("apu")),
                partyVInfo: try Base64URL.decode(example.text("apv")),
                keyBytes: 16
            )
            let derived = ConcatKDF.key(from: try #require(secret), context: context)
            #expect(try Base64URL.encode(derived) == example.text("derived"))
        }
        report.run("rfc8037_a6") {
            let example = try example("rfc8037_a6")
            let ephemeral = try example.jwk("epk").members.setting("d", example["epk_private_d"])
            let key = try DecryptionKey(JWK(ephemeral), algorithm: .ecdhESA128KW)
            #expect(try key.agreedSecret(with: example.jwk()) == hexBytes(example.text("shared_hex")))
        }
        return report
    }
}

extension UnopenedJWE {
    /// Whether nothing but the header is needed to refuse this message.
    fileprivate func isRefusedAsUnsupported() throws -> Bool {
        let error = try refusal {
            try opened(
                by: DecryptionKeySet([]),
                keyManagement: KeyManagementAlgorithm.all,
                contentEncryption: ContentEncryptionAlgorithm.all
            )
        }
        return error.code == .algorithmRefused
    }
}

/// The bytes of a text in hexadecimal.
func hexBytes(_ text: String) throws -> [UInt8] {
    let digits = try text.map { try #require($0.hexDigitValue) }
    try #require(digits.count.isMultiple(of: 2))
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}
