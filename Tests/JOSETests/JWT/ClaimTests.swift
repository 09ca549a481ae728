import Instants
import JOSE
import Testing

/// RFC 7519 §4.1 and RFC 8725 §3.
@Suite struct ClaimTests {
    /// A claim, what it is changed to, and the refusal; unchanged, the token is taken.
    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        let value: JSON?
        let code: JOSEError.Code

        init(_ name: String, _ value: JSON?, _ code: JOSEError.Code) {
            self.name = name
            self.value = value
            self.code = code
        }

        var testDescription: String {
            "\(name) = \(value.map { String(decoding: $0.serialized(), as: UTF8.self) } ?? "absent")"
        }
    }

    private func verify(
        _ claims: JSONObject,
        type: String = "at+jwt",
        expecting expectations: Expectations = Sample.expectations
    ) throws -> VerifiedToken {
        try Sample.verify(JWT.signed(claims, type: type, by: TestKeys.key(.edDSA)), expecting: expectations)
    }

    @Test(
        "RFC 7519 §4.1: a claim that is not as expected is refused",
        arguments: [
            Row("iss", nil, .claimMissing), Row("iss", "https://issuer.example/", .claimInvalid),
            Row("iss", "https://ISSUER.example", .claimInvalid), Row("iss", ["https://issuer.example"], .claimInvalid),
            Row("iss", "", .claimInvalid), Row("iss", .null, .claimInvalid),
            // RFC 7519 §4.1.3
            Row("aud", nil, .claimMissing), Row("aud", [], .claimMissing),
            Row("aud", "https://other.example", .claimInvalid),
            Row("aud", ["https://other.example", "x"], .claimInvalid),
            Row("aud", ["https://api.example", 1], .claimInvalid),
            Row("aud", "https://api.example/", .claimInvalid), Row("aud", ["a": "https://api.example"], .claimInvalid),
            Row("aud", "https://api.example https://other.example", .claimInvalid), Row("aud", .null, .claimInvalid),
            // RFC 7519 §4.1.4
            Row("exp", nil, .claimMissing), Row("exp", 1_800_000_000, .tokenExpired), Row("exp", 0, .tokenExpired),
            Row("exp", -1, .tokenExpired), Row("exp", .number(1_799_999_999.999), .tokenExpired),
            // RFC 7519 §2
            Row("exp", "1800000900", .claimInvalid), Row("exp", .null, .claimInvalid), Row("exp", true, .claimInvalid),
            Row("exp", .integer(.max), .claimInvalid), Row("exp", .number(1e300), .claimInvalid),
            Row("exp", [1_800_000_900], .claimInvalid),
            // RFC 7519 §4.1.5
            Row("nbf", 1_800_000_001, .tokenNotYetValid), Row("nbf", "0", .claimInvalid),
            Row("nbf", .integer(.min), .claimInvalid), Row("iat", 1_800_000_001, .tokenNotYetValid),
            Row("iat", "0", .claimInvalid), Row("iat", .number(-1e300), .claimInvalid),
            Row("sub", 7, .claimInvalid), Row("sub", .null, .claimInvalid), Row("jti", 7, .claimInvalid),
        ]
    )
    func refusedClaims(row: Row) throws {
        let error = try refusal { try verify(Sample.claims.setting(row.name, row.value)) }
        #expect(error.code == row.code)
        #expect(error.claim == row.name)
        #expect(throws: Never.self) { try verify(Sample.claims) }
    }

    @Test(
        "Claims at the edge of what is expected are taken",
        arguments: [
            ("aud", ["https://other.example", "https://api.example"]), ("exp", 1_800_000_001),
            ("exp", .number(1_800_000_000.001)), ("nbf", 1_800_000_000), ("nbf", nil), ("iat", 1_800_000_000),
            ("iat", nil), ("iat", 0), ("sub", nil), ("jti", nil), ("exp", .number(1.8000009e9)),
        ] as [(String, JSON?)]
    )
    func acceptedClaims(name: String, value: JSON?) throws {
        #expect(throws: Never.self) { try verify(Sample.claims.setting(name, value)) }
    }

    @Test("Texts are compared by code points: U+212A KELVIN SIGN does not pass for K")
    func codePoints() throws {
        var expectations = Sample.expectations
        expectations.issuer = .exactly("https://K.example")
        expectations.audience = .exactly("K")
        let good = Sample.claims.setting("iss", "https://K.example").setting("aud", "K")
        #expect(throws: Never.self) { try verify(good, expecting: expectations) }
        for (name, value) in [("iss", "https://\u{212A}.example"), ("aud", "\u{212A}")] {
            let error = try refusal { try verify(good.setting(name, .string(value)), expecting: expectations) }
            #expect(error.code == .claimInvalid)
        }
    }

    @Test("Leeway moves every edge of time, either way, and no further")
    func leeway() throws {
        var expectations = Sample.expectations
        expectations.leeway = .seconds(30)
        for (name, inside, outside, code) in [
            ("exp", 1_799_999_971, 1_799_999_970, JOSEError.Code.tokenExpired),
            ("nbf", 1_800_000_030, 1_800_000_031, .tokenNotYetValid),
            ("iat", 1_800_000_030, 1_800_000_031, .tokenNotYetValid),
        ] as [(String, JSON, JSON, JOSEError.Code)] {
            #expect(throws: Never.self) { try verify(Sample.claims.setting(name, inside), expecting: expectations) }
            let error = try refusal { try verify(Sample.claims.setting(name, outside), expecting: expectations) }
            #expect(error.code == code)
            #expect(try refusal { try verify(Sample.claims.setting(name, inside)) }.code == code)
        }
    }

    @Test("A maximum age requires iat and counts from it")
    func maximumAge() throws {
        var expectations = Sample.expectations
        expectations.maximumAge = .seconds(60)
        #expect(throws: Never.self) { try verify(Sample.claims.setting("iat", 1_799_999_940), expecting: expectations) }
        let old = Sample.claims.setting("iat", 1_799_999_939)
        #expect(try refusal { try verify(old, expecting: expectations) }.code == .tokenTooOld)
        #expect(throws: Never.self) { try verify(old) }
        let undated = Sample.claims.setting("iat", nil)
        #expect(try refusal { try verify(undated, expecting: expectations) }.code == .claimMissing)
        expectations.leeway = .seconds(1)
        #expect(throws: Never.self) { try verify(old, expecting: expectations) }
    }

    @Test(
        "A claim written with escapes is the claim that it stands for",
        arguments: [
            (#"\u0069ss"#, #""https:\/\/issuer.example""#, #""https:\/\/other.example""#, .claimInvalid),
            ("iss", #""\u0068ttps://issuer.example""#, #""\u0048ttps://issuer.example""#, .claimInvalid),
            ("a\\u0075d", #"["x","https:\/\/api.example"]"#, #"["x","https:\/\/api.example\/"]"#, .claimInvalid),
            (#"ex\u0070"#, "1800000900", "1800000000", .tokenExpired),
        ] as [(String, String, String, JOSEError.Code)]
    )
    func escapedClaims(name: String, good: String, spoiled: String, code: JOSEError.Code) throws {
        func token(_ value: String) throws -> String {
            let replaced = try JSONObject(parsing: Array(#"{"\#(name)":0}"#.utf8)).map(\.name)
            var rest = Sample.claims
            for name in replaced { rest[name] = nil }
            let members = String(decoding: rest.serialized().dropLast(), as: UTF8.self)
            let payload = Array(#"\#(members),"\#(name)":\#(value)}"#.utf8)
            return try JWS.signed(payload, parameters: ["typ": "at+jwt"], by: TestKeys.key(.edDSA))
        }
        #expect(throws: Never.self) { try Sample.verify(token(good), expecting: Sample.expectations) }
        #expect(try refusal { try Sample.verify(token(spoiled), expecting: Sample.expectations) }.code == code)
    }

    @Test("One claim of a verified token is read like one of all")
    func singleClaims() throws {
        let token = try verify(Sample.claims.setting("orders", ["read": [1, true, nil], "écrit": .number(2.5)]))
        for (name, value) in token.claims { #expect(token[name] == value) }
        #expect(token["orders"] == ["read": [1, true, nil], "écrit": .number(2.5)])
        #expect(token["order"] == nil)
    }

    @Test("Required claims must be there, whatever their value")
    func requiredClaims() throws {
        var expectations = Sample.expectations
        expectations.requiredClaims = ["client_id", "sub"]
        let error = try refusal { try verify(Sample.claims, expecting: expectations) }
        #expect(error.code == .claimMissing)
        #expect(error.claim == "client_id")
        #expect(throws: Never.self) { try verify(Sample.claims.setting("client_id", .null), expecting: expectations) }
    }

    @Test("OIDC Core: with the expiry unchecked a hint may be old or lack exp, nothing else changes")
    func uncheckedExpiry() throws {
        var expectations = Sample.expectations
        expectations.expiry = .unchecked
        for exp in [nil, 1, 1_799_999_999] as [JSON?] {
            let claims = Sample.claims.setting("exp", exp)
            #expect(throws: Never.self) { try verify(claims, expecting: expectations) }
            #expect(throws: JOSEError.self) { try verify(claims) }
        }
        let malformed = Sample.claims.setting("exp", "soon")
        #expect(try refusal { try verify(malformed, expecting: expectations) }.code == .claimInvalid)
        let foreign = Sample.claims.setting("exp", 1).setting("aud", "x")
        #expect(try refusal { try verify(foreign, expecting: expectations) }.code == .claimInvalid)
    }

    @Test("anyOf takes one of several values, an empty list none, unchecked all and none")
    func expectedValues() throws {
        var expectations = Sample.expectations
        expectations.issuer = .anyOf(["https://a.example", "https://issuer.example"])
        expectations.audience = .anyOf(["b", "https://api.example"])
        #expect(throws: Never.self) { try verify(Sample.claims, expecting: expectations) }
        expectations.audience = .anyOf([])
        #expect(try refusal { try verify(Sample.claims, expecting: expectations) }.code == .claimInvalid)
        expectations.audience = .unchecked
        expectations.issuer = .unchecked
        let bare = Sample.claims.setting("aud", nil).setting("iss", nil)
        #expect(throws: Never.self) { try verify(bare, expecting: expectations) }
        // Unchecked is not untyped.
        #expect(try refusal { try verify(bare.setting("aud", 1), expecting: expectations) }.code == .claimInvalid)
    }

    @Test(
        "FIELD F22 typ (GHSA-7fpj-9hr8-28vh, CVE-2019-3868): a token of another type is refused",
        arguments: [
            "JWT", "logout+jwt", "dpop+jwt", "at+jwt ", "at", "", "application/", "application/logout+jwt",
            "text/at+jwt",
            "at+jwt;charset=utf-8", "application/application/at+jwt", "ät+jwt",
        ]
    )
    func refusedTypes(type: String) throws {
        let error = try refusal { try verify(Sample.claims, type: type) }
        #expect(error.code == .typeInvalid)
        #expect(error.claim == "typ")
        #expect(throws: Never.self) { try verify(Sample.claims, type: "at+jwt") }
    }

    @Test(
        "RFC 7515 §4.1.9: typ is a media type, without regard to case and with application/ understood",
        arguments: ["at+jwt", "AT+JWT", "At+Jwt", "application/at+jwt", "Application/AT+JWT"]
    )
    func acceptedTypes(type: String) throws {
        #expect(throws: Never.self) { try verify(Sample.claims, type: type) }
        var expectations = Sample.expectations
        expectations.type = .exactly("application/at+jwt")
        #expect(throws: Never.self) { try verify(Sample.claims, type: type, expecting: expectations) }
    }

    @Test("A token without typ, or with one that is no text, is refused where a type is expected")
    func absentType() throws {
        let key = try TestKeys.key(.edDSA)
        let absent = try Forgery(header: Sample.header(key).setting("typ", nil)).signed(by: key)
        #expect(try refusal { try Sample.verify(absent) }.code == .typeInvalid)
        var expectations = Sample.expectations
        expectations.type = .unchecked
        #expect(throws: Never.self) { try Sample.verify(absent, expecting: expectations) }
        let number = try Forgery(header: Sample.header(key).setting("typ", 1)).signed(by: key)
        #expect(try refusal { try Sample.verify(number, expecting: expectations) }.code == .malformed)
    }

    @Test("A bad signature is told before a bad claim")
    func signatureFirst() throws {
        let key = try TestKeys.key(.edDSA)
        let forgery = Forgery(header: Sample.header(key), claims: Sample.claims.setting("exp", 1))
        let forged = try forgery.signed { _ in [UInt8](repeating: 1, count: 64) }
        #expect(try refusal { try Sample.verify(forged) }.code == .signatureInvalid)
        #expect(try refusal { try Sample.verify(forgery.signed(by: key)) }.code == .tokenExpired)
    }

    @Test("A verified token hands out its registered claims, typed", arguments: SignatureAlgorithm.all)
    func verifiedToken(algorithm: SignatureAlgorithm) throws {
        let key = try TestKeys.key(algorithm)
        let claims = Sample.claims.setting("aud", ["https://api.example", "x"]).setting("scope", "read")
        let token = try Sample.verify(JWT.signed(claims, type: "at+jwt", by: key))
        #expect(token.issuer == "https://issuer.example")
        #expect(token.subject == "alice")
        #expect(token.audience == ["https://api.example", "x"])
        #expect(token.tokenID == "t-1")
        #expect(token.expiresAt == Instant(secondsSinceEpoch: 1_800_000_900))
        #expect(token.issuedAt == Instant(secondsSinceEpoch: 1_799_999_990))
        #expect(token.notBefore == token.issuedAt)
        #expect(token.claims == claims)
        #expect(token.algorithm == algorithm)
        #expect(token.keyID == key.keyID)
        #expect(token.header["typ"] == "at+jwt")
    }
}
