import Instants
import RedisClient
import Storage

/// How records lie in Redis.
///
/// Every key begins with the prefix of the store.
///
/// | key | |
/// |---|---|
/// | `r:` member | a hash: version `v`, expiry `e`, used `u`, family `f`, subject `s`, client `c`, indexes `i`, payload `p` |
/// | `i:` kind, index name, value | the identifier of the index's holder |
/// | `k:` kind | a sorted set, ordered by bytes: the identifiers of the kind |
/// | `f:` family, `s:` subject, `c:` client | the same: the members that belong to it |
/// | `x` | a sorted set by expiry: the members that expire |
///
/// A member is the kind, with its length in front, and the identifier. Moments are twenty digits, so that Lua, whose
/// numbers are fractions, compares them exactly. An optional text has `=` in front, and is empty where there is none.
enum Layout {
    /// Another number means that another program wrote it.
    static let version = "1"
    /// How many values a record is answered as.
    static let width = 9

    static func kind(_ kind: RecordKind) -> [UInt8] { counted(Array(kind.name.utf8)) }

    static func member(_ key: RecordKey) -> [UInt8] { kind(key.kind) + key.identifier.bytes }

    static func entry(_ index: SecondaryIndex) -> [UInt8] { counted(Array(index.name.utf8)) + index.value.bytes }

    static func moment(_ instant: Instant?) -> [UInt8] {
        guard let instant else { return [] }
        let digits = Array(String(UInt64(bitPattern: instant.millisecondsSinceEpoch) ^ (1 << 63)).utf8)
        return [UInt8](repeating: UInt8(ascii: "0"), count: 20 - digits.count) + digits
    }

    static func text(_ text: String?) -> [UInt8] {
        guard let text else { return [] }
        return [UInt8(ascii: "=")] + Array(text.utf8)
    }

    static func indexes(_ indexes: [SecondaryIndex]) -> [UInt8] {
        var distinct = Set<SecondaryIndex>()
        return indexes.filter { distinct.insert($0).inserted }.flatMap { counted(entry($0)) }
    }

    /// The bytes with their number in front, so that what follows cannot be taken for a part of them.
    private static func counted(_ bytes: [UInt8]) -> [UInt8] { Array("\(bytes.count):".utf8) + bytes }

    // MARK: - Reading

    /// The record that these values spell; `nil` if they spell none.
    static func record(_ values: ArraySlice<RedisValue>) -> Record? {
        let fields = values.compactMap(\.bytes)
        guard fields.count == width, let key = key(fields[0]),
            let version = Int64(String(decoding: fields[1], as: UTF8.self)),
            let expiresAt = instant(fields[2]), let consumedAt = instant(fields[3]),
            let family = text(fields[4]), let subject = text(fields[5]), let client = text(fields[6]),
            let indexes = indexes(fields[7])
        else { return nil }
        return Record(
            key: key,
            indexes: indexes,
            family: family,
            subject: subject,
            client: client,
            version: version,
            expiresAt: expiresAt,
            consumedAt: consumedAt,
            payload: fields[8]
        )
    }

    private static func key(_ member: [UInt8]) -> RecordKey? {
        guard let (kind, identifier) = halves(member[...]),
            let name = String(validating: kind, as: UTF8.self)
        else { return nil }
        return RecordKey(kind: RecordKind(name), identifier: IdentifierHash(bytes: Array(identifier)))
    }

    private static func instant(_ digits: [UInt8]) -> Instant?? {
        if digits.isEmpty { return .some(nil) }
        guard digits.count == 20, let number = UInt64(String(decoding: digits, as: UTF8.self)) else { return nil }
        return Instant(millisecondsSinceEpoch: Int64(bitPattern: number ^ (1 << 63)))
    }

    private static func text(_ bytes: [UInt8]) -> String?? {
        guard let sign = bytes.first else { return .some(nil) }
        guard sign == UInt8(ascii: "="), let text = String(validating: bytes.dropFirst(), as: UTF8.self) else {
            return nil
        }
        return text
    }

    private static func indexes(_ bytes: [UInt8]) -> [SecondaryIndex]? {
        var indexes: [SecondaryIndex] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            guard let (entry, others) = halves(rest), let (name, value) = halves(entry),
                let name = String(validating: name, as: UTF8.self)
            else { return nil }
            indexes.append(SecondaryIndex(name: name, value: IdentifierHash(bytes: Array(value))))
            rest = others
        }
        return indexes
    }

    /// What is counted, and what comes after it.
    private static func halves(_ bytes: ArraySlice<UInt8>) -> (ArraySlice<UInt8>, ArraySlice<UInt8>)? {
        guard let colon = bytes.prefix(20).firstIndex(of: UInt8(ascii: ":")),
            let length = Int(String(decoding: bytes[bytes.startIndex..<colon], as: UTF8.self)), length >= 0,
            length <= bytes.endIndex - colon - 1
        else { return nil }
        let end = colon + 1 + length
        return (bytes[(colon + 1)..<end], bytes[end...])
    }
}
