import JOSE
import Testing

/// Keys for encryption: what they may be used for, and which of them are sound.
@Suite struct EncryptionKeyTests {
    private static let samples = Combination.all.filter { $0.encryption == .a128GCM }

    @Test("A key survives the way through its JWK, and its public half encrypts only", arguments: samples)
    func roundTrips(combination: Combination) throws {
        let key = try combination.key()
        let again = try DecryptionKey(JWK(parsing: key.privateJWK.members.serialized()))
        #expect(again.privateJWK == key.privateJWK)
        let isSymmetric = key.privateJWK.members["kty"] == "oct"
        let encryptionKey = try EncryptionKey(isSymmetric ? key.privateJWK : key.publicJWK)
        let token = try JWE.encrypted([1], to: encryptionKey, encryption: .a128GCM)
        #expect(try UnopenedJWE(token).opened(by: again).plaintext == [1])
        #expect(throws: JOSEError.self) { try DecryptionKey(key.publicJWK) }
        #expect(key.publicJWK.isPrivate == false)
    }

    @Test("A drawn RSA key has 2048 bits and opens what was encrypted to it")
    func generatedRSA() throws {
        let key = try DecryptionKey.generate(.rsaOAEP256)
        #expect(try Base64URL.decode(key.privateJWK.members.text("n")).count == 256)
        #expect(key.keyID == key.privateJWK.thumbprint())
        let token = try JWE.encrypted([1], to: key.encryptionKey, encryption: .a256GCM)
        #expect(try UnopenedJWE(token).opened(by: key).plaintext == [1])
        #expect(try refusal { try DecryptionKey.generate(.direct) }.code == .keyUnfit)
    }

    @Test("RFC 8725 §3.1: the key says its algorithm, or the caller does, and they agree", arguments: samples)
    func algorithms(combination: Combination) throws {
        let members = try combination.key().privateJWK.members
        let nameless = try JWK(members.setting("alg", nil))
        #expect(try refusal { try DecryptionKey(nameless) }.claim == "alg")
        #expect(try refusal { try EncryptionKey(nameless) }.code == .keyUnfit)
        #expect(try DecryptionKey(nameless, algorithm: combination.algorithm).algorithm == combination.algorithm)
        for other in KeyManagementAlgorithm.all where other != combination.algorithm {
            #expect(try refusal { try DecryptionKey(JWK(members), algorithm: other) }.code == .keyUnfit)
        }
        for (name, code) in [
            ("RS256", "key-unsupported"), ("RSA1_5", "key-unsupported"), ("PBES2-HS256+A128KW", "key-unsupported"),
        ] {
            let error = try refusal { try DecryptionKey(JWK(members.setting("alg", .string(name)))) }
            #expect(error.code.description == code)
        }
    }

    @Test("An algorithm needs its own type of key", arguments: samples)
    func types(combination: Combination) throws {
        let members = try combination.key().privateJWK.members
        let kty = try members.text("kty")
        for other in KeyManagementAlgorithm.all {
            let fits = try samplesOf(other).contains { try $0.key().privateJWK.members["kty"] == .string(kty) }
            guard !fits else { continue }
            let error = try refusal { try DecryptionKey(JWK(members.setting("alg", .string(other.name)))) }
            #expect(error.code == .keyUnfit)
            #expect(error.claim == "kty")
        }
    }

    private func encrypts(_ jwk: JWK) -> Bool { (try? EncryptionKey(jwk)) != nil }

    private func decrypts(_ jwk: JWK) -> Bool { (try? DecryptionKey(jwk)) != nil }

    private func samplesOf(_ algorithm: KeyManagementAlgorithm) -> [Combination] {
        Self.samples.filter { $0.algorithm == algorithm }
    }

    @Test("RFC 7517 §4.2: a key for signatures neither encrypts nor decrypts", arguments: samples)
    func use(combination: Combination) throws {
        let members = try combination.key().privateJWK.members
        for (use, isFit) in [("enc", true), (nil, true), ("sig", false), ("x", false), ("ENC", false)]
            as [(JSON?, Bool)]
        {
            let jwk = try JWK(members.setting("use", use))
            #expect(decrypts(jwk) == isFit)
            #expect(encrypts(jwk) == isFit)
        }
    }

    @Test("RFC 7517 §4.3: key_ops must list what is done", arguments: samples)
    func operations(combination: Combination) throws {
        let members = try combination.key().privateJWK.members.setting("use", nil)
        let name = combination.algorithm.name
        let wanted: (encrypt: Set<String>, decrypt: Set<String>) =
            switch name {
            case "dir": (["encrypt"], ["decrypt"])
            case _ where name.hasPrefix("ECDH"): (["deriveKey", "deriveBits"], ["deriveKey", "deriveBits"])
            default: (["wrapKey"], ["unwrapKey"])
            }
        let all = ["sign", "verify", "encrypt", "decrypt", "wrapKey", "unwrapKey", "deriveKey", "deriveBits", "other"]
        for operation in all {
            let jwk = try JWK(members.setting("key_ops", [.string(operation)]))
            #expect(encrypts(jwk) == wanted.encrypt.contains(operation), "\(operation)")
            #expect(decrypts(jwk) == wanted.decrypt.contains(operation), "\(operation)")
        }
        let none = try JWK(members.setting("key_ops", []))
        #expect((try? DecryptionKey(none)) == nil)
        #expect(encrypts(none) == name.hasPrefix("ECDH"))
        let mixed = try JWK(members.setting("key_ops", .array(all.map(JSON.string))))
        #expect(throws: Never.self) { try DecryptionKey(mixed) }
        let contradiction = try JWK(mixed.members.setting("use", "enc"))
        #expect(try refusal { try DecryptionKey(contradiction) }.claim == "key_ops")
    }

    @Test("RFC 7517 §4.3: the public half lists the counterparts of what the private half lists")
    func publicOperations() throws {
        let members = try #require(try Combination.all.first { $0.algorithm == .rsaOAEP }?.key()).privateJWK.members
        for (own, published) in [
            (["unwrapKey"], ["wrapKey"]), (["decrypt", "unwrapKey"], ["encrypt", "wrapKey"]), (["sign"], ["verify"]),
            (["unwrapKey", "wrapKey"], ["wrapKey"]), (["deriveKey", "deriveBits"], nil), (["other"], nil),
        ] as [(JSON, JSON?)] {
            let jwk = try JWK(members.setting("key_ops", own))
            #expect(jwk.publicJWK.members["key_ops"] == published)
            #expect(jwk.publicJWK.publicJWK == jwk.publicJWK)
        }
    }

    @Test("RFC 7518 §4.3: an RSA key below 2048 bits, with a small exponent or of weak primes is refused")
    func weakRSA() throws {
        let members = try #require(try Combination.all.first { $0.algorithm == .rsaOAEP256 }?.key()).privateJWK.members
        let short = try Base64URL.decode(members.text("n")).suffix(128)
        for (name, value) in [("n", Base64URL.encode(short)), ("e", "Aw"), ("e", "AQAA"), ("n", "")] {
            #expect(try refusal { try EncryptionKey(JWK(members.setting(name, .string(value)))) }.code == .keyInvalid)
        }
        for (name, value) in [("d", members["p"]), ("p", members["q"]), ("dp", members["dq"]), ("q", nil)] {
            #expect(try refusal { try DecryptionKey(JWK(members.setting(name, value))) }.code == .keyInvalid)
        }
        #expect(throws: Never.self) { try DecryptionKey(JWK(members)) }
    }

    @Test(
        "RFC 7518 §6.2.1.2: coordinates of another length, off the curve or of another key are refused",
        arguments: samples.filter { $0.algorithm == .ecdhES }
    )
    func coordinates(combination: Combination) throws {
        let members = try combination.key().privateJWK.members
        let other = try DecryptionKey.generate(.ecdhES, curve: try #require(combination.curve)).privateJWK.members
        for name in ["x", "d"] {
            let bytes = try Base64URL.decode(members.text(name))
            for wrong in [bytes.dropLast(), bytes + [0], [0] + bytes, []] {
                let jwk = try JWK(members.setting(name, .string(Base64URL.encode(wrong))))
                #expect(try refusal { try DecryptionKey(jwk) }.code == .keyInvalid)
            }
            #expect(try refusal { try DecryptionKey(JWK(members.setting(name, other[name]))) }.code == .keyInvalid)
        }
        for curve in ["P-192", "secp256k1", "X448", "Ed25519", ""] {
            let jwk = try JWK(members.setting("crv", .string(curve)))
            #expect(try refusal { try DecryptionKey(jwk) }.code == .keyUnsupported)
        }
        if combination.curve != .x25519 {
            let offCurve = try JWK(members.setting("y", members["x"]).setting("d", nil))
            #expect(try refusal { try EncryptionKey(offCurve) }.code == .keyInvalid)
        }
    }

    @Test(
        "A symmetric key has exactly the length of its algorithm",
        arguments: [
            ("A128KW", [16]), ("A256KW", [32]), ("dir", [16, 32, 64]), ("A128GCM", [16]), ("A256GCM", [32]),
            ("A128CBC-HS256", [32]), ("A256CBC-HS512", [64]),
        ]
    )
    func lengths(name: String, lengths: [Int]) throws {
        for length in [0, 8, 15, 16, 17, 24, 31, 32, 33, 48, 63, 64, 65] {
            let secret = Base64URL.encode([UInt8](repeating: 1, count: length))
            let jwk = try JWK(["kty": "oct", "k": .string(secret), "alg": .string(name)])
            #expect(decrypts(jwk) == lengths.contains(length), "\(length)")
            #expect(encrypts(jwk) == lengths.contains(length), "\(length)")
        }
    }

    @Test("RFC 7517 §5: a set leaves out what cannot decrypt, and refuses what is no set")
    func sets() throws {
        let key = try DecryptionKey.generate(.ecdhES, keyID: "a")
        let entries: [JSON] = [
            .object(key.privateJWK.members), .object(key.publicJWK.members), ["kty": "x"],
            .object(try TestKeys.key(.es256).privateJWK.members),
        ]
        let set = try DecryptionKeySet(parsing: (["keys": .array(entries)] as JSONObject).serialized())
        #expect(set.keys.map(\.keyID) == ["a"])
        for text in ["{}", "[]", #"{"keys":{}}"#, #"{"keys":[1]}"#, "{\"keys\":[]}x"] {
            #expect(try refusal { try DecryptionKeySet(parsing: Array(text.utf8)) }.code == .malformed)
        }
        // Keys for encryption never verify a signature.
        #expect(try KeySet(parsing: (["keys": .array(entries)] as JSONObject).serialized()).keys.count == 1)
    }

    @Test("Neither description nor mirror shows a secret", arguments: samples)
    func secrets(combination: Combination) throws {
        let key = try combination.key()
        var shown = "\(key) \(key.encryptionKey) \(String(reflecting: key)) \(String(reflecting: key.encryptionKey))"
        dump(key, to: &shown)
        dump(key.encryptionKey, to: &shown)
        for name in ["d", "k", "p"] {
            guard let secret = key.privateJWK.members[name]?.stringValue else { continue }
            #expect(!shown.contains(secret))
        }
        #expect(shown.contains(combination.algorithm.name))
    }

    @Test("The tables know their own names, exactly")
    func names() {
        for algorithm in KeyManagementAlgorithm.all {
            #expect(KeyManagementAlgorithm(name: algorithm.name) == algorithm)
            #expect(KeyManagementAlgorithm(name: algorithm.name.lowercased() + " ") == nil)
        }
        for encryption in ContentEncryptionAlgorithm.all {
            #expect(ContentEncryptionAlgorithm(name: encryption.name) == encryption)
            #expect(ContentEncryptionAlgorithm(name: encryption.name.lowercased()) == nil)
        }
        for curve in KeyAgreementCurve.all {
            #expect(KeyAgreementCurve(name: curve.name) == curve)
            #expect(KeyAgreementCurve(name: curve.name.lowercased()) == nil)
        }
        #expect(Set(KeyManagementAlgorithm.all).count == 8)
        #expect(Set(ContentEncryptionAlgorithm.all).count == 4)
        #expect(Set(KeyAgreementCurve.all).count == 4)
    }
}
