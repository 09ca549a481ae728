import JOSE
import Testing

/// RFC 7515 A.6, A.7 and Appendix F, RFC 7520 §4.5 to §4.8, RFC 7797 §4.
@Suite struct SerializationVectorTests {
    static func cookbook(_ path: String) throws -> JSONObject {
        try #require(try Vectors.json("cookbook/\(path)").objectValue)
    }

    private static func verify(
        _ json: JSONObject,
        payload: [UInt8]? = nil,
        by keys: KeySet,
        requiring policy: SignaturePolicy = .all
    ) throws -> VerifiedSignedContent {
        try UnverifiedSignedContent(parsing: json.serialized(), detachedPayload: payload)
            .verified(by: keys, algorithms: SignatureAlgorithm.all, requiring: policy)
    }

    /// A vector of one signature: ours is the same, in each serialization that it has, and each of them verifies.
    static func single(_ path: String, as form: PayloadForm, isKeyNamed: Bool = true) throws -> VectorReport {
        let example = try cookbook(path)
        var report = VectorReport()
        report.run(try example.text("title")) {
            let input = try #require(example["input"]?.objectValue)
            let output = try #require(example["output"]?.objectValue)
            let payload = Array(try input.text("payload").utf8)
            let key = try SigningKey(input.jwk("key"))
            let keys = KeySet([key.verificationKey])
            let unprotected = example["signing"]?.objectValue?["unprotected"]?.objectValue
            let signer = ContentSigner(key, unprotectedHeader: unprotected ?? [:])
            // Our signatures always name their key, and RFC 7797's have a key without a name.
            let isReproducible = isKeyNamed
            for (name, value) in output {
                if let json = value.objectValue {
                    let detached = json["payload"] == nil ? payload : nil
                    #expect(try verify(json, payload: detached, by: keys).payload == payload)
                    guard isReproducible else { continue }
                    let ours =
                        try name == "json"
                        ? JWS.general(payload, as: form, by: [signer]) : JWS.flattened(payload, as: form, by: signer)
                    #expect(ours == json)
                } else {
                    let parts = try output.text(name).split(separator: ".", omittingEmptySubsequences: false)
                    let header = try #require(parts.first)
                    let signature = try #require(parts.last)
                    let text = "\(header)..\(signature)"
                    let content = try UnverifiedSignedContent(compact: text, detachedPayload: payload)
                        .verified(by: keys, algorithms: [.hs256], requiring: .all)
                    #expect(content.payload == payload)
                    if isReproducible { #expect(try JWS.detached(payload, as: form, by: key) == text) }
                }
            }
        }
        return report
    }

    /// RFC 7520 §4.8: the signatures whose algorithm is protected verify, and ours are the same.
    static func several() throws -> VectorReport {
        let example = try cookbook("jws/4_8.multiple_signatures.json")
        var report = VectorReport()
        report.run(try example.text("title")) {
            let input = try #require(example["input"]?.objectValue)
            let json = try #require(example["output"]?.objectValue?["json"]?.objectValue)
            let payload = Array(try input.text("payload").utf8)
            let jwks = try #require(input["key"]?.arrayValue).compactMap(\.objectValue)
            let keys = KeySet(try [jwks[0], jwks[2]].map { try VerificationKey(JWK($0)) })
            let content = try verify(json, by: keys, requiring: .any)
            #expect(content.payload == payload)
            #expect(content.signatures.map(\.algorithm) == [.rs256, .hs256])
            // The second one's `alg` is unprotected.
            #expect(try refusal { try verify(json, by: keys) }.code == .algorithmRefused)
            let rsa = try SigningKey(JWK(jwks[0]))
            let ours = try JWS.general(
                payload,
                by: [
                    ContentSigner(rsa, unprotectedHeader: ["kid": .string(rsa.keyID)]),
                    ContentSigner(SigningKey(JWK(jwks[2]))),
                ]
            )
            let theirs = try #require(json["signatures"]?.arrayValue)
            #expect(ours["signatures"] == [theirs[0], theirs[2]])
        }
        return report
    }

    /// Vectors that are refused here on purpose, which ``refusedOnPurpose(path:claim:)`` shows.
    static func refused(_ path: String, because reason: String) throws -> VectorReport {
        var report = VectorReport()
        report.skip(try cookbook(path).text("title"), because: reason)
        return report
    }

    @Test(
        "A signature whose alg nobody signed (RFC 7520 §4.7), or b64 without crit (RFC 7797 §6), is refused",
        arguments: [
            ("jws/4_7.protecting_content_only.json", "alg", JOSEError.Code.algorithmRefused),
            ("rfc7797/4.2.hmac-sha2_b64_false.json", "b64", .criticalUnsupported),
        ]
    )
    func refusedOnPurpose(path: String, claim: String, code: JOSEError.Code) throws {
        let example = try Self.cookbook(path)
        let key = try SigningKey(try #require(example["input"]?.objectValue).jwk("key"))
        let output = try #require(example["output"]?.objectValue)
        for (_, json) in output {
            let object = try #require(json.objectValue)
            let error = try refusal { try Self.verify(object, by: KeySet([key.verificationKey])) }
            #expect(error.code == code)
            #expect(error.claim == claim)
        }
    }

    private struct Joe {
        let payload = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"
        let rsa: [Substring]
        let ecdsa: [Substring]
        let keys: KeySet

        init() throws {
            let rsaExample = try Vectors.rfcExample("jws_rs256")
            rsa = try rsaExample.text("jws").split(separator: ".")
            let example = try Vectors.rfcExample("jws_es256")
            ecdsa = try example.text("jws").split(separator: ".")
            let rsaKey = try JWK(rsaExample.jwk().members.setting("kid", "2010-12-29"))
            let ecKey = try JWK(
                example.jwk().members.setting("kid", "e9bc097a-ce51-4036-9562-d2ade882db0d")
            )
            keys = KeySet([try VerificationKey(rsaKey), try VerificationKey(ecKey)])
        }

        func entry(_ parts: [Substring], _ keyID: String) -> JSONObject {
            [
                "protected": .string(String(parts[0])), "header": ["kid": .string(keyID)],
                "signature": .string(String(parts[2])),
            ]
        }

        var rsaEntry: JSONObject { entry(rsa, "2010-12-29") }
        var ecdsaEntry: JSONObject { entry(ecdsa, "e9bc097a-ce51-4036-9562-d2ade882db0d") }
        var encodedPayload: JSON { .string(String(rsa[1])) }
    }

    @Test("RFC 7515 A.6: both signatures of the general example verify, and each key is told")
    func generalExample() throws {
        let joe = try Joe()
        let json: JSONObject = [
            "payload": joe.encodedPayload, "signatures": [.object(joe.rsaEntry), .object(joe.ecdsaEntry)],
        ]
        let content = try Self.verify(json, by: joe.keys)
        #expect(content.payload == Array(joe.payload.utf8))
        #expect(content.signatures.map(\.keyID) == ["2010-12-29", "e9bc097a-ce51-4036-9562-d2ade882db0d"])
        #expect(content.signatures.map(\.algorithm) == [.rs256, .es256])
        #expect(content.signatures[0].unprotectedHeader == ["kid": "2010-12-29"])
    }

    @Test("RFC 7515 A.7: the flattened example verifies, and not with the other key's name")
    func flattenedExample() throws {
        let joe = try Joe()
        let json = joe.ecdsaEntry.setting("payload", joe.encodedPayload)
        #expect(try Self.verify(json, by: joe.keys).signatures.map(\.algorithm) == [.es256])
        let renamed = json.setting("header", ["kid": "2010-12-29"])
        #expect(try refusal { try Self.verify(renamed, by: joe.keys) }.code == .algorithmRefused)
    }

    @Test("RFC 7515 Appendix F: an example verifies with its payload brought apart, and with no other")
    func detachedExample() throws {
        let joe = try Joe()
        let text = "\(joe.rsa[0])..\(joe.rsa[2])"
        func verify(_ payload: String) throws -> VerifiedSignedContent {
            try UnverifiedSignedContent(compact: text, detachedPayload: Array(payload.utf8))
                .verified(by: KeySet([joe.keys.keys[0]]), algorithms: [.rs256], requiring: .all)
        }
        #expect(try verify(joe.payload).payload == Array(joe.payload.utf8))
        #expect(try refusal { try verify(joe.payload + " ") }.code == .signatureInvalid)
        let json: JSONObject = [
            "protected": joe.rsaEntry["protected"] ?? nil, "signature": .string(String(joe.rsa[2])),
        ]
        let keys = KeySet([joe.keys.keys[0]])
        #expect(throws: Never.self) { try Self.verify(json, payload: Array(joe.payload.utf8), by: keys) }
    }

    private static let rfc7797Key: JSONObject = [
        "kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    ]

    @Test("RFC 7797 §4.1 and §4.2: the examples verify, encoded and as they are")
    func unencodedExamples() throws {
        let keys = KeySet([try VerificationKey(JWK(Self.rfc7797Key))])
        let encoded = "eyJhbGciOiJIUzI1NiJ9.JC4wMg.5mvfOroL-g7HyqJoozehmsaqmvTYGEq5jTI1gVvoEoQ"
        #expect(try UnverifiedJWS(encoded).verified(by: keys, algorithms: [.hs256]).payload == Array("$.02".utf8))
        let header = "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19"
        let signature = "A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY"
        let detached = try UnverifiedSignedContent(
            compact: "\(header)..\(signature)",
            detachedPayload: Array("$.02".utf8)
        )
        #expect(throws: Never.self) { try detached.verified(by: keys, algorithms: [.hs256], requiring: .all) }
        let json: JSONObject = ["payload": "$.02", "protected": .string(header), "signature": .string(signature)]
        #expect(try Self.verify(json, by: keys).payload == Array("$.02".utf8))
        // Ours, with the key named where the signature does not cover it.
        let key = try SigningKey(JWK(Self.rfc7797Key))
        let signer = ContentSigner(key, unprotectedHeader: ["kid": .string(key.keyID)])
        let ours = try JWS.flattened(Array("$.02".utf8), as: .unencoded, by: signer)
        #expect(ours.setting("header", nil) == json)
    }

    @Test("RFC 7797 §7: a JWT with an unencoded payload is no JWT, attached or detached")
    func unencodedTokens() throws {
        let output = try #require(
            try Self.cookbook("rfc7797/hmac-sha2_b64_false.json")["output"]?.objectValue
        )
        let compact = try output.text("compact")
        #expect(throws: JOSEError.self) { try UnverifiedToken(compact) }
        let key = try TestKeys.key(.hs256)
        let payload = Sample.claims.serialized()
        let header: JSONObject = [
            "alg": "HS256", "typ": "at+jwt", "kid": .string(key.keyID), "b64": false, "crit": ["b64"],
        ]
        let input = Base64URL.encode(header.serialized()) + "."
        let unencoded = try key.sign(Array(input.utf8) + payload)
        let encoded = input + Base64URL.encode(payload)
        for signature in [unencoded, try key.sign(Array(encoded.utf8))] {
            let error = try refusal { try Sample.verify(encoded + "." + Base64URL.encode(signature)) }
            #expect(error.code == .criticalUnsupported)
        }
        let twin = Forgery(header: header.setting("b64", nil).setting("crit", nil))
        #expect(throws: Never.self) { try Sample.verify(twin.signed(by: key)) }
    }
}
