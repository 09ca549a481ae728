import Instants
import JOSE
import RevocationFeed

/// A message of one audience's feed, kept for readers that are behind.
struct KeptMessage: Sendable {
    var message: FeedMessage
    /// The JWS; made when the first reader needs it, so that an audience without readers costs no signature.
    var text: String?

    /// A generous bound of what it takes.
    var byteCount: Int {
        switch message.content {
        case .delta(_, let entries): 1024 + entries.count * FeedEntry.byteCount * 4
        case .keys(let document): 1024 + document.count * 4
        default: 1024
        }
    }
}

/// The feed of one audience in the memory of this node: a place, the latest messages, and who is waiting for more.
///
/// A reader is a number into the shared messages; nothing is queued for it. One that reads too slowly finds that its
/// number is gone, and stalls nobody.
struct AudienceFeed: Sendable {
    var position: FeedPosition
    /// What must be known now; `nil` until somebody asks for it.
    var set: FeedSet?
    /// The latest heartbeat, while nothing came after it.
    private(set) var heartbeat: (number: UInt64, text: String)?
    private(set) var readers: [UInt64: AsyncStream<Void>.Continuation] = [:]
    /// The encoded set at some place, for the next who asks there.
    var snapshot: (position: FeedPosition, madeAt: Instant, bytes: [UInt8], count: Int)?

    private let capacity: Int
    private var messages: [KeptMessage] = []
    /// The number of the first kept message.
    private var base: UInt64 = 0
    private var keptBytes = 0
    private var heartbeats: UInt64 = 0

    /// - Parameter capacity: how many messages are kept.
    init(position: FeedPosition, capacity: Int) {
        self.position = position
        self.capacity = capacity
    }

    /// The number that the next message will have.
    var end: UInt64 { base + UInt64(messages.count) }

    // MARK: - Writing

    /// Begins anew at another place: whoever reads must take a snapshot.
    mutating func restart(at position: FeedPosition) {
        self.position = position
        base = end + 1
        messages = []
        keptBytes = 0
        heartbeat = nil
        set = nil
        snapshot = nil
    }

    mutating func append(_ kept: KeptMessage) {
        position = kept.message.position
        // An older place after a newer one would look like a step back.
        heartbeat = nil
        messages.append(kept)
        keptBytes += kept.byteCount
        while messages.count > capacity || (keptBytes > FeedLimits.keptBytes && messages.count > 1) {
            keptBytes -= messages.removeFirst().byteCount
            base += 1
        }
    }

    mutating func beat(_ text: String) {
        heartbeats += 1
        heartbeat = (heartbeats, text)
    }

    mutating func keep(_ text: String, at number: UInt64) {
        guard number >= base, number < end else { return }
        messages[Int(number - base)].text = text
    }

    // MARK: - Reading

    /// The number of the message with which a reader goes on that stands at this sequence number; `nil` if the feed
    /// cannot go on from there.
    func number(after sequence: UInt64) -> UInt64? {
        if sequence == position.sequence { return end }
        let index = messages.firstIndex { kept in
            guard case .delta(let from, _) = kept.message.content else { return false }
            return from.sequence == sequence
        }
        return index.map { base + UInt64($0) }
    }

    /// The messages from a number on, at most so many bytes of them; `nil` if they are no longer kept.
    func messages(from number: UInt64, limit: Int) -> [KeptMessage]? {
        guard number >= base, number <= end else { return nil }
        var rest = limit
        return Array(
            messages[Int(number - base)...].prefix { kept in
                defer { rest -= kept.byteCount }
                return rest > 0
            }
        )
    }

    mutating func add(_ reader: UInt64, _ continuation: AsyncStream<Void>.Continuation) {
        readers[reader] = continuation
    }

    mutating func remove(_ reader: UInt64) { readers[reader] = nil }
}
