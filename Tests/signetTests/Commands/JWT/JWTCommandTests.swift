// `signet jwt`: the executable run as an operator runs it, and the parts that need no process.

import Foundation
import JOSE
import Testing

@testable import signet

@Suite("Executable: tokens and keys without a server", .timeLimit(.minutes(5)))
struct JWTCommandTests {
    let temporary: TemporaryFolder

    init() throws { temporary = try TemporaryFolder() }

    func path(_ name: String) -> String { temporary.path + "/" + name }
    func text(_ name: String) throws -> String { String(decoding: try temporary.bytes(of: name), as: UTF8.self) }

    func jwt(_ arguments: String..., input: String = "") async throws -> Executable.Outcome {
        await (try Child(["jwt"] + arguments, input: input)).outcome()
    }

    /// Signs a token for the expectations of ``verify(_:key:_:)``.
    func token(_ key: String, _ more: String...) async throws -> String {
        let outcome = await
            (try Child(
                [
                    "jwt", "sign", "--key", path(key), "--issuer", "https://id.example", "--audience",
                    "https://api.example",
                ]
                    + more
            )).outcome()
        try #require(outcome.status == 0, "\(outcome)")
        return outcome.output
    }

    func verify(
        _ token: String,
        key: String,
        issuer: String = "https://id.example",
        audience: String = "https://api.example",
        type: String = "JWT",
        algorithms: String = "any",
        _ more: String...
    ) async throws -> Executable.Outcome {
        await
            (try Child(
                ["jwt", "verify", "--key", path(key), "--issuer", issuer, "--audience", audience, "--type", type]
                    + ["--algorithms", algorithms] + more,
                input: token
            )).outcome()
    }

    @Test(
        "What keygen makes signs, and its public half verifies, as JWK and as PEM",
        arguments: ["ES256", "ES512", "RS256", "PS384", "EdDSA", "Ed25519", "ML-DSA-65"],
        ["jwk", "pem"]
    )
    func wholeWay(algorithm: String, format: String) async throws {
        let made = try await jwt(
            "keygen",
            "--alg",
            algorithm,
            "--format",
            format,
            "--out",
            path("key"),
            "--public",
            path("public")
        )
        #expect(made.status == 0 && made.output.isEmpty, "\(made)")
        #expect(try temporary.mode(of: "key") == 0o600)
        #expect(try !text("public").contains("PRIVATE") && !text("public").contains("\"d\""))
        let token = try await token(
            "key",
            "--alg",
            algorithm,
            "--subject",
            "ada",
            "--claim",
            "admin=true",
            "--claim",
            "scope=read write"
        )
        #expect(token.hasSuffix("\n") && token.split(separator: ".").count == 3)
        let good = try await verify(token, key: "public", algorithms: algorithm)
        #expect(good.status == 0 && good.errors.isEmpty, "\(good)")
        let claims = try good.json
        #expect(claims["sub"] == "ada" && claims["admin"] == true && claims["scope"] == "read write")
        let issuedAt = try #require(claims["iat"].integerValue)
        #expect(claims["exp"] == .integer(issuedAt + 900))
        #expect((claims["jti"].stringValue?.count ?? 0) == 22)
        #expect(try await jwt("thumbprint", path("key")).output == jwt("thumbprint", path("public")).output)
    }

    @Test("A token that is not as expected is refused with code, claim and reason, and prints no claims")
    func refusals() async throws {
        #expect(try await jwt("keygen", "--out", path("key"), "--public", path("public")).status == 0)
        #expect(try await jwt("keygen", "--out", path("other")).status == 0)
        let token = try await token("key", "--type", "at+jwt")
        func verify(
            _ text: String? = nil,
            key: String = "public",
            issuer: String = "https://id.example",
            audience: String = "https://api.example",
            type: String = "at+jwt",
            algorithms: String = "ES256"
        ) async throws -> Executable.Outcome {
            try await self.verify(
                text ?? token,
                key: key,
                issuer: issuer,
                audience: audience,
                type: type,
                algorithms: algorithms
            )
        }
        #expect(try await verify().status == 0)
        let flipped = token.replacing(".eyJ", with: ".eyK", maxReplacements: 1)
        let rows: [(Executable.Outcome, String)] = [
            (try await verify(key: "other"), "key-unknown (kid)"),
            (try await verify(issuer: "https://other.example"), "claim-invalid (iss)"),
            (try await verify(audience: "https://other.example"), "claim-invalid (aud)"),
            (try await verify(type: "JWT"), "type-invalid (typ)"),
            (try await verify(algorithms: "RS256,EdDSA"), "algorithm-refused (alg)"),
            (try await verify(flipped), "malformed"), (try await verify("a.b"), "malformed"),
            (try await verify(token.dropLast(8) + "AAAAAAA\n"), "signature-invalid"),
        ]
        for (outcome, says) in rows {
            #expect(outcome.status == Status.data.code, "\(says): \(outcome)")
            #expect(outcome.output.isEmpty, "\(says)")
            #expect(outcome.sentences.first?.contains("refused: \(says)") == true, "\(says): \(outcome)")
        }
    }

    @Test("Times count: an expired token is refused unless expiry is unchecked, which is said")
    func expiry() async throws {
        #expect(try await jwt("keygen", "--out", path("key")).status == 0)
        let old = try await token("key", "--claim", "iat=1000000000", "--claim", "exp=1000000900")
        let expired = try await verify(old, key: "key")
        #expect(expired.status == Status.data.code)
        #expect(expired.sentences.first?.contains("token-expired (exp)") == true)
        let unchecked = try await verify(old, key: "key", "--unchecked-expiry")
        #expect(unchecked.status == 0)
        #expect(unchecked.sentences == ["not checked: expiry"])
        let aged = try await verify(old, key: "key", "--unchecked-expiry", "--max-age", "1h")
        #expect(aged.sentences.first?.contains("token-too-old (iat)") == true)
        let bare = try await token("key", "--bare")
        #expect(try await verify(bare, key: "key").sentences.first?.contains("claim-missing (exp)") == true)
        #expect(try await verify(bare, key: "key", "--unchecked-expiry").json.objectValue?.count == 2)
        let lacking = try await verify(bare, key: "key", "--unchecked-expiry", "--require", "sub")
        #expect(lacking.sentences.first?.contains("claim-missing (sub)") == true)
    }

    @Test("What is not said is asked for: every expectation or its unchecked spelling, not both")
    func missingExpectations() async throws {
        let complete = [
            "--issuer": "https://id.example", "--audience": "https://api.example", "--type": "JWT",
            "--algorithms": "any",
        ]
        for left in complete.keys {
            let arguments = complete.filter { $0.key != left }.flatMap { [$0.key, $0.value] }
            let outcome = await (try Child(["jwt", "verify", "--key", "key"] + arguments, input: "a.b.c")).outcome()
            #expect(outcome.status == Status.usage.code, "\(left)")
            #expect(outcome.errors.contains(left), "\(left): \(outcome.errors)")
        }
        let both = await
            (try Child(
                ["jwt", "verify", "--key", "key", "--unchecked-type"] + complete.flatMap { [$0.key, $0.value] },
                input: "a.b.c"
            )).outcome()
        #expect(both.status == Status.usage.code && both.errors.contains("exclude each other"))
        let none = await
            (try Child(
                ["jwt", "verify", "--key", path("none")] + complete.flatMap { [$0.key, $0.value] },
                input: "a.b.c"
            ))
            .outcome()
        #expect(none.status == Status.noInput.code, "\(none)")
    }

    @Test("Claims come from a file, standard input and options, the later ones win; nothing is added twice")
    func claims() async throws {
        #expect(try await jwt("keygen", "--alg", "HS256", "--out", path("key")).status == 0)
        try temporary.write(Array(#"{"sub":"file","exp":4000000000,"list":[1,{"a":null}]}"#.utf8), to: "claims")
        let fromFile = try await jwt("sign", "--key", path("key"), "--claims", path("claims"), "--subject", "option")
        let decoded = try await jwt("decode", input: fromFile.output).json
        #expect(decoded["claims"]["sub"] == "option")
        #expect(decoded["claims"]["exp"] == 4_000_000_000)
        #expect(decoded["claims"]["list"] == [1, ["a": nil]])
        #expect(decoded["header"]["alg"] == "HS256")
        let piped = try await jwt(
            "sign",
            "--key",
            path("key"),
            "--claims",
            "-",
            "--bare",
            "--expires-in",
            "1h",
            input: #"{"iat":1000}"#
        )
        #expect(try await jwt("decode", "-", input: piped.output).json["claims"] == ["iat": 1000, "exp": 4600])
        let twice = try await jwt("sign", "--key", path("key"), "--claims", path("claims"), "--expires-in", "1h")
        #expect(twice.status == Status.usage.code && twice.output.isEmpty)
        for (input, says) in [("[]", "object"), (#"{"a":1,"a":2}"#, "a"), ("", "JSON"), ("{", "JSON")] {
            let refused = try await jwt("sign", "--key", path("key"), "--claims", "-", input: input)
            #expect(refused.status == Status.data.code && refused.errors.contains(says), "\(input): \(refused)")
        }
    }

    @Test("A set signs with the key that is named, and with its only one; a public key does not sign")
    func keySets() async throws {
        for name in ["a", "b"] {
            let made = try await jwt("keygen", "--kid", name, "--out", path(name), "--public", path(name + ".pub"))
            #expect(made.status == 0)
        }
        try temporary.write(Array("{\"keys\":[\(text("a")),\(text("b")),{\"kty\":\"new\"}]}".utf8), to: "set")
        try temporary.write(Array("{\"keys\":[\(text("a.pub")),\(text("b"))]}".utf8), to: "one")
        #expect(try await verify(token("set", "--kid", "b"), key: "b.pub").status == 0)
        #expect(try await verify(token("set", "--kid", "b"), key: "set").status == 0)
        #expect(try await verify(token("one"), key: "b.pub").status == 0)
        let unnamed = try await jwt("sign", "--key", path("set"))
        #expect(unnamed.status == Status.notOnRecord.code && unnamed.errors.contains("\"a\", \"b\""), "\(unnamed)")
        #expect(try await jwt("sign", "--key", path("set"), "--kid", "c").status == Status.notOnRecord.code)
        #expect(try await jwt("sign", "--key", path("a"), "--kid", "b").status == Status.notOnRecord.code)
        let halfKey = try await jwt("sign", "--key", path("a.pub"))
        #expect(halfKey.status == Status.data.code && halfKey.errors.contains("no private key"))
        #expect(try await jwt("thumbprint", "--uri", path("set")).output.split(separator: "\n").count == 2)
    }

    @Test("keygen overwrites nothing, leaves no half behind, and prints the private key where no file is named")
    func overwriting() async throws {
        #expect(try await jwt("keygen", "--out", path("key"), "--public", path("public")).status == 0)
        let before = try temporary.bytes(of: "key")
        for (out, publicFile) in [("key", "fresh"), ("fresh", "public"), ("key", "public")] {
            let again = try await jwt("keygen", "--out", path(out), "--public", path(publicFile))
            #expect(again.status == Status.cannotCreate.code, "\(again)")
            #expect(!FileManager.default.fileExists(atPath: path("fresh")))
        }
        #expect(try temporary.bytes(of: "key") == before)
        #expect(try await jwt("keygen", "--out", path("no/such/folder")).status == Status.cannotCreate.code)
        let printed = try await jwt("keygen", "--format", "pem")
        #expect(try JWK(pem: printed.output).isPrivate)
        #expect(try await jwt("keygen", "--kid", "mine").json["kid"] == "mine")
        #expect(try await jwt("keygen", "--format", "pem", "--kid", "x").status == Status.usage.code)
        #expect(try await jwt("keygen", "--alg", "HS256", "--format", "pem").status == Status.data.code)
        #expect(try await jwt("keygen", "--alg", "HS256", "--public", path("hs")).status == Status.usage.code)
    }

    @Test("decode says that nothing is verified, prints only JSON on standard output, and shows times in words")
    func decoding() async throws {
        let claims = #"{"sub":"\u001b[31m\u009b31m\u202e\u061cada","iat":1000000000,"exp":9999999999999}"#
        let token = [#"{"alg":"none"}"#, claims].map { Base64URL.encode($0.utf8) }.joined(separator: ".") + ".c2ln"
        for outcome in [try await jwt("decode", token), try await jwt("decode", input: " \(token)\n")] {
            #expect(outcome.status == 0)
            #expect(outcome.sentences.first?.hasPrefix("NOT VERIFIED") == true)
            #expect(outcome.errors.contains("can read it"))
            #expect(outcome.errors.contains("iat  2001-09-09T01:46:40Z"))
            #expect(try outcome.json["claims"]["sub"] == "\u{1B}[31m\u{9B}31m\u{202E}\u{61C}ada")
            let controls: [Unicode.Scalar] = ["\u{1B}", "\u{9B}", "\u{202E}", "\u{61C}"]
            #expect(!outcome.output.unicodeScalars.contains(where: controls.contains))
        }
        let encrypted = Base64URL.encode(#"{"alg":"dir","enc":"A256GCM"}"#.utf8) + "..a.b.c"
        let sealed = try await jwt("decode", encrypted)
        #expect(try sealed.json == ["header": ["alg": "dir", "enc": "A256GCM"]])
        #expect(sealed.errors.contains("encrypted"))
        for spoiled in ["abc", "a.b.c", "....", ""] {
            #expect(try await jwt("decode", input: spoiled).output.isEmpty)
            #expect(try await jwt("decode", input: spoiled).status != 0)
        }
        #expect(try await jwt("decode", input: String(repeating: ".", count: 1 << 20)).status == Status.noInput.code)
    }

    @Test("What is no key is refused with what to do, and without its contents")
    func unusableKeys() async throws {
        let secret = "MIIBVwIBADANBgkqhkiG9w0BAQEFAASCAUEwggE9AgEAAkEA"
        let rows = [
            ("-----BEGIN ENCRYPTED PRIVATE KEY-----\n\(secret)\n-----END ENCRYPTED PRIVATE KEY-----\n", "openssl pkey"),
            ("-----BEGIN CERTIFICATE-----\n\(secret)\n-----END CERTIFICATE-----\n", "openssl x509"),
            ("-----BEGIN PRIVATE KEY-----\n\(secret)\n-----END PRIVATE KEY-----\n", "DER"),
            (#"{"kty":"oct","k":"\#(secret)="}"#, "cannot sign"), (#"{"keys":7}"#, "array"), (secret, "expected PEM"),
            ("", "PEM"),
        ]
        for (content, says) in rows {
            try temporary.write(Array(content.utf8), to: "bad")
            let outcome = try await jwt("sign", "--key", path("bad"))
            #expect(outcome.status == Status.data.code, "\(content): \(outcome)")
            #expect(outcome.errors.contains(says), "\(outcome.errors)")
            #expect(!outcome.errors.contains(secret.prefix(12)))
        }
    }
}
