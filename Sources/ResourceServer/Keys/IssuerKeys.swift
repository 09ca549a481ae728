// Room: the issuer's keys (RFC 7517 §5), found through its metadata (RFC 8414 §3). Owns when they are fetched, by whom and how
// often, and which set is believed. Stores one key set in memory, replaced only by a better one.

internal import Instants
internal import IssuerConnection
internal import JOSE
internal import Logging
internal import RevocationFeed
internal import Synchronization

/// The keys of one issuer: a snapshot that is read without waiting, and the one fetch that may be under way.
final class IssuerKeys: Sendable {
    /// What came of a fetch.
    enum Outcome: Sendable {
        /// The issuer's keys were fetched, now or since the caller looked; they may be the same as before.
        case fetched
        /// Strangers have caused too many fetches lately.
        case refused(retryAfter: Duration)
        /// The issuer did not answer, or not with a key set.
        case failed
    }

    /// Why a fetch is asked for.
    enum Cause: Sendable {
        /// A token names a key that is not here: counted, because anybody can send one.
        case unknownKey
        /// There are no keys: counted likewise.
        case withoutKeys
        /// It is time, or the feed says that they changed.
        case ownAccord
    }

    private struct State {
        var keys: KeySet?
        var digest: String?
        /// When the fetch began from which the keys come.
        var knownSince: Duration?
        /// How many fetches and messages brought keys.
        var generation: UInt64 = 0
        var metadata: IssuerMetadata?
        var budget: FetchBudget
        var lastAttempt: Duration?
        var failures = 0
        var fetches: UInt64 = 0
    }

    private let issuer: String
    private let policy: KeyPolicy
    private let algorithms: Set<String>
    private let transport: any HTTPTransport
    private let clock: any ClientClock
    private let logger: Logger
    private let flight = SingleFlight<String, Outcome, CancellationError>(cancelled: CancellationError())
    private let state: Mutex<State>

    init(
        issuer: String,
        policy: KeyPolicy,
        algorithms: [SignatureAlgorithm],
        transport: any HTTPTransport,
        clock: any ClientClock,
        logger: Logger
    ) {
        self.issuer = issuer
        self.policy = policy
        self.algorithms = Set(algorithms.map(\.name))
        self.transport = transport
        self.clock = clock
        self.logger = logger
        state = Mutex(State(budget: FetchBudget(perMinute: policy.maximumFetchesPerMinute)))
    }

    /// The keys, and by which number to ask for newer ones; nil keys before the first fetch, or beyond the policy's age.
    var current: (keys: KeySet?, generation: UInt64) {
        guard let maximumAge = policy.maximumAge else { return state.withLock { ($0.keys, $0.generation) } }
        let uptime = clock.uptime
        return state.withLock { state in
            let isOver = state.knownSince.map { uptime - $0 > maximumAge } ?? true
            return (isOver ? nil : state.keys, state.generation)
        }
    }

    /// How often the issuer was asked for keys, and how often in a row it failed.
    var history: (fetches: UInt64, failures: Int) { state.withLock { ($0.fetches, $0.failures) } }

    /// The issuer's metadata, fetched with the keys if it is not there yet.
    func discovered() async -> IssuerMetadata? {
        if let metadata = state.withLock({ $0.metadata }) { return metadata }
        _ = await refetch(after: current.generation, because: .withoutKeys)
        return state.withLock { $0.metadata }
    }

    /// Fetches the keys, unless that happened since generation `known`, or joins the fetch that is under way.
    func refetch(after known: UInt64, because cause: Cause) async -> Outcome {
        do throws(CancellationError) {
            return try await flight.value(for: issuer) { () throws(CancellationError) in
                await self.fetch(after: known, because: cause)
            }
        } catch {
            return .failed
        }
    }

    /// Fetches the keys if the policy's interval has passed, or the issuer publishes others.
    ///
    /// After a failure it is tried again in 1, 2, 4 … 32 seconds.
    /// - Parameter published: the digest of the set that the feed names, if it does.
    func refreshIfDue(published: String? = nil) async {
        let uptime = clock.uptime
        let isDue = state.withLock { state in
            guard let last = state.lastAttempt else { return true }
            let isOther = published.map { $0 != state.digest } ?? false
            let afterFailure: Duration = .seconds(1 << min(max(0, state.failures - 1), 5))
            let pause = state.failures > 0 || isOther ? afterFailure : policy.refreshInterval
            return uptime - last >= min(pause, policy.refreshInterval)
        }
        if isDue { _ = await refetch(after: current.generation, because: .ownAccord) }
    }

    /// Believes the key set that the feed brought, whose signature was checked; fetches it where only its digest came.
    func adopt(_ published: FeedKeys) {
        if let document = published.document {
            _ = install(document, begunAt: clock.uptime, source: "the feed")
        } else {
            Task { await refreshIfDue(published: published.digest) }
        }
    }

    // MARK: - Fetching

    private func fetch(after known: UInt64, because cause: Cause) async -> Outcome {
        let uptime = clock.uptime
        let answer = state.withLock { state -> Outcome? in
            if state.generation > known { return .fetched }
            if cause != .ownAccord, let wait = state.budget.take(at: uptime) {
                return state.failures > 0 ? .failed : .refused(retryAfter: wait)
            }
            state.lastAttempt = uptime
            state.fetches += 1
            return nil
        }
        if let answer { return answer }
        let document = await document()
        let isInstalled = document.map { install($0, begunAt: uptime, source: "the issuer") } ?? false
        return state.withLock { state in
            state.failures = isInstalled ? 0 : state.failures + 1
            return isInstalled ? .fetched : .failed
        }
    }

    private func document() async -> [UInt8]? {
        do {
            let url = try await keysURL()
            let response = try await transport.send(
                TransportRequest(
                    url: url,
                    headers: [("Accept", "application/jwk-set+json, application/json")],
                    timeout: policy.timeout,
                    maximumBytes: policy.maximumBytes
                )
            )
            if response.status == 200 { return response.body }
            logger.warning("the issuer's keys could not be fetched", metadata: ["status": "\(response.status)"])
        } catch {
            logger.warning("the issuer's keys could not be fetched", metadata: ["error": "\(error)"])
        }
        return nil
    }

    /// Where the keys are; the metadata is read again after a failure, in case they moved.
    private func keysURL() async throws -> String {
        let known = state.withLock { $0.failures == 0 ? $0.metadata : nil }
        if let known { return try known.requiredKeysURL }
        let metadata = try await IssuerMetadata.discover(issuer, by: transport, timeout: policy.timeout)
        state.withLock { $0.metadata = metadata }
        return try metadata.requiredKeysURL
    }

    /// Puts a document in the place of the keys; false if it is not a set with a usable key, and the old one stays.
    private func install(_ document: [UInt8], begunAt uptime: Duration, source: String) -> Bool {
        let digest = FeedMessage.digest(ofKeySet: document)
        let isKnown = state.withLock { state in
            guard state.digest == digest else { return false }
            // The same set keeps its identity: the cache of verified tokens lives as long as the keys do.
            state.knownSince = max(uptime, state.knownSince ?? uptime)
            state.generation += 1
            return true
        }
        if isKnown { return true }
        guard let keys = try? KeySet(parsing: document),
            keys.keys.contains(where: { algorithms.contains($0.algorithm.name) })
        else {
            logger.error("not a usable key set; the old one stays", metadata: ["source": "\(source)"])
            return false
        }
        let isFirst = state.withLock { state -> Bool? in
            // What began earlier and ends later knows less.
            if let since = state.knownSince, since > uptime { return nil }
            let isFirst = state.keys == nil
            state.keys = keys
            state.digest = digest
            state.knownSince = uptime
            state.generation += 1
            return isFirst
        }
        guard let isFirst else { return true }
        logger.info(
            isFirst ? "the issuer's keys are known" : "the issuer's keys changed",
            metadata: ["source": "\(source)", "keys": "\(keys.keys.count)"]
        )
        return true
    }
}

extension IssuerMetadata {
    /// Where the keys are.
    fileprivate var requiredKeysURL: String {
        get throws(TransportError) {
            guard let url = jwksURI else { throw TransportError(.malformed, reason: "the metadata has no jwks_uri") }
            return url
        }
    }
}
