import AuthorizationServer
import Instants
import OAuthVocabulary
import Storage

/// Proves that the master key is the one that the store was made with.
///
/// One record a store; holds a MAC, not the key.
struct MasterKeyCheck: Payload, Hashable {
    static let kind = RecordKind("master-key-check")
    static let key = RecordKey(kind, "master-key")

    var fingerprint: String

    /// Compares with the store, or remembers the key in a store that has none yet.
    static func verify(
        _ keys: DerivedKeys,
        folder: DataFolder,
        store: any StoreBackend,
        now: Instant
    ) async throws {
        let mine = MasterKeyCheck(fingerprint: keys.fingerprint)
        var record = try await store.find(key, now: now)
        if record == nil {
            let new = Record(key: key, payload: try mine.encoded())
            if case .conflict(_, let other) = try await store.apply([.insert(new)], now: now) { record = other }
        }
        guard let record else { return }
        let theirs = try MasterKeyCheck(from: record)
        guard Secret(theirs.fingerprint) == Secret(mine.fingerprint) else {
            throw Failure(
                .permission,
                "\(folder.masterKey) is not the master key that \(store.location) was made with: put the original back "
                    + "from your backup, or copy it from another node; nothing was changed"
            )
        }
    }
}

/// What the latest `serve` was configured with, so that commands in other processes keep revocations as long as that
/// server's tokens live and know its issuer.
struct ServedConfiguration: Payload, Hashable {
    static let kind = RecordKind("served-configuration")
    static let key = RecordKey(kind, "served-configuration")

    var issuer: String
    var accessTokenSeconds: Int64
    var idTokenSeconds: Int64
    var keyRotationSeconds: Int64
    var keyPublicationLeadSeconds: Int64

    init(_ configuration: ProviderConfiguration) {
        issuer = configuration.issuer.value
        accessTokenSeconds = configuration.accessTokenLifetime.wholeSeconds
        idTokenSeconds = configuration.idTokenLifetime.wholeSeconds
        keyRotationSeconds = configuration.keyRotationPeriod.wholeSeconds
        keyPublicationLeadSeconds = configuration.keyPublicationLead.wholeSeconds
    }

    /// The configuration as far as other commands need it.
    var provider: ProviderConfiguration? {
        guard let issuer = IssuerURL(issuer) else { return nil }
        var configuration = ProviderConfiguration(issuer: issuer)
        configuration.accessTokenLifetime = .seconds(accessTokenSeconds)
        configuration.idTokenLifetime = .seconds(idTokenSeconds)
        configuration.keyRotationPeriod = .seconds(keyRotationSeconds)
        configuration.keyPublicationLead = .seconds(keyPublicationLeadSeconds)
        return configuration
    }

    static func find(in store: any Store, now: Instant) async throws(StoreError) -> ServedConfiguration? {
        guard let record = try await store.find(key, now: now) else { return nil }
        return try ServedConfiguration(from: record)
    }

    func remember(in store: any Store, now: Instant) async throws(StoreError) {
        try await store.put(self, at: Self.key, now: now)
    }
}

/// How far the steady clock has come: every process that begins goes on from there, and every node follows.
struct ClockRecord: Payload, Hashable {
    static let kind = RecordKind("clock")
    static let key = RecordKey(kind, "steady-clock")
    /// By how much a clock that runs may be further than what was written last: some seconds, for a busy machine.
    static let lag: Duration = .seconds(10)
    /// By how much the clocks of two machines may differ.
    static let skew: Duration = .seconds(1)

    var steady: Instant
    /// What the wall clock showed then.
    var wall: Instant?

    /// Where a process begins whose wall clock shows this.
    ///
    /// A wall clock that is behind the record was set back. Whoever wrote the record may have gone on since, and issued
    /// something that a command must end now: by exactly the time that passed, where the wall clock knows it.
    func resumed(at now: Instant) -> Instant {
        guard steady > now else { return now }
        guard let wall, now - wall <= Self.lag, wall - now <= Self.skew else { return steady + Self.lag }
        return steady + max(.zero, now - wall)
    }

    /// Where a process begins that works on this store.
    ///
    /// - Parameter clock: the wall clock. It is read once the record is there: others write theirs meanwhile, and beside it an
    ///   earlier reading would look like a clock that was set back.
    static func beginning(
        from store: any Store,
        clock: () -> Instant = { SystemNow.wall }
    ) async throws(StoreError) -> Instant {
        let record = try await store.find(key, now: clock())
        let now = clock()
        guard let record else { return now }
        return try ClockRecord(from: record).resumed(at: now)
    }

    /// Writes down how far the clock has come, unless another one is further, and returns what is on record then.
    @discardableResult
    static func remember(_ moment: Moment, in store: any Store) async throws(StoreError) -> Instant {
        let present = try await store.find(key, now: moment.steady)
        if let present {
            let known = try ClockRecord(from: present).steady
            guard known < moment.steady else { return known }
        }
        let record = Record(key: key, payload: try ClockRecord(steady: moment.steady, wall: moment.wall).encoded())
        // A conflict is another process that wrote its own time just now, which is as late as this one.
        _ = try await store.apply(
            [present.map { .replace(record, ifVersion: $0.version) } ?? .insert(record)],
            now: moment.steady
        )
        return moment.steady
    }
}

extension Store {
    /// Writes the one record of its kind, whatever is there; a store that is changed under every attempt says so.
    func put<Content: Payload & Equatable>(
        _ content: Content,
        at key: RecordKey,
        now: Instant
    ) async throws(StoreError) {
        for _ in 0..<8 {
            let present = try await find(key, now: now)
            if let present, try Content(from: present) == content { return }
            let record = Record(key: key, payload: try content.encoded())
            let change: Change = present.map { .replace(record, ifVersion: $0.version) } ?? .insert(record)
            if case .applied = try await apply([change], now: now) { return }
        }
        throw .unavailable(reason: "a \(Content.kind) record changed under every attempt to write it")
    }
}
