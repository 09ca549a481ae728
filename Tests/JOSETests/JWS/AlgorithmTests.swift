import JOSE
import Testing

/// The table of algorithms: what each signs, what it refuses, and that none is taken for another.
@Suite struct AlgorithmTests {
    private static let message = Array("eyJhbGciOiJub25lIn0.cGF5bG9hZA".utf8)

    @Test("Every row says where its algorithm is specified, and no two have one name")
    func table() {
        #expect(Set(SignatureAlgorithm.all).count == 16)
        #expect(Set(SignatureAlgorithm.all.map(\.name)).count == 16)
        for algorithm in SignatureAlgorithm.all { #expect(algorithm.specification.hasPrefix("RFC ")) }
        #expect(SignatureAlgorithm.all.filter(\.isSymmetric) == [.hs256, .hs384, .hs512])
        #expect(SignatureAlgorithm(name: String(repeating: "A", count: 4096)) == nil)
    }

    @Test("One flipped bit in the signature or in the message is refused", arguments: SignatureAlgorithm.all)
    func flippedBits(algorithm: SignatureAlgorithm) throws {
        let key = try TestKeys.key(algorithm)
        let signature = try key.sign(Self.message)
        #expect(key.verificationKey.accepts(signature, for: Self.message))
        // All bits of the short signatures; of the longest every 61st, which visits each place in a byte.
        for bit in stride(from: 0, to: signature.count * 8, by: signature.count > 512 ? 61 : 1) {
            var flipped = signature
            flipped[bit / 8] ^= 1 << (bit % 8)
            #expect(!key.verificationKey.accepts(flipped, for: Self.message), "bit \(bit) of the signature")
        }
        for bit in 0..<(Self.message.count * 8) {
            var flipped = Self.message
            flipped[bit / 8] ^= 1 << (bit % 8)
            #expect(!key.verificationKey.accepts(signature, for: flipped), "bit \(bit) of the message")
        }
    }

    @Test("Messages of every length from none to 300 bytes, and of 100,000, verify", arguments: SignatureAlgorithm.all)
    func lengths(algorithm: SignatureAlgorithm) throws {
        let key = try TestKeys.key(algorithm)
        for count in [0, 1, 55, 56, 63, 64, 65, 111, 112, 127, 128, 129, 300, 100_000] {
            let message = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            let signature = try key.sign(message)
            #expect(key.verificationKey.accepts(signature, for: message), "\(count) bytes")
            #expect(!key.verificationKey.accepts(signature, for: (message + [0])), "\(count) bytes")
            #expect(!key.verificationKey.accepts([UInt8](), for: message), "\(count) bytes")
        }
    }

    @Test("A HMAC is compared with all of its bytes, wherever they lie", arguments: [SignatureAlgorithm.hs256, .hs512])
    func slices(algorithm: SignatureAlgorithm) throws {
        let key = try TestKeys.key(algorithm)
        let message = ([9, 9] + Self.message + [9])[2..<(Self.message.count + 2)]
        let mac = try key.sign(Self.message)
        let framed = [7] + mac + [7]
        #expect(key.verificationKey.accepts(framed[1...mac.count], for: message))
        #expect(!key.verificationKey.accepts(framed[0..<mac.count], for: message))
        #expect(!key.verificationKey.accepts(framed[...], for: message))
    }

    @Test(
        "FIELD F20, RFC 8725 §3.1: a token of one algorithm is refused by the key of any other, whatever its header claims",
        arguments: SignatureAlgorithm.all
    )
    func confusion(signer: SignatureAlgorithm) throws {
        let key = try TestKeys.key(signer)
        for victim in SignatureAlgorithm.all where victim != signer {
            let target = try TestKeys.key(victim)
            let set = KeySet([target.verificationKey])
            // The header tells the truth about the algorithm, with the victim's kid; it lies; and it has no kid.
            let honest = Sample.header(target).setting("alg", .string(signer.name))
            let lying = Sample.header(target)
            let rows: [(JSONObject, JOSEError.Code)] = [
                (honest, .algorithmRefused), (honest.setting("kid", nil), .keyUnknown),
                (lying, .signatureInvalid), (lying.setting("kid", nil), .signatureInvalid),
            ]
            for (header, code) in rows {
                let token = try Forgery(header: header).signed(by: key)
                // EdDSA and Ed25519 are one primitive, and the two test keys one key: that lie is none.
                if Set([signer, victim]) == [.edDSA, .ed25519], code == .signatureInvalid {
                    #expect(throws: Never.self) { try Sample.verify(token, by: set) }
                } else {
                    #expect(try refusal { try Sample.verify(token, by: set) }.code == code, "\(signer) for \(victim)")
                }
            }
            let good = try Forgery(header: lying).signed(by: target)
            #expect(throws: Never.self) { try Sample.verify(good, by: set) }
        }
    }

    @Test("FIELD F20: the same RSA numbers under one alg do not verify what they signed under another")
    func oneKeyOneAlgorithm() throws {
        let numbers = try TestKeys.key(.rs256).privateJWK.members.setting("alg", nil).setting("key_ops", nil)
        let family: [SignatureAlgorithm] = [.rs256, .rs384, .rs512, .ps256, .ps384, .ps512]
        for signer in family {
            let signature = try SigningKey(JWK(numbers), algorithm: signer).sign(Self.message)
            for reader in family {
                let key = try VerificationKey(JWK(numbers), algorithm: reader)
                #expect(key.accepts(signature, for: Self.message) == (signer == reader))
            }
        }
    }

    @Test("RFC 9864 §2.2: a key without alg serves EdDSA and Ed25519, one with alg only what it says")
    func exactName() throws {
        let key = try TestKeys.key(.edDSA)
        let bare = try VerificationKey(JWK(key.publicJWK.members.setting("alg", nil)))
        let exact = try VerificationKey(JWK(key.publicJWK.members.setting("alg", "Ed25519")))
        for name in ["EdDSA", "Ed25519"] {
            let token = try Forgery(header: Sample.header(key).setting("alg", .string(name))).signed(by: key)
            #expect(try Sample.verify(token, by: KeySet([bare])).algorithm.name == name)
            if name == "Ed25519" {
                #expect(throws: Never.self) { try Sample.verify(token, by: KeySet([exact])) }
            } else {
                #expect(try refusal { try Sample.verify(token, by: KeySet([exact])) }.code == .algorithmRefused)
            }
            var narrow = Sample.expectations
            narrow.algorithms = SignatureAlgorithm.all.filter { $0.name != name }
            #expect(
                try refusal { try Sample.verify(token, by: KeySet([bare]), expecting: narrow) }.code
                    == .algorithmRefused
            )
        }
    }

    @Test("A key without alg serves the first algorithm of its type and nothing else")
    func defaults() throws {
        let rows: [(SignatureAlgorithm, SignatureAlgorithm)] = [
            (.hs256, .hs256), (.hs512, .hs256), (.rs256, .rs256), (.ps256, .rs256), (.rs512, .rs256), (.es256, .es256),
            (.es384, .es384), (.es512, .es512), (.ed25519, .edDSA),
        ]
        for (source, served) in rows {
            let jwk = try JWK(TestKeys.key(source).privateJWK.members.setting("alg", nil))
            #expect(try VerificationKey(jwk).algorithm == served)
            #expect(try SigningKey(jwk).algorithm == served)
        }
    }

    @Test("RFC 7518 §3.5: a PSS salt of another length than the hash's is refused, one of its length taken")
    func saltLength() throws {
        let vectors = try Vectors.wycheproof("json_web_signature_test.json").filter {
            try $0.group.text("comment") == "ps256"
        }
        let others = try vectors.filter { try $0.test.text("comment") == "SaltLenChanged" }
        #expect(others.count >= 4)
        for (id, test, group) in vectors {
            let comment = try test.text("comment")
            guard comment == "SaltLenChanged" || comment == "normalPayload" else { continue }
            let keys = KeySet([try VerificationKey(group.jwk("public"))])
            let jws = try UnverifiedJWS(test.text("jws"))
            if comment == "normalPayload" {
                #expect(throws: Never.self, "\(id)") { try jws.verified(by: keys, algorithms: [.ps256]) }
            } else {
                #expect(try refusal { try jws.verified(by: keys, algorithms: [.ps256]) }.code == .signatureInvalid)
            }
        }
    }

    @Test(
        "CVE-2022-21449: r and s of zero, of the order, or in DER never verify on any curve",
        arguments: [
            (
                SignatureAlgorithm.es256,
                "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
            ),
            (
                .es384,
                "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973"
            ),
            (
                .es512,
                "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8"
                    + "899c47aebb6fb71e91386409"
            ),
        ]
    )
    func psychicSignatures(algorithm: SignatureAlgorithm, order: String) throws {
        let key = try TestKeys.key(algorithm)
        let order = try PrimitiveVectorTests.bytes(order)
        let good = try key.sign(Self.message)
        #expect(good.count == 2 * order.count)
        let zero = [UInt8](repeating: 0, count: order.count)
        let one: [UInt8] = zero.dropLast() + [1]
        let (r, s) = (Array(good.prefix(order.count)), Array(good.suffix(order.count)))
        var spoiled: [[UInt8]] = [[0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00], zero, zero + zero + zero]
        for first in [zero, one, order] {
            for second in [zero, one, order] { spoiled.append(first + second) }
            spoiled += [first + s, r + first]
        }
        for signature in spoiled { #expect(!key.verificationKey.accepts(signature, for: Self.message)) }
        #expect(key.verificationKey.accepts(good, for: Self.message))
    }

    @Test("OIDC Core §3.1.3.6: at_hash is half of the hash of the alg", arguments: SignatureAlgorithm.all)
    func tokenHash(algorithm: SignatureAlgorithm) {
        // Computed with Python's hashlib; 512 where the name says no size, as of EdDSA and ML-DSA.
        let hashes = [
            "256": "Pxa-1wifRlPl7yG_0oJNfw",
            "384": "fPnQAsvCEwe-sRB6O4tsdPgfI-EaOvsY",
        ]
        let longest = "Rb10lsqrobcpd02MQ_878ctvfDDbaRese_Z50nFw5Jw"
        #expect(algorithm.tokenHash(of: "access-token") == hashes[String(algorithm.name.suffix(3))] ?? longest)
    }
}
