import JOSE

/// Encrypted tokens under fixed keys.
enum FuzzEncryption {
    private static let jwks: [JSONObject] = [
        ["kty": "oct", "kid": "w", "alg": "A128KW", "k": "GawgguFyGrWKav7AX4VKUg"],
        ["kty": "oct", "kid": "d", "alg": "A128GCM", "k": "XctOhJAkA-pD9Lh7ZgW_2A"],
        ["kty": "oct", "kid": "c", "alg": "A128CBC-HS256", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr8"],
        [
            "kty": "EC", "kid": "e", "alg": "ECDH-ES", "crv": "P-256",
            "x": "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
            "y": "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck", "d": "VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw",
        ],
        [
            "kty": "OKP", "kid": "x", "alg": "ECDH-ES+A128KW", "crv": "X25519",
            "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08", "d": "XasIfmJKikt54X-Lg4AO5m87sSkmGLb9HC-LJ_-I4Os",
        ],
    ]

    private static let keys = Result { try jwks.map { try DecryptionKey(JWK($0)) } }

    /// What is encrypted opens again, and no bit of it can be changed; a stranger's text opens only as what it says.
    static func encrypted(_ input: [UInt8]) throws {
        let keys = try keys.get()
        let set = DecryptionKeySet(keys)
        let text = String(decoding: input, as: UTF8.self)
        if let jwe = try? UnopenedJWE(text) {
            let parts = text.split(separator: ".", omittingEmptySubsequences: false)
            try Violation.unless(parts.count == 5, "a compact JWE has five parts")
            let opened = try? jwe.opened(
                by: set,
                keyManagement: KeyManagementAlgorithm.all,
                contentEncryption: ContentEncryptionAlgorithm.all
            )
            if let opened {
                try Violation.unless(opened.header["zip"] == nil, "nothing is inflated")
                try Violation.unless(opened.header["crit"] == nil, "crit is not understood")
                try Violation.unless(opened.header["alg"]?.stringValue == opened.keyManagement.name, "alg is the key's")
                try Violation.unless(opened.plaintext.count <= input.count, "no content is longer than its token")
            }
        }
        guard let choice = input.first, input.count < 4096 else { return }
        let plaintext = Array(input.dropFirst())
        let key = keys[Int(choice) % keys.count]
        let all = ContentEncryptionAlgorithm.all
        let encryption = key.contentEncryption ?? all[Int(choice) / keys.count % all.count]
        let token = try JWE.encrypted(plaintext, to: key.encryptionKey, encryption: encryption)
        func open(_ token: String) throws -> [UInt8] {
            try UnopenedJWE(token)
                .opened(by: set, keyManagement: [key.algorithm], contentEncryption: [encryption]).plaintext
        }
        try Violation.unless(try open(token) == plaintext, "what is encrypted opens")
        var spoiled = Array(token.utf8)
        spoiled[plaintext.reduce(Int(choice)) { $0 &* 31 &+ Int($1) } & Int.max % spoiled.count] ^= 1
        try Violation.unless((try? open(String(decoding: spoiled, as: UTF8.self))) == nil, "no bit can be changed")
    }
}
