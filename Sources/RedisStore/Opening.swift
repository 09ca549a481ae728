package import Logging
package import RedisClient

/// What a Redis is to keep.
package enum RedisKeeping: Hashable, Sendable {
    /// Kinds whose loss costs a person or a program another attempt, see `VolatileKind`.
    case whatMayBeLost
    /// Everything: refresh families, revocations, consents, keys.
    ///
    /// The operator has said that he knows what a Redis can lose, by the setting `RedisKeeping.settingName`.
    case everythingAtTheOperatorsRisk

    /// The setting by which an operator says it.
    package static let settingName = "redis-may-lose-tokens-revocations-consents-and-keys"
}

/// How a ``RedisStore`` is opened.
package struct RedisStoreSettings: Sendable {
    /// What every key begins with, so that several servers can share one Redis.
    ///
    /// The prefix in the address goes before it. With braces, `{signet}:`, all keys lie in one slot of a cluster.
    package var prefix = "signet:"
    package var keeping = RedisKeeping.whatMayBeLost
    package var connections = RedisSettings()

    package init() {}
}

extension RedisStore {
    /// Connects, and refuses a Redis that must not be used; nothing but a mark of the layout is written.
    package static func open(
        _ address: RedisAddress,
        settings: RedisStoreSettings = RedisStoreSettings(),
        logger: Logger = Logger(label: "signet.redis")
    ) async throws(RedisStoreError) -> RedisStore {
        let prefix = address.prefix ?? settings.prefix
        guard !prefix.isEmpty else { throw .prefixMissing }
        let pool: RedisPool
        do {
            pool = try RedisPool(address, settings: settings.connections, logger: logger)
        } catch {
            throw RedisStoreError(error, address)
        }
        do throws(RedisStoreError) {
            let findings = try await checked(pool, keeping: settings.keeping)
            let layout = try await layout(pool, prefix: prefix)
            guard layout == Layout.version else {
                throw .newerLayout(
                    address: "\(address)",
                    found: String(layout.prefix(20)),
                    supported: Layout.version
                )
            }
            return RedisStore(pool: pool, prefix: prefix, findings: findings)
        } catch {
            await pool.close()
            throw error
        }
    }

    private static func layout(_ pool: RedisPool, prefix: String) async throws(RedisStoreError) -> String {
        do {
            return try await probe(pool, prefix: prefix)
        } catch {
            throw RedisStoreError(error, pool.address)
        }
    }

    private static func checked(
        _ pool: RedisPool,
        keeping: RedisKeeping
    ) async throws(RedisStoreError) -> [RedisFinding] {
        let configuration: RedisConfiguration?
        do {
            configuration = try await RedisConfiguration.read(from: pool)
        } catch {
            throw RedisStoreError(error, pool.address)
        }
        let findings = RedisFinding.all(of: configuration, keeping: keeping)
        let refused = findings.filter { $0.severity == .refused }
        guard refused.isEmpty else { throw .unfit(address: "\(pool.address)", reasons: refused.map(\.text)) }
        return findings
    }
}

/// Why a Redis cannot be used.
///
/// Each case reads as one sentence to the operator; no password is in it.
package enum RedisStoreError: Error, Hashable, Sendable, CustomStringConvertible {
    case unreachable(address: String, reason: String)
    case refused(address: String, reason: String)
    /// Its configuration would lose what is kept.
    case unfit(address: String, reasons: [String])
    case notPermitted(address: String, reason: String)
    case newerLayout(address: String, found: String, supported: String)
    case prefixMissing
    case cannotOpen(address: String, reason: String)

    package var description: String {
        switch self {
        case .unreachable(let address, let reason):
            "The Redis at \(address) cannot be reached (\(reason)); start it, or correct the address."
        case .refused(let address, let reason):
            "The Redis at \(address) does not let us in (\(reason)); correct the address or Redis' configuration."
        case .unfit(let address, let reasons):
            "The Redis at \(address) must not be used as it is configured: \(reasons.joined(separator: "; "))."
        case .notPermitted(let address, let reason):
            "The user of the Redis at \(address) lacks a permission (\(reason)); Docs/decisions/0026-redis.md lists them."
        case .newerLayout(let address, let found, let supported):
            """
            The records in the Redis at \(address) were written by another Signet (layout \(found), this program knows \
            \(supported)); nothing was changed, use the other program or another prefix.
            """
        case .prefixMissing:
            "The prefix of keys in Redis is empty; name one, such as signet:."
        case .cannotOpen(let address, let reason):
            "The Redis at \(address) cannot be used (\(reason))."
        }
    }

    /// What Redis 7 says with the code `ERR` when a script uses a command or a key that its user may not.
    private static let notPermittedInScript = "The user executing the script can't"

    init(_ error: RedisError, _ address: RedisAddress) {
        switch error {
        case .unreachable(let reason): self = .unreachable(address: "\(address)", reason: reason)
        case .timedOut: self = .unreachable(address: "\(address)", reason: "no answer in time")
        case .refused(let reason): self = .refused(address: "\(address)", reason: reason)
        case .replied(let reply) where reply.code == "NOPERM" || reply.message.contains(Self.notPermittedInScript):
            self = .notPermitted(address: "\(address)", reason: String(reply.message.prefix(200)))
        case .replied(let reply) where reply.code == "READONLY":
            self = .refused(address: "\(address)", reason: "it is a replica, which takes no writes")
        default: self = .cannotOpen(address: "\(address)", reason: "\(error)")
        }
    }
}
