import Foundation
import Instants
import JOSE
import Testing

/// RFC 7519 §4.2 and §4.3: a caller's own claims.
@Suite struct CodableClaimTests {
    struct Address: Codable, Equatable {
        var country: String
        var lines: [String]
    }

    enum Role: String, Codable {
        case reader
        case writer
    }

    struct Claims: Codable, Equatable {
        var sub: String
        var exp: Instant
        var scope: String?
        var address: Address?
        var roles: [Role] = []
        var level: UInt8 = 0
        var ratio: Double = 0.5
        var flags: [String: Bool] = [:]
        var moments: [Instant?] = []
        var raw: JSON = .null
        var confirmation: JSONObject?

        enum CodingKeys: String, CodingKey {
            case sub, exp, scope, address, roles, level, ratio, flags, moments, raw
            case confirmation = "cnf"
        }
    }

    static let sample = Claims(
        sub: "alice",
        exp: Instant(secondsSinceEpoch: 1_800_000_900),
        scope: nil,
        address: Address(country: "CH", lines: ["a", "caf\u{E9} \u{1F512}"]),
        roles: [.reader, .writer],
        level: 255,
        ratio: -0.125,
        flags: ["caf\u{E9}": true, "": false],
        moments: [Instant(millisecondsSinceEpoch: 1_799_999_999_251), nil],
        raw: ["x", 1, ["y": nil]],
        confirmation: ["jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"]
    )

    private static let registered = RegisteredClaims(
        issuer: "https://issuer.example",
        audience: ["https://api.example"],
        issuedAt: Instant(millisecondsSinceEpoch: 1_799_999_990_123),
        tokenID: "t-1"
    )

    @Test("What is encoded is decoded, through a signed token")
    func roundTrip() throws {
        let text = try JWT.signed(
            Self.sample,
            registered: Self.registered,
            type: "at+jwt",
            by: TestKeys.key(.edDSA)
        )
        let token = try Sample.verify(text)
        #expect(try token.claims(as: Claims.self) == Self.sample)
        #expect(token.registeredClaims.issuer == "https://issuer.example")
        #expect(token.registeredClaims.issuedAt == Self.registered.issuedAt)
        #expect(token.claims["exp"] == 1_800_000_900)
        #expect(token.claims["aud"] == "https://api.example")
        #expect(token.claims["scope"] == nil)
    }

    @Test("Foundation's coders read and write the JSON values as we do")
    func foreignCoders() throws {
        let value: JSON = ["a": [1, -1, .number(0.5), "x", true, nil, [:], []], "b": 9_007_199_254_740_993]
        let encoded = try JSONEncoder().encode(value)
        #expect(try JSON(parsing: [UInt8](encoded)) == value)
        #expect(try JSONDecoder().decode(JSON.self, from: Data(value.serialized())) == value)
        let object = try #require(value.objectValue)
        #expect(try JSONDecoder().decode(JSONObject.self, from: Data(object.serialized())) == object)
    }

    /// A member, what it is changed to, and the refusal.
    struct Row: Sendable, CustomTestStringConvertible {
        let claim: String
        let code: JOSEError.Code
        let change: @Sendable (inout JSONObject) -> Void
        var testDescription: String { "\(claim) \(code)" }

        init(_ claim: String, _ code: JOSEError.Code, _ change: @escaping @Sendable (inout JSONObject) -> Void) {
            self.claim = claim
            self.code = code
            self.change = change
        }
    }

    @Test(
        "A claim that its type cannot hold is refused with its path; unchanged, it is read",
        arguments: [
            Row("sub", .claimMissing) { $0["sub"] = nil },
            Row("sub", .claimInvalid) { $0["sub"] = .some(.null) },
            Row("sub", .claimInvalid) { $0["sub"] = 7 },
            Row("exp", .claimInvalid) { $0["exp"] = "1800000900" },
            Row("exp", .claimInvalid) { $0["exp"] = .integer(.max) },
            Row("exp", .claimInvalid) { $0["exp"] = .number(1e300) },
            Row("scope", .claimInvalid) { $0["scope"] = ["a"] },
            Row("address.country", .claimMissing) { $0["address"] = ["lines": []] },
            Row("address.lines", .claimInvalid) { $0["address"] = ["country": "CH", "lines": "a"] },
            Row("address.lines[1]", .claimInvalid) { $0["address"] = ["country": "CH", "lines": ["a", 1]] },
            Row("address", .claimInvalid) { $0["address"] = "CH" },
            Row("roles[0]", .claimInvalid) { $0["roles"] = ["owner"] },
            Row("roles[1]", .claimInvalid) { $0["roles"] = ["reader", nil] },
            Row("level", .claimInvalid) { $0["level"] = 256 },
            Row("level", .claimInvalid) { $0["level"] = -1 },
            Row("level", .claimInvalid) { $0["level"] = .number(1.5) },
            Row("level", .claimInvalid) { $0["level"] = true },
            Row("ratio", .claimInvalid) { $0["ratio"] = "0.5" },
            Row("ratio", .claimInvalid) { $0["ratio"] = .integer(.max) },
            Row("flags.a", .claimInvalid) { $0["flags"] = ["a": 1] },
            Row("moments[0]", .claimInvalid) { $0["moments"] = [true] },
            Row("cnf", .claimInvalid) { $0["cnf"] = [] },
        ]
    )
    func refused(row: Row) throws {
        var claims = try JSONObject(encoding: Self.sample)
        #expect(try claims.decoded(as: Claims.self) == Self.sample)
        row.change(&claims)
        let error = try refusal { try claims.decoded(as: Claims.self) }
        #expect(error.code == row.code)
        #expect(error.claim == row.claim)
    }

    @Test("A refusal never carries a claim's control characters into a log")
    func logInjection() throws {
        var claims = try JSONObject(encoding: Self.sample)
        claims["roles"] = ["owner\nadmin: logged in\u{1B}[2J"]
        let error = try refusal { try claims.decoded(as: Claims.self) }
        #expect(error.claim == "roles[0]")
        #expect(error.reason.utf8.allSatisfy { (0x20..<0x7F).contains($0) })
    }

    @Test(
        "RFC 7519 §4: a claim given twice is refused, and so is a registered claim of another type",
        arguments: [
            (["iss": "https://other.example"], "iss"), (["aud": "x"], "aud"), (["jti": nil], "jti"),
            (["sub": 7], "sub"), (["exp": "tomorrow"], "exp"), (["nbf": nil], "nbf"),
        ] as [(JSONObject, String)]
    )
    func doubledClaims(claims: JSONObject, name: String) throws {
        let key = try TestKeys.key(.hs256)
        let error = try refusal {
            try JWT.signed(claims, registered: Self.registered, type: "at+jwt", by: key)
        }
        #expect(error.code == .claimInvalid)
        #expect(error.claim == name)
        let twin: JSONObject = ["sub": "alice", "exp": 1_800_000_900, "own": 1]
        try Sample.verify(JWT.signed(twin, registered: Self.registered, type: "at+jwt", by: key))
    }

    @Test("RFC 7519 §4.1.3: no audience is left out, one is a text, several are an array")
    func audiences() {
        #expect(RegisteredClaims().members.isEmpty)
        #expect(RegisteredClaims(audience: ["a"]).members == ["aud": "a"])
        #expect(RegisteredClaims(audience: ["a", "b"]).members == ["aud": ["a", "b"]])
    }

    @Test("RFC 7519 §2: every millisecond of an Instant survives as a NumericDate, for readers of both kinds")
    func numericDates() throws {
        struct Moment: Codable {
            var exp: Instant
        }
        var generator = SeededGenerator(seed: 7519)
        let key = try TestKeys.key(.hs256)
        let range: ClosedRange<Int64> = -2_000_000_000_000...4_000_000_000_000
        for _ in 0..<3000 {
            let instant = Instant(millisecondsSinceEpoch: .random(in: range, using: &generator))
            let object = try JSONObject(encoding: Moment(exp: instant))
            let parsed = try JSONObject(parsing: object.serialized())
            #expect(try parsed.decoded(as: Moment.self).exp == instant)
            var expectations = Sample.expectations
            expectations.expiry = .unchecked
            expectations.issuer = .unchecked
            expectations.audience = .unchecked
            let token = try Sample.verify(
                JWT.signed(parsed, type: "at+jwt", by: key),
                expecting: expectations
            )
            #expect(token.expiresAt == instant)
        }
        #expect(try JSONObject(encoding: Moment(exp: Sample.now)) == ["exp": 1_800_000_000])
    }

    @Test("A Foundation Date is refused both ways: it would count from 2001")
    func foundationDate() throws {
        struct Dated: Codable {
            var iat: Date
        }
        #expect(try refusal { try JSONObject(encoding: Dated(iat: .distantPast)) }.claim == "iat")
        let claims: JSONObject = ["iat": 1_800_000_000]
        let error = try refusal { try claims.decoded(as: Dated.self) }
        #expect(error.claim == "iat")
        #expect(error.reason.contains("Instant"))
        struct Timed: Codable {
            var iat: Instant
        }
        #expect(try claims.decoded(as: Timed.self).iat == Sample.now)
    }
}
