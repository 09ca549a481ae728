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
    private struct Entry: Sendable {
        var payload: [UInt8]
        var content: any Payload
    }

    private let entries = Memo<RecordKey, Entry>()

    package init() {}

    /// The record with its payload decoded; throws as ``Stored/init(_:)`` does.
    package func stored<Content: Payload>(_ record: Record) throws(StoreError) -> Stored<Content> {
        if let known = entries.recall(record.key), Self.isSame(known.payload, record.payload),
            let content = known.content as? Content
        {
            return Stored(content: content, record: record)
        }
        let stored = try Stored<Content>(record)
        entries.keep(Entry(payload: record.payload, content: stored.content), for: record.key)
        return stored
    }

    /// Whether these are the same bytes; the library's own comparison takes one after the other.
    private static func isSame(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.count == right.count
            && left.withUnsafeBytes { left in
                right.withUnsafeBytes { right in
                    guard let first = left.baseAddress, let second = right.baseAddress else { return true }
                    return memcmp(first, second, left.count) == 0
                }
            }
    }
}
