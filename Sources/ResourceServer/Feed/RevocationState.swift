// Room: the reader of the revocation feed. What is revoked and how fresh that is (RevocationState, RevocationSet), and who
// keeps it so: FeedReader follows the server-sent events (WHATWG HTML) of the issuer, or polls, and believes only what is
// signed, in order and complete (FeedLedger). Owns the rules of freshness. Stores in memory only: a restart asks anew.

package import Instants
package import IssuerConnection
package import RevocationFeed
private import Synchronization

/// What is known of the revocations of one audience, for those who verify tokens.
///
/// Any number of threads may ask.
package final class RevocationState: Sendable {
    /// How many entries go in while the lock is held: some microseconds.
    private static let slice = 32

    private struct Known {
        var set: RevocationSet
        /// The handles of the keys that were asked about, which spares a digest for each token.
        var keyHandles: [String: RevocationHandle] = [:]
    }

    private struct Standing {
        var coveredAt: Duration?
        var issuerTime: Instant?
        var isFollowing = false
        var keySetDigest: String?
        var waiting: [UInt64: CheckedContinuation<Void, any Error>] = [:]
        var tickets: UInt64 = 0
    }

    // One lock for the readers. A check of five handles, lock included, costs some tens of nanoseconds, with a million
    // entries about ten more: a share of a request too small to justify memory that is shared without locks and reclaimed by
    // hand. Who writes holds it for some microseconds at a time.
    private let known: Mutex<Known>
    private let standing = Mutex(Standing())
    private let clock: any ClientClock

    /// A state in which nothing is known yet.
    package init(bounds: RevocationSet.Bounds = RevocationSet.Bounds(), clock: any ClientClock) {
        known = Mutex(Known(set: RevocationSet(bounds: bounds)))
        self.clock = clock
    }

    // MARK: - Asking

    /// Whether a token was revoked: by one of the handles that it carries, by its time, or with the key that signed it.
    ///
    /// It says what is known; how old that is at most says ``freshness``.
    package func isRevoked(_ claim: RevocationClaim, keyID: String?) -> Bool {
        known.withLock { known in
            if known.set.ends(claim) { return true }
            guard known.set.retiredKeyCount > 0, let keyID else { return false }
            return known.set.isRetired(Self.handle(of: keyID, in: &known.keyHandles))
        }
    }

    /// Whether any key is known to be retired.
    package var hasRetiredKeys: Bool { known.withLock { $0.set.retiredKeyCount > 0 } }

    /// Whether the issuer has retired the key, whoever asks: the name may come from a token that nobody has verified.
    package func isRetired(keyID: String) -> Bool {
        // Not remembered: strangers would fill the memory.
        let handle = FeedEntry.handle(ofKey: keyID)
        return known.withLock { $0.set.isRetired(handle) }
    }

    private static func handle(of keyID: String, in memory: inout [String: RevocationHandle]) -> RevocationHandle {
        if let handle = memory[keyID] { return handle }
        // Only keys of the issuer's own set are asked about; should they ever be many, beginning anew is cheap.
        if memory.count >= 64 { memory.removeAll(keepingCapacity: true) }
        let handle = FeedEntry.handle(ofKey: keyID)
        memory[keyID] = handle
        return handle
    }

    /// How fresh the answers are.
    package var freshness: FeedFreshness {
        let now = clock.uptime
        return standing.withLock {
            FeedFreshness(
                staleness: $0.coveredAt.map { max(.zero, now - $0) },
                isFollowing: $0.isFollowing,
                issuerTime: $0.issuerTime
            )
        }
    }

    /// The digest of the issuer's JWK Set, as the feed last told it; see `FeedMessage.digest(ofKeySet:)`.
    package var keySetDigest: String? { standing.withLock { $0.keySetDigest } }

    /// How many entries are held.
    package var entryCount: Int { known.withLock { $0.set.count } }

    /// What the entries occupy, in octets.
    package var byteCount: Int { known.withLock { $0.set.byteCount } }

    // MARK: - Telling

    /// Takes in what was signed; what had expired at `expiry` is forgotten along the way.
    ///
    /// - Returns: whether the set came to its bound, so that a snapshot is worth asking for.
    @discardableResult
    package func insert(_ entries: [FeedEntry], forgettingExpiredAt expiry: Instant? = nil) -> Bool {
        var rest = entries[...]
        var wasWidened = false
        repeat {
            let part = rest.prefix(Self.slice)
            rest = rest.dropFirst(Self.slice)
            wasWidened = known.withLock { known in
                for entry in part { known.set.insert(entry) }
                if let expiry { known.set.purge(at: expiry, segments: 2) }
                return known.set.isWidened
            }
        } while !rest.isEmpty
        return wasWidened
    }

    /// Forgets some of what had expired; called often, it comes round.
    package func forget(expiredAt expiry: Instant) {
        for _ in 0..<8 { known.withLock { $0.set.purge(at: expiry, segments: 2) } }
    }

    /// Puts another set in the place of what was known.
    package func replace(with set: consuming RevocationSet) {
        let new = set
        let old = known.withLock { known in
            defer { known.set = new }
            return known.set
        }
        // The old one is taken apart here, when nobody waits.
        _ = consume old
    }

    /// A copy of what is known.
    package var set: RevocationSet { known.withLock { $0.set } }

    /// Everything that the issuer ended by then is known.
    ///
    /// - Parameter coverage: on the monotonic clock. What was known stays known, so it only ever moves on.
    package func cover(upTo coverage: Duration) {
        let waiting = standing.withLock { standing in
            standing.coveredAt = max(coverage, standing.coveredAt ?? coverage)
            defer { standing.waiting.removeAll() }
            return standing.waiting
        }
        for continuation in waiting.values { continuation.resume() }
    }

    /// Waits until the first snapshot is there and the issuer has vouched for it.
    ///
    /// - Throws: `CancellationError` if the task is cancelled.
    package func becomesKnown() async throws {
        let ticket = standing.withLock { standing in
            standing.tickets += 1
            return standing.tickets
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let outcome: Result<Void, any Error>? = standing.withLock { standing in
                    if standing.coveredAt != nil { return .success(()) }
                    if Task.isCancelled { return .failure(CancellationError()) }
                    standing.waiting[ticket] = continuation
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            standing.withLock { $0.waiting.removeValue(forKey: ticket) }?.resume(throwing: CancellationError())
        }
    }

    /// The issuer's clock has come so far.
    package func note(issuerTime: Instant) {
        standing.withLock { $0.issuerTime = max(issuerTime, $0.issuerTime ?? issuerTime) }
    }

    /// The issuer's JWK Set is the one with this digest.
    package func note(keySetDigest: String) { standing.withLock { $0.keySetDigest = keySetDigest } }

    /// Whether a connection stands.
    package func setFollowing(_ connection: ConnectionState) {
        standing.withLock { $0.isFollowing = connection == .standing }
    }

    /// How the connection to the feed is.
    package enum ConnectionState: Sendable {
        /// It stands, and has proved itself.
        case standing
        /// There is none.
        case broken
    }
}
