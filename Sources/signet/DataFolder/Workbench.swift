import Accounts
import AuthorizationServer
import Instants
import JOSE
import Logging
import OAuthVocabulary
import RedisClient
import ServerHTTP
import Storage

/// An opened data folder: the store, the keys, and the registers that commands and the server work on.
struct Workbench: Sendable {
    let settings: Settings
    let folder: DataFolder
    let store: any StoreBackend
    /// What the store consists of, by the names that `/readyz` gives it.
    let engines: [(name: String, backend: any StoreBackend)]
    /// The Redis beside it, where there is one.
    let redis: RedisPool?
    let keys: DerivedKeys
    let provider: ProviderConfiguration
    /// Whether the issuer is the real one, and no placeholder because nothing was ever served.
    let knowsIssuer: Bool
    let time: SystemTimeSource
    let random: SystemRandomSource
    /// Wakes the revocation feed, where one runs in this process.
    let feedSignal = FeedSignal()
    /// What a signing key goes through before it signs.
    var preparation: @Sendable (SigningKey) -> SigningKey = { $0 }
    /// Keeps `signet store restore` out while the store is worked on.
    private let lock: FolderLock

    var now: Instant { time.moment().steady }

    /// Opens the folder.
    ///
    /// `serve` makes what is missing and says what the provider is like; other commands take that from
    /// what the latest `serve` left in the store.
    static func open(
        _ settings: Settings,
        missing: DataFolder.Missing = .refuse,
        provider: ProviderConfiguration? = nil
    ) async throws -> Workbench {
        let folder = DataFolder(settings.dataDirectory)
        let random = SystemRandomSource()
        try folder.prepare(missing)
        let lock = try folder.lock(.shared)
        let wall = SystemTimeSource().moment().wall
        let opened = try await folder.open(settings, missing: missing, random: random, now: wall)
        let (store, keys) = (opened.store, opened.keys)
        var configuration = provider
        if configuration == nil { configuration = try await ServedConfiguration.find(in: store, now: wall)?.provider }
        // Before the first `serve` no token was issued, so the name of the issuer cannot matter.
        guard let issuer = settings.issuer ?? IssuerURL("https://issuer.invalid") else {
            throw Failure(.internalFault, "the placeholder of the issuer is not a URL")
        }
        let time = SystemTimeSource(notBefore: try await ClockRecord.beginning(from: store))
        // Where the wall clock tells nobody, commands have to know from the first moment on how far this process is.
        let moment = time.moment()
        if moment.steady > moment.wall { try await ClockRecord.remember(moment, in: store) }
        return Workbench(
            settings: settings,
            folder: folder,
            store: store,
            engines: opened.engines,
            redis: opened.redis,
            keys: keys,
            provider: configuration ?? settings.provider(issuer: issuer),
            knowsIssuer: configuration != nil || settings.issuer != nil,
            time: time,
            random: random,
            lock: lock
        )
    }

    /// The store, through which every act that ends a right is noticed.
    private var records: FeedSignallingStore { FeedSignallingStore(store, signal: feedSignal) }

    var revocations: Revocations { Revocations(store: records, configuration: provider) }
    var clients: Clients { Clients(store: records, issuer: knowsIssuer ? provider.issuer : nil) }
    var apis: APIs { APIs(store: records) }
    var signingKeys: SigningKeys {
        SigningKeys(store: records, keys: keys, configuration: provider, prepare: preparation)
    }

    /// Ends the target once more, now that the act which ended it is stored.
    ///
    /// A running server may have issued something between the moment that the act carries and its commit; whatever it
    /// decides after the commit reads the act.
    func endWhatSlippedThrough(_ target: RevocationTarget, because cause: EndingCause = .repeated) async throws {
        try await revocations.apply(ending: Ending(target, because: cause), now: now)
    }

    /// The register of event streams; what is queued here a running server signs and delivers.
    var securityEvents: SecurityEvents {
        SecurityEvents(
            store: records,
            configuration: provider,
            keys: keys,
            keyring: Keyring(),
            time: time,
            random: random,
            logger: .quiet
        )
    }

    /// What clients are told of ended sessions; a running server signs and delivers it.
    var logoutDeliveries: LogoutDeliveries {
        LogoutDeliveries(
            store: records,
            configuration: provider,
            keyring: Keyring(),
            time: time,
            random: random,
            logger: .quiet
        )
    }

    var endings: Endings { Endings(revocations: revocations) }
    var randomness: @Sendable (Int) -> [UInt8] { { [random] in random.bytes($0) } }

    var passwordHasher: PasswordHasher {
        PasswordHasher(
            parameters: settings.passwords.parameters,
            limits: settings.passwords.limits,
            randomness: randomness
        )
    }

    /// The register of people, with a hasher of its own: make it once.
    func people(_ hasher: PasswordHasher) -> People {
        People(store: records, passwords: hasher, randomness: randomness, endings: endings)
    }

    var people: People { people(passwordHasher) }

    var sessions: Sessions {
        var lifetimes = Sessions.Lifetimes.standard
        lifetimes.idle = settings.lifetimes.sessionIdle
        lifetimes.absolute = settings.lifetimes.sessionAbsolute
        return Sessions(
            store: records,
            lifetimes: lifetimes,
            randomness: randomness,
            endings: endings,
            apart: settings.redis.keepsSessions ? SessionsApart { [keys] in keys.sessionMAC($0) } : nil
        )
    }

    /// Closes the store; every answer that was given is on the disk already, so that nothing is lost if this fails.
    ///
    /// How far the clock came is written down first: what begins next must not be earlier than what was done here.
    func close() async {
        let moment = time.moment()
        _ = try? await ClockRecord.remember(moment, in: store)
        try? await store.close()
        await redis?.close()
    }
}
