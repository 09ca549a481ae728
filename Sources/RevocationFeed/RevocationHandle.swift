// Room: the revocation feed on the wire (a protocol of our own; no RFC has one). What the server signs and what a
// resource server believes: handles, entries, the chain that makes a lost or reordered entry visible, and the signed
// messages that carry them. Shared by both sides, decides nothing, stores nothing. Docs/revocation-feed.md is its text.

/// Sixteen octets by which a token, a grant, a session, a person or a client is named in the feed of one audience.
///
/// A handle is drawn by the server with a key that never leaves it, for one audience: whoever reads a feed can neither
/// compute the handle of an identifier that it knows nor recognise the same person in the feed of another audience, and
/// a handle opens nothing. A token carries its own handles in the claim ``RevocationClaim/name``.
public struct RevocationHandle: Hashable, Sendable {
    /// How many octets a handle has.
    public static let byteCount = 16

    /// The first eight octets, most significant first.
    public let high: UInt64
    /// The last eight octets, most significant first.
    public let low: UInt64

    /// The handle of these two halves.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The handle that these octets spell; `nil` unless there are exactly ``byteCount``.
    public init?(_ bytes: some Collection<UInt8>) { self.init(Array(bytes)[...]) }

    /// The same for the collection that most have: for any other, every step is looked up while it runs.
    public init?(_ bytes: ArraySlice<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        self.init(high: BigEndian.integer(bytes.prefix(8)), low: BigEndian.integer(bytes.suffix(8)))
    }

    /// The octets.
    public var bytes: [UInt8] { BigEndian.octets(high, count: 8) + BigEndian.octets(low, count: 8) }
}

/// Numbers as octets, most significant first.
enum BigEndian {
    static func integer(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }

    static func octets(_ value: UInt64, count: Int) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0.suffix(count)) }
    }
}
