import JOSE
import Testing

/// RFC 7517 §4, RFC 7518 §6, RFC 7638, RFC 8037 §2.
@Suite struct JWKTests {
    private static let thumbprintExamples = ["jwk_thumbprint_rsa", "dpop_jkt", "thumbprint_ed25519"]

    /// The thumbprints of rfc-examples.json, for the ledger.
    static func examples() -> VectorReport {
        var report = VectorReport()
        for name in thumbprintExamples { report.run(name) { try JWKTests().thumbprints(name: name) } }
        return report
    }

    @Test("RFC 7638 §3.1 and its kin: thumbprints are those that the RFCs print", arguments: thumbprintExamples)
    func thumbprints(name: String) throws {
        let example = try Vectors.rfcExample(name)
        #expect(try example.jwk().thumbprint() == example.text("thumbprint"))
        // RFC 7638 §3.2: members that are not required do not count.
        let decorated = try JWK(example.jwk().members.setting("kid", "x").setting("use", "sig"))
        #expect(try decorated.thumbprint() == example.text("thumbprint"))
    }

    @Test("A JWK that does not make a key is refused, its repaired twin is read")
    func malformedKeys() throws {
        let good = try TestKeys.key(.es256).publicJWK.members
        #expect(throws: Never.self) { try JWK(good) }
        let rows: [(String, JSON?, JOSEError.Code)] = [
            ("kty", nil, .keyInvalid), ("kty", 1, .keyInvalid), ("kty", "ec", .keyUnsupported),
            ("kty", "AKP", .keyInvalid), ("x", nil, .keyInvalid), ("x", 1, .keyInvalid), ("crv", nil, .keyInvalid),
            ("kid", 1, .keyInvalid), ("use", true, .keyInvalid), ("alg", [], .keyInvalid),
            ("key_ops", "verify", .keyInvalid), ("key_ops", [1], .keyInvalid),
            ("key_ops", ["verify", "verify"], .keyInvalid),
        ]
        for (name, value, code) in rows {
            #expect(try refusal { try JWK(good.setting(name, value)) }.code == code, "\(name)")
        }
    }

    @Test(
        "RFC 7517 §4.2, RFC 7517 §4.3: a key that is not for verifying is refused, without that member it is taken",
        arguments: [
            ("use", "enc"), ("use", "tls"), ("key_ops", ["sign"]), ("key_ops", ["encrypt"]), ("key_ops", []),
            ("key_ops", ["verify", "encrypt"]), ("alg", "ES512"), ("alg", "RS256"), ("alg", "HS256"), ("alg", "none"),
            ("alg", "es256"),
        ] as [(String, JSON)]
    )
    func purposes(name: String, value: JSON) throws {
        let good = try TestKeys.key(.es256).publicJWK.members
        let error = try refusal { try VerificationKey(JWK(good.setting(name, value))) }
        #expect(error.code == .keyUnfit || error.code == .keyUnsupported)
        #expect(error.claim == name || name == "alg")
        #expect(throws: Never.self) { try VerificationKey(JWK(good.setting(name, nil))) }
    }

    @Test("The caller's algorithm must be that of the key's type, and of its alg if it has one")
    func requestedAlgorithm() throws {
        for key in try TestKeys.shared.get().all {
            let algorithm = key.algorithm
            for other in SignatureAlgorithm.all where other != algorithm {
                #expect(try refusal { try VerificationKey(key.publicJWK, algorithm: other) }.code == .keyUnfit)
                #expect(try refusal { try SigningKey(key.privateJWK, algorithm: other) }.code == .keyUnfit)
            }
            #expect(try SigningKey(key.privateJWK, algorithm: algorithm).algorithm == algorithm)
            // A key of type AKP cannot be without its alg.
            guard key.privateJWK.members["kty"] != "AKP" else { continue }
            let bare = try JWK(key.privateJWK.members.setting("alg", nil))
            #expect(try VerificationKey(bare, algorithm: algorithm).algorithm == algorithm)
            #expect(try SigningKey(bare, algorithm: algorithm).algorithm == algorithm)
            let kin: [SignatureAlgorithm] =
                switch try bare.members.text("kty") {
                case "RSA": [.rs256, .rs384, .rs512, .ps256, .ps384, .ps512]
                case "OKP": [.edDSA, .ed25519]
                case "EC": [algorithm]
                default: []
                }
            // What an HMAC key may serve is a matter of its length.
            for other in SignatureAlgorithm.all where !kin.isEmpty {
                let isTaken = (try? VerificationKey(bare, algorithm: other)) != nil
                #expect(isTaken == kin.contains(other), "\(other) with a key for \(algorithm)")
            }
        }
    }

    @Test("RFC 7518 §3.2: an HMAC key shorter than its hash is refused, one of 32 bytes is taken")
    func octetFloor() throws {
        func key(_ count: Int) throws -> JWK {
            try JWK(["kty": "oct", "k": .string(Base64URL.encode([UInt8](repeating: 7, count: count)))])
        }
        #expect(try refusal { try VerificationKey(key(31)) }.code == .keyInvalid)
        #expect(try refusal { try SigningKey(key(0)) }.code == .keyInvalid)
        #expect(try refusal { try SigningKey(key(1025)) }.code == .keyInvalid)
        #expect(throws: Never.self) { try VerificationKey(key(32)) }
        #expect(throws: Never.self) { try VerificationKey(key(1024)) }
    }

    @Test("RFC 7518 §3.3: an RSA modulus below 2048 bits or above the limit is refused, one of 2048 is taken")
    func modulusSize() throws {
        func key(bits: Int) throws -> JWK {
            var modulus = [UInt8](repeating: 0xA5, count: (bits + 7) / 8)
            modulus[0] = bits % 8 == 0 ? 0x80 : 1 << (bits % 8 - 1)
            return try JWK(["kty": "RSA", "n": .string(Base64URL.encode(modulus)), "e": "AQAB"])
        }
        #expect(throws: Never.self) { try VerificationKey(key(bits: 2048)) }
        #expect(throws: Never.self) { try VerificationKey(key(bits: 8192)) }
        for bits in [512, 1024, 2047, 8193, 16_384] {
            #expect(try refusal { try VerificationKey(key(bits: bits)) }.claim == "n")
        }
    }

    @Test("RFC 7518 §2: RSA numbers are positive, minimal and sound")
    func rsaNumbers() throws {
        let good = try TestKeys.key(.rs256).publicJWK.members
        #expect(throws: Never.self) { try VerificationKey(JWK(good)) }
        let padded = Base64URL.encode([0] + (try Base64URL.decode(try good.text("n"))))
        #expect(try refusal { try VerificationKey(JWK(good.setting("n", .string(padded)))) }.code == .keyInvalid)
        for exponent in ["", "AA", "AQ", "Aw", "EQ", "AQAA", "AAEAAQ", "AQAAAAE", "A!AB"] {
            let error = try refusal { try VerificationKey(JWK(good.setting("e", .string(exponent)))) }
            #expect(error.claim == "e", "\(exponent)")
        }
        let even = try Base64URL.decode(try good.text("n")).dropLast() + [0]
        #expect(
            try refusal { try VerificationKey(JWK(good.setting("n", .string(Base64URL.encode(even))))) }.code
                == .keyInvalid
        )
    }

    @Test("RFC 7518 §6.2.1.2: coordinates have the curve's full size and lie on it")
    func coordinates() throws {
        let good = try TestKeys.key(.es256).publicJWK.members
        let x = try Base64URL.decode(try good.text("x"))
        let spoiled: [[UInt8]] = [
            [0] + x, Array(x.dropFirst()), [], x.reversed(), [UInt8](repeating: 0, count: 32),
            [UInt8](repeating: 0xFF, count: 32),
        ]
        for bytes in spoiled {
            let jwk = try JWK(good.setting("x", .string(Base64URL.encode(bytes))))
            #expect(try refusal { try VerificationKey(jwk) }.code == .keyInvalid)
        }
        // A byte moved from y to x leaves the same 64 bytes side by side.
        let y = try Base64URL.decode(try good.text("y"))
        let shifted = good.setting("x", .string(Base64URL.encode(x + y.prefix(1))))
            .setting("y", .string(Base64URL.encode(y.dropFirst())))
        #expect(try refusal { try VerificationKey(JWK(shifted)) }.code == .keyInvalid)
        #expect(throws: Never.self) { try VerificationKey(JWK(good)) }
        let okp = try TestKeys.key(.edDSA).publicJWK.members
        #expect(try refusal { try VerificationKey(JWK(okp.setting("x", "AAAA"))) }.code == .keyInvalid)
        #expect(try refusal { try VerificationKey(JWK(okp.setting("crv", "X25519"))) }.code == .keyUnfit)
        #expect(
            try refusal { try VerificationKey(JWK(okp.setting("crv", "Ed448").setting("alg", nil))) }.code
                == .keyUnsupported
        )
    }

    @Test("A private key whose halves do not belong together is refused", arguments: SignatureAlgorithm.all)
    func foreignHalves(algorithm: SignatureAlgorithm) throws {
        let own = try TestKeys.key(algorithm).privateJWK.members
        let foreign = try SigningKey.generate(algorithm).privateJWK.members
        #expect(throws: Never.self) { try SigningKey(JWK(own)) }
        for name in ["n", "d", "p", "q", "dp", "dq", "qi", "x", "y", "pub"] where own[name] != nil {
            let mixed = try JWK(own.setting(name, foreign[name]))
            #expect(try refusal { try SigningKey(mixed) }.code == .keyInvalid, "\(name)")
        }
    }

    @Test("An RSA key of more than two primes, or without its primes, cannot sign")
    func rsaPrimes() throws {
        let good = try TestKeys.key(.rs256).privateJWK.members
        #expect(try refusal { try SigningKey(JWK(good.setting("oth", []))) }.code == .keyUnsupported)
        #expect(try refusal { try SigningKey(JWK(good.setting("p", nil))) }.claim == "p")
        // RFC 7518 §6.3.2: the CRT numbers may be left out by a producer; they are computed again.
        let bare = good.setting("dp", nil).setting("dq", nil).setting("qi", nil)
        #expect(try SigningKey(JWK(bare)).privateJWK.members == good)
    }

    @Test("A public key cannot sign", arguments: SignatureAlgorithm.all)
    func publicKeysDoNotSign(algorithm: SignatureAlgorithm) throws {
        #expect(throws: JOSEError.self) { try SigningKey(TestKeys.key(algorithm).publicJWK) }
    }

    @Test("A key without the operation sign cannot sign, with it it can")
    func signOperation() throws {
        let good = try TestKeys.key(.edDSA).privateJWK.members
        #expect(try refusal { try SigningKey(JWK(good.setting("key_ops", ["verify"]))) }.code == .keyUnfit)
        #expect(throws: Never.self) { try SigningKey(JWK(good.setting("key_ops", ["sign"]))) }
    }

    @Test("The public JWK holds no secret and verifies what the private one signs", arguments: SignatureAlgorithm.all)
    func publicHalf(algorithm: SignatureAlgorithm) throws {
        let key = try SigningKey.generate(algorithm, keyID: "k-1")
        let jwk = key.publicJWK
        #expect(key.privateJWK.isPrivate)
        #expect(!jwk.isPrivate)
        #expect(jwk.keyID == "k-1")
        #expect(jwk.members["alg"] == .string(algorithm.name))
        #expect(jwk.members["use"] == "sig")
        for secret in ["d", "p", "q", "dp", "dq", "qi", "k", "priv"] { #expect(jwk.members[secret] == nil) }
        #expect(try SigningKey(key.privateJWK).privateJWK == key.privateJWK)
        guard !algorithm.isSymmetric else { return }
        let set = KeySet([try VerificationKey(jwk)])
        #expect(
            try UnverifiedJWS(JWS.signed([1, 2], by: key)).verified(by: set, algorithms: [algorithm]).payload == [1, 2]
        )
    }

    @Test("A public JWK leaves out members that it does not know and turns sign into verify")
    func publicMembers() throws {
        let good = try TestKeys.key(.es256).privateJWK.members
        let jwk = try JWK(good.setting("priv", "secret").setting("key_ops", ["sign"])).publicJWK
        #expect(jwk.members["priv"] == nil)
        #expect(jwk.members["key_ops"] == ["verify"])
    }

    @Test(
        "A generated key takes its thumbprint as kid, has the size of its algorithm and differs from the one before",
        arguments: SignatureAlgorithm.all
    )
    func generation(algorithm: SignatureAlgorithm) throws {
        let first = try SigningKey.generate(algorithm)
        let second = try SigningKey.generate(algorithm)
        #expect(first.keyID == first.privateJWK.thumbprint())
        #expect(first.keyID != second.keyID)
        #expect(first.privateJWK != second.privateJWK)
        let sizes: [SignatureAlgorithm: (String, Int)] = [
            .hs256: ("k", 32), .hs384: ("k", 48), .hs512: ("k", 64), .rs256: ("n", 256), .rs384: ("n", 384),
            .rs512: ("n", 384), .ps256: ("n", 256), .ps384: ("n", 384), .ps512: ("n", 384), .es256: ("d", 32),
            .es384: ("d", 48), .es512: ("d", 66), .edDSA: ("d", 32), .ed25519: ("d", 32), .mlDSA65: ("pub", 1952),
            .mlDSA87: ("pub", 2592),
        ]
        let (name, count) = try #require(sizes[algorithm])
        #expect(try Base64URL.decode(first.privateJWK.members.text(name)).count == count)
    }

    @Test("No description, interpolation or dump shows a secret", arguments: SignatureAlgorithm.all)
    func redaction(algorithm: SignatureAlgorithm) throws {
        let key = try TestKeys.key(algorithm)
        let jwk = key.privateJWK
        var shown = "\(key) \(jwk) \(key.verificationKey) \(String(reflecting: key)) \(String(reflecting: jwk))"
        shown += String(reflecting: key.verificationKey)
        dump(key, to: &shown)
        dump(jwk, to: &shown)
        dump(key.verificationKey, to: &shown)
        dump([jwk: key], to: &shown)
        #expect(shown.contains(key.keyID))
        for name in ["d", "p", "q", "dp", "dq", "qi", "k", "priv"] {
            if let secret = jwk.members[name]?.stringValue { #expect(!shown.contains(secret), "\(name)") }
        }
    }

    @Test("Algorithm names are those of the table, case-sensitive")
    func algorithmNames() {
        #expect(
            SignatureAlgorithm.all.map(\.name) == [
                "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384",
                "ES512", "EdDSA", "Ed25519", "ML-DSA-65", "ML-DSA-87",
            ]
        )
        for algorithm in SignatureAlgorithm.all { #expect(SignatureAlgorithm(name: algorithm.name) == algorithm) }
        for name in ["none", "None", "hs256", "HS256 ", "EDDSA", "ES521", "ML-DSA-44", "HS256\u{0}", ""] {
            #expect(SignatureAlgorithm(name: name) == nil)
        }
    }
}
