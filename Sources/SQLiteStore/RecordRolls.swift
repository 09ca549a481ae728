import Storage

/// Which records of a kind there may be: a key that is not on the roll of its kind leads to nothing, and nobody has to ask.
///
/// Most questions of a server are whether something was ended, and it was not; the name of a token that is seen for the first
/// time is in no memory. Rolls are part of a `RecordMemory` and hold for the same state of the database.
struct RecordRolls {
    private enum Entry {
        /// So many keys of the kind led to nothing since nothing is known of it.
        case missed(Int)
        /// It is being read, by the reading of this number; these were written meanwhile.
        case underWay(reading: Int, Set<UInt64>)
        case whole(Set<UInt64>)

        /// What it holds.
        var count: Int {
            switch self {
            case .whole(let marks), .underWay(_, let marks): marks.count
            case .missed: 0
            }
        }
    }

    /// What came of a reading.
    enum Reading: Sendable {
        /// The marks of all records of the kind.
        case whole(Set<UInt64>)
        case tooLong
        /// It could not be read.
        case failed
    }

    /// The misses that a roll is worth: to read one entry takes this part of a query.
    private static let entriesPerMiss = 64
    /// A roll that was too long is taken for so many times what fits.
    private static let patience = 16

    /// How many entries all rolls together may have.
    let room: Int
    /// How many keys of a kind must have led to nothing, at least, before its roll is read.
    let fewestMisses: Int
    private var entries: [RecordKind: Entry] = [:]
    private var worth: [RecordKind: Int] = [:]
    private var readings = 0

    init(room: Int, fewestMisses: Int) {
        self.room = room
        self.fewestMisses = fewestMisses
    }

    /// What stands for an identifier.
    ///
    /// Two may have the same one: then a key that leads to nothing is asked for.
    static func mark(_ identifier: [UInt8]) -> UInt64 {
        // Not the first ones alone: some identifiers are counted up.
        identifier.withUnsafeBytes { bytes in
            let whole = bytes.count & ~7
            let rest = bytes[whole...].reduce(0) { $0 << 8 | UInt64($1) }
            return stride(from: 0, to: whole, by: 8).reduce(rest) {
                $0 ^ bytes.loadUnaligned(fromByteOffset: $1, as: UInt64.self)
            }
        }
    }

    /// Whether nothing can be stored under this key.
    func excludes(_ key: RecordKey) -> Bool {
        guard case .whole(let marks) = entries[key.kind] else { return false }
        return !marks.contains(Self.mark(key.identifier.bytes))
    }

    /// A key of this kind led to nothing: returns the number of the reading that is worth its while now.
    mutating func missed(_ kind: RecordKind) -> Int? {
        guard room > 0, case .missed(let before) = entries[kind] ?? .missed(0) else { return nil }
        guard before + 1 >= worth[kind, default: fewestMisses] else {
            entries[kind] = .missed(before + 1)
            return nil
        }
        readings += 1
        entries[kind] = .underWay(reading: readings, [])
        return readings
    }

    /// A reading is done.
    mutating func end(_ kind: RecordKind, reading: Int, _ result: Reading) {
        // What it took, also where it comes too late.
        switch result {
        case .whole(let marks): setWorth(of: kind, entries: marks.count)
        case .tooLong: setWorth(of: kind, entries: nil)
        case .failed: break
        }
        // Another number: what it holds for is not the current state any more.
        guard case .underWay(reading, let written) = entries[kind] else { return }
        entries[kind] = nil
        if case .whole(let marks) = result { entries[kind] = .whole(marks.union(written)) }
        makeRoom()
    }

    /// - Parameter count: `nil` for more than fits.
    private mutating func setWorth(of kind: RecordKind, entries count: Int?) {
        worth[kind] = max(fewestMisses, (count ?? Self.patience * room) / Self.entriesPerMiss)
    }

    /// A record is stored under this key now.
    mutating func wrote(_ key: RecordKey) {
        let mark = Self.mark(key.identifier.bytes)
        switch entries.removeValue(forKey: key.kind) {
        case .underWay(let reading, var marks):
            marks.insert(mark)
            entries[key.kind] = .underWay(reading: reading, marks)
        case .whole(var marks):
            let (isNew, _) = marks.insert(mark)
            entries[key.kind] = .whole(marks)
            if isNew { makeRoom() }
        case .missed(let count): entries[key.kind] = .missed(count)
        case nil: break
        }
    }

    /// Nothing is known, except for what a reading was worth.
    mutating func forget() { entries = [:] }

    /// Gives the longest rolls up until all together fit.
    private mutating func makeRoom() {
        while entries.values.reduce(0, { $0 + $1.count }) > room,
            let (kind, longest) = entries.max(by: { $0.value.count < $1.value.count })
        {
            setWorth(of: kind, entries: longest.count > room ? nil : longest.count)
            entries[kind] = nil
        }
    }
}
