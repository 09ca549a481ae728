// Room: whether a token was revoked, asked of a denylist in Redis that the authorization server writes, for teams that
// work that way (no RFC). One round trip a token. What is asked is the wire room's `DenylistLayout`. Stores nothing.

public import RedisClient
public import ResourceServer
package import RevocationFeed

/// The denylist that an authorization server keeps in a Redis.
///
/// ```swift
/// let denylist = RedisDenylist(try RedisPool(try RedisAddress("rediss://api:password@redis.example/0")))
/// let verifier = TokenVerifier(
///     issuer: issuer, audience: audience, configuration: VerifierConfiguration(revocation: .denylist(denylist))
/// )
/// ```
///
/// It holds the same as the revocation feed: tokens, grants, sessions, people, clients, signing keys and everything. It
/// differs in that Redis is trusted: whoever may write there can give a revoked token its life back.
public final class RedisDenylist: Sendable {
    /// What becomes of a token when Redis does not answer, or the server has not written to it lately.
    public enum Unreachable: Sendable {
        /// It is refused with 503.
        case refuse
        /// It counts until it expires, revoked or not.
        case acceptRevokedTokens
    }

    /// The prefix of keys that the server has by default.
    public static let defaultPrefix = "signet-denylist:"

    private let pool: RedisPool
    private let prefix: String
    private let unreachable: Unreachable

    /// A denylist.
    ///
    /// - Parameters:
    ///   - prefix: what the server's keys begin with; issuers may share one.
    ///   - unreachable: what becomes of a token when the denylist cannot tell.
    public init(
        _ pool: RedisPool,
        prefix: String = RedisDenylist.defaultPrefix,
        whenUnreachable unreachable: Unreachable = .refuse
    ) {
        self.pool = pool
        self.prefix = prefix
        self.unreachable = unreachable
    }
}

extension RedisDenylist: RevocationChecking {
    package var maximumStaleness: Duration { DenylistLayout.maximumStaleness }

    package func verdict(on claim: RevocationClaim, keyID: String?, issuer: String) async -> RevocationVerdict {
        let layout = DenylistLayout(prefix: prefix, issuer: issuer)
        var command = RedisCommand("MGET")
        for name in layout.names(for: claim, keyID: keyID) { command.add(name) }
        do {
            let values = try await pool.send(command, ifInterrupted: .sendAgain).array ?? []
            guard let isRevoked = layout.isRevoked(claim, keyID: keyID, values: values.map(\.text)) else {
                return unknown("the denylist was not written lately, or is lost")
            }
            return isRevoked ? .revoked : .stands
        } catch {
            return unknown("\(error)")
        }
    }

    private func unknown(_ reason: String) -> RevocationVerdict {
        switch unreachable {
        case .refuse: .unknown(reason: reason)
        case .acceptRevokedTokens: .stands
        }
    }
}

extension RevocationSource {
    /// Ask a denylist in Redis about every token.
    ///
    /// Tokens are judged by `authorize`; `verify`, which never waits, refuses.
    public static func denylist(_ denylist: RedisDenylist) -> RevocationSource { .checked(by: denylist) }
}
