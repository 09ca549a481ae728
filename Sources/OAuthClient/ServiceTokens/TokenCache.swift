internal import Crypto
public import Instants
public import IssuerConnection
internal import JOSE
internal import Synchronization

/// Where tokens are kept that services share: in memory, or behind these five functions for a whole fleet.
///
/// A claim is a lease: whoever holds it fetches, all others wait or go on with what they have. A cache that fails is
/// passed over, so an implementation throws rather than guess.
public protocol TokenCache: Sendable {
    /// What is kept under the key.
    func read(_ key: TokenCacheKey) async throws -> CachedToken?
    /// Takes the right to fetch: `true` for one holder at a time, until it writes, releases, or the lease runs out.
    func claim(_ key: TokenCacheKey, by holder: String, for lease: Duration) async throws -> Bool
    /// Keeps a token until its end, in place of the one before, and gives the holder's claim up.
    func write(_ token: CachedToken, under key: TokenCacheKey, by holder: String) async throws
    /// Gives a claim up; that of another holder stays.
    func release(_ key: TokenCacheKey, by holder: String) async throws
    /// Removes the token with this fingerprint; another one, written meanwhile, stays.
    func remove(_ fingerprint: String, under key: TokenCacheKey) async throws
}

/// What a cached token was issued for: all of it, or tokens would pass to those for whom they are not.
///
/// The text is a hash, so that neither the client's secret nor its name can be read from a shared cache.
public struct TokenCacheKey: Hashable, Sendable, CustomStringConvertible {
    /// 43 characters of base64url.
    public let description: String

    /// The key over everything on which the answer of a token endpoint depends.
    ///
    /// Each list is counted and each part carries its length, so that no two questions spell the same.
    init(
        issuer: String,
        clientID: String,
        authentication: [String],
        scopes: [String],
        resources: [String],
        senderKey: String? = nil
    ) {
        var hash = SHA256()
        let lists = [
            ["signet-token-cache-1"], [issuer], [clientID], authentication, scopes.sorted(), resources.sorted(),
            // Room for the thumbprint of a DPoP key (RFC 9449 §6.1): a token bound to a key is of no use to another.
            senderKey.map { [$0] } ?? [],
        ]
        for list in lists {
            Self.update(&hash, list.count)
            for part in list {
                Self.update(&hash, part.utf8.count)
                hash.update(data: Array(part.utf8))
            }
        }
        description = Base64URL.encode(hash.finalize())
    }

    private static func update(_ hash: inout SHA256, _ number: Int) {
        hash.update(data: (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) })
    }
}

/// A token in a cache.
public struct CachedToken: Sendable, Equatable, Codable, Concealed {
    /// The access token.
    public let accessToken: String
    /// What it is good for.
    public let scopes: [String]
    /// When it came.
    public let fetchedAt: Instant
    /// From here on somebody should fetch the next one.
    public let refreshAt: Instant
    /// From here on it is not handed out: a little before it expires.
    public let usableUntil: Instant

    /// Tells this token from others without showing it.
    public var fingerprint: String { Base64URL.encode(SHA256.hash(data: Array(accessToken.utf8)).prefix(16)) }
}

/// A cache in this process, of a bounded size.
public final class MemoryTokenCache: TokenCache {
    private struct Claim {
        var holder: String
        var until: Duration
    }

    private struct State {
        var tokens: [TokenCacheKey: CachedToken] = [:]
        var claims: [TokenCacheKey: Claim] = [:]
    }

    private let state = Mutex(State())
    private let clock: any ClientClock
    private let maximumEntries: Int

    /// A cache for at most so many tokens; beyond them the one that ends first goes.
    public init(maximumEntries: Int = 1000, clock: any ClientClock = SystemClientClock()) {
        self.maximumEntries = max(maximumEntries, 1)
        self.clock = clock
    }

    /// How many tokens it holds.
    public var count: Int { state.withLock { $0.tokens.count } }

    func token(_ key: TokenCacheKey) -> CachedToken? { state.withLock { $0.tokens[key] } }

    func keep(_ token: CachedToken, under key: TokenCacheKey) {
        let now = clock.now
        state.withLock { state in
            if state.tokens[key] == nil, state.tokens.count >= maximumEntries {
                state.tokens = state.tokens.filter { $0.value.usableUntil > now }
                if state.tokens.count >= maximumEntries,
                    let first = state.tokens.min(by: { $0.value.usableUntil < $1.value.usableUntil })
                {
                    state.tokens[first.key] = nil
                }
            }
            state.tokens[key] = token
        }
    }

    /// Removes the token with this fingerprint.
    func drop(_ fingerprint: String, under key: TokenCacheKey) {
        state.withLock { state in
            if state.tokens[key]?.fingerprint == fingerprint { state.tokens[key] = nil }
        }
    }

    /// See ``TokenCache``.
    public func read(_ key: TokenCacheKey) async throws -> CachedToken? { token(key) }

    /// See ``TokenCache``.
    public func claim(_ key: TokenCacheKey, by holder: String, for lease: Duration) async throws -> Bool {
        let now = clock.uptime
        return state.withLock { state in
            if let claim = state.claims[key], claim.until > now, claim.holder != holder { return false }
            if state.claims.count >= maximumEntries { state.claims = state.claims.filter { $0.value.until > now } }
            state.claims[key] = Claim(holder: holder, until: now + lease)
            return true
        }
    }

    /// See ``TokenCache``.
    public func write(_ token: CachedToken, under key: TokenCacheKey, by holder: String) async throws {
        keep(token, under: key)
        try await release(key, by: holder)
    }

    /// See ``TokenCache``.
    public func release(_ key: TokenCacheKey, by holder: String) async throws {
        state.withLock { if $0.claims[key]?.holder == holder { $0.claims[key] = nil } }
    }

    /// See ``TokenCache``.
    public func remove(_ fingerprint: String, under key: TokenCacheKey) async throws { drop(fingerprint, under: key) }
}
