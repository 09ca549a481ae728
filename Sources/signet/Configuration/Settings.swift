import JOSE
import Logging
import OAuthVocabulary
import RedisClient
import RedisStore
import ServerHTTP
import Storage

/// What the operator decided, understood and in range.
struct Settings: Hashable, Sendable {
    var issuer: IssuerURL?
    var listen = ListenAddress(host: "127.0.0.1", port: 8080)
    var dataDirectory = "signet-data"
    var store = Store()
    var redis = Redis()
    var shutdownDelay: Duration = .zero
    var tlsCertificate: String?
    var tlsKey: String?
    var trustedProxies: [String] = []
    var logLevel = Logger.Level.info
    var defaultAudience: ResourceIndicator?
    var accessTokenAlgorithm = SignatureAlgorithm.es256
    var lifetimes = Lifetimes()
    var refreshRetryWindow: Duration = .seconds(10)
    var keyRotation: Duration = .days(90)
    var keyPublicationLead: Duration = .minutes(15)
    var rsaSigner = RSASigning.Choice.automatic
    var feed = Feed()
    var passwords = Passwords()
    var upstreams = ConfiguredUpstreams()

    struct Lifetimes: Hashable, Sendable {
        var accessToken: Duration = .minutes(15)
        var idToken: Duration = .minutes(60)
        var code: Duration = .minutes(1)
        var deviceCode: Duration = .minutes(10)
        var refreshIdle: Duration = .days(7)
        var refreshAbsolute: Duration = .days(30)
        var sessionIdle: Duration = .minutes(8 * 60)
        var sessionAbsolute: Duration = .days(14)
    }

    struct Store: Hashable, Sendable {
        var address = StoreAddress.sqlite
        var directAddress: StoreAddress?
        var risk: String?
        var connections = 8
        var statementTimeout: Duration = .seconds(5)
    }

    struct Redis: Hashable, Sendable {
        var address: RedisAddress?
        var keeps = VolatileKind.standard
        var denylist = false

        /// Whether sessions of session mode lie there.
        var keepsSessions: Bool { address != nil && keeps.contains(.applicationSession) }
    }

    struct Feed: Hashable, Sendable {
        var entries = 100_000
        var streams = 1000
        var streamsPerAPI = 64
    }

    struct Passwords: Hashable, Sendable {
        var memoryKiB = 19 * 1024
        var iterations = 2
        var lanes = 1
        var threads = 2
        var queue = 64
        var minimumCharacters = 8
    }

    static let longestLifetime: Duration = .days(400)
}

extension Duration {
    static func minutes(_ count: Int) -> Duration { .seconds(count * 60) }
    static func days(_ count: Int) -> Duration { .seconds(count * 86_400) }
}

extension Settings {
    init(_ reader: inout SettingsReader) {
        issuer = reader.optional(
            .issuer,
            expecting: "an https URL without query, fragment or trailing slash"
        ) { IssuerURL($0) }
        listen = reader.read(
            .listen,
            or: listen,
            expecting: "HOST:PORT such as 127.0.0.1:8080 or [::1]:8080",
            ListenAddress.init
        )
        dataDirectory = reader.read(.dataDirectory, or: dataDirectory, expecting: "a folder") { $0.isEmpty ? nil : $0 }
        tlsCertificate = reader.optional(.tlsCertificate, expecting: "a file") { $0.isEmpty ? nil : $0 }
        tlsKey = reader.optional(.tlsKey, expecting: "a file") { $0.isEmpty ? nil : $0 }
        reader.require(
            (tlsCertificate == nil) == (tlsKey == nil),
            "tls.cert and tls.key belong together: give both or neither"
        )
        trustedProxies = reader.list(
            .trustedProxies,
            expecting: "an address or a network such as 10.0.0.0/8",
            NetworkText.checked
        )
        logLevel = reader.read(.logLevel, or: logLevel, expecting: Setting.logLevel.about, Logger.Level.init(rawValue:))
        defaultAudience = reader.optional(
            .defaultAudience,
            expecting: "an absolute URI without a fragment"
        ) { ResourceIndicator($0) }
        accessTokenAlgorithm = reader.read(
            .accessTokenAlgorithm,
            or: accessTokenAlgorithm,
            expecting: "ES256, RS256 or EdDSA"
        ) { name in
            [.es256, .rs256, .edDSA].first { $0.name == name }
        }
        rsaSigner = reader.read(
            .rsaSigner,
            or: rsaSigner,
            expecting: "auto or swift-crypto",
            RSASigning.Choice.init(rawValue:)
        )
        feed.entries = reader.count(.feedEntries, or: feed.entries, in: 1000...10_000_000)
        feed.streams = reader.count(.feedStreams, or: feed.streams, in: 1...3000)
        feed.streamsPerAPI = reader.count(.feedStreamsPerAPI, or: feed.streamsPerAPI, in: 1...3000)
        readStore(&reader)
        readTimes(&reader)
        readPasswords(&reader)
    }

    private mutating func readStore(_ reader: inout SettingsReader) {
        let expected = "sqlite, or postgres://user@host:5432/database"
        store.address = reader.read(.storeAddress, or: store.address, expecting: expected, StoreAddress.init)
        store.directAddress = reader.optional(.storeDirectAddress, expecting: expected, StoreAddress.init)
        store.connections = reader.count(.storeConnections, or: store.connections, in: 1...200)
        store.statementTimeout = reader.duration(
            .storeTimeout,
            or: store.statementTimeout,
            in: .milliseconds(100) ... .minutes(1)
        )
        redis.address = reader.optional(
            .redisAddress,
            expecting: "redis://host:6379/0, rediss://user:password@host:6379/0?ca=file or redis+unix:///path",
            { try? RedisAddress($0) }
        )
        let names = VolatileKind.allCases.map(\.rawValue).joined(separator: ",")
        let kinds = reader.list(.redisKeeps, expecting: "\(names), or none") { text in
            text == "none" ? .some(VolatileKind?.none) : VolatileKind(rawValue: text).map { .some($0) }
        }
        if reader.isGiven(.redisKeeps) { redis.keeps = kinds.compactMap(\.self) }
        redis.denylist = reader.read(.redisDenylist, or: redis.denylist, expecting: "on or off") { text in
            ["on": true, "off": false][text]
        }
        reader.require(
            redis.address != nil || !redis.denylist,
            "redis.denylist needs redis.address: name the Redis that it is written to"
        )
        shutdownDelay = reader.duration(.shutdownDelay, or: shutdownDelay, in: .zero ... .minutes(5))
        store.risk = reader.optional(.storeRisk, expecting: RedisKeeping.settingName) { text in
            text == RedisKeeping.settingName ? text : nil
        }
        reader.require(
            store.directAddress.map { $0.isPostgres && store.address.isPostgres } ?? true,
            "store.direct_address is for a store.address of PostgreSQL"
        )
        reader.require(
            store.address.isRedis == (store.risk != nil),
            store.address.isRedis
                ? "a Redis may lose refresh tokens, revocations, consents and keys when it restarts or fails over: keep "
                    + "them in SQLite or PostgreSQL, or set store.risk to \(RedisKeeping.settingName)"
                : "store.risk is for a store.address of Redis"
        )
        reader.require(
            !(store.address.isRedis && redis.keepsSessions),
            "redis.keeps=application-session needs SQLite or PostgreSQL as the store: which sessions are over has to be "
                + "kept where nothing is lost"
        )
    }

    private mutating func readTimes(_ reader: inout SettingsReader) {
        let token: ClosedRange<Duration> = .minutes(1) ... .days(1)
        let long: ClosedRange<Duration> = .minutes(1)...Self.longestLifetime
        lifetimes.accessToken = reader.duration(.accessTokenLifetime, or: lifetimes.accessToken, in: token)
        lifetimes.idToken = reader.duration(.idTokenLifetime, or: lifetimes.idToken, in: token)
        lifetimes.code = reader.duration(.codeLifetime, or: lifetimes.code, in: .seconds(5) ... .minutes(10))
        lifetimes.deviceCode = reader.duration(
            .deviceCodeLifetime,
            or: lifetimes.deviceCode,
            in: .minutes(1) ... .minutes(30)
        )
        lifetimes.refreshIdle = reader.duration(.refreshIdle, or: lifetimes.refreshIdle, in: long)
        lifetimes.refreshAbsolute = reader.duration(.refreshAbsolute, or: lifetimes.refreshAbsolute, in: long)
        lifetimes.sessionIdle = reader.duration(.sessionIdle, or: lifetimes.sessionIdle, in: long)
        lifetimes.sessionAbsolute = reader.duration(.sessionAbsolute, or: lifetimes.sessionAbsolute, in: long)
        refreshRetryWindow = reader.duration(.refreshRetryWindow, or: refreshRetryWindow, in: .zero ... .minutes(1))
        keyRotation = reader.duration(.keyRotation, or: keyRotation, in: .days(1) ... .days(730))
        keyPublicationLead = reader.duration(.keyPublicationLead, or: keyPublicationLead, in: .zero ... .days(7))
        reader.require(
            lifetimes.refreshIdle <= lifetimes.refreshAbsolute,
            "lifetimes.refresh_idle must not be longer than lifetimes.refresh_absolute"
        )
        reader.require(
            lifetimes.sessionIdle <= lifetimes.sessionAbsolute,
            "lifetimes.session_idle must not be longer than lifetimes.session_absolute"
        )
        reader.require(
            keyPublicationLead < keyRotation,
            "keys.publication_lead must be shorter than keys.rotation"
        )
    }

    private mutating func readPasswords(_ reader: inout SettingsReader) {
        passwords.memoryKiB = reader.read(
            .argonMemory,
            or: passwords.memoryKiB,
            expecting: "a size such as 19MiB or 19456KiB, 8MiB to 1GiB"
        ) { text in
            MemoryText.kibibytes(text).flatMap { (8 * 1024...1024 * 1024).contains($0) ? $0 : nil }
        }
        passwords.iterations = reader.count(.argonIterations, or: passwords.iterations, in: 1...32)
        passwords.lanes = reader.count(.argonParallelism, or: passwords.lanes, in: 1...16)
        passwords.threads = reader.count(.argonThreads, or: passwords.threads, in: 1...64)
        passwords.queue = reader.count(.argonQueue, or: passwords.queue, in: 1...10_000)
        passwords.minimumCharacters = reader.count(.passwordMinimum, or: passwords.minimumCharacters, in: 8...128)
    }

    /// The values in effect as text, by setting.
    func text(of setting: Setting) -> String {
        switch setting {
        case .issuer: issuer?.value ?? ""
        case .listen: listen.description
        case .dataDirectory: dataDirectory
        case .storeAddress: store.address.shown
        case .storeDirectAddress: store.directAddress?.shown ?? ""
        case .storeRisk: store.risk ?? ""
        case .storeConnections: "\(store.connections)"
        case .storeTimeout: DurationText.format(store.statementTimeout)
        case .redisAddress: redis.address?.description ?? ""
        case .redisKeeps: redis.keeps.isEmpty ? "none" : redis.keeps.map(\.rawValue).joined(separator: ",")
        case .redisDenylist: redis.denylist ? "on" : "off"
        case .shutdownDelay: DurationText.format(shutdownDelay)
        case .tlsCertificate: tlsCertificate ?? ""
        case .tlsKey: tlsKey ?? ""
        case .trustedProxies: trustedProxies.joined(separator: ",")
        case .logLevel: logLevel.rawValue
        case .defaultAudience: defaultAudience?.value ?? ""
        case .accessTokenAlgorithm: accessTokenAlgorithm.name
        case .accessTokenLifetime: DurationText.format(lifetimes.accessToken)
        case .idTokenLifetime: DurationText.format(lifetimes.idToken)
        case .codeLifetime: DurationText.format(lifetimes.code)
        case .deviceCodeLifetime: DurationText.format(lifetimes.deviceCode)
        case .refreshIdle: DurationText.format(lifetimes.refreshIdle)
        case .refreshAbsolute: DurationText.format(lifetimes.refreshAbsolute)
        case .sessionIdle: DurationText.format(lifetimes.sessionIdle)
        case .sessionAbsolute: DurationText.format(lifetimes.sessionAbsolute)
        case .refreshRetryWindow: DurationText.format(refreshRetryWindow)
        case .keyRotation: DurationText.format(keyRotation)
        case .keyPublicationLead: DurationText.format(keyPublicationLead)
        case .rsaSigner: rsaSigner.rawValue
        case .feedEntries: "\(feed.entries)"
        case .feedStreams: "\(feed.streams)"
        case .feedStreamsPerAPI: "\(feed.streamsPerAPI)"
        case .argonMemory: MemoryText.format(kibibytes: passwords.memoryKiB)
        case .argonIterations: "\(passwords.iterations)"
        case .argonParallelism: "\(passwords.lanes)"
        case .argonThreads: "\(passwords.threads)"
        case .argonQueue: "\(passwords.queue)"
        case .passwordMinimum: "\(passwords.minimumCharacters)"
        default: ""
        }
    }
}
