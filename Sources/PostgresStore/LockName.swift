import Storage

/// What a transaction locks before it looks: names of records, of indexes and of families, present or not, as 64-bit
/// advisory locks.
///
/// They are taken all at once and in ascending order, so that two transactions never wait for each other in a circle;
/// locking what is not there yet is what row locks cannot do. Two names with one hash wait for each other without need,
/// and nothing else. Every node has to compute the same numbers: the hash is never changed.
struct LockName {
    /// In ascending order, and whether the transaction will change what the name names.
    private(set) var locks: [(name: Int64, isExclusive: Bool)] = []
    private var places: [Int64: Int] = [:]
    private let schema: String

    /// A transaction with more names than this locks everything instead, since the server's table of locks is finite.
    static let most = 1024

    init(schema: String) { self.schema = schema }

    var count: Int { locks.count }

    mutating func add(_ changes: [Change]) {
        for change in changes {
            switch change {
            case .insert(let record), .replace(let record, _):
                add(record.key, exclusively: true)
                for index in record.indexes {
                    add("i", [Array(record.key.kind.name.utf8), Array(index.name.utf8), index.value.bytes], true)
                }
                if let family = record.family { add("f", [Array(family.utf8)], false) }
            case .consume(let key), .delete(let key): add(key, exclusively: true)
            case .require(let key, _), .requireAbsent(let key): add(key, exclusively: false)
            case .revokeFamily(let family): add("f", [Array(family.utf8)], true)
            }
        }
    }

    private mutating func add(_ key: RecordKey, exclusively: Bool) {
        add("r", [Array(key.kind.name.utf8), key.identifier.bytes], exclusively)
    }

    private mutating func add(_ sort: String, _ parts: [[UInt8]], _ isExclusive: Bool) {
        let name = Self.hash(sort + schema, parts)
        if let place = places[name] {
            locks[place].isExclusive = locks[place].isExclusive || isExclusive
        } else {
            places[name] = locks.count
            locks.append((name, isExclusive))
        }
    }

    /// The parameters of `RecordSQL.lock`: first what stands for everything, then the names in their order.
    func parameters() -> [Parameter] {
        let everything = Self.hash("e" + schema, [])
        guard locks.count <= Self.most else { return [.integers([everything]), .booleans([true])] }
        let sorted = locks.sorted { $0.name < $1.name }
        return [
            .integers([everything] + sorted.map(\.name)),
            .booleans([false] + sorted.map(\.isExclusive)),
        ]
    }

    static func hash(of text: String) -> Int64 { hash(text, []) }

    /// FNV-1a over the parts with their lengths, mixed once more so that neighbours scatter.
    private static func hash(_ text: String, _ parts: [[UInt8]]) -> Int64 {
        var state: UInt64 = 0xcbf2_9ce4_8422_2325
        func take(_ byte: UInt8) { state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        for byte in text.utf8 { take(byte) }
        for part in parts {
            for shift in stride(from: 0, to: 32, by: 8) { take(UInt8(truncatingIfNeeded: part.count >> shift)) }
            for byte in part { take(byte) }
        }
        state = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
        state = (state ^ state >> 27) &* 0x94d0_49bb_1331_11eb
        return Int64(bitPattern: state ^ state >> 31)
    }
}
