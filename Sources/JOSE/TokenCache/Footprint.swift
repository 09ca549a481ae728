extension VerifiedToken {
    /// What a remembered token takes of memory, in bytes: estimated upwards from the values that it holds.
    ///
    /// Many small values take several times the bytes of the text that they were written in, so the text's length would
    /// not bound anything.
    var footprint: Int {
        Self.fixedBytes + JSON.object(header).footprint + JSON.object(claims).footprint
    }

    /// The result itself, its slot, its place in the index and the registered claims.
    private static let fixedBytes = 768
}

extension JSON {
    /// The bytes of the value and of what it points to.
    fileprivate var footprint: Int {
        switch self {
        case .null, .bool, .integer, .number: Self.slotBytes
        case .string(let text): Self.slotBytes + Self.footprint(of: text)
        case .array(let elements): elements.reduce(Self.slotBytes + Self.headerBytes) { $0 + $1.footprint }
        case .object(let object):
            object.reduce(Self.slotBytes + Self.headerBytes) { sum, member in
                sum + MemoryLayout<String>.stride + Self.footprint(of: member.name) + member.value.footprint
            }
        }
    }

    /// A text of up to 15 bytes lies in its slot, a longer one in a place of its own.
    private static func footprint(of text: String) -> Int {
        text.utf8.count <= 15 ? 0 : headerBytes + text.utf8.count
    }

    /// An array doubles its room when it grows, so half of the slots may be empty.
    private static let slotBytes = 2 * MemoryLayout<JSON>.stride
    private static let headerBytes = 48
}
