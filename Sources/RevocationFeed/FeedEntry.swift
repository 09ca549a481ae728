import Crypto
public import Instants

/// One revocation, as one audience is told of it: 32 octets.
public struct FeedEntry: Hashable, Sendable {
    /// What the entry ends.
    public struct Kind: Hashable, Sendable {
        /// The octet on the wire.
        public let octet: UInt8

        /// The kind of this octet; a reader that does not know it takes a new snapshot rather than guess.
        public init(octet: UInt8) { self.octet = octet }

        /// Every token that carries the handle and was issued at ``FeedEntry/notBefore`` or earlier.
        public static let handle = Kind(octet: 1)
        /// Every token signed by the key, whenever it says that it was issued: see ``FeedEntry/handle(ofKey:)``.
        public static let signingKey = Kind(octet: 2)
        /// Every token issued at ``FeedEntry/notBefore`` or earlier; older entries say nothing more and can go.
        public static let everything = Kind(octet: 3)
        /// Nothing: the server has widened its set, and a new snapshot is smaller than what the reader holds.
        public static let widened = Kind(octet: 4)
    }

    /// How many octets an entry has.
    public static let byteCount = 32

    /// What the entry ends.
    public var kind: Kind
    /// What was issued at this moment or earlier is void.
    public var notBefore: Instant
    /// From here on no token that the entry could affect is left: it may be forgotten.
    public var expiresAt: Instant
    /// Whom it concerns; zeros where the kind says that already.
    public var handle: RevocationHandle

    /// An entry of these parts.
    public init(
        kind: Kind,
        notBefore: Instant,
        expiresAt: Instant,
        handle: RevocationHandle = RevocationHandle(high: 0, low: 0)
    ) {
        self.kind = kind
        self.notBefore = notBefore
        self.expiresAt = expiresAt
        self.handle = handle
    }

    /// The entry that these octets spell; `nil` unless there are exactly ``byteCount``.
    public init?(_ bytes: some Collection<UInt8>) {
        let bytes = Array(bytes)
        guard bytes.count == Self.byteCount, let handle = RevocationHandle(bytes[16...]),
            let expiry = Int64(exactly: BigEndian.integer(bytes[8..<16]))
        else { return nil }
        self.init(
            kind: Kind(octet: bytes[0]),
            notBefore: Instant(millisecondsSinceEpoch: Int64(BigEndian.integer(bytes[1..<8]))),
            expiresAt: Instant(millisecondsSinceEpoch: expiry),
            handle: handle
        )
    }

    /// Kind (1 octet), `notBefore` (7), `expiresAt` (8), both in milliseconds, handle (16).
    public var bytes: [UInt8] {
        [kind.octet] + BigEndian.octets(UInt64(max(0, notBefore.millisecondsSinceEpoch)), count: 7)
            + BigEndian.octets(UInt64(max(0, expiresAt.millisecondsSinceEpoch)), count: 8) + handle.bytes
    }

    /// The entries that lie one after the other in `bytes`; `nil` if something is left over.
    public static func entries(in bytes: [UInt8]) -> [FeedEntry]? {
        guard bytes.count.isMultiple(of: byteCount) else { return nil }
        return stride(from: 0, to: bytes.count, by: byteCount).compactMap { FeedEntry(bytes[$0..<$0 + byteCount]) }
    }

    /// The handle of a signing key: its `kid` is public, so the first octets of SHA-256 over it will do.
    public static func handle(ofKey keyID: String) -> RevocationHandle {
        let digest = Array(SHA256.hash(data: Array("signing-key:\(keyID)".utf8)))
        return RevocationHandle(digest.prefix(RevocationHandle.byteCount)) ?? RevocationHandle(high: 0, low: 0)
    }
}

/// The place of an entry in the feed of one audience.
///
/// Numbers have no gaps, and the hash of a place covers every entry before it: an entry that was left out, changed or
/// put elsewhere leaves the reader with another hash than the one that the next message is signed over.
public struct FeedPosition: Hashable, Sendable {
    /// How many octets a hash has.
    public static let hashLength = 32

    /// The life of the server's log; another one means that the log began anew.
    public let epoch: String
    /// The number of the last entry; 0 before the first.
    public private(set) var sequence: UInt64
    /// SHA-256 over the hash before and the last entry.
    public private(set) var hash: [UInt8]

    /// A place that was read from a signed message or from the store.
    public init(epoch: String, sequence: UInt64, hash: [UInt8]) {
        self.epoch = epoch
        self.sequence = sequence
        self.hash = hash
    }

    /// The place before the first entry.
    public static func beginning(epoch: String, audience: String) -> FeedPosition {
        let seed = Array("signet revocation feed 1\u{0}\(epoch)\u{0}\(audience)".utf8)
        return FeedPosition(epoch: epoch, sequence: 0, hash: Array(SHA256.hash(data: seed)))
    }

    /// Moves on over one entry.
    public mutating func advance(over entry: FeedEntry) {
        sequence += 1
        hash = Array(SHA256.hash(data: hash + entry.bytes))
    }
}
