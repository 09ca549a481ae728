// Room: base64url without padding (RFC 4648 §5, RFC 7515 §2). Strict: one text for each sequence of bytes.

/// The base64url encoding of RFC 7515 §2: the URL-safe alphabet, no padding, no white space.
public enum Base64URL {
    /// The base64url text of `bytes`.
    public static func encode(_ bytes: some Sequence<UInt8>) -> String { encode(Array(bytes)) }

    /// The base64url text of `bytes`: for any other sequence than an array every step is looked up while it runs.
    public static func encode(_ bytes: [UInt8]) -> String {
        // Every byte of the buffer is written before it becomes text.
        unsafe String(unsafeUninitializedCapacity: encodedCount(bytes.count)) { buffer in
            var target = unsafe buffer.mutableSpan
            return encode(bytes.span, into: &target, at: 0)
        }
    }

    /// The bytes that `text` stands for.
    ///
    /// - Throws: `malformed` for a character outside the alphabet (padding included), an impossible length, or bits
    ///   after the last byte that are not zero: two texts must never name the same bytes.
    public static func decode(_ text: String) throws(JOSEError) -> [UInt8] {
        try decode(Array(text.utf8)[...])
    }

    static func encodedBytes(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        let bytes = Array(bytes)
        var output = [UInt8](repeating: 0, count: encodedCount(bytes.count))
        var target = output.mutableSpan
        _ = encode(bytes.span, into: &target, at: 0)
        return output
    }

    /// How many characters name so many bytes.
    static func encodedCount(_ bytes: Int) -> Int {
        (bytes * 4 + 2) / 3
    }

    /// Writes the base64url text of `bytes` into `output` from `start`; answers with the place after the last character.
    static func encode(_ bytes: Span<UInt8>, into output: inout MutableSpan<UInt8>, at start: Int) -> Int {
        // One check for all places that are touched.
        guard start >= 0, output.count - start >= encodedCount(bytes.count) else { return start }
        unsafe output.withUnsafeMutableBufferPointer { target in
            unsafe encodeWhole(bytes, UnsafeMutableBufferPointer(rebasing: target[start...]))
        }
        let alphabet = alphabet.span
        let position = bytes.count / 3 * 3
        let place = start + bytes.count / 3 * 4
        guard position < bytes.count else { return place }
        let hasTwo = position + 1 < bytes.count
        let group = UInt32(bytes[position]) << 16 | (hasTwo ? UInt32(bytes[position + 1]) << 8 : 0)
        output[place] = alphabet[Int(group >> 18)]
        output[place + 1] = alphabet[Int(group >> 12 & 0x3F)]
        guard hasTwo else { return place + 2 }
        output[place + 2] = alphabet[Int(group >> 6 & 0x3F)]
        return place + 3
    }

    /// How many bytes so many characters name.
    static func decodedCount(_ characters: Int) -> Int {
        characters / 4 * 3 + characters % 4 * 3 / 4
    }

    package static func decode(_ text: ArraySlice<UInt8>) throws(JOSEError) -> [UInt8] {
        var output = [UInt8](repeating: 0, count: decodedCount(text.count))
        var target = output.mutableSpan
        _ = try decode(text.span, into: &target, at: 0)
        return output
    }

    /// Decodes `text` into `output` from `start`; answers with the place after the last byte.
    ///
    /// - Throws: as ``decode(_:)``.
    static func decode(
        _ text: Span<UInt8>,
        into output: inout MutableSpan<UInt8>,
        at start: Int
    ) throws(JOSEError) -> Int {
        guard text.count % 4 != 1 else {
            throw JOSEError(.malformed, reason: "base64url: a length of \(text.count) characters names no bytes")
        }
        // One check for all places that the loop below touches.
        guard start >= 0, output.count - start >= decodedCount(text.count) else {
            throw JOSEError(.tooLarge, reason: "base64url: no room for \(text.count) characters")
        }
        let whole = text.count & ~3
        // No character stands for more than six bits: the seventh and the eighth come of foreign ones only.
        var foreign = unsafe output.withUnsafeMutableBufferPointer { target in
            unsafe decodeWhole(text, UnsafeMutableBufferPointer(rebasing: target[start...]))
        }
        let values = values.span
        var place = start + whole / 4 * 3
        let position = whole
        var unused: UInt8 = 0
        if position < text.count {
            let first = values[Int(text[position])]
            let second = values[Int(text[position + 1])]
            foreign |= first | second
            output[place] = first << 2 | second >> 4
            unused = second << 4
            place += 1
            if position + 2 < text.count {
                let third = values[Int(text[position + 2])]
                foreign |= third
                output[place] = second << 4 | third >> 2
                unused = third << 6
                place += 1
            }
        }
        guard foreign & 0xC0 == 0 else {
            throw JOSEError(.malformed, reason: "base64url: expected A-Z a-z 0-9 - _ without padding")
        }
        // RFC 4648 §3.5: "decoders MAY chose to reject an encoding if the pad bits have not been set to zero"
        guard unused == 0 else {
            throw JOSEError(.malformed, reason: "base64url: the unused last bits must be zero")
        }
        return place
    }

    /// Encodes all groups of three bytes; `target` must have room for them.
    ///
    /// A buffer pointer and not a span, because the address of a span handed in as `inout` is read again after each byte
    /// that is stored: that doubles the time.
    @inline(__always)
    private static func encodeWhole(_ bytes: Span<UInt8>, _ target: UnsafeMutableBufferPointer<UInt8>) {
        let alphabet = alphabet.span
        var place = 0
        var position = 0
        while position + 3 <= bytes.count {
            let group =
                unsafe UInt32(bytes[unchecked: position]) << 16
                | UInt32(bytes[unchecked: position + 1]) << 8 | UInt32(bytes[unchecked: position + 2])
            unsafe target[place] = alphabet[unchecked: Int(group >> 18)]
            unsafe target[place + 1] = alphabet[unchecked: Int(group >> 12 & 0x3F)]
            unsafe target[place + 2] = alphabet[unchecked: Int(group >> 6 & 0x3F)]
            unsafe target[place + 3] = alphabet[unchecked: Int(group & 0x3F)]
            position += 3
            place += 4
        }
    }

    /// Decodes all groups of four characters, whatever they are; answers with all their values in one.
    ///
    /// `target` must have room for them.
    @inline(__always)
    private static func decodeWhole(_ text: Span<UInt8>, _ target: UnsafeMutableBufferPointer<UInt8>) -> UInt8 {
        guard let base = UnsafeMutableRawPointer(target.baseAddress) else { return 0 }
        let places = placedValues.span
        var place = 0
        var position = 0
        var seen: UInt32 = 0
        // Four bytes are stored at once, of which the next group writes over the last one.
        while position + 4 <= text.count, place + 4 <= target.count {
            // The table has a value for each byte at each of the four positions.
            let group =
                unsafe places[unchecked: Int(text[unchecked: position])]
                | places[unchecked: 256 + Int(text[unchecked: position + 1])]
                | places[unchecked: 512 + Int(text[unchecked: position + 2])]
                | places[unchecked: 768 + Int(text[unchecked: position + 3])]
            seen |= group
            unsafe base.storeBytes(of: group.littleEndian, toByteOffset: place, as: UInt32.self)
            position += 4
            place += 3
        }
        while position + 4 <= text.count {
            let group =
                unsafe places[unchecked: Int(text[unchecked: position])]
                | places[unchecked: 256 + Int(text[unchecked: position + 1])]
                | places[unchecked: 512 + Int(text[unchecked: position + 2])]
                | places[unchecked: 768 + Int(text[unchecked: position + 3])]
            seen |= group
            unsafe target[place] = UInt8(truncatingIfNeeded: group)
            unsafe target[place + 1] = UInt8(truncatingIfNeeded: group >> 8)
            unsafe target[place + 2] = UInt8(truncatingIfNeeded: group >> 16)
            position += 4
            place += 3
        }
        return UInt8(truncatingIfNeeded: seen >> 24)
    }

    /// For each of the four positions of a group, what each character adds to the three bytes, the first byte lowest; for a
    /// foreign character, a mark in the fourth byte.
    private static let placedValues: [UInt32] = (0..<4).flatMap { position in
        values.map { value in
            guard value != notInAlphabet else { return 0xFF00_0000 }
            let group = UInt32(value) << (18 - 6 * position)
            return group >> 16 | group & 0xFF00 | (group & 0xFF) << 16
        }
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    private static let notInAlphabet: UInt8 = 0xFF
    private static let values: [UInt8] = {
        var table = [UInt8](repeating: notInAlphabet, count: 256)
        for (value, character) in alphabet.enumerated() {
            table[Int(character)] = UInt8(value)
        }
        return table
    }()
}
