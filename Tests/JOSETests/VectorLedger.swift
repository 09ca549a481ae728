// The ledger of published vectors: a row for each JSON file under Vectors, with the suites that run what is in it.
// VectorLedgerTests demands that every vector of every file is either run or listed with the reason why not.

import JOSE
import Testing

/// What one suite did with the vectors of one file.
///
/// A vector counts as run only if its check was executed by ``run(_:_:)``, so that nothing can be claimed.
struct VectorReport: Sendable {
    /// The vectors whose check was executed.
    private(set) var ran: Set<String> = []
    /// The vectors that cannot be run here, with the reason.
    private(set) var notApplicable: [String: String] = [:]
    /// The vectors that were reported twice.
    private(set) var repeated: Set<String> = []

    /// Executes the check of one vector; whatever it expects or throws becomes an issue of the test that asks for this
    /// report.
    mutating func run(
        _ id: String,
        _ check: () throws -> Void,
        failing: (any Error, Comment) -> Void = { Issue.record($0, $1) }
    ) {
        if !ran.insert(id).inserted { repeated.insert(id) }
        do {
            try check()
        } catch {
            failing(error, "vector \(id)")
        }
    }

    /// Notes that a vector is outside of what this module does.
    mutating func skip(_ id: String, because reason: String) {
        if notApplicable.updateValue(reason, forKey: id) != nil { repeated.insert(id) }
    }
}

/// A file of vectors and the suites that run them; together they must account for all of it.
struct VectorFile: Sendable, CustomTestStringConvertible {
    /// The path below Vectors.
    let path: String
    let suites: [@Sendable () throws -> VectorReport]

    init(_ path: String, _ suites: @Sendable () throws -> VectorReport...) {
        self.path = path
        self.suites = suites
    }

    var testDescription: String { path }
}

enum VectorLedger {
    /// One row a file. A suite is a function that runs its vectors through ``VectorReport/run(_:_:)``.
    static let files = examples + signatures + serializations + encryption + keys

    private static let examples: [VectorFile] = [
        VectorFile("rfc-examples.json", PublishedVectorTests.examples, JWKTests.examples)
    ]

    private static let signatures: [VectorFile] = [
        VectorFile("cookbook/jws/4_1.rsa_v15_signature.json") {
            try PublishedVectorTests.cookbook("jws/4_1.rsa_v15_signature.json")
        },
        VectorFile("cookbook/jws/4_2.rsa-pss_signature.json") {
            try PublishedVectorTests.cookbook("jws/4_2.rsa-pss_signature.json")
        },
        VectorFile("cookbook/jws/4_3.ecdsa_signature.json") {
            try PublishedVectorTests.cookbook("jws/4_3.ecdsa_signature.json")
        },
        VectorFile("cookbook/jws/4_4.hmac-sha2_integrity_protection.json") {
            try PublishedVectorTests.cookbook("jws/4_4.hmac-sha2_integrity_protection.json")
        },
        VectorFile("cookbook/curve25519/jws.json") {
            try PublishedVectorTests.cookbook("curve25519/jws.json")
        },
        VectorFile("wycheproof/ecdsa_secp256r1_sha256_p1363_test.json") {
            try PrimitiveVectorTests.ecdsa("ecdsa_secp256r1_sha256_p1363_test.json")
        },
        VectorFile("wycheproof/ecdsa_secp384r1_sha384_p1363_test.json") {
            try PrimitiveVectorTests.ecdsa("ecdsa_secp384r1_sha384_p1363_test.json")
        },
        VectorFile("wycheproof/ed25519_test.json", PrimitiveVectorTests.ed25519),
        VectorFile("wycheproof/hmac_sha256_test.json", PrimitiveVectorTests.hmac),
        VectorFile("wycheproof/rsa_pss_2048_sha256_mgf1_32_test.json", PrimitiveVectorTests.rsaPSS),
        VectorFile("wycheproof/rsa_signature_2048_sha256_test.json", PrimitiveVectorTests.rsaPKCS1),
        VectorFile("wycheproof/json_web_signature_test.json", WycheproofTests.signatures),
    ]

    private static let serializations: [VectorFile] = [
        VectorFile("cookbook/jws/4_5.signature_with_detached_content.json") {
            try SerializationVectorTests.single("jws/4_5.signature_with_detached_content.json", as: .detached)
        },
        VectorFile("cookbook/jws/4_6.protecting_specific_header_fields.json") {
            try SerializationVectorTests.single("jws/4_6.protecting_specific_header_fields.json", as: .attached)
        },
        VectorFile("cookbook/jws/4_7.protecting_content_only.json") {
            try SerializationVectorTests.refused(
                "jws/4_7.protecting_content_only.json",
                because: "alg is unprotected, so whoever changes it chooses how the signature is read: refused"
            )
        },
        VectorFile("cookbook/jws/4_8.multiple_signatures.json", SerializationVectorTests.several),
        VectorFile("cookbook/rfc7797/hmac-sha2_b64_false.json") {
            try SerializationVectorTests.single(
                "rfc7797/hmac-sha2_b64_false.json",
                as: .unencoded,
                isKeyNamed: false
            )
        },
        VectorFile("cookbook/rfc7797/4.2.hmac-sha2_b64_false.json") {
            try SerializationVectorTests.refused(
                "rfc7797/4.2.hmac-sha2_b64_false.json",
                because: "its header has b64 without crit, which RFC 7797 §6 forbids: refused"
            )
        },
    ]

    private static let encryption: [VectorFile] =
        [
            VectorFile("rfc-encryption-examples.json", EncryptionVectorTests.examples),
            VectorFile("wycheproof/json_web_encryption_test.json", EncryptionVectorTests.wycheproofEncryption),
            VectorFile("wycheproof/json_web_crypto_test.json", EncryptionVectorTests.wycheproofCrypto),
            VectorFile("wycheproof/a128cbc_hs256_test.json") {
                try EncryptionPrimitiveVectorTests.cbcHMAC("a128cbc_hs256_test.json", .a128CBCHS256)
            },
            VectorFile("wycheproof/a256cbc_hs512_test.json") {
                try EncryptionPrimitiveVectorTests.cbcHMAC("a256cbc_hs512_test.json", .a256CBCHS512)
            },
            VectorFile("wycheproof/rsa_oaep_2048_sha1_mgf1sha1_test.json", EncryptionPrimitiveVectorTests.rsaOAEP),
            VectorFile("wycheproof/x25519_jwk_test.json", EncryptionPrimitiveVectorTests.x25519),
            VectorFile("cookbook/6.nesting_signatures_and_encryption.json", EncryptionVectorTests.nesting),
        ]
        + [
            "curve25519/ecdh-es.json",
            "jwe/5_1.key_encryption_using_rsa_v15_and_aes-hmac-sha2.json",
            "jwe/5_2.key_encryption_using_rsa-oaep_with_aes-gcm.json",
            "jwe/5_3.key_wrap_using_pbes2-aes-keywrap_with-aes-cbc-hmac-sha2.json",
            "jwe/5_4.key_agreement_with_key_wrapping_using_ecdh-es_and_aes-keywrap_with_aes-gcm.json",
            "jwe/5_5.key_agreement_using_ecdh-es_with_aes-cbc-hmac-sha2.json",
            "jwe/5_6.direct_encryption_using_aes-gcm.json",
            "jwe/5_7.key_wrap_using_aes-gcm_keywrap_with_aes-cbc-hmac-sha2.json",
            "jwe/5_8.key_wrap_using_aes-keywrap_with_aes-gcm.json",
            "jwe/5_9.compressed_content.json",
            "jwe/5_10.including_additional_authentication_data.json",
            "jwe/5_11.protecting_specific_header_fields.json",
            "jwe/5_12.protecting_content_only.json",
            "jwe/5_13.encrypting_to_multiple_recipients.json",
        ].map { path in VectorFile("cookbook/" + path) { try EncryptionVectorTests.cookbook(path) } }

    private static let keys: [VectorFile] = [
        VectorFile("cookbook/jwk/3_1.ec_public_key.json") { try KeyFileVectors.cookbook("3_1.ec_public_key.json") },
        VectorFile("cookbook/jwk/3_2.ec_private_key.json") { try KeyFileVectors.cookbook("3_2.ec_private_key.json") },
        VectorFile("cookbook/jwk/3_3.rsa_public_key.json") { try KeyFileVectors.cookbook("3_3.rsa_public_key.json") },
        VectorFile("cookbook/jwk/3_4.rsa_private_key.json") { try KeyFileVectors.cookbook("3_4.rsa_private_key.json") },
        VectorFile("cookbook/jwk/3_5.symmetric_key_mac_computation.json") {
            try KeyFileVectors.cookbook("3_5.symmetric_key_mac_computation.json")
        },
        VectorFile("cookbook/jwk/3_6.symmetric_key_encryption.json") {
            try KeyFileVectors.cookbook("3_6.symmetric_key_encryption.json")
        },
        VectorFile("pem/keys.json", KeyFileVectors.files),
        VectorFile("rfc7517-keys.json", KeyFileVectors.rfc7517),
        VectorFile("wycheproof/json_web_key_test.json", WycheproofTests.keys),
    ]

    /// The names of all vectors in a file, in the file's order.
    ///
    /// Wycheproof numbers them (`tcId`), rfc-examples.json names them, a file of the cookbook holds one, named by its
    /// title, or a bare key, which is then called `key`.
    static func identifiers(in file: JSON) throws -> [String] {
        let object = try #require(file.objectValue)
        if let groups = object["testGroups"]?.arrayValue {
            let tests = groups.flatMap { $0.objectValue?["tests"]?.arrayValue ?? [] }
            #expect(object["numberOfTests"] == .integer(Int64(tests.count)))
            return try tests.map { String(try #require($0.objectValue?["tcId"]?.integerValue)) }
        }
        if let entries = object["vectors"]?.arrayValue {
            return try entries.map { try #require($0.objectValue?["name"]?.stringValue) }
        }
        if object["kty"] != nil { return ["key"] }
        if let title = object["title"]?.stringValue { return [title] }
        throw JOSEError(.malformed, reason: "a file of vectors in a format that the ledger does not know")
    }

    /// What is wrong with the account that `reports` give of a file with these vectors.
    static func faults(_ identifiers: [String], _ reports: [VectorReport]) -> [String] {
        let all = Set(identifiers)
        var faults: [String] = []
        if all.isEmpty { faults.append("the file holds no vector") }
        if all.count != identifiers.count { faults.append("the file names a vector twice") }
        let ran = reports.reduce(into: Set()) { $0.formUnion($1.ran) }
        let skipped = reports.reduce(into: Set()) { $0.formUnion($1.notApplicable.keys) }
        faults += all.subtracting(ran).subtracting(skipped).map { "\($0): neither run nor listed with a reason" }
        faults += ran.subtracting(all).map { "\($0): run, but not in the file" }
        faults += skipped.subtracting(all).map { "\($0): a reason for a vector that is not in the file" }
        faults += ran.intersection(skipped).map { "\($0): run, and listed as not applicable" }
        for report in reports {
            faults += report.repeated.map { "\($0): reported twice" }
            faults += report.notApplicable.filter { $0.value.count < 10 }.map {
                "\($0.key): a reason that says nothing"
            }
        }
        return faults.sorted()
    }
}
