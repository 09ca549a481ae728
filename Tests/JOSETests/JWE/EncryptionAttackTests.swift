import JOSE
import Testing

/// What must not open, each beside a twin that does: the two differ in the attacked place only.
@Suite struct EncryptionAttackTests {
    /// A token for the combination, and the key that opens it.
    private func sample(_ combination: Combination, _ parameters: JSONObject = [:]) throws -> (JWEParts, DecryptionKey)
    {
        let key = try combination.key()
        let token = try JWE.encrypted(
            Array("attack at dawn".utf8),
            parameters: parameters,
            to: key.encryptionKey,
            encryption: combination.encryption
        )
        #expect(throws: Never.self) { try UnopenedJWE(token).opened(by: key) }
        return (JWEParts(token), key)
    }

    private static let anyCombination = Combination(algorithm: .a128KW, curve: nil, encryption: .a128GCM)
    private static let agreements = KeyAgreementCurve.all.map {
        Combination(algorithm: .ecdhES, curve: $0, encryption: .a128GCM)
    }

    // MARK: One error

    @Test(
        "RFC 7516 §11.5, RFC 7518 §5.2.2.2: a flipped bit in any part is refused, always with the same error",
        arguments: Combination.all
    )
    func flippedBits(combination: Combination) throws {
        let (original, key) = try sample(combination, ["note": "aaaa"])
        var errors: Set<JOSEError> = []
        for part in JWEParts.Part.allCases where part != .header {
            // Bits of the slow parts are sampled: an RSA or ECDH decryption for each would take minutes.
            let bits = original[part].count * 8
            for bit in stride(from: 0, to: bits, by: bits > 256 ? 97 : 31) {
                var spoiled = original
                spoiled[part][bit / 8] ^= 1 << (bit % 8)
                errors.insert(try refusal { try UnopenedJWE(spoiled.token).opened(by: key) })
            }
        }
        var spoiled = original
        spoiled.header = original.header.setting("note", "aaab")
        errors.insert(try refusal { try UnopenedJWE(spoiled.token).opened(by: key) })
        #expect(errors == [Self.failure])
    }

    @Test(
        "RFC 7516 §11.5, §5.2: parts of the wrong length or from another token are refused with the same error",
        arguments: Combination.all
    )
    func wrongLengths(combination: Combination) throws {
        let (original, key) = try sample(combination)
        let (other, _) = try sample(combination)
        for part in JWEParts.Part.allCases where part != .header {
            let bytes = original[part]
            var wrong = [bytes + [0], bytes + Array(repeating: 0, count: 16), [0]]
            wrong += bytes.isEmpty ? [] : [[], bytes.dropLast(), Array(bytes.dropLast(8)), Array(bytes.dropFirst())]
            if other[part] != bytes { wrong.append(other[part]) }
            for value in wrong where value != bytes {
                var spoiled = original
                spoiled[part] = value
                let error = try refusal { try UnopenedJWE(spoiled.token).opened(by: key) }
                #expect(error == Self.failure, "\(part) of \(value.count) bytes")
            }
        }
    }

    private static let failure = JOSEError(.decryptionFailed, reason: "not encrypted to this key, or changed since")

    @Test("FIELD F21: bad padding under a good tag fails like everything else, good padding opens")
    func padding() throws {
        // Without padding of our own the last byte of the plaintext is the padding that the reader sees.
        let secret = (0..<32).map { UInt8($0) }
        let jwk: JSONObject = ["kty": "oct", "k": .string(Base64URL.encode(secret)), "alg": "A128CBC-HS256"]
        let key = try DecryptionKey(JWK(jwk))
        let header = Base64URL.encode(#"{"alg":"dir","enc":"A128CBC-HS256"}"#.utf8)
        func token(lastBlockXor change: UInt8) throws -> String {
            let vector = [UInt8](repeating: 7, count: 16)
            let good = try ContentEncryptionAlgorithm.a128CBCHS256.seal(
                Array("fifteen letters".utf8),
                keyBytes: secret,
                initializationVector: vector,
                authenticating: Array(header.utf8)
            )
            // CBC: what changes in the vector changes in the first block, whose last byte is the padding, 0x01.
            var changed = vector
            changed[15] ^= change
            let tag = try Tag.hs256(macKey: secret.prefix(16), header: header, changed + good.ciphertext)
            return ([header, ""] + [changed, good.ciphertext, tag].map(Base64URL.encode)).joined(separator: ".")
        }
        #expect(try UnopenedJWE(token(lastBlockXor: 0)).opened(by: key).plaintext == Array("fifteen letters".utf8))
        for change: UInt8 in [1, 2, 3, 0x10, 0x80, 0xFE] {
            let error = try refusal { try UnopenedJWE(token(lastBlockXor: change)).opened(by: key) }
            #expect(error == Self.failure)
        }
    }

    @Test("RFC 7518 §5.2.2.1: a byte moved from the ciphertext to the vector leaves the MAC as it is, and is refused")
    func movedBoundary() throws {
        let combination = Combination(algorithm: .direct, curve: nil, encryption: .a128CBCHS256)
        let (original, key) = try sample(combination)
        for count in [1, 8, 16] {
            var spoiled = original
            spoiled[.initializationVector] = original[.initializationVector] + original[.ciphertext].prefix(count)
            spoiled[.ciphertext] = Array(original[.ciphertext].dropFirst(count))
            #expect(try refusal { try UnopenedJWE(spoiled.token).opened(by: key) } == Self.failure)
        }
    }

    // MARK: Ephemeral keys

    @Test(
        "RFC 7518 §4.6.1.1, RFC 8725 §3.4: an ephemeral key that is absent, private or of another curve is refused",
        arguments: agreements
    )
    func ephemeralKeys(combination: Combination) throws {
        let (original, key) = try sample(combination)
        let epk = try #require(original.header["epk"]?.objectValue)
        let foreign = combination.curve == .p256 ? KeyAgreementCurve.p384 : .p256
        let other = try DecryptionKey.generate(.ecdhES, curve: foreign).publicJWK.members
        let rows: [JSON?] = [
            nil, "epk", [:], .object(epk.setting("d", epk["x"])), .object(epk.setting("x", nil)),
            .object(epk.setting("x", "AAAA")), .object(epk.setting("kty", "RSA")), .object(epk.setting("crv", "P-192")),
            .object(other), .object(other.setting("crv", epk["crv"])),
        ]
        for row in rows {
            var spoiled = original
            spoiled.header = original.header.setting("epk", row)
            let error = try refusal { try UnopenedJWE(spoiled.token).opened(by: key) }
            #expect(error.code == .malformed)
            #expect(error.claim == "epk")
        }
    }

    @Test(
        "FIELD F20, RFC 8725 §3.4, GHSA-rvj9-8cvx-3vq9: an ephemeral key that is not on the curve is refused",
        arguments: agreements.filter { $0.curve != .x25519 }
    )
    func invalidCurve(combination: Combination) throws {
        let (original, key) = try sample(combination)
        let epk = try #require(original.header["epk"]?.objectValue)
        var y = try Base64URL.decode(epk.text("y"))
        y[y.count - 1] ^= 1
        var spoiled = original
        spoiled.header = original.header.setting("epk", .object(epk.setting("y", .string(Base64URL.encode(y)))))
        let error = try refusal { try UnopenedJWE(spoiled.token).opened(by: key) }
        #expect(error == JOSEError(.malformed, claim: "epk", reason: "not a point of \(try epk.text("crv"))"))
    }

    @Test(
        "RFC 7748 §6.1: X25519 with a point of small order is refused on both sides",
        arguments: [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ]
    )
    func smallOrder(point: String) throws {
        let point = JSON.string(Base64URL.encode(try hexBytes(point)))
        let combination = Combination(algorithm: .ecdhES, curve: .x25519, encryption: .a128GCM)
        let (original, key) = try sample(combination)
        let epk = try #require(original.header["epk"]?.objectValue)
        // The key that both would derive from a secret of zeros: whoever accepts it lets anybody write and read.
        let derived = ConcatKDF.key(
            from: Array(repeating: 0, count: 32),
            context: ConcatKDF.Context(algorithm: "A128GCM", partyUInfo: [], partyVInfo: [], keyBytes: 16)
        )
        var forged = original
        forged.header = original.header.setting("epk", .object(epk.setting("x", point)))
        let sealed = try ContentEncryptionAlgorithm.a128GCM.seal(
            [1],
            keyBytes: derived,
            initializationVector: forged[.initializationVector],
            authenticating: Array(forged.texts[0].utf8)
        )
        forged[.ciphertext] = sealed.ciphertext
        forged[.tag] = sealed.tag
        #expect(try refusal { try UnopenedJWE(forged.token).opened(by: key) } == Self.failure)

        let recipient = try EncryptionKey(JWK(key.publicJWK.members.setting("x", point)))
        let error = try refusal { try JWE.encrypted([1], to: recipient, encryption: .a128GCM) }
        #expect(error.code == .keyInvalid)
        #expect(throws: Never.self) { try JWE.encrypted([1], to: key.encryptionKey, encryption: .a128GCM) }
    }

    @Test("RFC 7518 §4.6, §5.3: each token has its own ephemeral key, content key and initialization vector")
    func freshness() throws {
        for combination in Combination.all where combination.encryption == .a256GCM {
            let (first, key) = try sample(combination)
            let (second, _) = try sample(combination)
            #expect(first[.initializationVector] != second[.initializationVector])
            #expect(first[.initializationVector].count == 12)
            #expect(first[.tag].count == 16)
            if key.algorithm != .direct {
                #expect(first.header["epk"] != second.header["epk"] || first[.encryptedKey] != second[.encryptedKey])
            }
            if combination.curve != nil { #expect(first.header["epk"] != second.header["epk"]) }
        }
    }

    @Test("RFC 7518 §4.6.2: apu and apv are part of the agreement, and must be base64url")
    func partyInfo() throws {
        let combination = Combination(algorithm: .ecdhESA128KW, curve: .p256, encryption: .a128GCM)
        let (original, key) = try sample(combination, ["apu": "QWxpY2U", "apv": "Qm9i"])
        for (name, value) in [("apu", "Qm9i"), ("apv", "QWxpY2U")] as [(String, JSON)] {
            var spoiled = original
            spoiled.header = original.header.setting(name, value)
            #expect(try refusal { try UnopenedJWE(spoiled.token).opened(by: key) } == Self.failure)
        }
        for value in ["QWxpY2U=", 7] as [JSON] {
            var spoiled = original
            spoiled.header = original.header.setting("apu", value)
            let error = try refusal { try UnopenedJWE(spoiled.token).opened(by: key) }
            #expect(error.code == .malformed)
            #expect(error.claim == "apu")
            #expect(throws: JOSEError.self) { try sample(combination, ["apu": value]) }
        }
    }
}

/// The tag that a forger with the key would make, whatever the ciphertext is.
private enum Tag {
    static func hs256(macKey: some Sequence<UInt8>, header: String, _ rest: [UInt8]) throws -> [UInt8] {
        // HMAC with a key of 16 bytes is HMAC with that key and 16 bytes of zeros (RFC 2104 §2), which HS256 admits.
        let secret = Array(macKey) + Array(repeating: 0, count: 16)
        let key = try SigningKey(JWK(["kty": "oct", "k": .string(Base64URL.encode(secret))]), algorithm: .hs256)
        let bits = UInt64(header.utf8.count) * 8
        let length = stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: bits >> $0) }
        return Array(try key.sign(Array(header.utf8) + rest + length).prefix(16))
    }
}
