import Instants
import IssuerConnection
import JOSE
import Logging
import RevocationFeed

/// What the reader is made of, and what it acts on.
struct FeedSurroundings: Sendable {
    let subscription: FeedSubscription
    let transport: any HTTPTransport
    let clock: any ClientClock
    let randomness: any ClientRandomness
    let logger: Logger
    let limits: FeedLimits
    let state: RevocationState
    let tally: FeedTally
    let onKeys: @Sendable (FeedKeys) -> Void
}

/// One run of the reader, in one task: connects, believes or not, waits, connects again.
final class FeedFollower {
    /// What the reader does while it lives.
    enum Mode: Hashable {
        case streaming
        case polling(until: Duration)
    }

    let around: FeedSurroundings
    var ledger: FeedLedger
    private(set) var mode = Mode.streaming
    private var endpoints: FeedEndpoints?
    private var keys: KeySet?
    private var keysFetchedAt: Duration?
    private var needsKeys = true
    private var needsSnapshot = true
    private var failures = 0
    private var brokenStreams = 0
    private var askedForSmallerSet: Duration?
    /// As of when everything is known.
    private(set) var lastCoverage: Duration?
    /// When the place in the feed last moved on: under a storm the issuer proves itself less often than it tells.
    private(set) var lastAdvance: Duration?

    init(_ around: FeedSurroundings) {
        self.around = around
        ledger = FeedLedger(limits: around.limits)
    }

    private var limits: FeedLimits { around.limits }
    var uptime: Duration { around.clock.uptime }

    // MARK: - The loop

    func run() async {
        while !Task.isCancelled {
            var fault: FeedFault?
            do throws(FeedFault) { try await connect() } catch { fault = error }
            around.state.setFollowing(.broken)
            if Task.isCancelled { break }
            let delay = note(fault)
            do { try await around.clock.sleep(for: delay) } catch { break }
        }
        around.state.setFollowing(.broken)
    }

    private func connect() async throws(FeedFault) {
        try await discover()
        guard let endpoints, let keys else { throw FeedFault(.discovery, "no endpoints") }
        let requests = FeedRequests(endpoints: endpoints, subscription: around.subscription, limits: limits)
        if needsSnapshot {
            try await takeSnapshot(requests, keys)
            needsSnapshot = false
        }
        switch mode {
        case .streaming: try await followEvents(requests, keys)
        case .polling(let end): try await poll(requests, keys, until: end)
        }
    }

    /// Counts and logs a fault, and says how long to wait.
    private func note(_ fault: FeedFault?) -> Duration {
        guard let fault else { return around.randomness.duration(upTo: limits.firstBackOff) }
        around.tally.count(fault.code)
        if fault.remedy == .snapshot { needsSnapshot = true }
        if fault.code == .keyUnknown { needsKeys = true }
        around.logger.log(
            level: failures == 0 ? .warning : .debug,
            "the revocation feed is not followed",
            metadata: ["fault": "\(fault.code)", "reason": "\(fault.reason)", "failures": "\(failures + 1)"]
        )
        let ceiling = min(limits.firstBackOff * (1 << min(failures, 16)), limits.longestBackOff)
        failures += 1
        let wait = around.randomness.duration(upTo: ceiling)
        return max(wait, min(fault.retryAfter ?? .zero, limits.longestBackOff * 6))
    }

    // MARK: - Metadata and keys

    private func discover() async throws(FeedFault) {
        if endpoints == nil || failures > 0 && failures.isMultiple(of: 4) {
            do throws(FeedFault) {
                endpoints = try await findEndpoints()
            } catch {
                if endpoints == nil { throw error }
            }
        }
        guard let endpoints else { return }
        let age = keysFetchedAt.map { uptime - $0 }
        guard keys == nil || needsKeys && age ?? .seconds(1) > limits.keyInterval || age ?? .zero > limits.keyLifetime
        else { return }
        do throws(FeedFault) {
            keysFetchedAt = uptime
            keys = try await fetchKeys(endpoints)
            needsKeys = false
        } catch {
            // Keys that were good a minute ago are better than none: what they signed is still checked.
            if keys == nil { throw error }
        }
    }

    private func findEndpoints() async throws(FeedFault) -> FeedEndpoints {
        let metadata: IssuerMetadata
        do throws(DiscoveryError) {
            metadata = try await IssuerMetadata.discover(
                around.subscription.issuer,
                by: around.transport,
                timeout: limits.helloTimeout
            )
        } catch {
            throw FeedFault(.discovery, error.reason)
        }
        return try FeedEndpoints(metadata)
    }

    private func fetchKeys(_ endpoints: FeedEndpoints) async throws(FeedFault) -> KeySet {
        let requests = FeedRequests(endpoints: endpoints, subscription: around.subscription, limits: limits)
        do {
            let response = try await around.transport.send(requests.keys)
            guard response.status == 200 else { throw FeedFault(.discovery, "keys: status \(response.status)") }
            return try KeySet(parsing: response.body)
        } catch let error as FeedFault {
            throw error
        } catch let error as TransportError {
            throw FeedFault(.discovery, "keys: \(error.code)")
        } catch {
            throw FeedFault(.discovery, "keys that cannot be read")
        }
    }

    // MARK: - Believing

    /// The message, if a key of the feed signed it for us.
    func believe(_ text: String, _ keys: KeySet) throws(FeedFault) -> FeedMessage {
        do throws(JOSEError) {
            return try FeedMessage(
                verifying: text,
                by: keys,
                issuer: around.subscription.issuer,
                audience: around.subscription.audience
            )
        } catch {
            throw FeedFault(error.code == .keyUnknown ? .keyUnknown : .forged, "\(error.code)")
        }
    }

    /// Judges a message, and acts on it.
    func take(_ text: String, _ keys: KeySet) throws(FeedFault) {
        let message = try believe(text, keys)
        try act(on: ledger.accept(message, at: uptime))
    }

    func act(on step: FeedStep) throws(FeedFault) {
        let state = around.state
        if let keys = step.keys {
            // In this order: whoever sees a digest that is not that of its keys fetches them.
            around.onKeys(keys)
            state.note(keySetDigest: keys.digest)
        }
        if let time = step.issuerTime { state.note(issuerTime: time) }
        var isFull = false
        if !step.entries.isEmpty {
            lastAdvance = uptime
            isFull = state.insert(step.entries, forgettingExpiredAt: expiry)
        }
        if let coverage = step.coverage {
            if let expiry { state.forget(expiredAt: expiry) }
            state.cover(upTo: coverage)
            state.setFollowing(.standing)
            if failures > 0 { around.logger.info("the revocation feed is followed again") }
            failures = 0
            // Not when it came, but what it proves: one that always proves too little is worth another connection.
            lastCoverage = max(coverage, lastCoverage ?? coverage)
        }
        if let reason = step.wantsSnapshot {
            throw FeedFault(.snapshotRequired, reason, remedy: .snapshot)
        }
        if isFull, askedForSmallerSet.map({ uptime - $0 > limits.smallerSetInterval }) ?? true {
            askedForSmallerSet = uptime
            ledger.noteFullSet()
            throw FeedFault(.snapshotRequired, "the set is full, and was widened", remedy: .snapshot)
        }
    }

    /// What had expired by then matters to nobody: by the issuer's clock and by ours, for a token that one of them takes
    /// to be alive must still be found revoked.
    private var expiry: Instant? {
        around.state.freshness.issuerTime.map { min($0, around.clock.now) - limits.retention }
    }

    // MARK: - Streams that do not get through

    /// Judges at the end of a stream that the server did not end for a reason of its own whether something in between
    /// held it back or cut it off.
    func noteEndOfStream(began: Duration) {
        if uptime - began >= limits.shortestStream, let lastCoverage, lastCoverage > began {
            brokenStreams = 0
        } else {
            brokenStreams += 1
        }
        guard brokenStreams >= limits.streamAttempts else { return }
        // One more that breaks after the next try, and polling goes on.
        brokenStreams = limits.streamAttempts - 1
        mode = .polling(until: uptime + limits.pollingPeriod)
        around.logger.notice("streams of the revocation feed do not get through; polling")
    }

    func endPolling() { mode = .streaming }
}
