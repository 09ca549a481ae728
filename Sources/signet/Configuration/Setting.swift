// Room: what an operator can set, and where it came from: flag, then environment, then file, then the standard value.
// One table of settings; every source gives text, and every text is read in one place, so that all faults of all
// sources are found at once and named with their place. Stores nothing.

import RedisStore
import Storage

/// One thing that an operator can set.
struct Setting: Hashable, Sendable {
    enum Shape: Hashable, Sendable {
        case text
        /// In a file a sequence, in the environment separated by commas, as a flag repeated.
        case list
    }

    /// As the file has it; a dot is a level.
    let key: String
    /// The flag of `signet serve` that sets it, where there is one.
    var flag: String?
    var shape: Shape = .text
    /// The value where nobody sets it, as `signet config show` prints it; empty for none.
    let standard: String
    let about: String
    /// Whether its text may carry a password, so that no message repeats it.
    var isSecret = false

    /// `tls.cert` is `SIGNET_TLS_CERT`.
    var environmentName: String { "SIGNET_" + String(key.uppercased().map { $0 == "." ? "_" : $0 }) }
}

extension Setting {
    static let issuer = Setting(
        key: "issuer",
        flag: "--issuer",
        standard: "",
        about: "the URL that names this server, as clients see it; needed outside --dev"
    )
    static let listen = Setting(
        key: "listen",
        flag: "--listen",
        standard: "127.0.0.1:8080",
        about: "the address to serve on, HOST:PORT"
    )
    static let dataDirectory = Setting(
        key: "data_dir",
        flag: "--data-dir",
        standard: "signet-data",
        about: "the folder of the database and the master key; made if it is missing"
    )
    static let storeAddress = Setting(
        key: "store.address",
        flag: "--store",
        standard: "sqlite",
        about: "where records are kept: sqlite (a file in the data folder), or postgres://…",
        isSecret: true
    )
    static let storeDirectAddress = Setting(
        key: "store.direct_address",
        standard: "",
        about: "the same database past its pooler, for migrations and announcements; needed behind pgbouncer",
        isSecret: true
    )
    static let storeRisk = Setting(
        key: "store.risk",
        standard: "",
        about: "\(RedisKeeping.settingName), for a store.address of Redis and nothing else"
    )
    static let storeConnections = Setting(
        key: "store.connections",
        standard: "8",
        about: "how many connections to PostgreSQL this server holds, 1 to 200"
    )
    static let storeTimeout = Setting(
        key: "store.statement_timeout",
        standard: "5s",
        about: "how long PostgreSQL may take for one statement, 100ms to 1m"
    )
    static let redisAddress = Setting(
        key: "redis.address",
        standard: "",
        about: "a Redis for what may be lost and for the denylist: redis://, rediss:// or redis+unix://…",
        isSecret: true
    )
    static let redisKeeps = Setting(
        key: "redis.keeps",
        shape: .list,
        standard: VolatileKind.standard.map(\.rawValue).joined(separator: ","),
        about: "what it keeps (decision 0026): visit, upstream-login, throttle, client-assertion, application-session, "
            + "or none"
    )
    static let redisDenylist = Setting(
        key: "redis.denylist",
        standard: "off",
        about: "whether what was revoked is written there too, for APIs that ask Redis: on or off"
    )
    static let shutdownDelay = Setting(
        key: "shutdown_delay",
        standard: "0s",
        about: "how long the server goes on listening after SIGTERM while /readyz says that it goes, up to 5m"
    )
    static let tlsCertificate = Setting(
        key: "tls.cert",
        flag: "--tls-cert",
        standard: "",
        about: "a PEM file with the certificate chain"
    )
    static let tlsKey = Setting(
        key: "tls.key",
        flag: "--tls-key",
        standard: "",
        about: "a PEM file with its private key"
    )
    static let trustedProxies = Setting(
        key: "trusted_proxies",
        flag: "--trusted-proxy",
        shape: .list,
        standard: "",
        about: "addresses or networks whose X-Forwarded-* headers are believed"
    )
    static let logLevel = Setting(
        key: "log_level",
        flag: "--log-level",
        standard: "info",
        about: "trace, debug, info, notice, warning, error or critical"
    )
    static let defaultAudience = Setting(
        key: "default_audience",
        standard: "",
        about: "the audience of access tokens for which nobody names an API; the issuer if not set"
    )
    static let accessTokenAlgorithm = Setting(
        key: "access_token_algorithm",
        standard: "ES256",
        about: "what signs access tokens: ES256, RS256 or EdDSA"
    )

    static let accessTokenLifetime = Setting(
        key: "lifetimes.access_token",
        standard: "15m",
        about: "how long an access token is valid, 1m to 1d"
    )
    static let idTokenLifetime = Setting(
        key: "lifetimes.id_token",
        standard: "1h",
        about: "how long an ID token is valid, 1m to 1d"
    )
    static let codeLifetime = Setting(
        key: "lifetimes.code",
        standard: "1m",
        about: "how long an authorization code may be redeemed, 5s to 10m"
    )
    static let deviceCodeLifetime = Setting(
        key: "lifetimes.device_code",
        standard: "10m",
        about: "how long the code that a device shows may be entered, 1m to 30m"
    )
    static let refreshIdle = Setting(
        key: "lifetimes.refresh_idle",
        standard: "7d",
        about: "how long an unused refresh token lives, up to 400d"
    )
    static let refreshAbsolute = Setting(
        key: "lifetimes.refresh_absolute",
        standard: "30d",
        about: "how long refreshing may go on after one sign-in, up to 400d"
    )
    static let sessionIdle = Setting(
        key: "lifetimes.session_idle",
        standard: "8h",
        about: "how long an unused session in a browser lives, up to 400d"
    )
    static let sessionAbsolute = Setting(
        key: "lifetimes.session_absolute",
        standard: "14d",
        about: "how long a session in a browser lives at most, up to 400d"
    )
    static let refreshRetryWindow = Setting(
        key: "refresh_retry_window",
        standard: "10s",
        about:
            "how long a rotated refresh token may be repeated by a client that lost the answer, up to 1m; 0 turns it off"
    )
    static let keyRotation = Setting(
        key: "keys.rotation",
        standard: "90d",
        about: "how long a signing key signs, 1d to 730d"
    )
    static let keyPublicationLead = Setting(
        key: "keys.publication_lead",
        standard: "15m",
        about: "how far ahead of use a signing key is published, up to 7d"
    )
    static let rsaSigner = Setting(
        key: "keys.rsa_signer",
        standard: "auto",
        about: "what makes RSA signatures: auto (the system's OpenSSL 3 where it is faster) or swift-crypto"
    )

    static let feedEntries = Setting(
        key: "revocation_feed.max_entries",
        standard: "100000",
        about: "the most revocations in force that one API holds, 1000 to 10000000; beyond, they widen to a cut-off"
    )
    static let feedStreams = Setting(
        key: "revocation_feed.max_streams",
        standard: "1000",
        about: "how many readers may follow this server at the same time, 1 to 3000"
    )
    static let feedStreamsPerAPI = Setting(
        key: "revocation_feed.max_streams_per_api",
        standard: "64",
        about: "how many instances of one API may, 1 to 3000"
    )

    static let argonMemory = Setting(
        key: "argon2.memory",
        standard: "19MiB",
        about: "memory of one password hash, 8MiB to 1GiB"
    )
    static let argonIterations = Setting(
        key: "argon2.iterations",
        standard: "2",
        about: "passes over that memory, 1 to 32"
    )
    static let argonParallelism = Setting(key: "argon2.parallelism", standard: "1", about: "lanes of one hash, 1 to 16")
    static let argonThreads = Setting(
        key: "argon2.threads",
        standard: "2",
        about: "how many passwords are hashed at the same time, 1 to 64; never more than there are processors"
    )
    static let argonQueue = Setting(
        key: "argon2.queue",
        standard: "64",
        about: "how many sign-ins may wait for that, 1 to 10000"
    )
    static let passwordMinimum = Setting(
        key: "passwords.minimum_length",
        standard: "8",
        about: "the fewest characters of a new password, 8 to 128"
    )

    /// Every setting, in the order in which they are shown.
    static let all = [
        issuer, listen, dataDirectory, storeAddress, storeDirectAddress, storeRisk, storeConnections, storeTimeout,
        redisAddress,
        redisKeeps, redisDenylist, shutdownDelay,
        tlsCertificate, tlsKey, trustedProxies, logLevel, defaultAudience,
        accessTokenAlgorithm, accessTokenLifetime, idTokenLifetime, codeLifetime, deviceCodeLifetime, refreshIdle,
        refreshAbsolute,
        sessionIdle, sessionAbsolute, refreshRetryWindow, keyRotation, keyPublicationLead, rsaSigner, feedEntries,
        feedStreams, feedStreamsPerAPI, argonMemory, argonIterations, argonParallelism, argonThreads, argonQueue,
        passwordMinimum,
    ]
}

/// Where a value came from.
enum SettingSource: Hashable, Sendable, CustomStringConvertible {
    case flag(String)
    case environment(String)
    case file(String, line: Int)
    case standard

    var description: String {
        switch self {
        case .flag(let name): name
        case .environment(let name): name
        case .file(let path, let line): "\(path), line \(line)"
        case .standard: "standard"
        }
    }
}

/// What a source gives for a setting, before it is understood.
struct GivenValue: Hashable, Sendable {
    var texts: [String]
    var source: SettingSource
}

/// Every fault of a configuration at once, each with its place.
struct ConfigurationError: Error, Hashable, Sendable {
    var faults: [String]

    var failure: Failure {
        let count = faults.count == 1 ? "a fault" : "\(faults.count) faults"
        return Failure(.configuration, ["the configuration has \(count):"] + faults.map { "  " + $0 })
    }
}
