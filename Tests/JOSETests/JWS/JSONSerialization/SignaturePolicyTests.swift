import JOSE
import Testing

/// Which of several signatures must be good, and what one signs with.
@Suite struct SignaturePolicyTests {
    let payload = SerializationRefusalTests.payload
    let all: [SigningKey]
    let keys: KeySet

    init() throws {
        all = try TestKeys.shared.get().all
        keys = try TestKeys.keySet()
    }

    private func verify(
        _ json: JSONObject,
        by keys: KeySet? = nil,
        algorithms: [SignatureAlgorithm] = SignatureAlgorithm.all,
        requiring policy: SignaturePolicy
    ) throws -> VerifiedSignedContent {
        try SerializationRefusalTests.verify(
            json,
            by: keys ?? self.keys,
            algorithms: algorithms,
            requiring: policy
        )
    }

    /// The content with its signature `index` spoiled.
    private func spoiled(_ json: JSONObject, at index: Int) throws -> JSONObject {
        var entries = try #require(json["signatures"]?.arrayValue)
        let entry = try #require(entries[index].objectValue)
        var signature = try Base64URL.decode(entry.text("signature"))
        signature[0] ^= 1
        entries[index] = .object(entry.setting("signature", .string(Base64URL.encode(signature))))
        return json.setting("signatures", .array(entries))
    }

    private func only(_ json: JSONObject, _ indices: [Int]) throws -> JSONObject {
        let entries = try #require(json["signatures"]?.arrayValue)
        return json.setting("signatures", .array(indices.map { entries[$0] }))
    }

    @Test("All: one bad signature, or one of an unknown key, spoils the whole, and the refusal says which")
    func everySignature() throws {
        let json = try JWS.general(payload, by: all.map { ContentSigner($0) })
        #expect(try verify(json, requiring: .all).signatures.map(\.keyID) == all.map(\.keyID))
        for index in all.indices {
            let error = try refusal { try verify(spoiled(json, at: index), requiring: .all) }
            #expect(error.code == .signatureInvalid)
            #expect(error.reason.contains("signature \(index + 1) of \(all.count)"))
            let fewer = KeySet(keys.keys.filter { $0.algorithm != all[index].algorithm })
            #expect(throws: JOSEError.self) { try verify(json, by: fewer, requiring: .all) }
            let algorithms = SignatureAlgorithm.all.filter { $0 != all[index].algorithm }
            let refused = try refusal { try verify(json, algorithms: algorithms, requiring: .all) }
            #expect(refused.code == .algorithmRefused)
        }
    }

    @Test("Any: one good signature suffices, whatever the others are, and only the good ones are told")
    func anySignature() throws {
        let json = try JWS.general(payload, by: all.map { ContentSigner($0) })
        var bad = json
        for index in all.indices.dropLast() { bad = try spoiled(bad, at: index) }
        let content = try verify(bad, requiring: .any)
        #expect(content.signatures.map(\.keyID) == [all.last?.keyID])
        bad = try spoiled(bad, at: all.count - 1)
        #expect(try refusal { try verify(bad, requiring: .any) }.code == .signatureInvalid)
        let strangers = KeySet(keys.keys.filter { $0.algorithm == .es256 })
        #expect(try verify(json, by: strangers, requiring: .any).signatures.map(\.algorithm) == [.es256])
        #expect(try refusal { try verify(json, by: KeySet([]), requiring: .any) }.code == .keyUnknown)
    }

    @Test("Signed by each: taking a signature away is noticed, a bad one counts for nothing")
    func namedSigners() throws {
        let json = try JWS.general(payload, by: all.map { ContentSigner($0) })
        let wanted = SignaturePolicy.signedByEach(of: [all[0].keyID, all[2].keyID])
        #expect(try verify(json, requiring: wanted).signatures.count == all.count)
        #expect(throws: Never.self) { try verify(only(json, [2, 0]), requiring: wanted) }
        #expect(throws: Never.self) { try verify(spoiled(json, at: 1), requiring: wanted) }
        // The policy that does not name them is content with what is left.
        #expect(throws: Never.self) { try verify(only(json, [0]), requiring: .all) }
        for stripped in [try only(json, [0]), try only(json, [2, 1]), try spoiled(json, at: 0)] {
            #expect(try refusal { try verify(stripped, requiring: wanted) }.code == .keyUnknown)
        }
        #expect(try refusal { try verify(json, requiring: .signedByEach(of: [])) }.code == .keyUnknown)
    }

    @Test("One key that signed twice is one signer")
    func oneSignerTwice() throws {
        let first = try JWS.general(payload, by: [ContentSigner(all[0])])
        let second = try JWS.general(payload, by: [ContentSigner(all[0], protectedHeader: ["x": 1])])
        let both = try #require(first["signatures"]?.arrayValue) + #require(second["signatures"]?.arrayValue)
        for policy in [SignaturePolicy.all, .any] {
            let content = try verify(first.setting("signatures", .array(both)), requiring: policy)
            #expect(content.signatures.count == 1)
            #expect(content.signatures.first?.protectedHeader["x"] == nil)
        }
        #expect(
            try refusal { try JWS.general(payload, by: [ContentSigner(all[0]), ContentSigner(all[0])]) }.code
                == .malformed
        )
    }

    @Test("RFC 7797 §3: signatures that disagree about the payload's encoding are refused")
    func mixedEncodings() throws {
        let encoded = try JWS.general(payload, by: [ContentSigner(all[0])])
        let unencoded = try JWS.general(payload, as: .unencoded, by: [ContentSigner(all[2])])
        let mixed = try #require(encoded["signatures"]?.arrayValue) + #require(unencoded["signatures"]?.arrayValue)
        for (json, payload) in [(encoded, nil), (unencoded, nil), (JSONObject(), payload)] {
            for policy in [SignaturePolicy.all, .any] {
                let error = try refusal {
                    try SerializationRefusalTests.verify(
                        json.setting("signatures", .array(mixed)),
                        payload: payload,
                        requiring: policy
                    )
                }
                #expect(error.claim == "b64")
            }
        }
        #expect(throws: Never.self) { try verify(unencoded, requiring: .all) }
    }

    @Test("What a signer cannot write, or would not protect, is refused; the rest is written and read back")
    func signerHeaders() throws {
        let key = all[0]
        for name in ["alg", "kid", "b64", "crit"] {
            for signer in [
                ContentSigner(key, protectedHeader: JSONObject(dictionaryLiteral: (name, "x"))),
                ContentSigner(key, unprotectedHeader: JSONObject(dictionaryLiteral: (name, "x"))),
            ] {
                #expect(try refusal { try JWS.flattened(payload, by: signer) }.claim == name)
            }
        }
        let doubled = ContentSigner(key, protectedHeader: ["x": 1], unprotectedHeader: ["x": 1])
        #expect(try refusal { try JWS.flattened(payload, by: doubled) }.claim == "x")
        let good = ContentSigner(
            key,
            protectedHeader: ["x": 1],
            unprotectedHeader: ["y": 2, "kid": .string(key.keyID)]
        )
        let content = try verify(try JWS.flattened(payload, by: good), requiring: .all)
        #expect(content.signatures.first?.protectedHeader == ["alg": .string(key.algorithm.name), "x": 1])
        #expect(content.signatures.first?.unprotectedHeader == ["y": 2, "kid": .string(key.keyID)])
        #expect(throws: JOSEError.self) { try JWS.general(payload, by: []) }
        #expect(throws: JOSEError.self) { try JWS.detached(payload, as: .attached, by: key) }
        #expect(throws: JOSEError.self) { try JWS.detached(payload, as: .unencoded, by: key) }
    }

    @Test("RFC 7797 §5.3: an unencoded payload in JSON is a text; detached it may be any bytes")
    func unencodedPayloads() throws {
        let bytes: [UInt8] = [0xFF, 0x00, 0x2E]
        #expect(throws: JOSEError.self) { try JWS.flattened(bytes, as: .unencoded, by: ContentSigner(all[0])) }
        let text = Array("a.b\u{0}\"\\\n\u{E9}\u{1F512}".utf8)
        let attached = try JWS.flattened(text, as: .unencoded, by: ContentSigner(all[0]))
        #expect(try verify(attached, requiring: .all).payload == text)
        for form in [PayloadForm.detached, .detachedUnencoded] {
            for payload in [bytes, [], text] {
                let compact = try JWS.detached(payload, as: form, by: all[0])
                let content = try UnverifiedSignedContent(compact: compact, detachedPayload: payload)
                    .verified(by: keys, algorithms: [all[0].algorithm], requiring: .all)
                #expect(content.payload == payload)
                let other = try UnverifiedSignedContent(compact: compact, detachedPayload: payload + [0])
                #expect(
                    try refusal { try other.verified(by: keys, algorithms: [all[0].algorithm], requiring: .all) }.code
                        == .signatureInvalid
                )
            }
        }
    }

    @Test("One flipped bit anywhere in the signed text is refused, for each form", arguments: 0..<4)
    func flippedBits(form index: Int) throws {
        let form = [PayloadForm.attached, .detached, .unencoded, .detachedUnencoded][index]
        let detached = form == .detached || form == .detachedUnencoded ? payload : nil
        let json = try JWS.flattened(payload, as: form, by: ContentSigner(all[0]))
        #expect(
            throws: Never.self
        ) { try SerializationRefusalTests.verify(json, payload: detached) }
        var generator = SeededGenerator(seed: 7515)
        for name in ["protected", "payload", "signature"] {
            guard let text = json[name]?.stringValue else { continue }
            for _ in 0..<40 {
                var bytes = Array(text.utf8)
                let position = Int.random(in: bytes.indices, using: &generator)
                bytes[position] ^= 1 << UInt8.random(in: 0..<7, using: &generator)
                let flipped = json.setting(name, .string(String(decoding: bytes, as: UTF8.self)))
                #expect(throws: JOSEError.self, "seed 7515, \(name) \(position)") {
                    try SerializationRefusalTests.verify(flipped, payload: detached)
                }
            }
        }
    }
}
