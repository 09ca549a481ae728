import JOSE

/// Keys and sets of keys from strangers.
enum FuzzKeys {
    private static let privateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"]

    /// A key that is read has one thumbprint, shows no secret, and signs what its public half verifies.
    static func key(_ input: [UInt8]) throws {
        guard let jwk = try? JWK(parsing: input) else { return }
        guard let again = try? JWK(parsing: jwk.members.serialized()) else {
            throw Violation("a JWK can be read again")
        }
        try Violation.unless(again == jwk && again.thumbprint() == jwk.thumbprint(), "it is the same key")
        let published = jwk.publicJWK
        try Violation.unless(!published.isPrivate && published.publicJWK == published, "the public half is public")
        for name in privateMembers {
            try Violation.unless(published.members[name] == nil, "the public half holds no secret")
        }
        if jwk.members["kty"] != "oct" {
            try Violation.unless(published.thumbprint() == jwk.thumbprint(), "both halves have one thumbprint")
        }
        for name in privateMembers where !published.members.contains(where: { $0.value == jwk.members[name] }) {
            guard let secret = jwk.members[name]?.stringValue, secret.utf8.count > 20 else { continue }
            try Violation.unless(!"\(jwk) \(String(reflecting: jwk))".contains(secret), "no description shows a secret")
        }
        try sign(with: jwk)
        try encrypt(to: jwk)
    }

    private static func sign(with jwk: JWK) throws {
        let verifying = try? VerificationKey(jwk)
        guard let key = try? SigningKey(jwk) else { return }
        let token = try JWS.signed([1, 2, 3], by: key)
        let jws = try UnverifiedJWS(token, limits: TokenLimits(maximumBytes: 1 << 20, maximumDepth: 16))
        let verified = try jws.verified(by: KeySet([key.verificationKey]), algorithms: [key.algorithm])
        try Violation.unless(verified.payload == [1, 2, 3], "what is signed verifies")
        let again = try SigningKey(key.privateJWK)
        try Violation.unless(again.privateJWK == key.privateJWK, "a key is what it exports")
        if let verifying, verifying.keyID != nil {
            let verified = try jws.verified(by: KeySet([verifying]), algorithms: [key.algorithm])
            try Violation.unless(verified.payload == [1, 2, 3], "both readings of the key are one key")
        }
    }

    private static func encrypt(to jwk: JWK) throws {
        guard let key = try? DecryptionKey(jwk) else { return }
        for encryption in ContentEncryptionAlgorithm.all {
            guard let token = try? JWE.encrypted([1, 2, 3], to: key.encryptionKey, encryption: encryption) else {
                continue
            }
            let opened = try UnopenedJWE(token).opened(
                by: DecryptionKeySet([key]),
                keyManagement: [key.algorithm],
                contentEncryption: [encryption]
            )
            try Violation.unless(opened.plaintext == [1, 2, 3], "what is encrypted opens")
        }
    }

    /// A key that is read from PEM is written, and read again as the same.
    static func pem(_ input: [UInt8]) throws {
        guard let jwk = try? JWK(pem: String(decoding: input, as: UTF8.self)) else { return }
        try export(jwk)
    }

    /// A key that is read from DER is written, and read again as the same; nothing may follow it.
    static func der(_ input: [UInt8]) throws {
        guard let jwk = try? JWK(der: input) else { return }
        try export(jwk)
        try Violation.unless((try? JWK(der: input + [0])) == nil, "nothing may follow the key")
    }

    private static func export(_ jwk: JWK) throws {
        let (text, bytes) = (try jwk.pem(), try jwk.der())
        let again = (try JWK(pem: text), try JWK(der: bytes))
        let same = try [again.0, again.1].allSatisfy { try bare($0) == bare(jwk) }
        try Violation.unless(same, "what is written is read again as the same key")
        try Violation.unless(try again.0.pem() == text && again.1.der() == bytes, "a key has one form")
        try Violation.unless(text.contains("PRIVATE") == jwk.isPrivate, "the label says whether it is private")
        try Violation.unless(try !jwk.publicJWK.pem().contains("PRIVATE"), "the public half is public")
        try key(jwk.members.serialized())
    }

    /// The key without the algorithm that some of its forms name.
    private static func bare(_ jwk: JWK) throws -> JWK {
        var members = jwk.members
        if members["kty"] == "RSA" { members["alg"] = nil }
        return try JWK(members)
    }

    /// A set holds no more keys than were given, and the same ones each time.
    static func keySet(_ input: [UInt8]) throws {
        let decrypting = try? DecryptionKeySet(parsing: input)
        guard let set = try? KeySet(parsing: input) else {
            return try Violation.unless(decrypting == nil, "a JWK Set is one for either use")
        }
        let entries = try JSONObject(parsing: input)["keys"]?.arrayValue ?? []
        try Violation.unless(set.keys.count <= entries.count, "a set has no more keys than were given")
        let kinds = try KeySet(parsing: JSONObject(parsing: input).serialized()).keys.map(\.algorithm)
        try Violation.unless(kinds == set.keys.map(\.algorithm), "the same text gives the same keys")
    }
}
