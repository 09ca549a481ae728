import JOSE
import Testing

/// FIELD F20: forgeries that other libraries took, tried on every algorithm of the table. Each refusal has a twin without
/// the attack that succeeds.
@Suite struct KnownAttackTests {
    /// The algorithms whose verification key is public.
    private static let asymmetric = SignatureAlgorithm.all.filter { !$0.name.hasPrefix("HS") }

    /// What an attacker knows of a published key, in every form in which libraries were handed it as a secret.
    private func publishedForms(of key: SigningKey) throws -> [[UInt8]] {
        let jwk = key.publicJWK
        let pem = try jwk.pem()
        let lines = pem.split(separator: "\n").map(String.init)
        let body = lines.dropFirst().dropLast()
        let texts = [
            pem, lines.joined(separator: "\n"), lines.joined(separator: "\r\n"), lines.joined(),
            body.joined(separator: "\n"), body.joined(), " " + pem,
        ]
        return texts.map { Array($0.utf8) } + [try jwk.der(), jwk.members.serialized()]
    }

    private func attacker(_ secret: [UInt8], posingAs victim: SigningKey) throws -> SigningKey {
        try SigningKey(
            JWK(["kty": "oct", "k": .string(Base64URL.encode(secret)), "kid": .string(victim.keyID)])
        )
    }

    @Test(
        "CVE-2016-10555, CVE-2022-23540, CVE-2022-23541, CVE-2024-33663: a public key in PEM or DER is no HMAC key",
        arguments: asymmetric
    )
    func publicKeyAsSecret(algorithm: SignatureAlgorithm) throws {
        let victim = try TestKeys.key(algorithm)
        let own = try SigningKey.generate(.hs256, keyID: "own")
        let published = KeySet([victim.verificationKey])
        let mixed = KeySet([victim.verificationKey, own.verificationKey])
        let forms = try publishedForms(of: victim).filter { $0.count >= 32 && $0.count <= 1024 }
        // An ML-DSA key is longer than any HMAC key may be, in each of its forms.
        #expect(forms.count >= 8 || algorithm.name.hasPrefix("ML-DSA"))
        for form in forms {
            let attacker = try attacker(form, posingAs: victim)
            let named = try JWT.signed(Sample.claims, type: "at+jwt", by: attacker)
            #expect(try refusal { try Sample.verify(named, by: published) }.code == .algorithmRefused)
            #expect(try refusal { try Sample.verify(named, by: mixed) }.code == .algorithmRefused)
            // Without a kid, only keys for HMAC are looked at.
            let anonymous = try Forgery(header: Sample.header(attacker).setting("kid", nil)).signed(by: attacker)
            #expect(try refusal { try Sample.verify(anonymous, by: published) }.code == .keyUnknown)
            #expect(try refusal { try Sample.verify(anonymous, by: mixed) }.code == .signatureInvalid)
        }
        for key in [victim, own] {
            let good = try JWT.signed(Sample.claims, type: "at+jwt", by: key)
            #expect(throws: Never.self) { try Sample.verify(good, by: mixed) }
        }
    }

    @Test(
        "CVE-2022-23539: a key serves the algorithms of its own type and curve only",
        arguments: SignatureAlgorithm.all
    )
    func keyOfAnotherType(algorithm: SignatureAlgorithm) throws {
        let key = try TestKeys.key(algorithm)
        let members = key.privateJWK.members
        // The type of an ML-DSA key is its algorithm.
        let bare = try JWK(members["kty"] == "AKP" ? members : members.setting("alg", nil))
        var served: [String] = []
        for other in SignatureAlgorithm.all {
            guard (try? VerificationKey(bare, algorithm: other)) != nil else {
                #expect(throws: JOSEError.self) { try SigningKey(bare, algorithm: other) }
                continue
            }
            served.append(other.name)
            let peer = try TestKeys.key(other).privateJWK.members
            #expect(peer["kty"] == bare.members["kty"] && peer["crv"] == bare.members["crv"])
            // A key that could serve several is bound to one: the token of another algorithm is refused.
            let bound = KeySet([try VerificationKey(bare, algorithm: other)])
            let token = try JWT.signed(Sample.claims, type: "at+jwt", by: SigningKey(bare, algorithm: algorithm))
            if other == algorithm {
                #expect(throws: Never.self) { try Sample.verify(token, by: bound) }
            } else {
                #expect(try refusal { try Sample.verify(token, by: bound) }.code == .algorithmRefused)
            }
        }
        #expect(served.contains(algorithm.name))
    }

    @Test("CVE-2015-9235 class: none in any letter case is refused, with and without a signature")
    func noneInAnyCase() throws {
        let key = try TestKeys.key(.hs256)
        let header = Sample.header(key)
        for bits in 0..<16 {
            let name = String(
                zip("none", 0..<4).map { letter, place in
                    bits >> place & 1 == 1 ? Character(letter.uppercased()) : letter
                }
            )
            for kid in [header["kid"], nil] {
                let forgery = Forgery(header: header.setting("alg", .string(name)).setting("kid", kid))
                for signature in [[], [0], [UInt8](repeating: 0, count: 32)] {
                    let token = try forgery.signed { _ in signature }
                    #expect(try refusal { try Sample.verify(token) }.code == .algorithmRefused)
                }
                #expect(try refusal { try Sample.verify(forgery.signed(by: key)) }.code == .algorithmRefused)
            }
            #expect(SignatureAlgorithm(name: name) == nil)
            let members = key.privateJWK.members.setting("alg", .string(name))
            #expect(try refusal { try VerificationKey(JWK(members)) }.code == .keyUnsupported)
        }
        #expect(throws: Never.self) { try Sample.verify(Forgery(header: header).signed(by: key)) }
    }

    @Test("CVE-2017-15361 (ROCA): a modulus that the weak generator may have made is refused, the next odd is read")
    func weakGenerator() throws {
        // One more than a multiple of every prime of the fingerprint: 65537 to the power of zero.
        func key(ending: String) throws -> JWK {
            let tail = "Bml-vtLJyxuBBYVZP4HaMg36sQvfLg8dnoAv" + ending
            let modulus = "g" + String(repeating: "A", count: 341 - tail.count) + tail
            return try JWK(["kty": "RSA", "n": .string(modulus), "e": "AQAB"])
        }
        let error = try refusal { try VerificationKey(key(ending: "zw")) }
        #expect(error.code == .keyInvalid && error.claim == "n" && error.reason.contains("ROCA"))
        #expect(throws: Never.self) { try VerificationKey(key(ending: "0Q")) }
    }

    @Test(
        "A token signed by one key verifies under no other key of the same algorithm",
        arguments: SignatureAlgorithm.all
    )
    func strangersKey(algorithm: SignatureAlgorithm) throws {
        let (own, stranger) = (try TestKeys.key(algorithm), try SigningKey.generate(algorithm, keyID: "stranger"))
        let forgery = Forgery(header: Sample.header(own))
        #expect(try refusal { try Sample.verify(forgery.signed(by: stranger)) }.code == .signatureInvalid)
        #expect(throws: Never.self) { try Sample.verify(forgery.signed(by: own)) }
        // The signature of another token of the same key is no signature of this one.
        let other = Forgery(header: Sample.header(own), claims: Sample.claims.setting("sub", "bob"))
        let input = Base64URL.encode(other.header.utf8) + "." + Base64URL.encode(other.payload.utf8)
        let moved = try forgery.signed { _ in try own.sign(Array(input.utf8)) }
        #expect(try refusal { try Sample.verify(moved) }.code == .signatureInvalid)
        #expect(throws: Never.self) { try Sample.verify(other.signed(by: own)) }
    }
}
