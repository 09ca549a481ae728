import Instants
import Testing

@testable import JOSE

/// The cache stays within its limits, whatever is asked of it.
@Suite struct CacheBoundsTests {
    let keys: KeySet
    let signer: SigningKey

    init() throws {
        keys = try TestKeys.keySet()
        signer = try TestKeys.key(.hs256)
    }

    private func token(_ number: Int, padding: Int = 0) throws -> String {
        var claims = Sample.claims.setting("jti", .string("t-\(number)"))
        if padding > 0 { claims["padding"] = .string(String(repeating: "x", count: padding)) }
        return try JWT.signed(claims, type: "at+jwt", by: signer)
    }

    @Test("There are never more entries than the limit", arguments: [0, 1, 2, 7, 64])
    func entries(limit: Int) throws {
        let cache = VerifiedTokenCache(limits: TokenCacheLimits(maximumEntries: limit, maximumBytes: 1 << 24))
        for number in 0..<200 {
            try cache.verified(token(number), by: keys, expecting: Sample.expectations)
            #expect(cache.statistics.entries == min(limit, number + 1))
        }
        #expect(cache.statistics.evictions == UInt64(limit == 0 ? 0 : 200 - limit))
    }

    @Test("There are never more bytes than the limit, and a token beyond it is verified and not remembered")
    func bytes() throws {
        let limit = 20_000
        let cache = VerifiedTokenCache(limits: TokenCacheLimits(maximumEntries: 100, maximumBytes: limit))
        var generator = SeededGenerator(seed: 4)
        for number in 0..<200 {
            let padding = Int.random(in: 0...8000, using: &generator)
            try cache.verified(token(number, padding: padding), by: keys, expecting: Sample.expectations)
            #expect(cache.statistics.bytes <= limit)
            #expect(cache.statistics.entries > 0)
        }
        #expect(cache.statistics.evictions > 50)
        let small = VerifiedTokenCache(limits: TokenCacheLimits(maximumEntries: 100, maximumBytes: 1000))
        let huge = try token(0, padding: 2000)
        #expect(try small.verified(huge, by: keys, expecting: Sample.expectations).tokenID == "t-0")
        #expect(small.statistics.entries == 0)
    }

    @Test("A token of many small values counts for what it takes, not for what it is written in")
    func footprint() throws {
        let elements = JSON.array(Array(repeating: JSON.array([]), count: 2000))
        let many = try JWT.signed(Sample.claims.setting("x", elements), type: "at+jwt", by: signer)
        let one = try token(0, padding: 6000)
        let sizes = try [many, one].map { try Sample.verify($0, by: keys).footprint }
        #expect(sizes[0] > 2000 * MemoryLayout<JSONNode>.stride)
        #expect(sizes[1] > 6000)
        // The token, what it decodes to, and room that the scanner kept.
        #expect(sizes[1] < 40_000)
    }

    @Test("What is in use survives a stream of tokens that are seen once")
    func secondChance() throws {
        let cache = VerifiedTokenCache(limits: TokenCacheLimits(maximumEntries: 50, maximumBytes: 1 << 24))
        let hot = try (0..<10).map { try token($0) }
        for text in hot { try cache.verified(text, by: keys, expecting: Sample.expectations) }
        for number in 100..<1000 {
            if number % 10 == 0 {
                for text in hot { try cache.verified(text, by: keys, expecting: Sample.expectations) }
            }
            try cache.verified(token(number), by: keys, expecting: Sample.expectations)
        }
        #expect(cache.statistics.hits == 900)
    }

    @Test("Expectations that differ at every request do not fill the cache with one token")
    func scopes() throws {
        let cache = VerifiedTokenCache()
        let text = try token(1)
        var expectations = Sample.expectations
        for age in 100..<200 {
            expectations.maximumAge = .seconds(age)
            try cache.verified(text, by: keys, expecting: expectations)
        }
        #expect(cache.statistics.entries == CacheTable.scopesPerToken)
        for age in 196..<200 {
            expectations.maximumAge = .seconds(age)
            try cache.verified(text, by: keys, expecting: expectations)
        }
        #expect(cache.statistics.hits == 4)
    }

    @Test("Digests that differ in their last word only are different tokens", arguments: 0..<4)
    func digestCollision(word: Int) throws {
        let verified = try Sample.verify(token(1), by: keys)
        let scope = CacheScope(keys: keys.identity, expectations: Sample.expectations)
        var table = CacheTable(limits: .default)
        let known = TokenDigest(words: (1, 2, 3, 4))
        var words: [UInt64] = [1, 2, 3, 4]
        words[word] ^= 1 << 63
        let other = TokenDigest(words: (words[0], words[1], words[2], words[3]))
        table.insert(CachedToken(digest: known, scope: scope, token: verified), foundAt: 0, now: Sample.now)
        #expect(table.find(other, in: keys.identity, for: Sample.expectations).token == nil)
        #expect(table.find(known, in: keys.identity, for: Sample.expectations).token != nil)
        #expect(known.hashValue == TokenDigest(words: (1, 9, 9, 9)).hashValue)
    }

    @Test("The digest is the SHA-256 of the text, wherever the string keeps it", arguments: [0, 3, 15, 16, 64, 5000])
    func digest(length: Int) {
        let text = String(repeating: "a", count: length)
        let built = (0..<length).reduce(into: "") { text, _ in text.append("a") }
        #expect(TokenDigest(of: text) == TokenDigest(of: built))
        #expect(TokenDigest(of: text) != TokenDigest(of: text + "a"))
    }

    @Test("The table agrees with a list that does the same slowly")
    func model() throws {
        var generator = SeededGenerator(seed: 99)
        let verified = try Sample.verify(token(1), by: keys)
        let scopes = (0..<6).map { number in
            var expectations = Sample.expectations
            expectations.leeway = .seconds(number)
            return (expectations: expectations, scope: CacheScope(keys: keys.identity, expectations: expectations))
        }
        var table = CacheTable(limits: TokenCacheLimits(maximumEntries: 12, maximumBytes: 1 << 24))
        var model: [CachedToken] = []
        var epoch: UInt64 = 0
        for step in 0..<20_000 {
            // Few digests, so that there are chains; the first word collides between some.
            let number = UInt64.random(in: 0..<9, using: &generator)
            let digest = TokenDigest(words: (number / 3, number, 0, 0))
            let choice = scopes[Int.random(in: 0..<scopes.count, using: &generator)]
            switch Int.random(in: 0..<20, using: &generator) {
            case 0:
                let all = table.beginRemoval()
                epoch += 1
                #expect(Set(all.map(ObjectIdentifier.init)) == Set(model.map(ObjectIdentifier.init)))
                let chosen = all.filter { _ in Bool.random(using: &generator) }
                #expect(table.remove(chosen) == chosen.count)
                model.removeAll { entry in chosen.contains { $0 === entry } }
            case 1..<10:
                let entry = CachedToken(digest: digest, scope: choice.scope, token: verified)
                table.insert(entry, foundAt: epoch, now: Sample.now)
                let left = table.beginRemoval()
                epoch += 1
                #expect(left.contains { $0 === entry }, "seed 99, step \(step)")
                // What the table let go of is its choice; that it invents nothing is not.
                model.append(entry)
                model.removeAll { entry in !left.contains { $0 === entry } }
                #expect(model.count == left.count && left.count <= 12, "seed 99, step \(step)")
            default:
                let found = table.find(digest, in: keys.identity, for: choice.expectations).token
                let expected = model.first { $0.digest == digest && $0.scope === choice.scope }
                #expect(found === expected, "seed 99, step \(step)")
            }
        }
        #expect(table.statistics.evictions > 1000)
        #expect(table.statistics.hits > 1000)
    }

    @Test("A hundred tasks on a small cache all get what an uncached reader gets", .timeLimit(.minutes(5)))
    func concurrency() async throws {
        let cache = VerifiedTokenCache(limits: TokenCacheLimits(maximumEntries: 8, maximumBytes: 1 << 20)) { token in
            token.tokenID == "t-3"
        }
        let texts = try (0..<24).map { try token($0) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<100 {
                group.addTask { [keys] in
                    var generator = SeededGenerator(seed: UInt64(task))
                    for _ in 0..<200 {
                        let number = Int.random(in: 0..<texts.count, using: &generator)
                        let result = Result {
                            try cache.verified(texts[number], by: keys, expecting: Sample.expectations)
                        }
                        switch result {
                        case .success(let token): #expect(number != 3 && token.tokenID == "t-\(number)")
                        case .failure(let error): #expect(number == 3, "\(error)")
                        }
                        if number == 7 { cache.remove { $0.tokenID == "t-7" } }
                        if task == 0, number == 9 { cache.removeAll() }
                    }
                }
            }
            try await group.waitForAll()
        }
        let statistics = cache.statistics
        #expect(statistics.entries <= 8)
        #expect(statistics.hits + statistics.misses == 20_000)
        cache.removeAll()
        #expect(cache.statistics.entries == 0)
        #expect(cache.statistics.bytes == 0)
    }
}
