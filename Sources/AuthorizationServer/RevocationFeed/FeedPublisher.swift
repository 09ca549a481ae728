import Instants
package import JOSE
package import Logging
import RevocationFeed
package import Storage
import Synchronization

/// The feed of this node: numbers what was ended, signs it for each audience, and hands it to readers.
///
/// Everything moves in looks (``tick()``), one at a time; requests read what the last look left, or wait for the next.
package final class FeedPublisher: Sendable {
    /// What one look at the outbox came to.
    package enum Look: Hashable, Sendable {
        /// Nothing new, or another look was under way.
        case idle
        case published
        case failed(String)
    }

    /// The end of a look that has seen everything that was committed before it began.
    struct Proof: Hashable, Sendable {
        /// Which look it was.
        var index: UInt64
        /// When it began.
        var asOf: Instant
    }

    /// What requests read.
    struct Shared {
        var audiences: [String: AudienceFeed] = [:]
        var keys: FeedKeys.Snapshot?
        var keySet: (document: [UInt8], digest: String) = ([], "")
        /// How many looks have begun.
        var looks: UInt64 = 0
        var proof: Proof?
        /// The audiences whose set somebody wants, and those that nobody has heard of yet.
        var wantedSets: Set<String> = []
        var wantsUpkeep = false
        /// Who waits for the next look to end.
        var waiting: [UInt64: AsyncStream<Void>.Continuation] = [:]
        var tickets: UInt64 = 0
        var isDown = false

        /// Begins the feed of an audience, where there is none yet.
        mutating func open(_ audience: String, at position: FeedPosition, capacity: Int) {
            guard audiences[audience] == nil else { return }
            audiences[audience] = AudienceFeed(position: position, capacity: capacity)
        }

        /// Has the feed of an audience begin anew; whoever waits for its set gets the one of then.
        mutating func restart(_ audience: String, at position: FeedPosition) {
            if audiences[audience]?.set != nil { wantedSets.insert(audience) }
            audiences[audience]?.restart(at: position)
        }
    }

    /// Where the looks stand, between them.
    struct Engine {
        struct Scan {
            var proof: Proof
            var cursor: IdentifierHash?
            /// What was read and is for another node to number.
            var pending: Set<String> = []
            var isRead = false
        }

        var memory: FeedMemory?
        var lease: Int64?
        var scan: Scan?
        var keys: FeedKeys.Snapshot?
        var upkeepAt: Instant?
        var prunedAt: Instant?
        var beatAt: Instant?
        /// Whether an apply may have worked of which nothing was heard.
        var isOutOfStep = false
        var opening: [String] = []
        var failure: String?
    }

    let configuration: ProviderConfiguration
    let limits: FeedLimits
    let sequencer: FeedSequencer
    let derivation: FeedDerivation
    let store: any Store
    let keyring: Keyring
    let time: any TimeSource
    let logger: Logger
    let feedKeys: FeedKeys
    private let signal: FeedSignal
    let shared = Mutex(Shared())
    /// `nil` while a look is under way.
    private let engine = Mutex<Engine?>(Engine())

    package init(
        configuration: ProviderConfiguration,
        limits: FeedLimits,
        store: any Store,
        keys: DerivedKeys,
        keyring: Keyring,
        time: any TimeSource,
        random: any RandomSource,
        logger: Logger,
        signal: FeedSignal
    ) {
        self.configuration = configuration
        self.limits = limits
        self.store = store
        self.keyring = keyring
        self.time = time
        self.logger = logger
        self.signal = signal
        derivation = FeedDerivation(RevocationHandles(keys))
        feedKeys = FeedKeys(store: store, keys: keys, configuration: configuration)
        sequencer = FeedSequencer(
            store: store,
            derivation: derivation,
            liveBound: limits.liveEntries,
            node: random.text(16),
            newEpoch: random.text(16)
        )
    }

    /// Writes down what every token issued from now on may need, and reads the log: before the first request is answered.
    package func prepare() async throws {
        try await TokenHorizon.remember(configuration, in: store, now: time.moment().steady)
        if case .failed(let reason) = await tick() { throw StoreError.unavailable(reason: reason) }
    }

    /// Looks after the feed until the task is cancelled or ``shutdown()``: whenever something was ended in this process,
    /// when `announcements` has it that something was stored in another, and from time to time because announcements
    /// may be lost; every few milliseconds where there are none.
    package func run(announcements: AsyncStream<Void>? = nil) async {
        let pause = announcements == nil ? FeedLimits.lookInterval : FeedLimits.announcedLookInterval
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [signal] in
                while (try? await Task.sleep(for: pause)) != nil { signal.wake() }
            }
            if let announcements {
                group.addTask { [signal] in
                    for await _ in announcements { signal.wake() }
                }
            }
            for await _ in signal.wakes {
                await tick()
                // What comes together is numbered together.
                guard (try? await Task.sleep(for: FeedLimits.restInterval)) != nil else { break }
            }
            group.cancelAll()
        }
        try? await sequencer.release(now: time.moment().steady)
    }

    /// Ends every stream and ``run()``.
    package func shutdown() {
        let (readers, waiting) = shared.withLock { shared in
            shared.isDown = true
            return (shared.audiences.values.flatMap(\.readers.values), Array(shared.waiting.values))
        }
        for continuation in readers + waiting { continuation.finish() }
        signal.finish()
    }

    /// The feed's own JWK Set (RFC 7517 §5).
    package var keySetDocument: [UInt8] {
        shared.withLock { $0.keys?.document } ?? JSON.object(["keys": []]).serialized()
    }

    /// One look: number, derive, sign, hand out.
    ///
    /// Any number of callers may ask at once; one of them looks, the others are told that nothing is new.
    @discardableResult
    package func tick() async -> Look {
        let taken = engine.withLock { slot -> Engine? in
            defer { slot = nil }
            return slot
        }
        guard var engine = taken else { return .idle }
        var look = Look.idle
        do {
            look = try await self.look(&engine) ? .published : .idle
            if engine.failure != nil { logger.notice("the revocation feed works again") }
            engine.failure = nil
        } catch {
            // Whatever was under way counts for nothing: no proof, no heartbeat, until a look has read everything.
            engine.scan = nil
            engine.isOutOfStep = true
            // Nor does it number until a look has gone well: another node may be able to.
            engine.lease = nil
            engine.upkeepAt = nil
            look = .failed("\(error)")
            if engine.failure == nil {
                logger.error("the revocation feed cannot be read or written", metadata: ["error": "\(error)"])
            }
            engine.failure = "\(error)"
        }
        self.engine.withLock { $0 = engine }
        for continuation in shared.withLock({ Array($0.waiting.values) }) { continuation.yield() }
        return look
    }
}
