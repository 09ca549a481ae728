/// The inside of a JSON string, or of a token, eight bytes at a time.
package enum PlainText {
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highs: UInt64 = 0x8080_8080_8080_8080

    /// The first place from `start` whose byte is a quote, a backslash, a control character or not ASCII; else `end`.
    static func end(in bytes: Span<UInt8>, from start: Int, to end: Int) -> Int {
        var position = start
        // Eight bytes may reach beyond `end`, where in most texts other bytes follow.
        while position < end, position + 8 <= bytes.count {
            let word = load(bytes, position)
            // A byte minus 0x20 borrows into its high bit where it is a control character; the exclusive or turns a
            // sought byte into zero. A borrow may mark bytes above a marked one too: only the lowest mark counts.
            let quote = word ^ (ones &* UInt64(UInt8(ascii: "\"")))
            let backslash = word ^ (ones &* UInt64(UInt8(ascii: "\\")))
            let marks = (word &- ones &* 0x20) | (quote &- ones) | (backslash &- ones) | word
            if marks & highs != 0 { return min(position + (marks & highs).trailingZeroBitCount / 8, end) }
            position += 8
        }
        while position < end {
            switch bytes[position] {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), 0x00..<0x20, 0x80...: return position
            default: position += 1
            }
        }
        return end
    }

    /// The first place from `start` that holds `byte`; nil if there is none.
    static func firstIndex(of byte: UInt8, in bytes: Span<UInt8>, from start: Int) -> Int? {
        var position = start
        while position + 8 <= bytes.count {
            let difference = load(bytes, position) ^ (ones &* UInt64(byte))
            let marks = (difference &- ones) & ~difference & highs
            if marks != 0 { return position + marks.trailingZeroBitCount / 8 }
            position += 8
        }
        while position < bytes.count {
            if bytes[position] == byte { return position }
            position += 1
        }
        return nil
    }

    /// The same for a slice, in its own indices.
    package static func firstIndex(of byte: UInt8, in bytes: ArraySlice<UInt8>) -> Int? {
        firstIndex(of: byte, in: bytes.span, from: 0).map { bytes.startIndex + $0 }
    }

    /// Whether both texts have the same bytes, whatever they are equivalent to.
    package static func isSame(_ left: String, _ right: String) -> Bool {
        left.utf8.count == right.utf8.count && left.withUTF8Bytes { isEqual(right, to: $0) }
    }

    /// Whether `text` has exactly these bytes in UTF-8.
    static func isEqual(_ text: String, to bytes: Span<UInt8>) -> Bool {
        text.utf8.count == bytes.count && text.withUTF8Bytes { isEqual($0, bytes) }
    }

    private static func isEqual(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
        guard left.count == right.count else { return false }
        var position = 0
        while position + 8 <= left.count {
            guard load(left, position) == load(right, position) else { return false }
            position += 8
        }
        while position < left.count {
            guard left[position] == right[position] else { return false }
            position += 1
        }
        return true
    }

    @inline(__always)
    private static func load(_ bytes: Span<UInt8>, _ position: Int) -> UInt64 {
        // Any eight bytes are an integer, and the offset is checked.
        UInt64(littleEndian: unsafe bytes.bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self))
    }
}

extension String {
    /// Hands over the UTF-8 bytes, without copying them where the string has them in one piece, as all but foreign ones do.
    @inline(__always)
    func withUTF8Bytes<Value, Failure: Error>(
        _ body: (Span<UInt8>) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        let result = unsafe utf8.withContiguousStorageIfAvailable { buffer in
            do throws(Failure) {
                return Result<Value, Failure>.success(try body(unsafe buffer.span))
            } catch {
                return .failure(error)
            }
        }
        guard let result else { return try body(Array(utf8).span) }
        return try result.get()
    }
}
