import JOSE
import Testing

/// The examples that RFC 7515, 7520, 8037, 9449 and OIDC Core print.
@Suite struct PublishedVectorTests {
    private func verify(_ jws: String, _ jwk: JWK, _ algorithm: SignatureAlgorithm) throws -> VerifiedJWS {
        try UnverifiedJWS(jws).verified(by: KeySet([VerificationKey(jwk)]), algorithms: [algorithm])
    }

    /// The signed examples of rfc-examples.json, for the ledger.
    static func examples() -> VectorReport {
        let suite = PublishedVectorTests()
        var report = VectorReport()
        report.run("jws_hs256", suite.hmacExample)
        report.run("jws_rs256", suite.rsaExample)
        report.run("jws_es512", suite.longECDSAExample)
        report.run("jws_none", suite.unsecuredExample)
        report.run("jws_es256", suite.ecdsaExample)
        report.run("jws_eddsa", suite.edwardsExample)
        report.run("jws_ml_dsa_65") { try suite.latticeExample("jws_ml_dsa_65", .mlDSA65) }
        report.run("jws_ml_dsa_87") { try suite.latticeExample("jws_ml_dsa_87", .mlDSA87) }
        report.run("dpop_proof", suite.proofOfPossession)
        report.run("request_object_rs256", suite.requestObject)
        report.run("at_hash", suite.accessTokenHash)
        report.run("c_hash", suite.codeHash)
        report.run("dpop_ath", suite.boundAccessTokenHash)
        report.skip("pkce_s256", because: "PKCE is the authorization server's, whose tests use this example")
        return report
    }

    private let joesClaims = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"

    @Test("RFC 7515 A.1: the HS256 example verifies, and the same input gives the same MAC")
    func hmacExample() throws {
        let example = try Vectors.rfcExample("jws_hs256")
        let jwk = try JWK(["kty": "oct", "k": .string(try example.text("k"))])
        let jws = try example.text("jws")
        #expect(try verify(jws, jwk, .hs256).payload == Array(joesClaims.utf8))
        try expectSameSignature(jws, by: SigningKey(jwk))
    }

    @Test("RFC 7515 A.2: the RS256 example verifies, and the same input gives the same signature")
    func rsaExample() throws {
        let example = try Vectors.rfcExample("jws_rs256")
        let jws = try example.text("jws")
        #expect(try verify(jws, example.jwk(), .rs256).payload == Array(joesClaims.utf8))
        try expectSameSignature(jws, by: SigningKey(example.jwk()))
    }

    @Test("RFC 7515 A.4: the ES512 example verifies, and so does what its key signs")
    func longECDSAExample() throws {
        let example = try Vectors.rfcExample("jws_es512")
        #expect(try verify(example.text("jws"), example.jwk(), .es512).payload == Array("Payload".utf8))
        let key = try SigningKey(example.jwk())
        #expect(try verify(JWS.signed([1, 2], by: key), key.publicJWK, .es512).payload == [1, 2])
    }

    @Test("RFC 7515 A.5: the unsecured example is refused, whatever is allowed")
    func unsecuredExample() throws {
        let jws = try UnverifiedJWS(Vectors.rfcExample("jws_none").text("jws"))
        #expect(jws.unverifiedPayload == Array(joesClaims.utf8))
        let error = try refusal { try jws.verified(by: TestKeys.keySet(), algorithms: SignatureAlgorithm.all) }
        #expect(error.code == .algorithmRefused)
    }

    @Test("RFC 7515 A.3: the ES256 example verifies")
    func ecdsaExample() throws {
        let example = try Vectors.rfcExample("jws_es256")
        #expect(try verify(example.text("jws"), example.jwk(), .es256).payload == Array(joesClaims.utf8))
    }

    @Test("RFC 8037 A.4: the Ed25519 example verifies, and the same input gives the same signature")
    func edwardsExample() throws {
        let example = try Vectors.rfcExample("jws_eddsa")
        let jws = try example.text("jws")
        #expect(try verify(jws, example.jwk(), .edDSA).payload == Array(example.text("payload").utf8))
        try expectSameSignature(jws, by: SigningKey(JWK(example.jwk().members.setting("d", example["private_d"]))))
    }

    @Test(
        "RFC 9964: the ML-DSA examples verify, and their thumbprints are those printed",
        arguments: [("jws_ml_dsa_65", SignatureAlgorithm.mlDSA65), ("jws_ml_dsa_87", .mlDSA87)]
    )
    func latticeExample(_ name: String, _ algorithm: SignatureAlgorithm) throws {
        let example = try Vectors.rfcExample(name)
        let jwk = try example.jwk()
        let verified = try verify(example.text("jws"), jwk.publicJWK, algorithm)
        #expect(String(decoding: verified.payload, as: UTF8.self).hasPrefix("It\u{2019}s a dangerous business, Frodo"))
        #expect(try jwk.thumbprint() == example.text("thumbprint"))
        // The seed of the example makes its public key.
        #expect(try SigningKey(jwk).publicJWK.members["pub"] == jwk.members["pub"])
    }

    /// RFC 7520 §4.1 to §4.4 and the cookbook's Ed25519: the cookbook's key verifies the cookbook's token and signs a
    /// payload that verifies; where the algorithm leaves no choice, to the same token.
    static func cookbook(_ path: String) throws -> VectorReport {
        let example = try #require(try Vectors.json("cookbook/\(path)").objectValue)
        var report = VectorReport()
        report.run(try example.text("title")) {
            let input = try #require(example["input"]?.objectValue)
            let algorithmName = try input.text("alg")
            let algorithm = try #require(SignatureAlgorithm(name: algorithmName))
            // The key of PS384 has no alg of its own: the caller says what it is for.
            let key = try SigningKey(input.jwk("key"), algorithm: algorithm)
            let payload = Array(try input.text("payload").utf8)
            let published = try #require(example["output"]?.objectValue).text("compact")
            let keys = KeySet([key.verificationKey])
            #expect(try UnverifiedJWS(published).verified(by: keys, algorithms: [algorithm]).payload == payload)
            let token = try JWS.signed(payload, by: key)
            #expect(try UnverifiedJWS(token).verified(by: keys, algorithms: [algorithm]).payload == payload)
            if example["reproducible"] == true, input["key"]?.objectValue?["kid"] != nil { #expect(token == published) }
        }
        return report
    }

    @Test("RFC 9449 §4.1: the DPoP proof verifies with the key in its own header, once a caller trusts that key")
    func proofOfPossession() throws {
        let example = try Vectors.rfcExample("dpop_proof")
        let jws = try UnverifiedJWS(example.text("proof"))
        #expect(try jws.header.jwk() == example.jwk())
        #expect(throws: Never.self) { try verify(example.text("proof"), jws.header.jwk(), .es256) }
        // The key in the header alone is trusted by nobody.
        #expect(try refusal { try jws.verified(by: KeySet([]), algorithms: [.es256]) }.code == .keyUnknown)
    }

    @Test("OIDC Core §6.1: the request object verifies")
    func requestObject() throws {
        let example = try Vectors.rfcExample("request_object_rs256")
        #expect(try verify(example.text("jws"), example.jwk(), .rs256).keyID == "k2bdc")
    }

    @Test("OIDC Core §3.1.3.6: at_hash is that of Appendix A")
    func accessTokenHash() throws {
        let example = try Vectors.rfcExample("at_hash")
        #expect(try SignatureAlgorithm.rs256.tokenHash(of: example.text("access_token")) == example.text("at_hash"))
        #expect(SignatureAlgorithm.es256.tokenHash(of: "x") == SignatureAlgorithm.rs256.tokenHash(of: "x"))
        // Half of SHA-512 is 32 bytes: 43 characters.
        #expect(SignatureAlgorithm.edDSA.tokenHash(of: "x").count == 43)
    }

    @Test("OIDC Core §3.3.2.11: c_hash is that of Appendix A")
    func codeHash() throws {
        let example = try Vectors.rfcExample("c_hash")
        #expect(try SignatureAlgorithm.rs256.tokenHash(of: example.text("code")) == example.text("c_hash"))
    }

    @Test("RFC 9449 §7.1: the left half of the example's ath is the hash that an RS256 ID token would carry")
    func boundAccessTokenHash() throws {
        let example = try Vectors.rfcExample("dpop_ath")
        let half = try Base64URL.decode(example.text("ath")).prefix(16)
        #expect(try SignatureAlgorithm.rs256.tokenHash(of: example.text("access_token")) == Base64URL.encode(half))
    }

    private func expectSameSignature(_ jws: String, by key: SigningKey) throws {
        let parts = jws.split(separator: ".")
        let signature = try key.sign(Array("\(parts[0]).\(parts[1])".utf8))
        #expect(Base64URL.encode(signature) == parts[2])
    }
}
