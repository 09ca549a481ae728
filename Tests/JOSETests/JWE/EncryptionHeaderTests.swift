import JOSE
import Testing

/// What the text and the header of a JWE may say, and which key they reach.
@Suite struct EncryptionHeaderTests {
    private static let key = Result {
        try DecryptionKey.generate(.a256KW, keyID: "k-1")
    }

    private func token(_ parameters: JSONObject = [:]) throws -> String {
        let key = try Self.key.get().encryptionKey
        return try JWE.encrypted([1, 2, 3], parameters: parameters, to: key, encryption: .a128GCM)
    }

    private func open(
        _ token: String,
        by keys: [DecryptionKey]? = nil,
        keyManagement: [KeyManagementAlgorithm] = [.a256KW],
        contentEncryption: [ContentEncryptionAlgorithm] = [.a128GCM]
    ) throws -> OpenedJWE {
        try UnopenedJWE(token).opened(
            by: DecryptionKeySet(keys ?? [Self.key.get()]),
            keyManagement: keyManagement,
            contentEncryption: contentEncryption
        )
    }

    // MARK: Algorithms

    @Test(
        "FIELD F21, RFC 8725 §3.2: algorithms that are left out are refused, each with its reason",
        arguments: [
            ("RSA1_5", "its padding lets an oracle decrypt"), ("PBES2-HS256+A128KW", "would choose our work"),
            ("PBES2-HS384+A192KW", "would choose our work"), ("PBES2-HS512+A256KW", "would choose our work"),
            ("A192KW", "192 bits"), ("ECDH-ES+A192KW", "192 bits"), ("A256GCMKW", "AES-GCM is not used"),
            ("none", "expected A256KW, got 'none'"), ("a256kw", "got 'a256kw'"), ("HS256", "got 'HS256'"),
            ("A256\u{212A}W", "got 'A256"),
        ]
    )
    func leftOut(name: String, reason: String) throws {
        var parts = JWEParts(try token())
        parts.header = parts.header.setting("alg", .string(name))
        let error = try refusal { try open(parts.token) }
        #expect(error.code == .algorithmRefused)
        #expect(error.claim == "alg")
        #expect(error.reason.contains(reason))
    }

    @Test("RFC 8725 §3.1: nothing opens by an algorithm that the caller does not list")
    func lists() throws {
        let token = try token()
        #expect(throws: Never.self) { try open(token) }
        let alg = try refusal { try open(token, keyManagement: [.a128KW, .direct]) }
        #expect(alg == JOSEError(.algorithmRefused, claim: "alg", reason: "expected A128KW, dir, got 'A256KW'"))
        let enc = try refusal { try open(token, contentEncryption: [.a256GCM]) }
        #expect(enc == JOSEError(.algorithmRefused, claim: "enc", reason: "expected A256GCM, got 'A128GCM'"))
        #expect(try refusal { try open(token, keyManagement: []) }.code == .algorithmRefused)
        #expect(try refusal { try open(token, contentEncryption: []) }.code == .algorithmRefused)
    }

    @Test(
        "FIELD F21, RFC 8725 §3.6: CVE-2024-33664, CVE-2024-28122, CVE-2024-29371, GHSA-j857-7rvv-vj97: zip is refused",
        arguments: ["DEF", "GZIP", "", 1, nil] as [JSON]
    )
    func compression(zip: JSON) throws {
        var parts = JWEParts(try token(["zap": zip]))
        #expect(throws: Never.self) { try open(parts.token) }
        parts.header = parts.header.setting("zip", zip)
        let error = try refusal { try open(parts.token) }
        #expect(
            error == JOSEError(.algorithmRefused, claim: "zip", reason: "compressed content is never read or written")
        )
        #expect(try refusal { try token(["zip": zip]) } == error)
    }

    @Test(
        "RFC 7516 §4.1.13: crit is refused in every form, on both sides",
        arguments: [["exp"], [], "exp", ["alg"], [1]] as [JSON]
    )
    func critical(value: JSON) throws {
        var parts = JWEParts(try token())
        parts.header = parts.header.setting("crit", value)
        #expect(try refusal { try open(parts.token) }.code == .criticalUnsupported)
        #expect(try refusal { try token(["crit": value]) }.code == .criticalUnsupported)
    }

    @Test("The header must say alg and enc, as texts", arguments: ["alg", "enc"], [nil, 1, ["A256KW"]] as [JSON?])
    func required(name: String, value: JSON?) throws {
        var parts = JWEParts(try token())
        parts.header = parts.header.setting(name, value)
        let error = try refusal { try open(parts.token) }
        #expect(error.code == .malformed)
        #expect(error.claim == name)
    }

    @Test("A parameter that is the key's is refused, another is written", arguments: ["alg", "enc", "kid", "epk"])
    func ownParameters(name: String) throws {
        let error = try refusal { try token(["typ": "x", name: "x"]) }
        #expect(error.code == .malformed)
        #expect(error.claim == name)
        let parts = JWEParts(try token(["typ": "x", "x" + name: "x"]))
        let header: JSONObject = ["alg": "A256KW", "enc": "A128GCM", "typ": "x", "x" + name: "x", "kid": "k-1"]
        #expect(parts.header == header)
        #expect(throws: Never.self) { try open(parts.token) }
    }

    // MARK: Keys

    @Test("FIELD F20: keys that the header brings along are not looked at", arguments: ["jwk", "jku", "x5u", "x5c"])
    func embeddedKeys(name: String) throws {
        let value: JSON = name == "jwk" ? .object(try Self.key.get().privateJWK.members) : "https://evil.example/jwks"
        let token = try token([name: value])
        #expect(throws: Never.self) { try open(token) }
        #expect(try refusal { try open(token, by: []) }.code == .keyUnknown)
    }

    @Test("FIELD F20: an unknown kid is refused even where a key would fit, no kid finds the only key that fits")
    func keyLookup() throws {
        let own = try Self.key.get()
        let other = try DecryptionKey.generate(.a256KW, keyID: "k-2")
        let wrap128 = try DecryptionKey.generate(.a128KW, keyID: "k-1")
        let token = try token()
        #expect(try open(token, by: [other, own]).keyID == "k-1")
        #expect(try refusal { try open(token, by: [other]) }.code == .keyUnknown)
        #expect(try refusal { try open(token, by: [own, own]) }.code == .keyAmbiguous)
        #expect(try refusal { try open(token, by: [wrap128]) }.code == .algorithmRefused)

        let nameless = try DecryptionKey(JWK(own.privateJWK.members.setting("kid", nil)))
        let anonymous = try JWE.encrypted([1], to: nameless.encryptionKey, encryption: .a128GCM)
        #expect(JWEParts(anonymous).header["kid"] == nil)
        #expect(try open(anonymous, by: [own, wrap128]).keyID == "k-1")
        #expect(try refusal { try open(anonymous, by: [own, other]) }.code == .keyAmbiguous)
        #expect(try refusal { try open(anonymous, by: [wrap128]) }.code == .keyUnknown)
        #expect(try refusal { try open(anonymous, by: [other]) }.code == .decryptionFailed)
    }

    @Test("A key for dir opens only the content encryption that it is bound to, or whose length it has")
    func directKeys() throws {
        let bound = try DecryptionKey.generate(.direct, contentEncryption: .a256GCM)
        let members = bound.privateJWK.members
        #expect(members["alg"] == "A256GCM")
        let unbound = try DecryptionKey(JWK(members.setting("alg", "dir")))
        func token(_ encryption: ContentEncryptionAlgorithm) throws -> String {
            try JWE.encrypted([1], to: unbound.encryptionKey, encryption: encryption)
        }
        #expect(throws: Never.self) { try UnopenedJWE(token(.a256GCM)).opened(by: bound) }
        #expect(throws: Never.self) { try UnopenedJWE(token(.a128CBCHS256)).opened(by: unbound) }
        let error = try refusal { try UnopenedJWE(token(.a128CBCHS256)).opened(by: bound) }
        #expect(error.code == .algorithmRefused)
        #expect(error.claim == "enc")
        #expect(try refusal { try token(.a128GCM) }.code == .keyUnfit)
        #expect(
            try refusal { try JWE.encrypted([1], to: bound.encryptionKey, encryption: .a128CBCHS256) }.code == .keyUnfit
        )
    }

    // MARK: Text

    @Test("A text that is not five canonical parts is refused before any key is looked at")
    func text() throws {
        let good = try token()
        let parts = JWEParts(good).texts
        func joined(_ texts: [String]) -> String { texts.joined(separator: ".") }
        let rows = [
            "", ".", "....", joined(parts.dropLast()), good + ".", good + ".AAAA", "." + good, good + "=", good + "\n",
            " " + good, good.replacing(".", with: ".."), joined([parts[0] + "A"] + parts.dropFirst()),
            joined(["e30x"] + parts.dropFirst()), joined(["W10"] + parts.dropFirst()),
            // The unused bits of the last character (RFC 4648 §3.5), and a duplicate member.
            joined(parts.dropLast() + [String(parts[4].dropLast()) + "B"]),
            joined([Base64URL.encode(#"{"alg":"dir","alg":"A256KW","enc":"A128GCM"}"#.utf8)] + parts.dropFirst()),
        ]
        for row in rows {
            #expect(try refusal { try UnopenedJWE(row) }.code == .malformed, "\(row)")
        }
        #expect(throws: Never.self) { try UnopenedJWE(good) }
    }

    @Test("CVE-2025-30204, CVE-2025-27144: size is checked first, and a text of dots costs no more than its length")
    func sizes() throws {
        let good = try token()
        let exact = TokenLimits(maximumBytes: good.utf8.count, maximumDepth: 16)
        let short = TokenLimits(maximumBytes: good.utf8.count - 1, maximumDepth: 16)
        #expect(throws: Never.self) { try UnopenedJWE(good, limits: exact) }
        #expect(try refusal { try UnopenedJWE(good, limits: short) }.code == .tooLarge)
        let dots = String(repeating: ".", count: 1 << 20)
        #expect(try refusal { try UnopenedJWE(dots) }.code == .tooLarge)
        let wide = TokenLimits(maximumBytes: 2 << 20, maximumDepth: 16)
        #expect(try refusal { try UnopenedJWE(dots, limits: wide) }.code == .malformed)
        let deep = TokenLimits(maximumBytes: 16384, maximumDepth: 1)
        let nested = try token(["a": [[1]]])
        #expect(throws: JOSEError.self) { try UnopenedJWE(nested, limits: deep) }
        #expect(throws: Never.self) { try UnopenedJWE(nested) }
    }

    @Test("Nothing is encrypted that the reader's limits would refuse")
    func encryptionLimits() throws {
        let key = try Self.key.get().encryptionKey
        func encrypt(_ count: Int, _ limits: TokenLimits = .default) throws -> String {
            try JWE.encrypted(Array(repeating: 1, count: count), to: key, encryption: .a128GCM, limits: limits)
        }
        let length = try encrypt(300).utf8.count
        #expect(throws: Never.self) { try encrypt(300, TokenLimits(maximumBytes: length, maximumDepth: 16)) }
        #expect(
            try refusal { try encrypt(300, TokenLimits(maximumBytes: length - 1, maximumDepth: 16)) }.code == .tooLarge
        )
        #expect(try refusal { try encrypt(20_000) }.code == .tooLarge)
        #expect(try UnopenedJWE(encrypt(12_000)).opened(by: Self.key.get()).plaintext.count == 12_000)
    }

    @Test("No mutation of a token traps, and none opens, seeds 1...40", arguments: 1...40)
    func mutations(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let combination = try #require(
            Combination.all.filter { !$0.algorithm.name.hasPrefix("RSA") }.randomElement(using: &generator)
        )
        let key = try combination.key()
        let good = Array(try JWE.encrypted([1, 2], to: key.encryptionKey, encryption: combination.encryption).utf8)
        let palette = Array("{}[]\",:.-_=AZaz09\0\u{FF}".utf8)
        for _ in 0..<60 {
            var text = good
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let place = Int.random(in: 0..<text.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: text[place] = palette.randomElement(using: &generator) ?? 0
                case 1: text.remove(at: place)
                default: text.insert(UInt8.random(in: .min ... .max, using: &generator), at: place)
                }
            }
            guard text != good else { continue }
            let opened = try? UnopenedJWE(String(decoding: text, as: UTF8.self)).opened(by: key)
            #expect(opened == nil, "seed \(seed): \(String(decoding: text, as: UTF8.self))")
        }
    }
}
