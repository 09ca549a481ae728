import JOSE
import Testing

/// FIELD F20: attacks on the signature and its header. Every refusal has a twin without the attack that succeeds.
@Suite struct AttackTests {
    @Test(
        "FIELD F20 alg none (CVE-2015-9235 class): unsigned and unknown algorithms are refused",
        arguments: ["none", "None", "NONE", "nOnE", "", "hs256", "HS256 ", "HS256\u{0}", "ES521"]
    )
    func unknownAlgorithms(name: String) throws {
        let key = try TestKeys.key(.hs256)
        let header = Sample.header(key)
        let forgery = Forgery(header: header.setting("alg", .string(name)))
        #expect(try refusal { try Sample.verify(forgery.signed { _ in [] }) }.code == .algorithmRefused)
        #expect(try refusal { try Sample.verify(forgery.signed(by: key)) }.code == .algorithmRefused)
        #expect(throws: Never.self) { try Sample.verify(Forgery(header: header).signed(by: key)) }
    }

    @Test(
        "RFC 7515 §5.2: a header whose alg is absent or no text is refused",
        arguments: [nil, 5, ["HS256"], .null] as [JSON?]
    )
    func missingAlgorithm(alg: JSON?) throws {
        let key = try TestKeys.key(.hs256)
        let forgery = Forgery(header: Sample.header(key).setting("alg", alg))
        #expect(try refusal { try Sample.verify(forgery.signed(by: key)) }.code == .malformed)
    }

    @Test(
        "FIELD F20 RS->HS, ES->HS (CVE-2016-10555, CVE-2022-23540, CVE-2024-33663, CVE-2026-11800): public bytes are no HMAC key",
        arguments: [SignatureAlgorithm.rs256, .es256, .edDSA]
    )
    func algorithmConfusion(algorithm: SignatureAlgorithm) throws {
        let victim = try TestKeys.key(algorithm)
        let members = victim.publicJWK.members
        let n = try members["n"]?.stringValue.map(Base64URL.decode) ?? []
        let x = try members["x"]?.stringValue.map(Base64URL.decode) ?? []
        let y = try members["y"]?.stringValue.map(Base64URL.decode) ?? []
        let guesses = [n, x, x + y, [4] + x + y, members.serialized()].filter { $0.count >= 32 && $0.count <= 1024 }
        #expect(guesses.count >= 2)
        let set = KeySet([victim.verificationKey])
        for guess in guesses {
            let attacker = try SigningKey(
                JWK(["kty": "oct", "k": .string(Base64URL.encode(guess)), "kid": .string(victim.keyID)])
            )
            let token = try JWT.signed(Sample.claims, type: "at+jwt", by: attacker)
            #expect(try refusal { try Sample.verify(token, by: set) }.code == .algorithmRefused)
            // Without a kid, too, no key of the set does HMAC.
            let anonymous = try Forgery(header: Sample.header(attacker).setting("kid", nil)).signed(by: attacker)
            #expect(try refusal { try Sample.verify(anonymous, by: set) }.code == .keyUnknown)
        }
        let good = try JWT.signed(Sample.claims, type: "at+jwt", by: victim)
        #expect(throws: Never.self) { try Sample.verify(good, by: set) }
    }

    @Test("RFC 8725 §3.1: whatever alg a header claims, only that of the named key is taken")
    func keyTypeAgainstAlgorithm() throws {
        for key in try TestKeys.shared.get().all {
            for claimed in SignatureAlgorithm.all {
                let forgery = Forgery(header: Sample.header(key).setting("alg", .string(claimed.name)))
                let token = try forgery.signed(by: key)
                if claimed == key.algorithm {
                    #expect(throws: Never.self) { try Sample.verify(token) }
                } else {
                    #expect(try refusal { try Sample.verify(token) }.code == .algorithmRefused)
                }
            }
        }
    }

    @Test("RFC 8725 §3.1: an algorithm that the caller does not allow is refused, allowed it is taken")
    func allowedAlgorithms() throws {
        let token = try JWT.signed(Sample.claims, type: "at+jwt", by: TestKeys.key(.es256))
        var expectations = Sample.expectations
        for allowed in [[], [.rs256], [.rs256, .hs256, .edDSA]] as [[SignatureAlgorithm]] {
            expectations.algorithms = allowed
            #expect(try refusal { try Sample.verify(token, expecting: expectations) }.code == .algorithmRefused)
        }
        expectations.algorithms = [.es256]
        #expect(throws: Never.self) { try Sample.verify(token, expecting: expectations) }
    }

    @Test(
        "FIELD F20 unknown kid: no fallback to another key, even if that key did sign",
        arguments: ["other", "", "kid-ec-sign ", "KID-EC-SIGN", "../kid-ec-sign", "\u{212A}id-ec-sign"]
    )
    func unknownKeyID(kid: String) throws {
        let key = try TestKeys.key(.es256)
        let header = Sample.header(key)
        let token = try Forgery(header: header.setting("kid", .string(kid))).signed(by: key)
        #expect(try refusal { try Sample.verify(token) }.code == .keyUnknown)
        #expect(try refusal { try Sample.verify(token, by: KeySet([key.verificationKey])) }.code == .keyUnknown)
        #expect(throws: Never.self) { try Sample.verify(Forgery(header: header).signed(by: key)) }
    }

    @Test("A kid is compared by code points: K and U+212A KELVIN SIGN are two keys")
    func keyIDCodePoints() throws {
        let key = try SigningKey.generate(.edDSA, keyID: "K")
        let set = KeySet([key.verificationKey])
        let spoiled = try Forgery(header: Sample.header(key).setting("kid", "\u{212A}")).signed(by: key)
        #expect(try refusal { try Sample.verify(spoiled, by: set) }.code == .keyUnknown)
        #expect(throws: Never.self) { try Sample.verify(Forgery(header: Sample.header(key)).signed(by: key), by: set) }
    }

    @Test("A kid that is no text is refused", arguments: [5, nil, ["kid-ec-sign"]] as [JSON])
    func keyIDType(kid: JSON) throws {
        let key = try TestKeys.key(.es256)
        let token = try Forgery(header: Sample.header(key).setting("kid", kid)).signed(by: key)
        #expect(try refusal { try Sample.verify(token) }.code == .malformed)
    }

    @Test(
        "FIELD F20 embedded keys (CVE-2018-0114 class): jwk, jku, x5u and x5c of a header are never used",
        arguments: ["jwk", "jku", "x5u", "x5c"]
    )
    func embeddedKeys(name: String) throws {
        let trusted = try TestKeys.key(.es256)
        let attacker = try SigningKey.generate(.es256, keyID: trusted.keyID)
        let value: JSON =
            switch name {
            case "jwk": .object(attacker.publicJWK.members)
            case "x5c": ["MIIB"]
            default: "https://attacker.example/keys"
            }
        let header = Sample.header(trusted).setting(name, value)
        #expect(
            try refusal { try Sample.verify(Forgery(header: header).signed(by: attacker)) }.code == .signatureInvalid
        )
        let anonymous = header.setting("kid", nil)
        #expect(
            try refusal { try Sample.verify(Forgery(header: anonymous).signed(by: attacker)) }.code == .signatureInvalid
        )
        // Only the signer differs: what the header brings along is ignored, not refused.
        #expect(throws: Never.self) { try Sample.verify(Forgery(header: header).signed(by: trusted)) }
    }

    @Test(
        "RFC 7515 §4.1.11: crit is refused whatever it lists, without it the token is taken",
        arguments: [["exp"], ["b64"], ["typ"], [], ["http://example.invalid/x"], "exp", nil, [1], [["exp"]]] as [JSON]
    )
    func critical(crit: JSON) throws {
        let key = try TestKeys.key(.es256)
        let header = Sample.header(key).setting("exp", 1).setting("b64", true).setting("http://example.invalid/x", 1)
        let spoiled = Forgery(header: header.setting("crit", crit))
        #expect(try refusal { try Sample.verify(spoiled.signed(by: key)) }.code == .criticalUnsupported)
        #expect(throws: Never.self) { try Sample.verify(Forgery(header: header).signed(by: key)) }
    }

    @Test("RFC 7797 §6: an unencoded payload is refused even where crit does not announce it")
    func unencodedPayload() throws {
        let key = try TestKeys.key(.es256)
        for value in [false, nil, 0] as [JSON] {
            let token = try Forgery(header: Sample.header(key).setting("b64", value)).signed(by: key)
            #expect(try refusal { try Sample.verify(token) }.code == .criticalUnsupported)
        }
        let token = try Forgery(header: Sample.header(key).setting("b64", true)).signed(by: key)
        #expect(throws: Never.self) { try Sample.verify(token) }
    }

    @Test("RFC 7515 §4, FIELD F20 duplicate members in header or claims are refused, each alone is taken")
    func duplicateMembers() throws {
        let key = try TestKeys.key(.es256)
        let good = Forgery(header: Sample.header(key))
        let open = { (text: String) in String(text.dropLast()) }
        #expect(throws: Never.self) { try Sample.verify(good.signed(by: key)) }
        for member in [#""alg":"ES256""#, #""kid":"kid-ec-sign""#, #""typ":"at+jwt""#, #""\u0061lg":"none""#] {
            let spoiled = Forgery(header: open(good.header) + ",\(member)}", payload: good.payload)
            #expect(try refusal { try Sample.verify(spoiled.signed(by: key)) }.code == .malformed)
        }
        for member in [#""sub":"bob""#, #""exp":9999999999"#, #""aud":"x""#, #""s\u0075b":"bob""#] {
            let spoiled = Forgery(header: good.header, payload: open(good.payload) + ",\(member)}")
            #expect(try refusal { try Sample.verify(spoiled.signed(by: key)) }.code == .malformed)
        }
        let added = Forgery(header: good.header, payload: open(good.payload) + #","act":{"sub":"bob"}}"#)
        #expect(throws: Never.self) { try Sample.verify(added.signed(by: key)) }
    }

    @Test("FIELD F20 trailing data after header or claims is refused, white space there is JSON")
    func trailingData() throws {
        let key = try TestKeys.key(.es256)
        let good = Forgery(header: Sample.header(key))
        for tail in ["{}", "x", "\u{0}", ",", "}", "\u{A0}", "//"] {
            let header = Forgery(header: good.header + tail, payload: good.payload)
            #expect(try refusal { try Sample.verify(header.signed(by: key)) }.code == .malformed)
            let payload = Forgery(header: good.header, payload: good.payload + tail)
            #expect(try refusal { try Sample.verify(payload.signed(by: key)) }.code == .malformed)
        }
        let spaced = Forgery(header: " " + good.header + "\r\n\t", payload: good.payload + " ")
        #expect(throws: Never.self) { try Sample.verify(spaced.signed(by: key)) }
    }

    @Test(
        "A header or payload that is no object is refused",
        arguments: ["", "[]", "null", "1", #""alg""#, "\u{FEFF}{}"]
    )
    func noObjects(text: String) throws {
        let key = try TestKeys.key(.es256)
        let good = Forgery(header: Sample.header(key))
        let header = Forgery(header: text, payload: good.payload)
        #expect(try refusal { try Sample.verify(header.signed(by: key)) }.code == .malformed)
        let payload = Forgery(header: good.header, payload: text)
        #expect(try refusal { try Sample.verify(payload.signed(by: key)) }.code == .malformed)
    }

    @Test("FIELD F20 psychic signatures (CVE-2022-21449): r and s of zero, of the order, or in DER never verify")
    func psychicSignatures() throws {
        let key = try TestKeys.key(.es256)
        let order: [UInt8] = [
            0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
            0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
        ]
        let zero = [UInt8](repeating: 0, count: 32)
        let one: [UInt8] = zero.dropLast() + [1]
        let forgery = Forgery(header: Sample.header(key))
        let der: [UInt8] = [0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00]
        let numbers: [[UInt8]] = [zero, one, order]
        var spoiled: [[UInt8]] = [[], der, zero, zero + zero + [0], [UInt8](repeating: 0xFF, count: 64)]
        for r in numbers {
            for s in numbers { spoiled.append(r + s) }
        }
        for signature in spoiled {
            #expect(try refusal { try Sample.verify(forgery.signed { _ in signature }) }.code == .signatureInvalid)
        }
        #expect(throws: Never.self) { try Sample.verify(forgery.signed(by: key)) }
    }

    @Test(
        "RFC 7518 §3.4: a signature of another length is refused for every algorithm",
        arguments: SignatureAlgorithm.all
    )
    func signatureLength(algorithm: SignatureAlgorithm) throws {
        let key = try TestKeys.key(algorithm)
        let forgery = Forgery(header: Sample.header(key))
        let spoilers: [([UInt8]) -> [UInt8]] = [
            { _ in [] }, { Array($0.dropLast()) }, { $0 + [0] }, { [0] + $0 }, { Array($0.dropFirst()) }, { $0 + $0 },
            { [UInt8](repeating: 0, count: $0.count) },
        ]
        for spoil in spoilers {
            let token = try forgery.signed { spoil(try key.sign($0)) }
            #expect(try refusal { try Sample.verify(token) }.code == .signatureInvalid)
        }
        #expect(throws: Never.self) { try Sample.verify(forgery.signed(by: key)) }
    }
}
