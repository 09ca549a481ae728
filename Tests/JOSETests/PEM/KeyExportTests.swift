import JOSE
import Testing

/// What goes out as PEM and DER, and RFC 9278.
@Suite struct KeyExportTests {
    @Test("A JWK that is no key is not written, its sound twin is")
    func unsound() throws {
        let rows: [(String, String, JSON?, JOSEError.Code)] = [
            ("P-256 SPKI", "y", "AAAA", .keyInvalid),
            ("P-256 PKCS#8", "x", .string(String(repeating: "A", count: 43)), .keyInvalid),
            ("P-256 PKCS#8", "d", "AAAA", .keyInvalid), ("P-256 SPKI", "crv", "P-192", .keyUnsupported),
            ("P-256 SPKI", "crv", "P-384", .keyInvalid), ("Ed25519 PKCS#8", "crv", "X25519", .keyInvalid),
            ("Ed25519 SPKI", "crv", "Ed448", .keyUnsupported), ("X25519 SPKI", "x", "AAAA", .keyInvalid),
            ("rsa-2048 PKCS#8", "dp", "AQAB", .keyInvalid), ("rsa-2048 PKCS#8", "p", nil, .keyInvalid),
            ("rsa-2048 PKCS#8", "oth", [], .keyUnsupported), ("rsa-2048 SPKI", "e", "Aw", .keyInvalid),
        ]
        for (file, name, value, code) in rows {
            let good = try #require(try KeyFile.named(file).jwk)
            #expect(throws: Never.self) { try JWK(good).pem() }
            let spoiled = good.setting(name, value)
            #expect(try refusal { try JWK(spoiled).pem() }.code == code, "\(file) \(name)")
            #expect(try refusal { try JWK(spoiled).der() }.code == code, "\(file) \(name)")
        }
    }

    @Test("The purpose of a key is no matter for its form: encryption keys go out and come back")
    func purposes() throws {
        for (file, use, algorithm) in [
            ("rsa-2048 PKCS#8", "enc", "RSA-OAEP-256"), ("P-256 PKCS#8", "enc", "ECDH-ES"),
            ("X25519 PKCS#8", "enc", "ECDH-ES"),
        ] {
            let good = try #require(try KeyFile.named(file).jwk)
            let key = try JWK(good.setting("use", .string(use)).setting("alg", .string(algorithm)).setting("kid", "k"))
            #expect(try JWK(pem: key.pem()).members == good)
            #expect(try JWK(pem: key.publicJWK.pem()).thumbprint() == key.thumbprint())
        }
    }

    @Test("The CRT numbers of an RSA key may be left out and are written all the same")
    func crtNumbers() throws {
        let file = try KeyFile.named("rsa-2048 PKCS#8")
        let bare = try #require(file.jwk).setting("dp", nil).setting("dq", nil).setting("qi", nil)
        #expect(try JWK(bare).pem() == file.pem)
    }

    @Test(
        "A key from PEM signs, and its public half verifies",
        arguments: ["rsa-2048 PKCS#8", "P-256 PKCS#8", "Ed25519 PKCS#8"]
    )
    func inUse(name: String) throws {
        let jwk = try JWK(pem: KeyFile.named(name).pem)
        let key = try SigningKey(jwk)
        let trusted = KeySet([try VerificationKey(JWK(pem: jwk.publicJWK.pem()).setting("kid", key.keyID))])
        let token = try JWS.signed([1, 2, 3], by: key)
        #expect(try UnverifiedJWS(token).verified(by: trusted, algorithms: [key.algorithm]).payload == [1, 2, 3])
    }

    @Test("RFC 9278 §3: the thumbprint URI is the prefix, the hash and the thumbprint")
    func thumbprintURI() throws {
        let example = try Vectors.rfcExample("jwk_thumbprint_rsa")
        #expect(
            try example.jwk().thumbprintURI()
                == "urn:ietf:params:oauth:jwk-thumbprint:sha-256:NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        )
        let jwk = try JWK(pem: KeyFile.named("rsa-2048 PKCS#8").pem)
        #expect(jwk.thumbprintURI() == jwk.publicJWK.thumbprintURI())
        #expect(jwk.thumbprintURI().hasSuffix(":" + jwk.thumbprint()))
    }
}

extension JWK {
    fileprivate func setting(_ name: String, _ value: String) throws -> JWK {
        try JWK(members.setting(name, .string(value)))
    }
}
