// Wycheproof's vectors of the primitives as JWE puts them together. The ledger asks for their reports.

import JOSE
import Testing

enum EncryptionPrimitiveVectorTests {
    /// RFC 7518 §5.2: each valid vector is encrypted and opened, each invalid one refused.
    static func cbcHMAC(_ file: String, _ encryption: ContentEncryptionAlgorithm) throws -> VectorReport {
        var report = VectorReport()
        for vector in try Vectors.wycheproof(file) {
            report.run(vector.id) {
                func bytes(_ name: String) throws -> [UInt8] { try hexBytes(vector.test.text(name)) }
                let sealed = SealedContent(
                    initializationVector: try bytes("iv"),
                    ciphertext: try bytes("ct"),
                    tag: try bytes("tag")
                )
                let opened = try encryption.open(sealed, keyBytes: bytes("key"), authenticating: bytes("aad"))
                guard vector.test["result"] == "valid" else {
                    #expect(opened == nil, "\(vector.id) \(vector.test["comment"]?.stringValue ?? "")")
                    return
                }
                #expect(try opened == bytes("msg"))
                let again = try encryption.seal(
                    bytes("msg"),
                    keyBytes: bytes("key"),
                    initializationVector: bytes("iv"),
                    authenticating: bytes("aad")
                )
                #expect(again == sealed)
            }
        }
        #expect(report.ran.count == 94)
        return report
    }

    /// RFC 8017 §7.1: what RSA-OAEP with SHA-1 decrypts, and what it refuses.
    static func rsaOAEP() throws -> VectorReport {
        var report = VectorReport()
        for vector in try Vectors.wycheproof("rsa_oaep_2048_sha1_mgf1sha1_test.json") {
            guard vector.test["label"] == "" else {
                report.skip(vector.id, because: "the label of OAEP is always empty in JOSE (RFC 7518 §4.3)")
                continue
            }
            report.run(vector.id) {
                let key = try DecryptionKey(vector.group.jwk("privateKeyJwk"))
                let decrypted = try key.rsaDecrypted(hexBytes(vector.test.text("ct")))
                let isValid = vector.test["result"] == "valid"
                #expect(try decrypted == (isValid ? hexBytes(vector.test.text("msg")) : nil), "\(vector.id)")
            }
        }
        #expect(report.ran.count == 29)
        return report
    }

    /// RFC 8037 §3.2: every agreement with X25519, those that end in zero refused.
    static func x25519() throws -> VectorReport {
        var report = VectorReport()
        for vector in try Vectors.wycheproof("x25519_jwk_test.json") {
            report.run(vector.id) {
                let key = try DecryptionKey(vector.test.jwk("private"), algorithm: .ecdhES)
                guard vector.test["result"] != "invalid" else {
                    // A point of another curve is a key, only not one to agree with.
                    let agreed = try? key.agreedSecret(with: vector.test.jwk("public"))
                    #expect(agreed == nil, "\(vector.id)")
                    return
                }
                let shared = try hexBytes(vector.test.text("shared"))
                let isZero = shared.allSatisfy { $0 == 0 }
                #expect(try key.agreedSecret(with: vector.test.jwk("public")) == (isZero ? nil : shared))
            }
        }
        return report
    }
}
