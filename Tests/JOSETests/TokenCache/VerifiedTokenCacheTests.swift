import Instants
import JOSE
import Testing

/// FIELD F23: what was found under one set of checks answers nothing else.
@Suite struct VerifiedTokenCacheTests {
    let keys: KeySet
    let token: String

    init() throws {
        keys = try TestKeys.keySet()
        token = try JWT.signed(Sample.claims, type: "at+jwt", by: TestKeys.key(.hs256))
    }

    private static func expecting(_ change: (inout Expectations) -> Void) -> Expectations {
        var expectations = Sample.expectations
        change(&expectations)
        return expectations
    }

    @Test("The second sight of a token is found, and is the first one's result")
    func secondSight() throws {
        let cache = VerifiedTokenCache()
        let first = try cache.verified(token, by: keys, expecting: Sample.expectations)
        #expect(cache.statistics.hits == 0)
        let second = try cache.verified(token, by: keys, expecting: Sample.expectations)
        #expect(cache.statistics.hits == 1)
        #expect(second.claims == first.claims)
        #expect(second.header == first.header)
        #expect(second.claims == Sample.claims)
        #expect(second.algorithm == .hs256)
        #expect(cache.statistics.entries == 1)
    }

    @Test("What was read of a token is kept with it, and a failure to read it is not")
    func annotation() throws {
        struct Unread: Error {}
        final class Reading: Sendable {
            let text: String?
            init(_ text: String?) { self.text = text }
        }
        let cache = VerifiedTokenCache()
        let first = try cache.verified(token, by: keys, expecting: Sample.expectations)
        #expect(throws: Unread.self) {
            try first.annotation.value(taking: { (_: Reading) in 0 }) { () throws(Unread) in throw Unread() }
        }
        var count = 0
        for _ in 0..<3 {
            let seen = try cache.verified(token, by: keys, expecting: Sample.expectations)
            let reading = seen.annotation.value(taking: { _ in TokenAnnotation.largestFootprint }) {
                count += 1
                return Reading(seen.subject)
            }
            #expect(reading.text == first.subject)
        }
        #expect(count == 1)
        cache.removeAll()
        let anew = try cache.verified(token, by: keys, expecting: Sample.expectations)
        for large in ["one", "another"] {
            let footprint = TokenAnnotation.largestFootprint + 1
            let tooMuch = anew.annotation.value(taking: { _ in footprint }) { Reading(large) }
            #expect(tooMuch.text == large, "kept though it takes too much")
        }
    }

    @Test("Expectations that are made anew with the same content find the result")
    func equalExpectations() throws {
        let cache = VerifiedTokenCache()
        for _ in 0..<2 {
            let issuer = ["https://", "issuer.example"].joined()
            let expectations = Expectations(
                issuer: .exactly(issuer),
                audience: .anyOf(["https://" + "api.example"]),
                type: .exactly("at+jwt"),
                algorithms: SignatureAlgorithm.all.map(\.self),
                now: Sample.now,
                requiredClaims: ["sub", "jti"]
            )
            try cache.verified(token, by: keys, expecting: expectations)
        }
        #expect(cache.statistics.hits == 1)
    }

    /// What a stricter reader demands, and its refusal of a token that a laxer reader's checks were remembered for.
    struct Stricter: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let code: JOSEError.Code
        let isLax: @Sendable (inout Expectations) -> Void
        let isStrict: @Sendable (inout Expectations) -> Void

        init(
            _ name: String,
            _ code: JOSEError.Code,
            lax: @escaping @Sendable (inout Expectations) -> Void = { _ in },
            strict: @escaping @Sendable (inout Expectations) -> Void
        ) {
            testDescription = name
            self.code = code
            isLax = lax
            isStrict = strict
        }
    }

    @Test(
        "FIELD F23 (CVE-2021-32701): a result reached under laxer expectations does not answer stricter ones",
        arguments: [
            Stricter("issuer", .claimInvalid, strict: { $0.issuer = .exactly("https://other.example") }),
            Stricter("no issuer", .claimInvalid, strict: { $0.issuer = .anyOf([]) }),
            Stricter("audience", .claimInvalid, strict: { $0.audience = .exactly("https://other.example") }),
            Stricter("type", .typeInvalid, strict: { $0.type = .exactly("logout+jwt") }),
            Stricter("algorithms", .algorithmRefused, strict: { $0.algorithms = [.es256, .edDSA] }),
            Stricter("leeway", .tokenExpired, strict: { $0.leeway = .zero }),
            Stricter("maximum age", .tokenTooOld, strict: { $0.maximumAge = .zero - .seconds(2700) }),
            Stricter("required claims", .claimMissing, strict: { $0.requiredClaims = ["scope"] }),
            Stricter(
                "expiry",
                .tokenExpired,
                lax: {
                    $0.leeway = .zero
                    $0.expiry = .unchecked
                },
                strict: { $0.expiry = .required }
            ),
        ]
    )
    func stricterExpectations(row: Stricter) throws {
        // The token expired 100 seconds ago, which the leeway forgives.
        var lax = Expectations(
            issuer: .unchecked,
            audience: .unchecked,
            type: .unchecked,
            algorithms: SignatureAlgorithm.all,
            now: Sample.now + .seconds(1000),
            leeway: .seconds(3600)
        )
        row.isLax(&lax)
        var strict = lax
        row.isStrict(&strict)
        let cache = VerifiedTokenCache()
        try cache.verified(token, by: keys, expecting: lax)
        let cached = try refusal { try cache.verified(token, by: keys, expecting: strict) }
        #expect(cached.code == row.code)
        #expect(cached == (try refusal { try Sample.verify(token, by: keys, expecting: strict) }))
        try cache.verified(token, by: keys, expecting: lax)
        #expect(cache.statistics.hits == 1)
        #expect(cache.statistics.misses == 2)
    }

    @Test("FIELD F23: expectations are compared by code points, also among required claims")
    func canonicallyEquivalentExpectations() throws {
        let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
        let claims = Sample.claims.setting("iss", .string(composed)).setting(composed, 1)
        let token = try JWT.signed(claims, type: "at+jwt", by: TestKeys.key(.hs256))
        let cache = VerifiedTokenCache()
        let lax = Self.expecting {
            $0.issuer = .exactly(composed)
            $0.requiredClaims = [composed]
        }
        try cache.verified(token, by: keys, expecting: lax)
        var otherIssuer = lax
        otherIssuer.issuer = .exactly(decomposed)
        #expect(try refusal { try cache.verified(token, by: keys, expecting: otherIssuer) }.claim == "iss")
        var otherClaim = lax
        otherClaim.requiredClaims = [decomposed]
        #expect(try refusal { try cache.verified(token, by: keys, expecting: otherClaim) }.code == .claimMissing)
        try cache.verified(token, by: keys, expecting: lax)
        #expect(cache.statistics.hits == 1)
    }

    @Test("Every expectation is part of the question: a new one must be added to the comparison")
    func everyExpectationCounts() {
        let names = Mirror(reflecting: Sample.expectations).children.compactMap(\.label)
        let compared = [
            "issuer", "audience", "type", "algorithms", "leeway", "maximumAge", "expiry",
            // The required claims in order.
            "requiredNames",
        ]
        #expect(Set(names) == Set(compared + ["requiredClaims", "now"]))
    }

    @Test("FIELD F22, F23: a retired key ends what was remembered of its tokens")
    func retiredKey() throws {
        let cache = VerifiedTokenCache()
        try cache.verified(token, by: keys, expecting: Sample.expectations)
        let rotated = KeySet(keys.keys.filter { $0.algorithm != .hs256 })
        let error = try refusal { try cache.verified(token, by: rotated, expecting: Sample.expectations) }
        #expect(error.code == .keyUnknown || error.code == .algorithmRefused)
        let copy = keys
        try cache.verified(token, by: copy, expecting: Sample.expectations)
        #expect(cache.statistics.hits == 1)
    }

    @Test("A set of the same keys made anew is another snapshot: the token is verified again")
    func snapshotIdentity() throws {
        let cache = VerifiedTokenCache()
        try cache.verified(token, by: keys, expecting: Sample.expectations)
        try cache.verified(token, by: KeySet(keys.keys), expecting: Sample.expectations)
        #expect(cache.statistics.hits == 0)
        #expect(cache.statistics.misses == 2)
    }

    @Test("A remembered token is judged at every moment as an unknown one", arguments: [0, 30, 3600])
    func everyMoment(leeway: Int) throws {
        var generator = SeededGenerator(seed: 23)
        let signer = try TestKeys.key(.hs256)
        for round in 0..<60 {
            var claims = Sample.claims
            for name in ["nbf", "iat", "exp"] {
                claims[name] = .integer(1_800_000_000 + Int64.random(in: -50...50, using: &generator))
            }
            if round % 3 == 0 { claims["nbf"] = nil }
            if round % 5 == 0 { claims["exp"] = .number(1_800_000_000.25) }
            let token = try JWT.signed(claims, type: "at+jwt", by: signer)
            var expectations = Self.expecting { $0.leeway = .seconds(leeway) }
            if round % 2 == 0 { expectations.maximumAge = .seconds(round) }
            if round % 7 == 0 { expectations.expiry = .unchecked }
            let cache = VerifiedTokenCache()
            for offset in stride(from: -4000, through: 4000, by: 250) + Array(-60...60) {
                expectations.now = Sample.now + .seconds(offset)
                let (uncached, cached) = (
                    Result { try Sample.verify(token, by: keys, expecting: expectations) },
                    Result { try cache.verified(token, by: keys, expecting: expectations) }
                )
                switch (uncached, cached) {
                case (.success, .success): break
                case (.failure(let left), .failure(let right)): #expect(left as? JOSEError == right as? JOSEError)
                default: Issue.record("seed 23, round \(round), offset \(offset): \(uncached), cached \(cached)")
                }
            }
        }
    }

    @Test("A remembered token expires at its second, not a millisecond later")
    func expiry() throws {
        let cache = VerifiedTokenCache()
        try cache.verified(token, by: keys, expecting: Sample.expectations)
        let end = Instant(secondsSinceEpoch: 1_800_000_900)
        let before = Self.expecting { $0.now = end - .milliseconds(1) }
        try cache.verified(token, by: keys, expecting: before)
        #expect(cache.statistics.hits == 1)
        let error = try refusal { try cache.verified(token, by: keys, expecting: Self.expecting { $0.now = end }) }
        #expect(error.code == .tokenExpired)
    }

    @Test("One changed character of a remembered token is another token, and is refused")
    func changedText() throws {
        let cache = VerifiedTokenCache()
        try cache.verified(token, by: keys, expecting: Sample.expectations)
        var spoiled = Array(token.utf8)
        for position in spoiled.indices {
            let original = spoiled[position]
            spoiled[position] = original == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            let text = String(decoding: spoiled, as: UTF8.self)
            #expect(throws: JOSEError.self) { try cache.verified(text, by: keys, expecting: Sample.expectations) }
            spoiled[position] = original
        }
        #expect(cache.statistics.hits == 0)
        #expect(cache.statistics.entries == 1)
        try cache.verified(token, by: keys, expecting: Sample.expectations)
        #expect(cache.statistics.hits == 1)
    }

    @Test("Tokens that do not verify are not remembered and push nothing out")
    func junk() throws {
        let cache = VerifiedTokenCache(limits: TokenCacheLimits(maximumEntries: 1, maximumBytes: 1 << 16))
        try cache.verified(token, by: keys, expecting: Sample.expectations)
        let header = try Sample.header(TestKeys.key(.hs256))
        for number in 0..<500 {
            let claims = Sample.claims.setting("jti", .integer(Int64(number)))
            let forged = try Forgery(header: header, claims: claims).signed { _ in [UInt8](repeating: 7, count: 32) }
            #expect(throws: JOSEError.self) { try cache.verified(forged, by: keys, expecting: Sample.expectations) }
        }
        #expect(cache.statistics.entries == 1)
        #expect(cache.statistics.evictions == 0)
        try cache.verified(token, by: keys, expecting: Sample.expectations)
        #expect(cache.statistics.hits == 1)
    }

    @Test("A token beyond the limits is refused whatever is remembered; one within them is taken")
    func tokenLimits() throws {
        let exact = TokenLimits(maximumBytes: token.utf8.count, maximumDepth: 1)
        let cache = VerifiedTokenCache(tokenLimits: exact)
        try cache.verified(token, by: keys, expecting: Sample.expectations)
        let longer = try JWT.signed(Sample.claims.setting("x", 1), type: "at+jwt", by: TestKeys.key(.hs256))
        let error = try refusal { try cache.verified(longer, by: keys, expecting: Sample.expectations) }
        #expect(error.code == .tooLarge)
        try VerifiedTokenCache().verified(longer, by: keys, expecting: Sample.expectations)
    }
}
