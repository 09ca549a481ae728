import Instants
import JOSE
import Synchronization
import Testing

/// What ends a remembered token before its time.
@Suite struct TokenRevocationTests {
    /// The `jti` of revoked tokens.
    final class Revocations: Sendable {
        private let revoked = Mutex<Set<String>>([])
        private let asked = Mutex(0)

        var timesAsked: Int { asked.withLock { $0 } }

        func revoke(_ tokenID: String) { revoked.withLock { _ = $0.insert(tokenID) } }

        func covers(_ token: VerifiedToken) -> Bool {
            asked.withLock { $0 += 1 }
            return revoked.withLock { revoked in token.tokenID.map(revoked.contains) ?? false }
        }
    }

    let keys: KeySet

    init() throws {
        keys = try TestKeys.keySet()
    }

    private func token(_ tokenID: String) throws -> String {
        try JWT.signed(Sample.claims.setting("jti", .string(tokenID)), type: "at+jwt", by: TestKeys.key(.hs256))
    }

    @Test("FIELD F23: a revoked token is refused at its next sight, remembered or not; another is not")
    func revocation() throws {
        let revocations = Revocations()
        let cache = VerifiedTokenCache { revocations.covers($0) }
        let (first, second) = (try token("one"), try token("two"))
        try cache.verified(first, by: keys, expecting: Sample.expectations)
        try cache.verified(second, by: keys, expecting: Sample.expectations)
        revocations.revoke("one")
        #expect(
            try refusal { try cache.verified(first, by: keys, expecting: Sample.expectations) }.code == .tokenRevoked
        )
        try cache.verified(second, by: keys, expecting: Sample.expectations)
        #expect(cache.statistics.hits == 2)
        #expect(revocations.timesAsked == 4)
    }

    @Test("A token that was revoked before its first sight is refused and not remembered")
    func revokedBefore() throws {
        let revocations = Revocations()
        revocations.revoke("one")
        let cache = VerifiedTokenCache { revocations.covers($0) }
        for _ in 0..<2 {
            let error = try refusal { try cache.verified(token("one"), by: keys, expecting: Sample.expectations) }
            #expect(error.code == .tokenRevoked)
        }
        #expect(cache.statistics.entries == 0)
        try cache.verified(token("two"), by: keys, expecting: Sample.expectations)
        #expect(cache.statistics.entries == 1)
    }

    @Test("Nobody is asked about a token that does not verify")
    func unverifiedIsNotAsked() throws {
        let revocations = Revocations()
        let cache = VerifiedTokenCache { revocations.covers($0) }
        let spoiled = try token("one") + "A"
        #expect(throws: JOSEError.self) { try cache.verified(spoiled, by: keys, expecting: Sample.expectations) }
        #expect(revocations.timesAsked == 0)
        try cache.verified(token("one"), by: keys, expecting: Sample.expectations)
        #expect(revocations.timesAsked == 1)
    }

    @Test("What is removed is verified again; the rest stays")
    func removal() throws {
        let cache = VerifiedTokenCache()
        for name in ["one", "two", "three"] {
            try cache.verified(token(name), by: keys, expecting: Sample.expectations)
        }
        #expect(cache.remove { $0.tokenID == "two" } == 1)
        #expect(cache.remove { $0.tokenID == "two" } == 0)
        #expect(cache.statistics.entries == 2)
        for name in ["one", "two", "three"] {
            try cache.verified(token(name), by: keys, expecting: Sample.expectations)
        }
        #expect(cache.statistics.hits == 2)
        cache.removeAll()
        #expect(cache.statistics.entries == 0)
        #expect(cache.statistics.bytes == 0)
    }

    @Test("What is being verified while something is removed is not remembered afterwards")
    func removalDuringVerification() throws {
        // The revocation hook runs after verification and before remembering: a removal at that moment is one that a
        // verification in flight overlaps.
        let removals = Mutex<(@Sendable () -> Void)?>(nil)
        let cache = VerifiedTokenCache { _ in
            removals.withLock { $0 }?()
            return false
        }
        removals.withLock { $0 = { cache.remove { _ in true } } }
        try cache.verified(token("one"), by: keys, expecting: Sample.expectations)
        #expect(cache.statistics.entries == 0)
        removals.withLock { $0 = nil }
        try cache.verified(token("one"), by: keys, expecting: Sample.expectations)
        #expect(cache.statistics.entries == 1)
    }

    @Test("The predicate of a removal may use the cache")
    func reentrantRemoval() throws {
        let cache = VerifiedTokenCache()
        try cache.verified(token("one"), by: keys, expecting: Sample.expectations)
        let removed = cache.remove { _ in cache.statistics.entries == 1 }
        #expect(removed == 1)
    }
}
