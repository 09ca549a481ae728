internal import AuthorizationServer
internal import Foundation
internal import Instants
internal import IssuerConnection
internal import JOSE
internal import Logging
internal import OAuthVocabulary
internal import ResourceServer
internal import RevocationFeed
internal import SQLiteStore
internal import Storage

/// Thousands of revocations a second: through the path that every act takes (`Revocations.apply`, SQLite with every
/// commit on the disk, outbox, sequencer, signed deltas) to a reader of the feed, all in this process.
final class Storm: Mode {
    private static let issuer = "http://127.0.0.1:1"
    private static let audience = "https://orders.example"
    private static let secret = "storm-storm-storm-storm-storm"
    /// How many acts may be under way at once.
    private static let workers = 512

    private let folder: String

    init(folder: String) { self.folder = folder }

    func answer(_ command: String, _ arguments: [String]) throws -> [String: Any] {
        guard command == "storm", arguments.count == 4, let rate = Double(arguments[0]),
            let seconds = Double(arguments[1]), let bound = Int(arguments[2]), let together = Int(arguments[3])
        else { return ["error": "storm RATE SECONDS ENTRIES TOGETHER"] }
        let folder = folder
        let report = try waiting {
            try await Weather(folder: folder, bound: bound).storm(rate: rate, seconds: seconds, together: together)
        }
        return [
            "revoked": report.revoked, "seconds": report.seconds, "rate": report.rate, "lost": report.lost,
            "catchUpMilliseconds": report.catchUp, "widened": report.widened,
            "untouchedRefused": report.untouchedRefused,
            "mostEntries": report.mostEntries, "mostBytes": report.mostBytes, "residentBytes": report.residentBytes,
            "mostStaleMilliseconds": report.mostStale,
            "faults": report.faults,
        ]
    }

    /// What came of it.
    struct Report: Sendable {
        /// How many revocations were acknowledged.
        var revoked = 0
        var seconds = 0.0
        var rate = 0.0
        /// Revoked, acknowledged, and not refused by the reader in the end.
        var lost = 0
        /// From the last acknowledgement until the reader refused everything.
        var catchUp = 0.0
        /// How many of the revoked are refused by a cut-off, their own entry having given way to it.
        var widened = 0
        /// Tokens of a client that nobody revoked anything of: refused only by a cut-off by time.
        var untouchedRefused = false
        var mostEntries = 0
        var mostBytes = 0
        /// How old the reader's knowledge was at most, in milliseconds: routes refuse or introspect beyond their bound.
        var mostStale = 0.0
        var residentBytes = 0
        var faults: [String: Int] = [:]
    }

    /// A provider, and a reader of its feed.
    private struct Weather: Sendable {
        let provider: Provider
        let store: SQLiteStore
        let handles: RevocationHandles
        let reader: FeedReader

        init(folder: String, bound: Int) async throws {
            store = try SQLiteStore(path: folder + "/storm.sqlite")
            let random = SystemRandomSource()
            guard let issuer = IssuerURL(Storm.issuer), let master = MasterKey(random.bytes(MasterKey.byteCount)),
                let audience = ResourceIndicator(Storm.audience), let credential = ClientID("storm-api")
            else { throw Fault("the names of the storm are not valid") }
            let configuration = ProviderConfiguration(issuer: issuer)
            let keys = DerivedKeys(master)
            let keyring = Keyring()
            let now = SystemClientClock().now
            try await SigningKeys(store: store, keys: keys, configuration: configuration).refresh(keyring, now: now)
            try await APIs(store: store).create(
                RegisteredAPI(
                    audience: audience,
                    name: "Orders",
                    credentialID: credential,
                    secretHash: ClientSecret.hash(Secret(Storm.secret)),
                    createdAt: now
                ),
                now: now
            )
            var limits = AuthorizationServer.FeedLimits()
            limits.liveEntries = bound
            var logger = Logger(label: "storm")
            logger.logLevel = .error
            provider = try Provider(
                configuration: configuration,
                store: store,
                endUsers: Nobody(),
                throttle: NoThrottle(),
                keys: keys,
                keyring: keyring,
                time: SystemTimeSource(),
                random: random,
                logger: logger,
                feedLimits: limits
            )
            handles = RevocationHandles(keys)
            reader = FeedReader(
                FeedSubscription(
                    issuer: Storm.issuer,
                    audience: Storm.audience,
                    clientID: credential.value,
                    secret: Secret(Storm.secret)
                ),
                transport: ProviderTransport(provider: provider),
                clock: SystemClientClock(),
                logger: logger,
                onKeys: { _ in }
            )
        }

        func storm(rate: Double, seconds: Double, together: Int) async throws -> Report {
            let feed = provider.services.feed
            try await feed.prepare()
            let running = [Task { await feed.run() }, Task { [reader] in await reader.run() }]
            defer { for task in running { task.cancel() } }
            try await reader.state.becomesKnown()
            let before = residentBytes()
            let issuedAt = SystemClientClock().now
            let watch = Task { [reader] in await Self.watch(reader.state) }
            let (revoked, passed) = try await blow(rate: rate, seconds: seconds, together: together)
            var report = Report(revoked: revoked.count, seconds: passed, rate: Double(revoked.count) / passed)
            let ended = Clock.now
            var missing = revoked
            repeat {
                try await Task.sleep(for: .milliseconds(20))
                missing.removeAll { isRefused($0, issuedAt: issuedAt) }
                report.catchUp = Clock.milliseconds(from: ended, to: Clock.now)
            } while !missing.isEmpty && report.catchUp < 60_000
            // Once more for all: what was refused has to stay refused.
            report.lost = revoked.count { !isRefused($0, issuedAt: issuedAt) }
            watch.cancel()
            let most = await watch.value
            (report.mostEntries, report.mostBytes, report.mostStale) = (most.entries, most.bytes, most.stale)
            report.residentBytes = max(0, residentBytes() - before)
            report.widened = revoked.count { !isRefused($0, issuedAt: issuedAt, byItself: true) }
            report.untouchedRefused = reader.state.isRevoked(claim("never", client: "calm", issuedAt), keyID: nil)
            report.faults = reader.faults
            return report
        }

        /// Every 20 ms, how large the reader's set is, and how old what it knows.
        private static func watch(_ state: RevocationState) async -> (entries: Int, bytes: Int, stale: Double) {
            var most = (entries: 0, bytes: 0, stale: 0.0)
            while !Task.isCancelled {
                let stale = (state.freshness.staleness ?? .zero) / .milliseconds(1)
                most = (max(most.entries, state.entryCount), max(most.bytes, state.byteCount), max(most.stale, stale))
                try? await Task.sleep(for: .milliseconds(20))
            }
            return most
        }

        // MARK: - Acts

        /// Two clients, of which one has most tokens.
        private static func client(of number: Int) -> String { number % 10 < 7 ? "gale" : "breeze" }

        /// Ends tokens at this rate, so many in one act.
        private func blow(
            rate: Double,
            seconds: Double,
            together: Int
        ) async throws -> (ended: [Int], seconds: Double) {
            let start = Clock.now
            let ended = try await withThrowingTaskGroup(of: [Int].self) { group in
                for worker in 0..<Storm.workers {
                    group.addTask {
                        var act = worker
                        var done: [Int] = []
                        while true {
                            let due = start + UInt64(Double(act * together) / rate * 1e9)
                            guard Double(max(due, Clock.now) - start) / 1e9 < seconds else { return done }
                            if due > Clock.now { try await Task.sleep(for: .nanoseconds(due - Clock.now)) }
                            let numbers = act * together..<(act + 1) * together
                            try await end(numbers)
                            done += numbers
                            act += Storm.workers
                        }
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            return (ended, Double(Clock.now - start) / 1e9)
        }

        /// Ends the tokens of these numbers in one act.
        private func end(_ numbers: Range<Int>) async throws {
            let now = SystemClientClock().now
            let revocations = provider.services.revocations
            let endings = try numbers.map { number in
                guard let id = TokenID("storm-\(number)"), let client = ClientID(Self.client(of: number)) else {
                    throw Fault("not a token's name")
                }
                return Ending(.token(id), because: .revoked, client: client)
            }
            guard endings.count > 1 else {
                for ending in endings { try await revocations.apply(ending: ending, now: now) }
                return
            }
            var changes: [Change] = []
            for ending in endings { changes += try await revocations.changes(ending: ending, now: now) }
            guard case .applied = try await provider.services.store.apply(changes, now: now) else {
                throw Fault("an act of the storm was refused")
            }
        }

        // MARK: - What the reader knows

        private func claim(_ token: String, client: String?, _ issuedAt: Instant) -> RevocationClaim {
            let targets = [
                TokenID(token).map { RevocationTarget.token($0) },
                client.flatMap { ClientID($0) }.map { RevocationTarget.client($0) },
            ]
            return RevocationClaim(
                issuedAt: issuedAt,
                handles: targets.compactMap { $0.flatMap { handles.handle(of: $0, audience: Storm.audience) } }
            )
        }

        /// Whether the reader refuses the token of this number: by its own entry, or also by a cut-off.
        private func isRefused(_ number: Int, issuedAt: Instant, byItself: Bool = false) -> Bool {
            let client = byItself ? nil : Self.client(of: number)
            return reader.state.isRevoked(claim("storm-\(number)", client: client, issuedAt), keyID: nil)
        }
    }
}

private struct Nobody: EndUsers {
    func person(_ subject: Subject, now: Instant) async throws(StoreError) -> PersonSnapshot? { nil }
    func session(_ id: SessionID, now: Instant) async throws(StoreError) -> SessionSnapshot? { nil }
}

private struct NoThrottle: AttemptThrottle {
    func wait(client: ClientID?, address: String, now: Instant) async throws(StoreError) -> Duration? { nil }
    func recordFailure(client: ClientID?, address: String, now: Instant) async throws(StoreError) {}
    func reserveUserCode(by person: Subject, address: String, now: Instant) async throws(StoreError) -> Duration? {
        nil
    }
    func giveBackUserCode(by person: Subject, address: String, now: Instant) async throws(StoreError) {}
}
