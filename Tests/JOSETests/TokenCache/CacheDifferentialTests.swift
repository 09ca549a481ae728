import Instants
import JOSE
import Testing

/// Whatever came before, a cached answer is the answer of a reader without a cache.
@Suite struct CacheDifferentialTests {
    private struct Pool {
        let tokens: [String]
        let keySets: [KeySet]

        init() throws {
            let first = try TestKeys.key(.hs256)
            let second = try SigningKey(
                JWK(["kty": "oct", "kid": "second", "alg": "HS256", "k": .string(String(repeating: "AbCd", count: 11))])
            )
            var tokens: [String] = []
            for key in [first, second] {
                for (name, value) in [
                    ("jti", "t-1"), ("aud", ["https://api.example", "https://other.example"]), ("nbf", 1_800_000_020),
                    ("exp", 1_800_000_010), ("scope", "read"), ("iss", "https://other.example"), ("iat", nil),
                ] as [(String, JSON?)] {
                    tokens.append(try JWT.signed(Sample.claims.setting(name, value), type: "at+jwt", by: key))
                }
                tokens.append(try JWT.signed(Sample.claims, type: "logout+jwt", by: key))
            }
            self.tokens = tokens
            let keys = [first.verificationKey, second.verificationKey]
            keySets = [KeySet(keys), KeySet(keys), KeySet([keys[0]]), KeySet([keys[1]]), KeySet([])]
        }
    }

    private static func expectations(using generator: inout SeededGenerator) -> Expectations {
        func one<Value>(_ values: [Value]) -> Value { values[Int.random(in: values.indices, using: &generator)] }
        let servers = ["https://issuer.example", "https://other.example"]
        let apis = ["https://api.example", "https://other.example"]
        return Expectations(
            issuer: one([.exactly(servers[0]), .exactly(servers[0]), .anyOf(servers), .unchecked]),
            audience: one([.exactly(apis[0]), .exactly(apis[1]), .anyOf(apis), .unchecked]),
            type: one([.exactly("at+jwt"), .exactly("at+jwt"), .exactly("logout+jwt"), .unchecked]),
            algorithms: one([SignatureAlgorithm.all, [.hs256], [.hs256], [.es256]]),
            now: Sample.now + .seconds(one([-30, 0, 0, 10, 20, 900, 1000])),
            leeway: one([.zero, .zero, .seconds(15)]),
            maximumAge: one([nil, nil, .seconds(5), .seconds(60)]),
            requiredClaims: one([[], [], ["scope"], ["jti", "iat"]]),
            expiry: one([.required, .required, .unchecked])
        )
    }

    @Test(
        "FIELD F23: after any history, the cache takes and refuses what a reader without it does",
        arguments: [1, 2, 3]
    )
    func agreement(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let pool = try Pool()
        let cache = VerifiedTokenCache(limits: TokenCacheLimits(maximumEntries: 20, maximumBytes: 1 << 20))
        let questions = (0..<12).map { _ in Self.expectations(using: &generator) }
        var taken = 0
        var last = (token: 0, keys: 0, question: 0)
        for step in 0..<1500 {
            // Most steps change one part of the step before or none, so that hits and near misses are common.
            let change = Int.random(in: 0..<8, using: &generator)
            if change == 0 || change > 5 { last.token = Int.random(in: pool.tokens.indices, using: &generator) }
            if change == 1 || change > 5 { last.keys = Int.random(in: pool.keySets.indices, using: &generator) }
            if change == 2 || change > 5 { last.question = Int.random(in: questions.indices, using: &generator) }
            let (text, keys) = (pool.tokens[last.token], pool.keySets[last.keys])
            var expectations = questions[last.question]
            if change == 3 { expectations.now = Self.expectations(using: &generator).now }
            let cached = Result { try cache.verified(text, by: keys, expecting: expectations) }
            let uncached = Result { try Sample.verify(text, by: keys, expecting: expectations) }
            switch (cached, uncached) {
            case (.success(let left), .success(let right)):
                #expect(left.claims == right.claims && left.keyID == right.keyID)
                taken += 1
            case (.failure(let left), .failure(let right)): #expect(left as? JOSEError == right as? JOSEError)
            default: Issue.record("seed \(seed), step \(step): cached \(cached), uncached \(uncached)")
            }
            if step.isMultiple(of: 200) { cache.remove { $0.tokenID == "t-1" } }
        }
        // The history has to have had both outcomes, and hits, to mean anything.
        #expect(taken > 20 && taken < 1480)
        #expect(cache.statistics.hits > 20)
    }
}
