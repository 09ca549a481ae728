// Room: the cache of verified tokens, for resource servers that want it. Remembers that one exact text passed one exact
// set of checks (RFC 7519 §7.2) under one snapshot of keys; times and revocation are judged again at every sight. Owns
// what counts as the same question, the bounded table and its eviction. Stores verified tokens in memory, under digests.

private import Synchronization

/// Verifies tokens and remembers the ones that passed, so that the second sight of a token costs about a hash.
///
/// A remembered result answers only the question that it was the answer to: the same text, the same ``KeySet`` snapshot
/// (not an equal one) and the same ``Expectations`` except for `now`. The claims that depend on the moment (`exp`,
/// `nbf`, `iat`, the maximum age) are judged against `now` at every sight, and so is revocation. Refusals are never
/// remembered, so tokens that do not verify can neither grow the cache nor push anything out of it.
///
/// Replacing the key set, as a rotation does, ends everything that was remembered under the old one. For this to work,
/// and for the cache to be of use, keep one ``KeySet`` until the keys change instead of making one for each request.
public final class VerifiedTokenCache: Sendable {
    private let tokenLimits: TokenLimits
    private let isRevoked: (@Sendable (VerifiedToken) -> Bool)?
    private let table: Mutex<CacheTable>

    /// Makes an empty cache.
    ///
    /// - Parameters:
    ///   - limits: how much is remembered.
    ///   - tokenLimits: how much token is accepted, remembered or not.
    ///   - isRevoked: asked at every sight of a token, the first included, after everything else was checked and outside
    ///     of any lock; true refuses the token. It should be quick: it is asked for every request.
    public init(
        limits: TokenCacheLimits = .default,
        tokenLimits: TokenLimits = .default,
        isRevoked: (@Sendable (VerifiedToken) -> Bool)? = nil
    ) {
        self.tokenLimits = tokenLimits
        self.isRevoked = isRevoked
        table = Mutex(CacheTable(limits: limits))
    }

    /// Checks a token, or finds that exactly this was checked before.
    ///
    /// - Throws: what ``UnverifiedToken/init(_:limits:)`` and ``UnverifiedToken/verified(by:expecting:)`` throw, and
    ///   `tokenRevoked`.
    @discardableResult
    public func verified(
        _ text: String,
        by keys: KeySet,
        expecting expectations: Expectations
    ) throws(JOSEError) -> VerifiedToken {
        // What is too long is refused before it is hashed.
        guard text.utf8.count <= tokenLimits.maximumBytes else {
            return try judged(UnverifiedToken(text, limits: tokenLimits).verified(by: keys, expecting: expectations))
        }
        let digest = TokenDigest(of: text)
        let found = table.withLock { $0.find(digest, in: keys.identity, for: expectations) }
        if let known = found.token, known.times.admit(expectations) { return try judged(known.token) }
        // A known token at a moment that does not suit it is judged from the start, which tells the precise reason.
        let token = try UnverifiedToken(text, limits: tokenLimits).verified(by: keys, expecting: expectations)
        let scope = found.scope ?? CacheScope(keys: keys.identity, expectations: expectations)
        let entry = CachedToken(digest: digest, scope: scope, token: try judged(token))
        table.withLock { $0.insert(entry, foundAt: found.epoch, now: expectations.now) }
        return token
    }

    /// Forgets the tokens for which `predicate` is true, and what is being verified at this moment.
    ///
    /// A token that is shown again is verified again: to refuse it, `isRevoked` has to say so.
    ///
    /// - Returns: how many were forgotten.
    @discardableResult
    public func remove(where predicate: (VerifiedToken) -> Bool) -> Int {
        // The predicate is the caller's: it runs outside of the lock, so that it may use the cache itself.
        let candidates = table.withLock { $0.beginRemoval() }
        let chosen = candidates.filter { predicate($0.token) }
        return table.withLock { $0.remove(chosen) }
    }

    /// Forgets everything.
    public func removeAll() {
        remove { _ in true }
    }

    /// What the cache holds and has done since it was made.
    public var statistics: TokenCacheStatistics { table.withLock { $0.statistics } }

    private func judged(_ token: VerifiedToken) throws(JOSEError) -> VerifiedToken {
        guard let isRevoked, isRevoked(token) else { return token }
        throw JOSEError(.tokenRevoked, reason: "the token was revoked")
    }
}

/// How much a ``VerifiedTokenCache`` remembers.
public struct TokenCacheLimits: Sendable {
    /// The most results; a token that passed several sets of expectations counts several times.
    public var maximumEntries: Int
    /// The most memory, in bytes, as counted from what each remembered token holds.
    ///
    /// A token that would exceed this by itself is verified and not remembered.
    public var maximumBytes: Int

    /// Sets both limits; zero remembers nothing.
    public init(maximumEntries: Int, maximumBytes: Int) {
        self.maximumEntries = maximumEntries
        self.maximumBytes = maximumBytes
    }

    /// 10,000 results, 32 MiB.
    public static let `default` = TokenCacheLimits(maximumEntries: 10_000, maximumBytes: 32 * 1024 * 1024)
}

/// What a ``VerifiedTokenCache`` holds and has done.
public struct TokenCacheStatistics: Hashable, Sendable {
    /// How many results are remembered.
    public internal(set) var entries = 0
    /// How much memory they take, in bytes, as counted for ``TokenCacheLimits/maximumBytes``.
    public internal(set) var bytes = 0
    /// How often a result was found; the moment or a revocation may still have refused it.
    public internal(set) var hits: UInt64 = 0
    /// How often none was found.
    public internal(set) var misses: UInt64 = 0
    /// How many results had to go for others.
    public internal(set) var evictions: UInt64 = 0
}
