import Instants
import Storage

/// A record as it was read, and which transaction wrote the row.
struct StoredRecord: Sendable {
    var record: Record
    var writer: UInt32
}

extension Rows {
    /// The records of a statement that selects `RecordSQL.columns`.
    func records() throws(PostgresFault) -> [StoredRecord] {
        var records: [StoredRecord] = []
        records.reserveCapacity(count)
        for row in 0..<count {
            guard let kind = try text(row, 0), let identifier = bytes(row, 1), let version = integer(row, 2),
                let payload = bytes(row, 9), let writer = integer(row, 10)
            else { throw .unreadable("a stored record lacks a column") }
            let record = Record(
                key: RecordKey(kind: RecordKind(kind), identifier: IdentifierHash(bytes: identifier)),
                indexes: try bytes(row, 8).map(PackedIndexes.unpacked) ?? [],
                family: try text(row, 5),
                subject: try text(row, 6),
                client: try text(row, 7),
                version: version,
                expiresAt: integer(row, 3).map(Instant.init(millisecondsSinceEpoch:)),
                consumedAt: integer(row, 4).map(Instant.init(millisecondsSinceEpoch:)),
                payload: payload
            )
            records.append(StoredRecord(record: record, writer: UInt32(truncatingIfNeeded: writer)))
        }
        return records
    }
}

/// The second names of a record as its row holds them, so that reading it needs no join: for each, the length of its
/// name, the name, the length of its value and the value; lengths have four bytes, the high one first.
enum PackedIndexes {
    static func packed(_ indexes: [SecondaryIndex]) -> [UInt8]? {
        guard !indexes.isEmpty else { return nil }
        var bytes: [UInt8] = []
        for index in indexes {
            bytes.append(bigEndian: UInt32(truncatingIfNeeded: index.name.utf8.count))
            bytes += index.name.utf8
            bytes.append(bigEndian: UInt32(truncatingIfNeeded: index.value.bytes.count))
            bytes += index.value.bytes
        }
        return bytes
    }

    static func unpacked(_ bytes: [UInt8]) throws(PostgresFault) -> [SecondaryIndex] {
        var rest = bytes[...]
        var indexes: [SecondaryIndex] = []
        while !rest.isEmpty {
            guard let name = String(validating: try part(&rest), as: UTF8.self) else {
                throw .unreadable("the name of a stored index is not UTF-8")
            }
            indexes.append(SecondaryIndex(name: name, value: IdentifierHash(bytes: Array(try part(&rest)))))
        }
        return indexes
    }

    private static func part(_ rest: inout ArraySlice<UInt8>) throws(PostgresFault) -> ArraySlice<UInt8> {
        let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        guard rest.count >= 4, rest.count - 4 >= length else {
            throw .unreadable("the indexes of a stored record are cut short")
        }
        defer { rest = rest.dropFirst(4 + length) }
        return rest.dropFirst(4).prefix(length)
    }
}
