import JOSE
import Testing

/// Wycheproof's vectors of the primitives below the JWS algorithms, through our keys: what a key refuses cannot verify.
enum PrimitiveVectorTests {
    /// ECDSA in the form of RFC 7518 §3.4, r and s side by side.
    static func ecdsa(_ file: String) throws -> VectorReport {
        try signatures(file, key: "publicKeyJwk") { _ in nil }
    }

    static func ed25519() throws -> VectorReport {
        try signatures("ed25519_test.json", key: "publicKeyJwk") { _ in nil }
    }

    static func rsaPSS() throws -> VectorReport {
        try signatures("rsa_pss_2048_sha256_mgf1_32_test.json", key: "publicKeyJwk", algorithm: .ps256) { _ in nil }
    }

    static func rsaPKCS1() throws -> VectorReport {
        try signatures("rsa_signature_2048_sha256_test.json", key: "keyJwk") { key in
            key["e"] == "Aw" ? "a public exponent of 3 is refused with the key (FIPS 186-5 §5.1)" : nil
        }
    }

    static func hmac() throws -> VectorReport {
        var report = VectorReport()
        for (id, test, group) in try Vectors.wycheproof("hmac_sha256_test.json") {
            let secret = try bytes(test.text("key"))
            let jwk = try JWK(["kty": "oct", "k": .string(Base64URL.encode(secret))])
            guard secret.count >= 32 else {
                #expect(try refusal { try VerificationKey(jwk) }.code == .keyInvalid)
                report.skip(id, because: "the key is shorter than the hash, which RFC 7518 §3.2 forbids")
                continue
            }
            report.run(id) {
                // A MAC that was cut is none (RFC 7518 §3.2).
                let isValid = try test.text("result") == "valid" && group["tagSize"] == 256
                let key = try VerificationKey(jwk)
                #expect(try key.accepts(bytes(test.text("tag")), for: bytes(test.text("msg"))) == isValid)
            }
        }
        return report
    }

    /// Runs a file of signatures whose groups have a public JWK in the member `name`.
    ///
    /// - Parameter refusal: why a key of the file is refused, if it should be.
    private static func signatures(
        _ file: String,
        key name: String,
        algorithm: SignatureAlgorithm? = nil,
        refusal: (JSONObject) -> String?
    ) throws -> VectorReport {
        var report = VectorReport()
        for (id, test, group) in try Vectors.wycheproof(file) {
            let members = try group[name]?.objectValue ?? point(group)
            if let reason = refusal(members) {
                #expect(throws: JOSEError.self) { try VerificationKey(JWK(members), algorithm: algorithm) }
                report.skip(id, because: reason)
                continue
            }
            report.run(id) {
                // The one that is "acceptable" leaves out a NULL that RFC 8017 §9.2 demands: it is refused.
                let isValid = try test.text("result") == "valid"
                let key = try VerificationKey(JWK(members), algorithm: algorithm)
                let comment = try test.text("comment")
                #expect(
                    try key.accepts(bytes(test.text("sig")), for: bytes(test.text("msg"))) == isValid,
                    "\(id) \(comment)"
                )
            }
        }
        return report
    }

    /// The JWK of an EC key that the file gives as an uncompressed point only.
    private static func point(_ group: JSONObject) throws -> JSONObject {
        let key = try #require(group["publicKey"]?.objectValue)
        let point = try bytes(key.text("uncompressed")).dropFirst()
        let curves = ["secp256r1": "P-256", "secp384r1": "P-384"]
        return [
            "kty": "EC", "crv": .string(try #require(curves[try key.text("curve")])),
            "x": .string(Base64URL.encode(point.prefix(point.count / 2))),
            "y": .string(Base64URL.encode(point.suffix(point.count / 2))),
        ]
    }

    static func bytes(_ hexadecimal: String) throws -> [UInt8] {
        let digits = Array(hexadecimal)
        return try stride(from: 0, to: digits.count, by: 2).map { index in
            try #require(UInt8(String(digits[index...(index + 1)]), radix: 16))
        }
    }
}
