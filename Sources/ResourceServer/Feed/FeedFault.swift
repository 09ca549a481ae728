/// Why what came from the feed is not believed, or nothing came.
struct FeedFault: Error, Hashable, Sendable {
    /// What kind of fault, as a text that is stable: it is counted and logged under it.
    struct Code: Hashable, Sendable, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }

        /// No connection, or it broke.
        static let transport = Code("transport")
        /// The issuer answered with another status than asked for.
        static let status = Code("status")
        /// The issuer's metadata or keys could not be had.
        static let discovery = Code("discovery")
        /// Nothing came, or nothing that makes knowledge fresher.
        static let silence = Code("silence")
        /// Not the format that was agreed on, or too long.
        static let format = Code("format")
        /// Not signed by a key of the feed, by another issuer, for another audience, or of another type.
        static let forged = Code("forged")
        /// No answer to the nonce that was sent.
        static let replayed = Code("replayed")
        /// Not in the order in which it was signed.
        static let order = Code("order")
        /// Entries are missing.
        static let gap = Code("gap")
        /// The entries are not the ones that the hash covers, or another history than ours.
        static let chain = Code("chain")
        /// Older than what is known.
        static let rollback = Code("rollback")
        /// Of another life of the issuer's log.
        static let epoch = Code("epoch")
        /// The issuer's clock ran ahead of the anchor.
        static let clock = Code("clock")
        /// The position is no longer served, or the set is smaller in a snapshot.
        static let snapshotRequired = Code("snapshot-required")
        /// Signed by a key that the feed's JWK Set, as it was fetched last, does not have.
        static let keyUnknown = Code("key-unknown")
    }

    /// What the reader does next.
    enum Remedy: Hashable, Sendable {
        /// Connect again, and go on from the same place.
        case reconnect
        /// Take a snapshot.
        case snapshot
    }

    let code: Code
    /// For the log: literals, numbers and names only.
    let reason: String
    var remedy = Remedy.reconnect
    /// How long the issuer asks to be left alone.
    var retryAfter: Duration?

    init(_ code: Code, _ reason: String, remedy: Remedy = .reconnect, retryAfter: Duration? = nil) {
        self.code = code
        self.reason = reason
        self.remedy = remedy
        self.retryAfter = retryAfter
    }
}
