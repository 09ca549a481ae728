import JOSE
import Testing

/// RFC 7515 §5.2 for several signatures: what is refused, and the twin that is not.
@Suite struct SerializationRefusalTests {
    static let payload = Array("It's a dangerous business, going out your door.".utf8)

    /// An entry that is signed as it says, whatever it says.
    static func entry(
        _ protected: String,
        unprotected: JSON? = nil,
        payloadInput: [UInt8] = Base64URL.encode(payload).utf8.map(\.self),
        by key: SigningKey
    ) throws -> JSONObject {
        let header = Base64URL.encode(protected.utf8)
        let signature = try key.sign(Array((header + ".").utf8) + payloadInput)
        return JSONObject(dictionaryLiteral: ("protected", .string(header)))
            .setting("header", unprotected)
            .setting("signature", .string(Base64URL.encode(signature)))
    }

    static func verify(
        _ json: JSONObject,
        payload: [UInt8]? = nil,
        by keys: KeySet? = nil,
        algorithms: [SignatureAlgorithm] = SignatureAlgorithm.all,
        requiring policy: SignaturePolicy = .all
    ) throws -> VerifiedSignedContent {
        try UnverifiedSignedContent(parsing: json.serialized(), detachedPayload: payload)
            .verified(by: keys ?? TestKeys.keySet(), algorithms: algorithms, requiring: policy)
    }

    /// What is done to a good flattened JWS, and the refusal.
    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let code: JOSEError.Code
        let change: @Sendable (inout JSONObject) throws -> Void

        init(
            _ name: String,
            _ code: JOSEError.Code,
            _ change: @escaping @Sendable (inout JSONObject) throws -> Void
        ) {
            testDescription = name
            self.code = code
            self.change = change
        }
    }

    @Test(
        "RFC 7515 §7.2.1, §7.2.2: JSON that the syntax forbids is refused; the good one verifies",
        arguments: [
            Row("no payload anywhere", .malformed) { $0["payload"] = nil },
            Row("payload no text", .malformed) { $0["payload"] = 1 },
            Row("payload null", .malformed) { $0["payload"] = .some(.null) },
            Row("payload padded", .malformed) { $0["payload"] = "SQ==" },
            Row("payload with unused bits", .malformed) { $0["payload"] = "SR" },
            Row("another payload", .signatureInvalid) { $0["payload"] = "SQ" },
            Row("an empty payload", .signatureInvalid) { $0["payload"] = "" },
            Row("no signature", .malformed) { $0["signature"] = nil },
            Row("empty signature", .signatureInvalid) { $0["signature"] = "" },
            Row("signature no text", .malformed) { $0["signature"] = [] },
            Row("signature not base64url", .malformed) { $0["signature"] = "+A" },
            Row("no protected header", .algorithmRefused) { $0["protected"] = nil },
            Row("empty protected header", .malformed) { $0["protected"] = "" },
            Row("protected header an object", .malformed) { $0["protected"] = ["alg": "HS256"] },
            Row("protected header no JSON", .malformed) { $0["protected"] = "AAAA" },
            Row("protected header an array", .malformed) { $0["protected"] = .string(Base64URL.encode("[]".utf8)) },
            Row("header no object", .malformed) { $0["header"] = "kid" },
            Row("header null", .malformed) { $0["header"] = .some(.null) },
            Row("both syntaxes", .malformed) { $0["signatures"] = [.object($0)] },
            Row("signatures empty", .malformed) {
                for name in ["protected", "header", "signature"] { $0[name] = nil }
                $0["signatures"] = []
            },
            Row("signatures no array", .malformed) {
                let entry = $0
                for name in ["protected", "header", "signature"] { $0[name] = nil }
                $0["signatures"] = .object(entry)
            },
            Row("signatures of no objects", .malformed) {
                for name in ["protected", "header", "signature"] { $0[name] = nil }
                $0["signatures"] = ["x"]
            },
        ]
    )
    func syntax(row: Row) throws {
        let key = try TestKeys.key(.hs256)
        let good = try JWS.flattened(Self.payload, by: ContentSigner(key, unprotectedHeader: ["note": "x"]))
        #expect(try Self.verify(good.setting("unknown", ["ignored"])).payload == Self.payload)
        var bad = good
        try row.change(&bad)
        #expect(try refusal { try Self.verify(bad) }.code == row.code)
    }

    /// Headers of one signature, and the refusal; nil where they are taken.
    struct Headers: Sendable, CustomTestStringConvertible {
        let protected: String
        let unprotected: JSON?
        let code: JOSEError.Code?
        let claim: String?

        init(_ protected: String, _ unprotected: JSON? = nil, _ code: JOSEError.Code? = nil, _ claim: String? = nil) {
            self.protected = protected
            self.unprotected = unprotected
            self.code = code
            self.claim = claim
        }

        var testDescription: String {
            protected + " / " + (unprotected.map { String(decoding: $0.serialized(), as: UTF8.self) } ?? "none")
        }
    }

    @Test(
        "RFC 7515 §4, RFC 7515 §10.7: only what is protected says how something was signed",
        arguments: [
            Headers(#"{"alg":"HS256","kid":"KID"}"#),
            Headers(#"{"alg":"HS256"}"#, ["kid": "KID"]),
            Headers(#"{"alg":"HS256","kid":"KID"}"#, [:]),
            Headers(#"{"alg":"HS256","kid":"KID"}"#, ["kid": "KID"], .malformed, "kid"),
            Headers(#"{"alg":"HS256","kid":"KID"}"#, ["alg": "HS256"], .malformed, "alg"),
            Headers(#"{"alg":"HS256","kid":"KID","x":1}"#, ["x": 1], .malformed, "x"),
            Headers(#"{"kid":"KID"}"#, ["alg": "HS256"], .algorithmRefused, "alg"),
            Headers(#"{"alg":"none","kid":"KID"}"#, nil, .algorithmRefused, "alg"),
            Headers(#"{"alg":"hs256","kid":"KID"}"#, nil, .algorithmRefused, "alg"),
            Headers(#"{"alg":1,"kid":"KID"}"#, nil, .malformed, "alg"),
            Headers(#"{"alg":"ES256","kid":"KID"}"#, nil, .algorithmRefused, "alg"),
            Headers(#"{"alg":"HS256","kid":1}"#, nil, .malformed, "kid"),
            Headers(#"{"alg":"HS256"}"#, ["kid": 1], .malformed, "kid"),
            Headers(#"{"alg":"HS256","kid":"other"}"#, nil, .keyUnknown, "kid"),
            Headers(#"{"alg":"HS256"}"#, ["kid": "other"], .keyUnknown, "kid"),
            Headers(#"{"alg":"HS256","alg":"HS256","kid":"KID"}"#, nil, .malformed),
        ]
    )
    func headers(row: Headers) throws {
        let key = try TestKeys.key(.hs256)
        func named(_ text: String) -> String { text.replacing("KID", with: key.keyID) }
        let unprotected = try row.unprotected.map { try JSON(parsing: Array(named(text(of: $0)).utf8)) }
        let json = try Self.entry(named(row.protected), unprotected: unprotected, by: key)
            .setting("payload", .string(Base64URL.encode(Self.payload)))
        guard let code = row.code else {
            #expect(try Self.verify(json).signatures.map(\.keyID) == [key.keyID])
            return
        }
        let error = try refusal { try Self.verify(json) }
        #expect(error.code == code)
        #expect(error.claim == row.claim)
    }

    private func text(of json: JSON) -> String { String(decoding: json.serialized(), as: UTF8.self) }

    @Test(
        "RFC 7515 §4.1.11, RFC 7797 §3, RFC 7797 §6: crit is honoured",
        arguments: [
            Headers(#"{"alg":"HS256","b64":false,"crit":["b64"]}"#),
            Headers(#"{"alg":"HS256","b64":true,"crit":["b64"]}"#),
            Headers(#"{"alg":"HS256","crit":[]}"#, nil, .criticalUnsupported, "crit"),
            Headers(#"{"alg":"HS256","crit":"b64","b64":false}"#, nil, .criticalUnsupported, "crit"),
            Headers(#"{"alg":"HS256","crit":null}"#, nil, .criticalUnsupported, "crit"),
            Headers(#"{"alg":"HS256","crit":[1]}"#, nil, .criticalUnsupported, "crit"),
            Headers(#"{"alg":"HS256","crit":["b64"]}"#, nil, .criticalUnsupported, "crit"),
            Headers(#"{"alg":"HS256","crit":["b64","b64"],"b64":false}"#, nil, .criticalUnsupported, "crit"),
            Headers(#"{"alg":"HS256","crit":["alg"]}"#, nil, .criticalUnsupported, "crit"),
            Headers(#"{"alg":"HS256","crit":["crit"]}"#, nil, .criticalUnsupported, "crit"),
            Headers(#"{"alg":"HS256","crit":["b64","typ"],"b64":false,"typ":"x"}"#, nil, .criticalUnsupported, "crit"),
            Headers(#"{"alg":"HS256","crit":["exp"],"exp":1}"#, nil, .criticalUnsupported, "crit"),
            Headers(#"{"alg":"HS256","crit":["b64","exp"],"b64":false,"exp":1}"#, nil, .criticalUnsupported, "crit"),
            Headers(#"{"alg":"HS256","crit":["B64"],"B64":false}"#, nil, .criticalUnsupported, "crit"),
            Headers(#"{"alg":"HS256","b64":false}"#, nil, .criticalUnsupported, "b64"),
            Headers(#"{"alg":"HS256","b64":true}"#, nil, .criticalUnsupported, "b64"),
            Headers(#"{"alg":"HS256","b64":"false","crit":["b64"]}"#, nil, .malformed, "b64"),
            Headers(#"{"alg":"HS256","b64":0,"crit":["b64"]}"#, nil, .malformed, "b64"),
            Headers(#"{"alg":"HS256","b64":null,"crit":["b64"]}"#, nil, .malformed, "b64"),
            Headers(#"{"alg":"HS256"}"#, ["b64": false], .criticalUnsupported, "b64"),
            Headers(#"{"alg":"HS256"}"#, ["crit": ["b64"]], .criticalUnsupported, "crit"),
            Headers(#"{"alg":"HS256","crit":["b64"]}"#, ["b64": false], .criticalUnsupported, "b64"),
            Headers(#"{"alg":"HS256","b64":false}"#, ["crit": ["b64"]], .criticalUnsupported, "crit"),
        ]
    )
    func critical(row: Headers) throws {
        let key = try TestKeys.key(.hs256)
        let text = String(decoding: Self.payload, as: UTF8.self)
        // Whichever way the payload is signed and carried, the refusal is the header's.
        for isEncoded in [true, false] {
            let carried = isEncoded ? Base64URL.encode(Self.payload) : text
            let entry = try Self.entry(
                row.protected,
                unprotected: row.unprotected,
                payloadInput: Array(carried.utf8),
                by: key
            )
            let attached = entry.setting("payload", .string(carried))
            guard let code = row.code else {
                let isMeant = row.protected.contains("false") != isEncoded
                if isMeant {
                    #expect(try Self.verify(attached).payload == Self.payload)
                    #expect(try Self.verify(entry, payload: Self.payload).payload == Self.payload)
                } else {
                    // Signed as it is, the base64url text is a payload too, and another one.
                    let read = try? Self.verify(attached)
                    #expect(read?.payload != Self.payload)
                    #expect(try refusal { try Self.verify(entry, payload: Self.payload) }.code == .signatureInvalid)
                }
                continue
            }
            for (json, payload) in [(attached, nil), (entry, Self.payload)] {
                let error = try refusal { try Self.verify(json, payload: payload) }
                #expect(error.code == code)
                #expect(error.claim == row.claim)
            }
            guard row.unprotected == nil else { continue }
            let compact = "\(try entry.text("protected"))..\(try entry.text("signature"))"
            let error = try refusal {
                try UnverifiedSignedContent(compact: compact, detachedPayload: Self.payload)
                    .verified(by: TestKeys.keySet(), algorithms: [.hs256], requiring: .all)
            }
            #expect(error.code == code)
        }
    }

    @Test(
        "RFC 7515 Appendix F: text that is no detached compact JWS is refused",
        arguments: [
            "", ".", "..", "...", "H.S", "H.P.S", "H..S.", "H..S..", ".H.S", "H...S", "H..S\n", " H..S", "H..=",
        ]
    )
    func detachedText(form: String) throws {
        let good = try JWS.detached(Self.payload, by: TestKeys.key(.hs256)).split(separator: ".")
        func verify(_ text: String) throws -> VerifiedSignedContent {
            try UnverifiedSignedContent(compact: text, detachedPayload: Self.payload)
                .verified(by: TestKeys.keySet(), algorithms: [.hs256], requiring: .all)
        }
        let text = form.replacing("H", with: good[0]).replacing("S", with: good[1])
            .replacing("P", with: Base64URL.encode(Self.payload))
        #expect(try refusal { try verify(text) }.code == .malformed)
        #expect(try verify("\(good[0])..\(good[1])").payload == Self.payload)
    }

    @Test("RFC 7515 Appendix F: a payload in both places, or in none, is refused")
    func payloadPlaces() throws {
        let signer = ContentSigner(try TestKeys.key(.hs256))
        let attached = try JWS.flattened(Self.payload, by: signer)
        let detached = try JWS.flattened(Self.payload, as: .detached, by: signer)
        #expect(detached["payload"] == nil)
        #expect(try refusal { try Self.verify(attached, payload: Self.payload) }.claim == "payload")
        #expect(try refusal { try Self.verify(detached) }.claim == "payload")
        #expect(throws: Never.self) { try Self.verify(attached) }
        #expect(throws: Never.self) { try Self.verify(detached, payload: Self.payload) }
    }

    @Test("Limits: size, depth and the number of signatures; at the limit all is well")
    func limits() throws {
        let key = try TestKeys.key(.hs256)
        let one = try JWS.general(Self.payload, by: [ContentSigner(key)])
        let entry = try #require(one["signatures"]?.arrayValue?.first)
        func many(_ count: Int) -> JSONObject {
            one.setting("signatures", .array(Array(repeating: entry, count: count)))
        }
        let most = UnverifiedSignedContent.maximumSignatures
        #expect(throws: Never.self) { try Self.verify(many(most)) }
        #expect(try refusal { try Self.verify(many(most + 1)) }.code == .tooLarge)
        let text = one.serialized()
        func parse(_ bytes: Int, _ depth: Int) throws -> UnverifiedSignedContent {
            try UnverifiedSignedContent(
                parsing: text,
                limits: TokenLimits(maximumBytes: bytes, maximumDepth: depth)
            )
        }
        #expect(throws: Never.self) { try parse(text.count, 3) }
        #expect(try refusal { try parse(text.count - 1, 3) }.code == .tooLarge)
        #expect(try refusal { try parse(text.count, 2) }.code == .tooLarge)
        let compact = try JWS.detached(Self.payload, by: key)
        func parseCompact(_ bytes: Int) throws -> UnverifiedSignedContent {
            try UnverifiedSignedContent(
                compact: compact,
                detachedPayload: Self.payload,
                limits: TokenLimits(maximumBytes: bytes, maximumDepth: 4)
            )
        }
        #expect(throws: Never.self) { try parseCompact(compact.utf8.count) }
        #expect(try refusal { try parseCompact(compact.utf8.count - 1) }.code == .tooLarge)
    }
}
