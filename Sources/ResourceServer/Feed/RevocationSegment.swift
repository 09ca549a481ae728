import Instants
import RevocationFeed

/// When an entry begins and ends to matter, in eight octets: 42 bits of milliseconds and 22 bits of seconds after them.
///
/// Rounding and saturation err on the side of the revocation: it ends more, and for longer.
struct EntryTimes: Hashable, Sendable {
    private static let expiryBits: UInt64 = 22
    private static let expiryMask: UInt64 = 1 << expiryBits - 1
    private static let momentMask: UInt64 = 1 << 42 - 1

    /// Never 0, so that 0 marks a slot in which nothing lies.
    let packed: UInt64

    init(packed: UInt64) { self.packed = packed }

    /// - Parameter expiresAt: more than 48 days after `notBefore` is the same as never.
    init(notBefore: Instant, expiresAt: Instant) {
        let moment = min(Self.momentMask, UInt64(max(1, notBefore.millisecondsSinceEpoch)))
        let life = expiresAt.millisecondsSinceEpoch.subtractingReportingOverflow(Int64(moment))
        let seconds = life.overflow ? Self.expiryMask : UInt64(max(0, life.partialValue) / 1000 + 1)
        packed = moment << Self.expiryBits | min(Self.expiryMask, seconds)
    }

    var notBefore: Int64 { Int64(packed >> Self.expiryBits) }

    /// In milliseconds since the epoch; `Int64.max` for never.
    var expiry: Int64 {
        let seconds = packed & Self.expiryMask
        return seconds == Self.expiryMask ? .max : notBefore + Int64(seconds) * 1000
    }

    /// Both revocations in one: the later moment, the later expiry.
    func union(_ other: EntryTimes) -> EntryTimes {
        EntryTimes(
            notBefore: Instant(millisecondsSinceEpoch: max(notBefore, other.notBefore)),
            // The constructor rounds up by at most a second, so an expiry that is taken over loses that again.
            expiresAt: Instant(millisecondsSinceEpoch: Self.floor(max(expiry, other.expiry)))
        )
    }

    private static func floor(_ expiry: Int64) -> Int64 { expiry == .max ? .max : expiry - 1 }
}

/// A part of the set that is small enough to be rebuilt while everybody waits: some microseconds.
///
/// Open addressing with linear probing in 24 octets a slot; ``RevocationFilter`` stands in front of it. Handles are outputs
/// of a keyed function of the server, so nobody can choose them to collide, and their bits serve as the hash; whoever could
/// choose them could also sign.
struct RevocationSegment: Sendable {
    private static let slotWords = 3
    private static let smallestCapacity = 16

    /// The slots: high, low, times.
    private var words: [UInt64]
    private(set) var count = 0
    private let capacity: Int

    init(expecting entries: Int = 0) {
        self.init(capacity: max(Self.smallestCapacity, entries + entries / 4 + 2))
    }

    private init(capacity: Int) {
        self.capacity = capacity
        words = [UInt64](repeating: 0, count: capacity * Self.slotWords)
    }

    var byteCount: Int { words.capacity * 8 + RevocationFilter.arrayOverhead }

    /// Whether a rebuild for the entries that are left would give back a tenth of the memory.
    var isSparse: Bool { capacity > Self.smallestCapacity && count * 3 < capacity * 2 }

    // MARK: - Looking up

    @inline(__always)
    private func home(_ handle: RevocationHandle) -> Int {
        // The upper bits of the half whose lower bits chose the segment.
        Int(((handle.low >> 32) * UInt64(capacity)) >> 32)
    }

    /// The most slots in a row that are taken.
    var longestRun: Int {
        let taken = stride(from: 2, to: words.count, by: Self.slotWords).map { words[$0] != 0 }
        return taken.split(separator: false).map(\.count).max() ?? 0
    }

    /// The times of the entry of this handle.
    func times(of handle: RevocationHandle) -> EntryTimes? {
        find(handle).map { EntryTimes(packed: words[$0 + 2]) }
    }

    /// Where the slot of the handle begins.
    private func find(_ handle: RevocationHandle) -> Int? {
        var slot = home(handle)
        while true {
            let index = slot * Self.slotWords
            guard words[index + 2] != 0 else { return nil }
            if words[index] == handle.high, words[index + 1] == handle.low { return index }
            slot = slot + 1 == capacity ? 0 : slot + 1
        }
    }

    // MARK: - Changing

    /// Puts the entry in, or makes the one of the same handle say both.
    mutating func insert(_ handle: RevocationHandle, _ times: EntryTimes) {
        if let index = find(handle) {
            words[index + 2] = EntryTimes(packed: words[index + 2]).union(times).packed
            return
        }
        // Four fifths full, growth by an eighth: 33 octets an entry after it, 30 before.
        if (count + 1) * 5 > capacity * 4 {
            self = rebuilt(capacity: capacity + capacity / 8 + 4) { _, _ in true }
        }
        place(handle, times)
    }

    /// Puts an entry in whose handle is not there yet.
    private mutating func place(_ handle: RevocationHandle, _ times: EntryTimes) {
        var slot = home(handle)
        while words[slot * Self.slotWords + 2] != 0 { slot = slot + 1 == capacity ? 0 : slot + 1 }
        let index = slot * Self.slotWords
        words[index] = handle.high
        words[index + 1] = handle.low
        words[index + 2] = times.packed
        count += 1
    }

    private func rebuilt(
        capacity: Int,
        keeping isKept: (RevocationHandle, EntryTimes) -> Bool
    ) -> RevocationSegment {
        var new = RevocationSegment(capacity: capacity)
        visit { if isKept($0, $1) { new.place($0, $1) } }
        return new
    }

    /// Leaves out what is not kept, if that is worth a rebuild.
    ///
    /// - Returns: how many entries went.
    mutating func remove(where isDead: (EntryTimes) -> Bool) -> Int {
        var dead = 0
        visit { if isDead($1) { dead += 1 } }
        guard dead * 32 > count || isSparse else { return 0 }
        let before = count
        var new = RevocationSegment(expecting: count - dead)
        visit { if !isDead($1) { new.place($0, $1) } }
        self = new
        return before - count
    }

    /// Gives away the entries that `isMoved` says, into a new segment.
    mutating func split(where isMoved: (RevocationHandle) -> Bool) -> RevocationSegment {
        var moved = 0
        visit { handle, _ in if isMoved(handle) { moved += 1 } }
        var (stay, leave) = (RevocationSegment(expecting: count - moved), RevocationSegment(expecting: moved))
        visit { if isMoved($0) { leave.place($0, $1) } else { stay.place($0, $1) } }
        self = stay
        return leave
    }

    /// Takes in the entries of another segment, none of which are here.
    mutating func merge(_ other: RevocationSegment) {
        var new = RevocationSegment(expecting: count + other.count)
        visit { new.place($0, $1) }
        other.visit { new.place($0, $1) }
        self = new
    }

    /// The moments of the first entries.
    func sample(atMost limit: Int) -> [Int64] {
        let slots = stride(from: 2, to: words.count, by: Self.slotWords)
        return Array(slots.lazy.filter { words[$0] != 0 }.prefix(limit).map { EntryTimes(packed: words[$0]).notBefore })
    }

    func visit(_ body: (RevocationHandle, EntryTimes) -> Void) {
        var index = 0
        while index < words.count {
            if words[index + 2] != 0 {
                body(RevocationHandle(high: words[index], low: words[index + 1]), EntryTimes(packed: words[index + 2]))
            }
            index += Self.slotWords
        }
    }
}
