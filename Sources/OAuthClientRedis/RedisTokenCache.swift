// Room: a cache of service tokens in Redis, shared by a fleet (no RFC): the client SDK's `TokenCache` on a few commands.
// Stores tokens, sealed under a key of the caller's, so that who reads the Redis holds nothing to present.

internal import Crypto
internal import FoundationEssentials
internal import Instants
public import IssuerConnection
public import OAuthClient
public import RedisClient

/// Access tokens of services, in a Redis, sealed.
///
/// ```swift
/// let cache = try RedisTokenCache(try RedisPool(try RedisAddress("rediss://…")), sealedUnder: key)
/// let tokens = ServiceTokens(registration, cache: cache)
/// ```
///
/// Tokens are AES-256-GCM under a key that every member of the fleet has and Redis has not; what cannot be opened, because
/// the key was changed or somebody wrote there, counts as absent. Redis forgets a token when it is no longer usable.
public struct RedisTokenCache: TokenCache {
    /// How many bytes a key has.
    public static let keyLength = 32
    /// The prefix of keys if none is given.
    public static let defaultPrefix = "signet-tokens:"

    /// A fault of use.
    public enum Fault: Error, Hashable, Sendable {
        /// The key has another length than 32 bytes.
        case keyLength
    }

    private let pool: RedisPool
    private let key: SymmetricKey
    private let prefix: String
    private let clock: any ClientClock

    /// A cache.
    ///
    /// - Parameters:
    ///   - key: 32 random bytes, the same in every member of the fleet; from a secret store, never from a text in the code.
    ///   - prefix: what the keys in Redis begin with.
    public init(
        _ pool: RedisPool,
        sealedUnder key: [UInt8],
        prefix: String = RedisTokenCache.defaultPrefix,
        clock: any ClientClock = SystemClientClock()
    ) throws(Fault) {
        guard key.count == Self.keyLength else { throw .keyLength }
        self.pool = pool
        self.key = SymmetricKey(data: key)
        self.prefix = prefix
        self.clock = clock
    }

    private func token(_ key: TokenCacheKey) -> String { "\(prefix)t:\(key)" }
    private func claim(_ key: TokenCacheKey) -> String { "\(prefix)c:\(key)" }

    /// See `TokenCache`.
    public func read(_ key: TokenCacheKey) async throws -> CachedToken? {
        let value = try await pool.send(RedisCommand("GET", token(key)), ifInterrupted: .sendAgain)
        guard let bytes = value.bytes, let sealed = bytes.firstIndex(of: UInt8(ascii: " ")).map({ bytes[($0 + 1)...] }),
            let box = try? AES.GCM.SealedBox(combined: Data(sealed)),
            let opened = try? AES.GCM.open(box, using: self.key, authenticating: Data(key.description.utf8))
        else { return nil }
        return try? JSONDecoder().decode(CachedToken.self, from: opened)
    }

    /// See `TokenCache`.
    public func claim(_ key: TokenCacheKey, by holder: String, for lease: Duration) async throws -> Bool {
        // Sent twice it would find its own claim and take it for another's, so the script knows its holder.
        var command = RedisCommand("EVAL", Self.claimScript, "1", claim(key), holder)
        command.add(max(1, lease.wholeMilliseconds))
        return try await pool.send(command, ifInterrupted: .sendAgain).integer == 1
    }

    private static let claimScript = #"""
        if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
        if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
        redis.call('PEXPIRE', KEYS[1], ARGV[2])
        return 1
        """#

    /// See `TokenCache`.
    public func write(_ token: CachedToken, under key: TokenCacheKey, by holder: String) async throws {
        let life = (token.usableUntil - clock.now).wholeMilliseconds
        guard life > 0 else { return try await release(key, by: holder) }
        let plain = try JSONEncoder().encode(token)
        let box = try AES.GCM.seal(plain, using: self.key, authenticating: Data(key.description.utf8))
        guard let sealed = box.combined else { return }
        var command = RedisCommand("EVAL", Self.writeScript, "2", self.token(key), claim(key), holder)
        // The fingerprint, a part of a hash of something that nobody can guess, lets Redis compare without the key.
        command.add("\(token.fingerprint) ", Array(sealed))
        command.add(life)
        try await pool.send(command, ifInterrupted: .sendAgain)
    }

    private static let writeScript = #"""
        redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
        if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
        return 1
        """#

    /// See `TokenCache`.
    public func release(_ key: TokenCacheKey, by holder: String) async throws {
        let command = RedisCommand("EVAL", Self.releaseScript, "1", claim(key), holder)
        try await pool.send(command, ifInterrupted: .sendAgain)
    }

    private static let releaseScript = #"""
        if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
        return 1
        """#

    /// See `TokenCache`.
    public func remove(_ fingerprint: String, under key: TokenCacheKey) async throws {
        let command = RedisCommand("EVAL", Self.removeScript, "1", token(key), "\(fingerprint) ")
        try await pool.send(command, ifInterrupted: .sendAgain)
    }

    private static let removeScript = #"""
        local present = redis.call('GET', KEYS[1])
        if present and string.sub(present, 1, #ARGV[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
        return 1
        """#
}
