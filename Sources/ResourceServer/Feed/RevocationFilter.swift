import RevocationFeed

/// Two octets for each entry of a large set, in front of all of it: an entry sets three bits of one word.
///
/// It lies apart from the entries and close together, so that the handles of a good token, none of which are there, are
/// looked up in the processor's caches however large the set is.
struct RevocationFilter: Sendable {
    private static let wordsPerSegment = 64
    private static let segmentsPerPart = 64
    /// Octets of an array besides its elements, the allocator's own included.
    static let arrayOverhead = 48

    /// So many segments' words in one array, so that growing never copies more than one of them.
    private var parts: [[UInt64]] = []

    /// What it occupies, in octets.
    var byteCount: Int {
        parts.reduce(parts.capacity * MemoryLayout<[UInt64]>.stride + Self.arrayOverhead) {
            $0 + $1.capacity * 8 + Self.arrayOverhead
        }
    }

    /// Whether the segment may hold the handle: always where it does, and one time in fifty where it does not.
    @inline(__always)
    func mightHold(_ handle: RevocationHandle, in segment: Int) -> Bool {
        let bits = Self.bits(of: handle)
        return parts[segment / Self.segmentsPerPart][Self.word(of: handle, in: segment)] & bits == bits
    }

    @inline(__always)
    private static func bits(of handle: RevocationHandle) -> UInt64 {
        1 << (handle.high & 63) | 1 << (handle.high >> 6 & 63) | 1 << (handle.high >> 12 & 63)
    }

    @inline(__always)
    private static func word(of handle: RevocationHandle, in segment: Int) -> Int {
        segment % segmentsPerPart * wordsPerSegment + Int(handle.high >> 18) % wordsPerSegment
    }

    /// The handle is in the segment from now on.
    mutating func add(_ handle: RevocationHandle, to segment: Int) {
        parts[segment / Self.segmentsPerPart][Self.word(of: handle, in: segment)] |= Self.bits(of: handle)
    }

    /// Begins anew for what the segment holds now.
    mutating func renew(_ segment: Int, for entries: RevocationSegment) {
        let first = segment % Self.segmentsPerPart * Self.wordsPerSegment
        for word in first..<first + Self.wordsPerSegment { parts[segment / Self.segmentsPerPart][word] = 0 }
        entries.visit { handle, _ in add(handle, to: segment) }
    }

    /// One more segment, with nothing in it.
    mutating func append() {
        let room = Self.segmentsPerPart * Self.wordsPerSegment
        if parts.last.map({ $0.count == room }) ?? true { parts.append([]) }
        parts[parts.count - 1] += repeatElement(0, count: Self.wordsPerSegment)
    }

    /// One segment less.
    mutating func removeLast() {
        var part = parts.removeLast()
        part.removeLast(Self.wordsPerSegment)
        guard !part.isEmpty else { return }
        // An array keeps the room that it once needed; a copy has what it needs.
        parts.append(part.capacity > 2 * part.count ? part.map { $0 } : part)
    }
}
