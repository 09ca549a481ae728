extension VerifiedToken {
    /// What a remembered token takes of memory, in bytes: its text, what the text decodes to, and the places of the values.
    ///
    /// Many small values have many places, so the text's length alone would not bound anything.
    var footprint: Int {
        let index = jws.index
        let nodes = index.nodes.capacity * MemoryLayout<JSONNode>.stride
        let decoded = index.decodedTexts.reduce(0) { $0 + Self.headerBytes + $1.capacity }
        // Three bytes of what was decoded stood in four characters of the text.
        return Self.fixedBytes + index.bytes.capacity * 7 / 3 + nodes + decoded
    }

    /// The result itself, its slot and its place in the index.
    private static let fixedBytes = 768
    /// An array's own header and its place in another.
    private static let headerBytes = 48
}
