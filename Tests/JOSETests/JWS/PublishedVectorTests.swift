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

    @Test("RFC 7515 A.2: the RS256 example verifies")
    func rsaExample() throws {
        let jwk = try JWK(["kty": "RSA", "n": .string(AppendixA2.modulus), "e": "AQAB"])
        #expect(try verify(AppendixA2.jws, jwk, .rs256).payload == Array(joesClaims.utf8))
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

    /// RFC 7520 §4.1 and §4.4: the cookbook's key signs the cookbook's payload to the cookbook's token, which verifies.
    static func cookbook(_ file: String) throws -> VectorReport {
        let example = try #require(try Vectors.json("cookbook/jws/\(file)").objectValue)
        var report = VectorReport()
        report.run(try example.text("title")) {
            let input = try #require(example["input"]?.objectValue)
            let key = try SigningKey(input.jwk("key"))
            let token = try JWS.signed(Array(input.text("payload").utf8), by: key)
            #expect(try token == example["output"]?.objectValue?.text("compact"))
            let verified = try PublishedVectorTests().verify(token, key.privateJWK, key.algorithm)
            #expect(try verified.payload == Array(input.text("payload").utf8))
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

/// RFC 7515 A.2, in lines of the RFC's own length.
enum AppendixA2 {
    static let modulus = """
        ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pC\
        gNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg6\
        65xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRW\
        yuXpoQ
        """

    static let jws = """
        eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnV\
        lfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CU\
        Ar7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--x\
        i12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypG\
        lUPQGe77Rw
        """
}
