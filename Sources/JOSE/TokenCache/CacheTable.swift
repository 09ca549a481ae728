/// One remembered result; immutable, so that finding it under the lock is taking a reference.
final class CachedToken: Sendable {
    let digest: TokenDigest
    let scope: CacheScope
    let token: VerifiedToken
    let times: CachedTimes
    let bytes: Int

    init(digest: TokenDigest, scope: CacheScope, token: VerifiedToken) {
        self.digest = digest
        self.scope = scope
        self.token = token
        times = scope.times(of: token)
        // Most results share their scope; each is counted with one, so that the bound holds for those that do not.
        bytes = token.footprint + TokenAnnotation.largestFootprint + scope.footprint
    }
}

/// The table behind the lock: results by digest, evicted by CLOCK.
///
/// The slots are dense. A hand goes round them when room is needed: a result that was found since the hand last passed is
/// spared once, one that was not (or is over) goes. Nothing that a lookup does is more than constant work, and an
/// eviction is constant on average.
struct CacheTable {
    /// How many sets of expectations are remembered for one token.
    ///
    /// They share a place in the index, so a caller whose every request has other expectations must not make it long.
    static let scopesPerToken = 4

    private struct Slot {
        var entry: CachedToken
        var isReferenced = false
        /// The next result for the same text under another scope.
        var next: Int?
    }

    private let limits: TokenCacheLimits
    /// The first slot of each digest.
    private var index: [TokenDigest: Int] = [:]
    private var slots: [Slot] = []
    private var hand = 0
    private var recentScope: CacheScope?
    /// Counts removals: what was found missing before one is not inserted after it, or it would bring back what is gone.
    private var epoch: UInt64 = 0
    private(set) var statistics = TokenCacheStatistics()

    init(limits: TokenCacheLimits) {
        self.limits = limits
    }

    /// The result for this text and question; if there is none, what the caller needs to insert it.
    mutating func find(
        _ digest: TokenDigest,
        in keys: KeySetIdentity,
        for expectations: Expectations
    ) -> (token: CachedToken?, scope: CacheScope?, epoch: UInt64) {
        var position = index[digest]
        while let current = position {
            let entry = slots[current].entry
            if entry.scope.covers(keys, expectations) {
                slots[current].isReferenced = true
                statistics.hits += 1
                return (entry, entry.scope, epoch)
            }
            position = slots[current].next
        }
        statistics.misses += 1
        if let recentScope, recentScope.covers(keys, expectations) { return (nil, recentScope, epoch) }
        return (nil, nil, epoch)
    }

    /// Remembers a result, unless something was removed since it was found missing or it is too large.
    mutating func insert(_ entry: CachedToken, foundAt epoch: UInt64, now: Instant) {
        guard epoch == self.epoch, limits.maximumEntries > 0, entry.bytes <= limits.maximumBytes else { return }
        removeRival(of: entry)
        while slots.count >= limits.maximumEntries || statistics.bytes > limits.maximumBytes - entry.bytes {
            evict(now: now)
        }
        recentScope = entry.scope
        slots.append(Slot(entry: entry, next: index[entry.digest]))
        index[entry.digest] = slots.count - 1
        statistics.bytes += entry.bytes
        statistics.entries = slots.count
    }

    /// Starts a removal: hands out everything, and lets nothing in that is being verified now.
    mutating func beginRemoval() -> [CachedToken] {
        epoch += 1
        recentScope = nil
        return slots.map(\.entry)
    }

    /// Removes the chosen ones that are still there, and says how many that were.
    mutating func remove(_ chosen: [CachedToken]) -> Int {
        var count = 0
        for entry in chosen {
            if let position = positions(of: entry.digest).first(where: { slots[$0].entry === entry }) {
                removeSlot(position)
                count += 1
            }
        }
        return count
    }

    // MARK: Slots

    /// Makes room in the chain of one digest: the result for the same question goes, or the oldest of too many.
    private mutating func removeRival(of entry: CachedToken) {
        let positions = positions(of: entry.digest)
        if let same = positions.first(where: { slots[$0].entry.scope.isSame(as: entry.scope) }) {
            removeSlot(same)
        } else if positions.count >= Self.scopesPerToken, let oldest = positions.last {
            removeSlot(oldest)
            statistics.evictions += 1
        }
    }

    private mutating func evict(now: Instant) {
        while true {
            if hand >= slots.count { hand = 0 }
            if !slots[hand].isReferenced || slots[hand].entry.times.isOver(at: now) { break }
            slots[hand].isReferenced = false
            hand += 1
        }
        removeSlot(hand)
        statistics.evictions += 1
    }

    /// The slots of one digest, the newest first.
    private func positions(of digest: TokenDigest) -> [Int] {
        var positions: [Int] = []
        var position = index[digest]
        while let current = position {
            positions.append(current)
            position = slots[current].next
        }
        return positions
    }

    /// Takes a slot out and moves the last one into its place.
    private mutating func removeSlot(_ position: Int) {
        relink(position, to: slots[position].next)
        statistics.bytes -= slots[position].entry.bytes
        let last = slots.count - 1
        if position != last {
            relink(last, to: position)
            slots[position] = slots[last]
        }
        slots.removeLast()
        statistics.entries = slots.count
    }

    /// Lets whatever led to the slot `position` lead to `target`.
    private mutating func relink(_ position: Int, to target: Int?) {
        let digest = slots[position].entry.digest
        guard var current = index[digest], current != position else {
            index[digest] = target
            return
        }
        while let next = slots[current].next {
            if next == position {
                slots[current].next = target
                return
            }
            current = next
        }
    }
}
