/// One block of RFC 7468: a label and bytes in base64 between two boundaries.
struct PEMText {
    /// The longest text that is read: room for the longest DER in base64, and to spare.
    static let maximumBytes = 32 * 1024
    private static let lineLength = 64
    private static let begin = "-----BEGIN "
    private static let end = "-----END "
    private static let dashes = "-----"

    let label: KeyStructure.Label
    let der: [UInt8]

    init(label: KeyStructure.Label, der: [UInt8]) {
        self.label = label
        self.der = der
    }

    /// Reads the only block of `text`.
    init(_ text: String) throws(JOSEError) {
        guard text.utf8.count <= Self.maximumBytes else {
            throw JOSEError(.tooLarge, reason: "PEM: \(text.utf8.count) bytes, the limit is \(Self.maximumBytes)")
        }
        var lines = Self.lines(of: text)
        let blocks = lines.count { $0.hasPrefix(Self.begin) }
        guard blocks > 0 else {
            throw JOSEError(.malformed, reason: "PEM: expected a line -----BEGIN … KEY-----, got none")
        }
        guard blocks == 1 else {
            throw JOSEError(
                .malformed,
                reason:
                    "PEM: expected one block, got \(blocks); keep the one of the key (openssl pkey -in FILE writes it)"
            )
        }
        guard let first = lines.first, let label = Self.label(of: first, after: Self.begin) else {
            throw JOSEError(.malformed, reason: "PEM: nothing but white space may stand before -----BEGIN …-----")
        }
        guard let last = lines.last, lines.count >= 2, let closing = Self.label(of: last, after: Self.end) else {
            throw JOSEError(.malformed, reason: "PEM: expected -----END \(label)----- as the last line")
        }
        // RFC 7468 §2: "Generators MUST put the same label on the "-----END " line (post-encapsulation boundary) as the
        // corresponding "-----BEGIN " line."
        guard closing == label else {
            throw JOSEError(.malformed, reason: "PEM: begins with \(quoted(label)), ends with \(quoted(closing))")
        }
        self.label = try KeyStructure.Label(named: label)
        lines.removeFirst()
        lines.removeLast()
        der = try Self.decode(lines)
    }

    /// The block with lines of 64 characters and a line end after the last one.
    var text: String {
        // RFC 7468 §2: "Generators MUST wrap the base64-encoded lines so that each line consists of exactly 64
        // characters except for the final line".
        let characters = Array(Base64URL.encode(der).utf8.map(Self.standard))
        var text = "\(Self.begin)\(label)\(Self.dashes)\n"
        let padded = characters + [UInt8](repeating: UInt8(ascii: "="), count: (4 - characters.count % 4) % 4)
        for start in stride(from: 0, to: padded.count, by: Self.lineLength) {
            text += String(decoding: padded[start..<min(start + Self.lineLength, padded.count)], as: UTF8.self) + "\n"
        }
        return text + "\(Self.end)\(label)\(Self.dashes)\n"
    }

    /// The lines that are not blank, without white space at either end.
    private static func lines(of text: String) -> [String] {
        text.utf8.split { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }.compactMap { line in
            let trimmed = line.drop(while: isBlank).reversed().drop(while: isBlank).reversed()
            return trimmed.isEmpty ? nil : String(decoding: Array(trimmed), as: UTF8.self)
        }
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

    private static func label(of line: String, after prefix: String) -> String? {
        guard line.hasPrefix(prefix), line.hasSuffix(dashes), line.utf8.count > prefix.utf8.count + dashes.utf8.count
        else { return nil }
        return String(line.dropFirst(prefix.count).dropLast(dashes.count))
    }

    private static func decode(_ lines: [String]) throws(JOSEError) -> [UInt8] {
        if let header = lines.first(where: { $0.utf8.contains(UInt8(ascii: ":")) }) {
            let isEncrypted = header.hasPrefix("Proc-Type:") || header.hasPrefix("DEK-Info:")
            throw isEncrypted
                ? KeyStructure.encrypted : JOSEError(.malformed, reason: "PEM: headers in the block are not accepted")
        }
        var characters = lines.flatMap { Array($0.utf8) }
        let count = characters.count
        var padding = 0
        while padding < 2, characters.last == UInt8(ascii: "=") {
            characters.removeLast()
            padding += 1
        }
        guard count > 0, count % 4 == 0, !characters.contains(where: { urlSafe($0) == nil }) else {
            throw JOSEError(.malformed, reason: "PEM: the contents are not base64 with padding")
        }
        do {
            return try Base64URL.decode(String(decoding: characters.compactMap(urlSafe), as: UTF8.self))
        } catch {
            throw JOSEError(.malformed, reason: "PEM: the contents are not base64 in its one canonical form")
        }
    }

    /// The character of base64url for one of base64 (RFC 4648 §4 and §5); nil for what base64 does not have.
    private static func urlSafe(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "+"): UInt8(ascii: "-")
        case UInt8(ascii: "/"): UInt8(ascii: "_")
        case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "="): nil
        default: character
        }
    }

    private static func standard(_ character: UInt8) -> UInt8 {
        switch character {
        case UInt8(ascii: "-"): UInt8(ascii: "+")
        case UInt8(ascii: "_"): UInt8(ascii: "/")
        default: character
        }
    }
}
