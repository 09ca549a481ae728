import JOSE
import Testing

/// RFC 7517 §5.
@Suite struct KeySetTests {
    private func parse(_ keys: JSON) throws -> KeySet {
        try KeySet(parsing: (["keys": keys] as JSON).serialized())
    }

    @Test("RFC 7517 §5: keys that cannot be used are left out, the others stay in order")
    func unusableKeys() throws {
        let rsa = try TestKeys.key(.rs256).publicJWK.members
        let ec = try TestKeys.key(.es256).publicJWK.members
        let set = try parse([
            .object(rsa), ["kty": "XYZ"], ["kty": "EC"], [:], .object(ec.setting("use", "enc")),
            .object(ec.setting("crv", "P-384")), .object(ec.setting("alg", "ES512")), .object(ec.setting("kid", 5)),
            .object(rsa.setting("e", "AQ")), .object(ec),
        ])
        #expect(set.keys.map(\.algorithm) == [.rs256, .es256])
    }

    @Test(
        "A text that is not a JWK Set is refused, an empty set is read",
        arguments: ["", "[]", "{}", #"{"keys":{}}"#, #"{"keys":null}"#, #"{"keys":[1]}"#, #"{"keys":[],"keys":[]}"#]
    )
    func malformedSets(text: String) throws {
        #expect(try refusal { try KeySet(parsing: Array(text.utf8)) }.code == .malformed)
        #expect(try KeySet(parsing: Array(#"{"keys":[]}"#.utf8)).keys.isEmpty)
    }

    @Test("A token without kid is taken if exactly one key of the set has its algorithm")
    func withoutKeyID() throws {
        let key = try TestKeys.key(.es256)
        let header: JSONObject = ["alg": "ES256", "typ": "at+jwt"]
        let token = try Forgery(header: header).signed(by: key)
        #expect(try Sample.verify(token).keyID == key.keyID)

        let other = try SigningKey.generate(.es256).verificationKey
        let two = KeySet([key.verificationKey, other])
        #expect(try refusal { try Sample.verify(token, by: two) }.code == .keyAmbiguous)
        let none = KeySet([try TestKeys.key(.rs256).verificationKey])
        #expect(try refusal { try Sample.verify(token, by: none) }.code == .keyUnknown)
    }

    @Test("A kid that two keys of one algorithm share is refused; of two algorithms, the header's is taken")
    func sharedKeyID() throws {
        let first = try SigningKey.generate(.es256, keyID: "same")
        let second = try SigningKey.generate(.es256, keyID: "same")
        let third = try SigningKey.generate(.edDSA, keyID: "same")
        let token = try JWT.signed(Sample.claims, type: "at+jwt", by: first)
        let twins = KeySet([first.verificationKey, second.verificationKey])
        #expect(try refusal { try Sample.verify(token, by: twins) }.code == .keyAmbiguous)
        let mixed = KeySet([third.verificationKey, first.verificationKey])
        #expect(throws: Never.self) { try Sample.verify(token, by: mixed) }
    }
}
