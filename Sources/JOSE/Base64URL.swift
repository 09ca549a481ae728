// Room: base64url without padding (RFC 4648 §5, RFC 7515 §2). Strict: one text for each sequence of bytes.

/// The base64url encoding of RFC 7515 §2: the URL-safe alphabet, no padding, no white space.
public enum Base64URL {
    /// The base64url text of `bytes`.
    public static func encode(_ bytes: some Sequence<UInt8>) -> String {
        String(decoding: encodedBytes(bytes), as: UTF8.self)
    }

    /// The bytes that `text` stands for.
    ///
    /// - Throws: `malformed` for a character outside the alphabet (padding included), an impossible length, or bits
    ///   after the last byte that are not zero: two texts must never name the same bytes.
    public static func decode(_ text: String) throws(JOSEError) -> [UInt8] {
        try decode(Array(text.utf8)[...])
    }

    static func encodedBytes(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity((bytes.underestimatedCount * 4 + 2) / 3)
        var pending: UInt32 = 0
        var bits = 0
        for byte in bytes {
            pending = pending << 8 | UInt32(byte)
            bits += 8
            while bits >= 6 {
                bits -= 6
                output.append(alphabet[Int(pending >> bits & 0x3F)])
            }
        }
        if bits > 0 {
            output.append(alphabet[Int(pending << (6 - bits) & 0x3F)])
        }
        return output
    }

    static func decode(_ text: ArraySlice<UInt8>) throws(JOSEError) -> [UInt8] {
        guard text.count % 4 != 1 else {
            throw JOSEError(.malformed, reason: "base64url: a length of \(text.count) characters names no bytes")
        }
        var output: [UInt8] = []
        output.reserveCapacity(text.count * 3 / 4)
        var pending: UInt32 = 0
        var bits = 0
        for character in text {
            let value = values[Int(character)]
            guard value != notInAlphabet else {
                throw JOSEError(.malformed, reason: "base64url: expected A-Z a-z 0-9 - _ without padding")
            }
            pending = pending << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                output.append(UInt8(truncatingIfNeeded: pending >> bits))
            }
        }
        // RFC 4648 §3.5: "decoders MAY chose to reject an encoding if the pad bits have not been set to zero"
        guard pending & ((1 << bits) - 1) == 0 else {
            throw JOSEError(.malformed, reason: "base64url: the unused last bits must be zero")
        }
        return output
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
