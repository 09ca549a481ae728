// The shared fixtures of the JWE tests: every combination of key management, curve and content encryption, with fixed
// keys, and a token in five parts of which a test may spoil one.

import JOSE
import Testing

/// One way to encrypt.
struct Combination: Sendable, CustomTestStringConvertible {
    let algorithm: KeyManagementAlgorithm
    let curve: KeyAgreementCurve?
    let encryption: ContentEncryptionAlgorithm

    var testDescription: String {
        [algorithm.name, curve?.name, encryption.name].compactMap { $0 }.joined(separator: " ")
    }

    static let all = KeyManagementAlgorithm.all.flatMap { algorithm in
        curves(for: algorithm).flatMap { curve in
            ContentEncryptionAlgorithm.all.map { Combination(algorithm: algorithm, curve: curve, encryption: $0) }
        }
    }

    static func curves(for algorithm: KeyManagementAlgorithm) -> [KeyAgreementCurve?] {
        algorithm.name.hasPrefix("ECDH-ES") ? KeyAgreementCurve.all : [nil]
    }

    /// The same key for each call in one run.
    func key() throws -> DecryptionKey {
        try #require(try EncryptionKeys.shared.get()[testDescription])
    }
}

/// A key for each combination; the RSA key is a published one, because drawing one takes seconds.
enum EncryptionKeys {
    static let shared = Result { try make() }

    private static func make() throws -> [String: DecryptionKey] {
        let rsa = try Vectors.wycheproofKey("rs256").members
        var keys: [String: DecryptionKey] = [:]
        for combination in Combination.all {
            let name = combination.testDescription
            if combination.algorithm.name.hasPrefix("RSA") {
                var members = rsa
                members["use"] = "enc"
                members["alg"] = .string(combination.algorithm.name)
                members["kid"] = .string(name)
                keys[name] = try DecryptionKey(JWK(members))
            } else {
                keys[name] = try DecryptionKey.generate(
                    combination.algorithm,
                    curve: combination.curve ?? .p256,
                    contentEncryption: combination.encryption,
                    keyID: name
                )
            }
        }
        return keys
    }
}

extension UnopenedJWE {
    /// Opens with everything in the tables allowed.
    func opened(by key: DecryptionKey) throws(JOSEError) -> OpenedJWE {
        try opened(
            by: DecryptionKeySet([key]),
            keyManagement: KeyManagementAlgorithm.all,
            contentEncryption: ContentEncryptionAlgorithm.all
        )
    }
}

/// A compact JWE in five parts, each of which a test may spoil.
struct JWEParts {
    enum Part: Int, CaseIterable, Sendable {
        case header
        case encryptedKey
        case initializationVector
        case ciphertext
        case tag
    }

    var texts: [String]

    init(_ token: String) {
        texts = token.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    }

    var token: String { texts.joined(separator: ".") }

    subscript(part: Part) -> [UInt8] {
        get { (try? Base64URL.decode(texts[part.rawValue])) ?? [] }
        set { texts[part.rawValue] = Base64URL.encode(newValue) }
    }

    var header: JSONObject {
        get { (try? JSONObject(parsing: self[.header])) ?? [:] }
        set { self[.header] = newValue.serialized() }
    }
}
