import Instants
import RevocationFeed

/// What a message changes.
struct FeedStep: Hashable, Sendable {
    /// Entries to take in before anything else is believed.
    var entries: [FeedEntry] = []
    /// The monotonic time as of which everything is known, once the entries are in.
    var coverage: Duration?
    /// The issuer's clock.
    var issuerTime: Instant?
    /// Another JWK Set than before.
    var keys: FeedKeys?
    /// Why a snapshot is needed although nothing is wrong.
    var wantsSnapshot: String?
}

/// What a snapshot does to what was known.
enum SnapshotAdoption: Hashable, Sendable {
    /// It takes the place of what was known: the log that was followed up to now says that less will do.
    case replacing
    /// What was known stays until it expires. Whether a log continues the one that was followed cannot be seen from a
    /// snapshot, and no log that began anew, and no backup that was restored, may give a right back.
    case joining
}

/// Where the reader stands in the feed, and which signed message may follow.
///
/// Every decision about a message is made here, without I/O: it is believed as a whole or it is a fault, after which the
/// connection is not read on.
struct FeedLedger: Sendable {
    private struct Connection: Sendable {
        let nonce: String
        let sentAt: Duration
        var anchor: FreshnessAnchor?
        var lastHeartbeat: Instant?
        /// What the hello vouches for, until everything up to its place is here.
        var promised: (asOf: Instant, sequence: UInt64)?
    }

    private let limits: FeedLimits
    /// The place up to which every entry is known; `nil` before the first snapshot.
    private(set) var position: FeedPosition?
    /// The latest moment of the issuer's clock in this epoch.
    private var latest: Instant?
    private var connection: Connection?
    private var keySet: (digest: String, asOf: Instant)?
    /// Whether the issuer's log was seen to differ from ours at the same place.
    private var isForked = false
    /// Whether the snapshot that is wanted is to be smaller than what is known, which was followed up to now.
    private var mayReplace = false
    /// Until then something is known that this log may never have had.
    private var keptUntil: Instant?

    init(limits: FeedLimits) { self.limits = limits }

    /// Begins a connection or a poll, whose first message has to answer `nonce`.
    mutating func open(nonce: String, sentAt: Duration) { connection = Connection(nonce: nonce, sentAt: sentAt) }

    /// The digest of the issuer's JWK Set, as it was told last.
    var keySetDigest: String? { keySet?.digest }

    /// The next snapshot is wanted because the set came to its bound.
    mutating func noteFullSet() { mayReplace = true }

    // MARK: - Snapshots

    /// Whether the head of a snapshot is worth reading its entries.
    mutating func judge(snapshot head: FeedMessage, answering nonce: String) throws(FeedFault) -> SnapshotAdoption {
        guard case .snapshot(let answered, _, _) = head.content else {
            throw FeedFault(.forged, "not the head of a snapshot")
        }
        guard answered.utf8.elementsEqual(nonce.utf8) else {
            throw FeedFault(.replayed, "a snapshot for another nonce")
        }
        guard let position, position.epoch == head.position.epoch else { return .joining }
        try checkNotOlder(head)
        if head.position.sequence == position.sequence, head.position != position { isForked = true }
        guard mayReplace, !isForked, head.asOf > keptUntil ?? head.asOf - .seconds(1) else { return .joining }
        return .replacing
    }

    /// The snapshot was read to its end, and is what its head says.
    ///
    /// - Parameter lastExpiry: by when everything that was known before will have expired.
    mutating func adopt(snapshot head: FeedMessage, lastExpiry: Instant? = nil) -> FeedStep {
        let isSameLog = position?.epoch == head.position.epoch
        if !isSameLog || isForked, let lastExpiry { keptUntil = max(lastExpiry, keptUntil ?? lastExpiry) }
        position = head.position
        latest = isSameLog ? max(head.asOf, latest ?? head.asOf) : head.asOf
        if !isSameLog { keySet = keySet.map { ($0.digest, head.asOf) } }
        isForked = false
        mayReplace = false
        connection = nil
        return FeedStep(issuerTime: head.asOf, keys: noteKeys(of: head))
    }

    private func checkNotOlder(_ message: FeedMessage) throws(FeedFault) {
        if let position, message.position.sequence < position.sequence {
            throw FeedFault(.rollback, "place \(message.position.sequence), known up to \(position.sequence)")
        }
        if let latest, message.asOf < latest - limits.nodeTolerance {
            throw FeedFault(.rollback, "the issuer's clock went back")
        }
    }

    // MARK: - Messages

    /// Judges the next message of the connection.
    ///
    /// - Parameter now: when it was received, on the monotonic clock.
    mutating func accept(_ message: FeedMessage, at now: Duration) throws(FeedFault) -> FeedStep {
        guard let position, var connection else { throw FeedFault(.order, "no connection was begun") }
        guard message.position.epoch == position.epoch else {
            mayReplace = false
            throw FeedFault(.epoch, "another epoch", remedy: .snapshot)
        }
        defer { self.connection = connection }
        if case .hello(let nonce) = message.content {
            guard connection.anchor == nil else { throw FeedFault(.replayed, "a second hello") }
            guard nonce.utf8.elementsEqual(connection.nonce.utf8) else {
                throw FeedFault(.replayed, "a hello for another nonce")
            }
            try checkNotOlder(message)
            try checkSameHistory(message, at: position)
            connection.anchor = FreshnessAnchor(sentAt: connection.sentAt, asOf: message.asOf)
            connection.promised = (message.asOf, message.position.sequence)
            latest = max(message.asOf, latest ?? message.asOf)
            return FeedStep(
                coverage: Self.redeem(&connection, at: position, now, limits.clockTolerance),
                issuerTime: message.asOf,
                keys: noteKeys(of: message)
            )
        }
        guard var anchor = connection.anchor else { throw FeedFault(.order, "a message before the hello") }
        switch message.content {
        case .delta(let from, let entries):
            var step = try follow(entries, from: from, to: message.position, known: position)
            step.coverage = Self.redeem(&connection, at: message.position, now, limits.clockTolerance)
            return step
        case .heartbeat:
            try checkNotOlder(message)
            guard message.position.sequence == position.sequence else {
                throw FeedFault(.gap, "a heartbeat at \(message.position.sequence)", remedy: .snapshot)
            }
            try checkSameHistory(message, at: position)
            guard message.asOf >= connection.lastHeartbeat ?? message.asOf else {
                throw FeedFault(.order, "an older heartbeat")
            }
            let covered = anchor.coverage(asOf: message.asOf, receivedAt: now, tolerance: limits.clockTolerance)
            guard let covered else { throw FeedFault(.clock, "the issuer's clock went ahead") }
            connection.lastHeartbeat = message.asOf
            connection.anchor = anchor
            latest = max(message.asOf, latest ?? message.asOf)
            return FeedStep(coverage: covered, issuerTime: message.asOf, keys: noteKeys(of: message))
        case .keys:
            guard message.position.sequence <= position.sequence else {
                throw FeedFault(.gap, "keys at \(message.position.sequence)", remedy: .snapshot)
            }
            try checkSameHistory(message, at: position)
            return FeedStep(keys: noteKeys(of: message))
        case .hello, .snapshot:
            throw FeedFault(.order, "a snapshot within a connection")
        }
    }

    /// What the hello vouched for holds once everything up to its place is here.
    ///
    /// It is no fault if the clocks do not agree: a delta that was judged good must get into the set.
    private static func redeem(
        _ connection: inout Connection,
        at position: FeedPosition,
        _ now: Duration,
        _ tolerance: Duration
    ) -> Duration? {
        guard let promised = connection.promised, position.sequence >= promised.sequence else { return nil }
        connection.promised = nil
        return connection.anchor?.coverage(asOf: promised.asOf, receivedAt: now, tolerance: tolerance)
    }

    /// At the same place the hash must be the same.
    private mutating func checkSameHistory(_ message: FeedMessage, at position: FeedPosition) throws(FeedFault) {
        guard message.position.sequence == position.sequence, message.position != position else { return }
        isForked = true
        throw FeedFault(.chain, "another history at \(position.sequence)", remedy: .snapshot)
    }

    /// A delta must join onto what is known and lead to where it says.
    ///
    /// It may begin earlier, for the issuer signs it once for readers at all places; then it must come past our place with
    /// our hash.
    private mutating func follow(
        _ entries: [FeedEntry],
        from: FeedPosition,
        to end: FeedPosition,
        known: FeedPosition
    ) throws(FeedFault) -> FeedStep {
        guard from.sequence <= known.sequence else {
            throw FeedFault(.gap, "a delta from \(from.sequence), known up to \(known.sequence)", remedy: .snapshot)
        }
        guard end.sequence > known.sequence else {
            throw FeedFault(.order, "a delta to \(end.sequence), known up to \(known.sequence)")
        }
        var reached = from
        var new = entries[...]
        while reached.sequence < known.sequence, let entry = new.popFirst() { reached.advance(over: entry) }
        guard reached == known else {
            isForked = true
            throw FeedFault(.chain, "another history at \(known.sequence)", remedy: .snapshot)
        }
        for entry in new { reached.advance(over: entry) }
        guard reached == end else {
            throw FeedFault(.chain, "entries that do not lead to \(end.sequence)", remedy: .snapshot)
        }
        if let unknown = new.first(where: { !Self.isKnown($0.kind) }) {
            throw FeedFault(.snapshotRequired, "an entry of kind \(unknown.kind.octet)", remedy: .snapshot)
        }
        position = end
        let isWidened = new.contains { $0.kind == .widened }
        if isWidened { mayReplace = true }
        return FeedStep(entries: Array(new), wantsSnapshot: isWidened ? "the issuer has widened its set" : nil)
    }

    private static func isKnown(_ kind: FeedEntry.Kind) -> Bool {
        [.handle, .signingKey, .everything, .widened].contains(kind)
    }

    /// What a message says of the issuer's JWK Set, if that is news.
    ///
    /// A key that was withdrawn must not come back with an old message, so the latest statement counts.
    private mutating func noteKeys(of message: FeedMessage) -> FeedKeys? {
        let (digest, known) = (message.keySetDigest, keySet)
        if let known, known.digest != digest, message.asOf < known.asOf { return nil }
        keySet = (digest, max(message.asOf, known?.asOf ?? message.asOf))
        if case .keys(let document) = message.content {
            let isWhole = FeedMessage.digest(ofKeySet: document) == digest
            return FeedKeys(digest: digest, document: isWhole ? document : nil)
        }
        return known?.digest == digest ? nil : FeedKeys(digest: digest, document: nil)
    }
}
