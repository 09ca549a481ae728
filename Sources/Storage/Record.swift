public import Instants

/// What sort of thing a record is: `authorization-code`, `client`, `person`.
///
/// Every feature owns the kinds that it stores; an identifier means nothing outside its kind, so one kind can never be
/// redeemed as another (CVE-2026-4282).
public struct RecordKind: Hashable, Sendable, CustomStringConvertible {
    /// The name under which the records are stored; renaming it orphans them.
    public let name: String

    /// The kind of this name.
    public init(_ name: String) { self.name = name }

    /// The name.
    public var description: String { name }
}

/// The hash of an identifier.
///
/// Stores never see the identifier itself, so a stolen database holds nothing to present.
///
/// The caller hashes (SHA-256 in Signet); stores compare these bytes and order listings by them.
public struct IdentifierHash: Hashable, Comparable, Sendable {
    /// The hash itself.
    public let bytes: [UInt8]

    /// The identifier whose hash is `bytes`.
    public init(bytes: [UInt8]) { self.bytes = bytes }

    /// Whether the bytes are the same; eight at a time, for they are compared at every lookup.
    public static func == (left: IdentifierHash, right: IdentifierHash) -> Bool {
        guard left.bytes.count == right.bytes.count else { return false }
        return left.bytes.withUnsafeBytes { left in
            right.bytes.withUnsafeBytes { right in
                var place = 0
                while place + 8 <= left.count {
                    let word = left.loadUnaligned(fromByteOffset: place, as: UInt64.self)
                    guard word == right.loadUnaligned(fromByteOffset: place, as: UInt64.self) else { return false }
                    place += 8
                }
                return left[place...].elementsEqual(right[place...])
            }
        }
    }

    /// Some of the bytes are enough; the last ones, for some identifiers begin alike and are counted up.
    public func hash(into hasher: inout Hasher) {
        bytes.withUnsafeBytes { hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: $0.suffix(16))) }
    }

    /// The order of listings: byte by byte, a prefix before what it begins.
    public static func < (left: IdentifierHash, right: IdentifierHash) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }
}

/// The name of one record.
public struct RecordKey: Hashable, Sendable {
    /// What sort of thing is named.
    public var kind: RecordKind
    /// Which one.
    public var identifier: IdentifierHash

    /// The name of the record of `kind` with this identifier.
    public init(kind: RecordKind, identifier: IdentifierHash) {
        self.kind = kind
        self.identifier = identifier
    }

    /// By the identifier: hardly any two kinds share one.
    public func hash(into hasher: inout Hasher) { identifier.hash(into: &hasher) }
}

/// A second name of a record, unique within its kind and `name`: the user code of a device, the username of a person.
public struct SecondaryIndex: Hashable, Sendable {
    /// Which of the record's second names this is: `user-code`, `username`.
    public var name: String
    /// The hash of the second name.
    public var value: IdentifierHash

    /// The second name `value` of the sort `name`.
    public init(name: String, value: IdentifierHash) {
        self.name = name
        self.value = value
    }
}

/// One stored thing.
///
/// The payload belongs to the feature that wrote it; a store never looks inside.
public struct Record: Hashable, Sendable {
    /// The record's own name.
    public var key: RecordKey
    /// Second names by which it is found as well.
    ///
    /// A repeated one is stored once.
    public var indexes: [SecondaryIndex]
    /// The grant that this record belongs to; `Change.revokeFamily` reaches it by this name.
    public var family: String?
    /// The person whom this record concerns.
    public var subject: String?
    /// The client whom this record concerns.
    public var client: String?
    /// 1 when inserted, one more at every replace and consume.
    ///
    /// Stores keep it; callers name the one that they read.
    public var version: Int64
    /// From this moment the record counts as absent; `nil` keeps it until it is deleted.
    public var expiresAt: Instant?
    /// When the record was spent.
    ///
    /// A spent record is still found, so that a replay can name what it paid for.
    public var consumedAt: Instant?
    /// What the feature stored, in a format and version of its own.
    public var payload: [UInt8]

    /// A record to be inserted, or with `version` the one that was read.
    public init(
        key: RecordKey,
        indexes: [SecondaryIndex] = [],
        family: String? = nil,
        subject: String? = nil,
        client: String? = nil,
        version: Int64 = 1,
        expiresAt: Instant? = nil,
        consumedAt: Instant? = nil,
        payload: [UInt8]
    ) {
        self.key = key
        self.indexes = indexes
        self.family = family
        self.subject = subject
        self.client = client
        self.version = version
        self.expiresAt = expiresAt
        self.consumedAt = consumedAt
        self.payload = payload
    }

    /// Whether the record counts as absent at `now`: expiry is the first moment at which it is gone.
    public func isExpired(at now: Instant) -> Bool {
        guard let expiresAt else { return false }
        return expiresAt <= now
    }
}
