import JOSE

/// `application/x-www-form-urlencoded` (RFC 6749 appendix B), strict on the way in.
package enum FormEncoding {
    /// The decoded text; `nil` for a malformed escape or what is not UTF-8 afterwards.
    package static func decode(_ text: some StringProtocol) -> String? { decode(bytes: Array(text.utf8)[...]) }

    static func decode(bytes text: ArraySlice<UInt8>) -> String? {
        // Most names and values need no decoding, and are ASCII: one look tells both, at many bytes at once.
        var encoded: UInt8 = 0
        var all: UInt8 = 0
        text.withUnsafeBufferPointer { text in
            for byte in text {
                encoded |= (byte == UInt8(ascii: "%") ? 1 : 0) | (byte == UInt8(ascii: "+") ? 1 : 0)
                all |= byte
            }
        }
        if encoded == 0 { return self.text(text, isASCII: all < 0x80) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var rest = text.makeIterator()
        while let byte = rest.next() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let high = rest.next().flatMap(hexDigit), let low = rest.next().flatMap(hexDigit) else {
                    return nil
                }
                bytes.append(high << 4 | low)
            default: bytes.append(byte)
            }
        }
        return self.text(bytes[...], isASCII: bytes.allSatisfy { $0 < 0x80 })
    }

    /// The bytes as text; `nil` if they are not UTF-8.
    private static func text(_ bytes: ArraySlice<UInt8>, isASCII: Bool) -> String? {
        isASCII ? String(decoding: bytes, as: UTF8.self) : String(validating: bytes, as: UTF8.self)
    }

    /// The pairs of a query or form body; `nil` if one of them is malformed.
    package static func pairs(_ text: some StringProtocol) -> [(name: String, value: String)]? {
        pairs(Array(text.utf8))
    }

    /// The pairs of the bytes of a query or form body; `nil` if one of them is malformed.
    package static func pairs(_ bytes: [UInt8]) -> [(name: String, value: String)]? {
        var pairs: [(name: String, value: String)] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest[..<(PlainText.firstIndex(of: UInt8(ascii: "&"), in: rest) ?? rest.endIndex)]
            rest = rest[piece.endIndex...].dropFirst()
            if piece.isEmpty { continue }
            let end = piece.firstIndex(of: UInt8(ascii: "=")) ?? piece.endIndex
            guard let name = decode(bytes: piece[..<end]), let value = decode(bytes: piece[end...].dropFirst()) else {
                return nil
            }
            pairs.append((name, value))
        }
        return pairs
    }

    /// Letters, digits and `*-._` as they are, everything else as `%XX`; a space too, which reads everywhere, where `+`
    /// is a space to those who decode forms only.
    package static func encode(_ text: String) -> String {
        var out: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "*"):
                out.append(byte)
            default:
                out.append(UInt8(ascii: "%"))
                out.append(contentsOf: hexDigits(byte))
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    package static func encode(_ pairs: some Sequence<(name: String, value: String)>) -> String {
        pairs.map { encode($0.name) + "=" + encode($0.value) }.joined(separator: "&")
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }

    private static func hexDigits(_ byte: UInt8) -> [UInt8] {
        let digits = Array("0123456789ABCDEF".utf8)
        return [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }
}
