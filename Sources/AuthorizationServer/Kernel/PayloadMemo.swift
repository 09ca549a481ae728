package import Storage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Payloads that were decoded lately, for the registers: they are read at every request and change once a month, and decoding
/// one takes longer than signing a token.
///
/// It holds nothing back: the record is read as always, and only bytes that are those of last time are not decoded again.
package struct PayloadMemo: Sendable {
    /// A ``Stored/Both`` each.
    private let entries = Memo<RecordKey, any AnyObject & Sendable>()

    package init() {}

    /// The record with its payload decoded; throws as ``Stored/init(_:)`` does.
    package func stored<Content: Payload>(_ record: Record) throws(StoreError) -> Stored<Content> {
        if let both = entries.recall(record.key) as? Stored<Content>.Both,
            Self.isSame(both.record.payload, record.payload)
        {
            var known = Stored(both)
            if !Self.isSameBesides(both.record, record) {
                known.record = record
                entries.keep(known.both, for: record.key)
            }
            return known
        }
        let stored = try Stored<Content>(record)
        entries.keep(stored.both, for: record.key)
        return stored
    }

    /// Whether two records with the same payload are the same.
    private static func isSameBesides(_ left: Record, _ right: Record) -> Bool {
        var left = left
        // The same array is equal at one look.
        left.payload = right.payload
        return left == right
    }

    private static func isSame(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.withUnsafeBytes { left in right.withUnsafeBytes { left.hasSameBytes(as: $0) } }
    }
}

extension UnsafeRawBufferPointer {
    /// Whether both hold the same bytes; the library's own comparison takes one after the other.
    func hasSameBytes(as other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count else { return false }
        guard let first = baseAddress, let second = other.baseAddress else { return true }
        return memcmp(first, second, count) == 0
    }
}
