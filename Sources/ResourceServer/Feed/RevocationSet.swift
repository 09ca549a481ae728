package import Instants
package import RevocationFeed

/// What is revoked: entries by handle, retired signing keys, and the moment before which everything is void.
///
/// Linear hashing over small segments: the set grows and shrinks by one segment at a time, so no call ever rebuilds more
/// than some hundred entries, and the memory follows the entries in both directions: at most 40 octets for each from a
/// thousand on (`RevocationSetTests` counts them). It reads no clock: what is purged is the caller's to say.
package struct RevocationSet: Sendable {
    /// How much may be held.
    package struct Bounds: Sendable {
        /// The most entries by handle; at the bound the oldest give way to an `everything` that covers them.
        package var entries: Int
        /// The most retired signing keys; beyond it everything is refused, for no cut-off could stand for a key.
        package var retiredKeys: Int

        /// Bounds of these numbers.
        package init(entries: Int = 1_000_000, retiredKeys: Int = 1_024) {
            self.entries = max(1, entries)
            self.retiredKeys = max(0, retiredKeys)
        }
    }

    // Between one and two segments' worth; the average stays below the splitting size.
    private static let splittingSize = 384
    private static let mergingSize = 160

    private var segments = [RevocationSegment()]
    /// In front of the segments, one part for each.
    private var filter = RevocationFilter()
    /// The largest power of two that is not above the number of segments.
    private var level: UInt64 = 1
    private var purgeCursor = 0
    private var retiredKeys: [RevocationHandle: Instant] = [:]
    /// The last `everything`: what was issued then or earlier is void.
    private var cutOff: (notBefore: Int64, expiry: Int64)?
    private var latestExpiry: Int64 = .min
    /// How many segments still hold entries that the last widening covers.
    private var evicting = 0

    private let bounds: Bounds
    /// How many entries by handle there are.
    package private(set) var count = 0
    /// Whether the bound was reached, so that a snapshot may tell more precisely what is revoked.
    package private(set) var isWidened = false

    /// An empty set.
    package init(bounds: Bounds = Bounds()) {
        self.bounds = bounds
        filter.append()
    }

    /// What was issued at this moment or earlier is void, whoever it names.
    package var everythingBefore: Instant? { cutOff.map { Instant(millisecondsSinceEpoch: $0.notBefore) } }
    /// How many retired keys are known.
    package var retiredKeyCount: Int { retiredKeys.count }
    /// By then everything that was ever put in has expired; `nil` where nothing was.
    package var lastExpiry: Instant? {
        latestExpiry == .min ? nil : Instant(millisecondsSinceEpoch: max(latestExpiry, cutOff?.expiry ?? .min))
    }
    /// How many parts the set has.
    var segmentCount: Int { segments.count }
    /// How many entries the largest part has.
    var largestSegment: Int { segments.map(\.count).max() ?? 0 }

    /// What the set occupies, in octets.
    package var byteCount: Int {
        segments.reduce(segments.capacity * MemoryLayout<RevocationSegment>.stride) { $0 + $1.byteCount }
            + filter.byteCount + retiredKeys.capacity * 32 + MemoryLayout<RevocationSet>.size
    }

    // MARK: - Looking up

    /// Whether an entry ends a token that carries `claim`.
    package func ends(_ claim: RevocationClaim) -> Bool {
        let issuedAt = claim.issuedAt.millisecondsSinceEpoch
        if let cutOff, issuedAt <= cutOff.notBefore { return true }
        for handle in claim.handles {
            let segment = segment(of: handle)
            guard filter.mightHold(handle, in: segment) else { continue }
            if let times = segments[segment].times(of: handle), issuedAt <= times.notBefore { return true }
        }
        return false
    }

    /// Whether every token of this key is void; see `FeedEntry.handle(ofKey:)`.
    package func isRetired(_ key: RevocationHandle) -> Bool { retiredKeys[key] != nil }

    @inline(__always)
    private func segment(of handle: RevocationHandle) -> Int {
        let wide = handle.low & (level << 1 - 1)
        return Int(wide < UInt64(segments.count) ? wide : handle.low & (level - 1))
    }

    // MARK: - Changing

    /// Takes an entry in; of a handle that is there already, the later moment holds.
    ///
    /// A kind that this program does not know becomes an `everything`: it ends more than was meant, never less.
    package mutating func insert(_ entry: FeedEntry) {
        latestExpiry = max(latestExpiry, EntryTimes(notBefore: entry.notBefore, expiresAt: entry.expiresAt).expiry)
        switch entry.kind {
        case .handle:
            if count >= bounds.entries { makeRoom() }
            let index = segment(of: entry.handle)
            let before = segments[index].count
            segments[index].insert(
                entry.handle,
                EntryTimes(notBefore: entry.notBefore, expiresAt: entry.expiresAt)
            )
            count += segments[index].count - before
            filter.add(entry.handle, to: index)
            if count > segments.count * Self.splittingSize { split() }
        case .signingKey:
            retiredKeys[entry.handle] = max(entry.expiresAt, retiredKeys[entry.handle] ?? entry.expiresAt)
            guard retiredKeys.count > bounds.retiredKeys else { return }
            retiredKeys[entry.handle] = nil
            isWidened = true
            raiseCutOff(to: .max, until: .max)
        case .widened:
            break
        default:
            raiseCutOff(
                to: entry.notBefore.millisecondsSinceEpoch,
                until: max(entry.notBefore, entry.expiresAt).millisecondsSinceEpoch
            )
        }
    }

    private mutating func raiseCutOff(to notBefore: Int64, until expiry: Int64) {
        cutOff = (max(notBefore, cutOff?.notBefore ?? .min), max(expiry, cutOff?.expiry ?? .min))
    }

    /// Takes in everything that `other` knows.
    package mutating func formUnion(_ other: RevocationSet) {
        for segment in other.segments {
            segment.visit { handle, times in
                insert(
                    FeedEntry(
                        kind: .handle,
                        notBefore: Instant(millisecondsSinceEpoch: times.notBefore),
                        expiresAt: Instant(millisecondsSinceEpoch: times.expiry),
                        handle: handle
                    )
                )
            }
        }
        for (key, expiry) in other.retiredKeys {
            insert(FeedEntry(kind: .signingKey, notBefore: expiry, expiresAt: expiry, handle: key))
        }
        if let cutOff = other.cutOff { raiseCutOff(to: cutOff.notBefore, until: cutOff.expiry) }
        latestExpiry = max(latestExpiry, other.latestExpiry)
        isWidened = isWidened || other.isWidened
    }

    /// Visits the next `limit` segments and forgets what had expired at `now`, or is covered by the `everything`.
    package mutating func purge(at now: Instant, segments limit: Int) {
        let now = now.millisecondsSinceEpoch
        if let cutOff, cutOff.expiry <= now { self.cutOff = nil }
        if !retiredKeys.isEmpty { retiredKeys = retiredKeys.filter { $0.value.millisecondsSinceEpoch > now } }
        let cutOff = cutOff
        for _ in 0..<min(limit, segments.count) {
            if purgeCursor >= segments.count { purgeCursor = 0 }
            let removed = segments[purgeCursor].remove { times in
                times.expiry <= now
                    || cutOff.map { times.notBefore <= $0.notBefore && times.expiry <= $0.expiry } ?? false
            }
            if removed > 0 { filter.renew(purgeCursor, for: segments[purgeCursor]) }
            count -= removed
            purgeCursor += 1
        }
        while segments.count > 1, count < segments.count * Self.mergingSize { merge() }
        // An array keeps the room that it once needed; a copy has what it needs.
        if segments.capacity > 64, segments.capacity > segments.count * 3 { segments = segments.map { $0 } }
    }

    // MARK: - Segments

    /// Divides the next segment in its turn.
    private mutating func split() {
        if segments.count == Int(level << 1) { level <<= 1 }
        let mask = level << 1 - 1
        let new = UInt64(segments.count)
        let parent = segments.count - Int(level)
        segments.append(segments[parent].split { $0.low & mask == new })
        filter.append()
        filter.renew(parent, for: segments[parent])
        filter.renew(segments.count - 1, for: segments[segments.count - 1])
    }

    /// Takes the last split back.
    private mutating func merge() {
        guard segments.count > 1, let last = segments.popLast() else { return }
        if segments.count < Int(level) { level >>= 1 }
        let parent = segments.count - Int(level)
        segments[parent].merge(last)
        filter.removeLast()
        filter.renew(parent, for: segments[parent])
    }

    // MARK: - The bound

    /// Lets an `everything` stand for the oldest quarter of the entries, and forgets those, some segments at a time.
    ///
    /// It ends sessions that nobody ended, which costs their people a log-in; the other ways out are to forget a
    /// revocation or to grow without bound.
    private mutating func makeRoom() {
        if evicting <= 0 {
            isWidened = true
            let stride = max(1, segments.count / 64)
            let sample = Swift.stride(from: 0, to: segments.count, by: stride)
                .flatMap { segments[$0].sample(atMost: 8) }.sorted()
            let (expiry, overflow) = latestExpiry.addingReportingOverflow(1000)
            raiseCutOff(to: sample.isEmpty ? .max : sample[sample.count / 4], until: overflow ? .max : expiry)
            evicting = segments.count
        }
        evicting -= 8
        purge(at: Instant(millisecondsSinceEpoch: .min), segments: 8)
    }
}
