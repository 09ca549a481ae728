import Crypto
import RevocationFeed

/// Reads a snapshot as it comes: a signed head, a line feed, and the entries.
///
/// The head tells how many they are and what they hash to. Nothing of it is believed before all of it is there.
struct SnapshotReceiver {
    private let limits: FeedLimits
    private var headText: [UInt8] = []
    private var head: FeedMessage?
    private var partial: [UInt8] = []
    private var hasher = SHA256()
    private var missing = 0
    private var set: RevocationSet

    init(limits: FeedLimits) {
        self.limits = limits
        set = RevocationSet(bounds: limits.bounds)
    }

    /// Takes the next piece.
    ///
    /// - Parameter verify: turns the head into a message that may be believed, or throws.
    mutating func consume(_ bytes: [UInt8], verify: (String) throws -> FeedMessage) throws {
        var bytes = bytes[...]
        if head == nil {
            let line = bytes.prefix { $0 != 0x0A }
            guard headText.count + line.count <= FeedMessage.maximumBytes else {
                throw FeedFault(.format, "the head of the snapshot is too long")
            }
            headText += line
            guard line.endIndex < bytes.endIndex else { return }
            try begin(with: verify(String(decoding: headText, as: UTF8.self)))
            bytes = bytes[(line.endIndex + 1)...]
        }
        try take(bytes)
    }

    private mutating func begin(with message: FeedMessage) throws(FeedFault) {
        guard case .snapshot(_, let count, _) = message.content else {
            throw FeedFault(.forged, "not the head of a snapshot")
        }
        guard count <= limits.snapshotBytes / FeedEntry.byteCount else {
            throw FeedFault(.format, "a snapshot of \(count) entries is too long")
        }
        missing = count * FeedEntry.byteCount
        head = message
    }

    private mutating func take(_ bytes: ArraySlice<UInt8>) throws(FeedFault) {
        guard bytes.count <= missing else { throw FeedFault(.chain, "more entries than the snapshot's head says") }
        missing -= bytes.count
        hasher.update(data: bytes)
        var rest = bytes
        if !partial.isEmpty {
            let piece = rest.prefix(FeedEntry.byteCount - partial.count)
            partial += piece
            rest = rest.dropFirst(piece.count)
            guard partial.count == FeedEntry.byteCount else { return }
            try insert(partial[...])
            partial.removeAll(keepingCapacity: true)
        }
        while rest.count >= FeedEntry.byteCount {
            try insert(rest.prefix(FeedEntry.byteCount))
            rest = rest.dropFirst(FeedEntry.byteCount)
        }
        partial += rest
    }

    private mutating func insert(_ bytes: ArraySlice<UInt8>) throws(FeedFault) {
        guard let entry = FeedEntry(bytes) else { throw FeedFault(.format, "an entry that cannot be read") }
        set.insert(entry)
    }

    /// The snapshot, now that nothing more comes.
    ///
    /// - Throws: if it was cut off, or is not what was signed.
    consuming func finish() throws(FeedFault) -> (head: FeedMessage, set: RevocationSet) {
        guard let head, case .snapshot(_, _, let digest) = head.content, missing == 0 else {
            throw FeedFault(.gap, "the snapshot was cut off")
        }
        guard Array(hasher.finalize()).elementsEqual(digest) else {
            throw FeedFault(.chain, "the snapshot is not what its digest says")
        }
        return (head, set)
    }
}
