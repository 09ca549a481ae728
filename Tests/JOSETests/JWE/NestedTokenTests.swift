import JOSE
import Testing

/// Nested JWTs: signed, then encrypted, exactly once each.
@Suite struct NestedTokenTests {
    private static let recipient = Result { try DecryptionKey.generate(.ecdhES, curve: .x25519, keyID: "reader") }

    private func signed(_ claims: JSONObject = Sample.claims) throws -> String {
        try JWT.signed(claims, type: "at+jwt", by: TestKeys.key(.es256))
    }

    private func nested(_ token: String? = nil, _ parameters: JSONObject = [:]) throws -> String {
        try JWT.encrypted(
            signed: token ?? signed(),
            parameters: parameters,
            to: Self.recipient.get().encryptionKey,
            encryption: .a256GCM
        )
    }

    /// Encrypts what ``JWT/encrypted(signed:parameters:to:encryption:limits:)`` would not.
    private func encrypted(_ content: String, _ parameters: JSONObject = ["cty": "JWT"]) throws -> String {
        try JWE.encrypted(
            Array(content.utf8),
            parameters: parameters,
            to: Self.recipient.get().encryptionKey,
            encryption: .a256GCM
        )
    }

    private func open(_ token: String) throws -> UnverifiedToken {
        try UnopenedToken(token).opened(
            by: DecryptionKeySet([Self.recipient.get()]),
            keyManagement: [.ecdhES],
            contentEncryption: [.a256GCM]
        )
    }

    @Test("RFC 7519 §5.2, §11.2: what was signed, then encrypted, opens to a token that verifies")
    func roundTrip() throws {
        let token = try nested()
        #expect(try UnopenedToken(token).header["cty"] == "JWT")
        let verified = try open(token).verified(by: TestKeys.keySet(), expecting: Sample.expectations)
        #expect(verified.subject == "alice")
        #expect(verified.algorithm == .es256)
    }

    @Test("Encryption says nothing about the sender: a stranger's token opens, and does not verify")
    func stranger() throws {
        var forgery = Forgery(header: Sample.header(try TestKeys.key(.es256)))
        forgery.payload = String(decoding: Sample.claims.setting("sub", "mallory").serialized(), as: UTF8.self)
        let token = try forgery.signed { _ in Array(repeating: 1, count: 64) }
        let opened = try open(nested(token))
        #expect(opened.unverifiedClaims["sub"] == "mallory")
        let error = try refusal { try opened.verified(by: TestKeys.keySet(), expecting: Sample.expectations) }
        #expect(error.code == .signatureInvalid)
    }

    @Test("Only a signed token is encrypted: bare claims, an encrypted token and bytes are refused on both sides")
    func onlySigned() throws {
        let claims = String(decoding: Sample.claims.serialized(), as: UTF8.self)
        let once = try nested()
        let payloadIsToken = Forgery(header: #"{"alg":"ES256","cty":"JWT"}"#, payload: try signed())
        let twiceSigned = try payloadIsToken.signed(by: TestKeys.key(.es256))
        for content in [claims, once, twiceSigned, "", "..", try signed() + "."] {
            #expect(try refusal { try nested(content) }.code == .malformed)
            #expect(try refusal { try open(encrypted(content)) }.code == .malformed)
        }
        let invalid = try JWE.encrypted(
            [0xFF, 0xFE],
            parameters: ["cty": "JWT"],
            to: Self.recipient.get().encryptionKey,
            encryption: .a256GCM
        )
        #expect(try refusal { try open(invalid) }.code == .malformed)
        #expect(throws: Never.self) { try open(encrypted(signed())) }
    }

    @Test(
        "RFC 7519 §5.2: cty must be JWT, in whatever case",
        arguments: [
            (nil, .typeInvalid), ("at+jwt", .typeInvalid), ("", .typeInvalid), ("JWTS", .typeInvalid), (1, .malformed),
            ("JWT", nil), ("jwt", nil), ("Jwt", nil),
        ] as [(JSON?, JOSEError.Code?)]
    )
    func contentType(value: JSON?, code: JOSEError.Code?) throws {
        let token = try encrypted(signed(), JSONObject().setting("cty", value))
        guard let code else {
            #expect(throws: Never.self) { try open(token) }
            return
        }
        let error = try refusal { try UnopenedToken(token) }
        #expect(error.code == code)
        #expect(error.claim == "cty")
    }

    @Test("A caller's cty is replaced")
    func replacedContentType() throws {
        #expect(try UnopenedToken(nested(nil, ["cty": "x"])).header["cty"] == "JWT")
    }

    @Test(
        "RFC 7519 §5.3: a claim that the header repeats must have the same value inside",
        arguments: [
            ("iss", "https://issuer.example", "https://evil.example"), ("sub", "alice", "mallory"),
            ("aud", "https://api.example", ["https://api.example"]),
        ] as [(String, JSON, JSON)]
    )
    func replicatedClaims(name: String, same: JSON, different: JSON) throws {
        #expect(throws: Never.self) { try open(nested(nil, JSONObject().setting(name, same))) }
        let error = try refusal { try open(nested(nil, JSONObject().setting(name, different))) }
        #expect(error.code == .claimInvalid)
        #expect(error.claim == name)
        let absent = try signed(Sample.claims.setting(name, nil))
        #expect(try refusal { try open(nested(absent, JSONObject().setting(name, same))) }.code == .claimInvalid)
    }

    @Test("FIELD F22: a signed token is no nested one, a nested one no signed one")
    func crossUse() throws {
        #expect(try refusal { try UnopenedToken(signed()) }.code == .malformed)
        #expect(try refusal { try UnverifiedToken(nested()) }.code == .malformed)
    }

    @Test("The limits hold for the token and for what is inside")
    func limits() throws {
        let token = try nested()
        let tooShort = TokenLimits(maximumBytes: token.utf8.count - 1, maximumDepth: 16)
        #expect(try refusal { try UnopenedToken(token, limits: tooShort) }.code == .tooLarge)
        let deep = try nested(signed(Sample.claims.setting("deep", [[[1]]])))
        let flat = TokenLimits(maximumBytes: 16384, maximumDepth: 3)
        let unopened = try UnopenedToken(deep, limits: flat)
        let error = try refusal {
            try unopened.opened(
                by: DecryptionKeySet([Self.recipient.get()]),
                keyManagement: [.ecdhES],
                contentEncryption: [.a256GCM]
            )
        }
        #expect(error.code == .tooLarge || error.code == .malformed)
        #expect(throws: Never.self) { try open(deep) }
    }
}
