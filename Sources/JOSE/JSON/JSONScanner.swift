/// Reads JSON out of bytes, front to back, each byte once, and notes where the values are.
///
/// Everything that RFC 8259 forbids is refused here, so that a ``JSONIndex`` needs no more checks.
struct JSONScanner {
    private(set) var nodes: [JSONNode] = []
    private(set) var decodedTexts: [[UInt8]] = []
    private let maximumDepth: Int
    private var start = 0
    private var position = 0
    private var end = 0
    private var depth = 0

    /// - Parameter expectedBytes: about how much will be scanned, so that the nodes are allocated once.
    init(maximumDepth: Int, expectedBytes: Int) {
        self.maximumDepth = maximumDepth
        nodes.reserveCapacity(8 + expectedBytes / 10)
    }

    /// Scans one JSON text that fills `bytes` from `start` to `end`; answers with the node of its value.
    ///
    /// - Throws: `malformed` or `tooLarge`; the reason names the byte, counted from `start`.
    mutating func scan(_ bytes: Span<UInt8>, from start: Int, to end: Int) throws(JOSEError) -> Int {
        let root = nodes.count
        (self.start, position, self.end, depth) = (start, start, end, 0)
        try scanValue(bytes)
        skipWhitespace(bytes)
        guard position == end else { throw refusal("expected the end after the value") }
        return root
    }

    /// Scans one JSON text as ``scan(_:from:to:)`` does, which must be an object.
    mutating func scanObject(_ bytes: Span<UInt8>, from start: Int, to end: Int) throws(JOSEError) -> Int {
        let root = try scan(bytes, from: start, to: end)
        guard nodes[root].kind == .object else { throw JOSEError(.malformed, reason: "JSON: expected an object") }
        return root
    }

    // MARK: Values

    private mutating func scanValue(_ bytes: Span<UInt8>) throws(JOSEError) {
        skipWhitespace(bytes)
        switch peek(bytes) {
        case UInt8(ascii: "\""): try scanText(bytes)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try scanNumber(bytes)
        case UInt8(ascii: "{"): try scanObject(bytes)
        case UInt8(ascii: "["): try scanArray(bytes)
        case UInt8(ascii: "t"): try scanLiteral("true", as: .bool, bits: 1, bytes)
        case UInt8(ascii: "f"): try scanLiteral("false", as: .bool, bits: 0, bytes)
        case UInt8(ascii: "n"): try scanLiteral("null", as: .null, bits: 0, bytes)
        default: throw refusal("expected a value")
        }
    }

    private mutating func scanLiteral(
        _ literal: StaticString,
        as kind: JSONNode.Kind,
        bits: UInt64,
        _ bytes: Span<UInt8>
    ) throws(JOSEError) {
        for expected in literal.description.utf8 {
            guard skip(expected, bytes) else { throw refusal("expected \(literal)") }
        }
        nodes.append(JSONNode(kind, bits: bits, next: nodes.count + 1))
    }

    private mutating func scanArray(_ bytes: Span<UInt8>) throws(JOSEError) {
        let node = try enter(.array)
        skipWhitespace(bytes)
        if !skip(UInt8(ascii: "]"), bytes) {
            repeat {
                try scanValue(bytes)
                skipWhitespace(bytes)
            } while skip(UInt8(ascii: ","), bytes)
            guard skip(UInt8(ascii: "]"), bytes) else { throw refusal("expected , or ] after an element") }
        }
        leave(node)
    }

    private mutating func scanObject(_ bytes: Span<UInt8>) throws(JOSEError) {
        let node = try enter(.object)
        var names = MemberNames()
        skipWhitespace(bytes)
        if !skip(UInt8(ascii: "}"), bytes) {
            repeat {
                skipWhitespace(bytes)
                guard peek(bytes) == UInt8(ascii: "\"") else { throw refusal("expected a member name") }
                let name = nodes.count
                try scanText(bytes)
                // RFC 7515 §4: "The Header Parameter names within the JOSE Header MUST be unique"; RFC 7519 §4 says the
                // same of claims, RFC 7517 §4 of JWK members.
                guard names.insert(name, after: node, in: self, bytes) else {
                    let name = String(decoding: text(of: nodes[name], bytes), as: UTF8.self)
                    throw refusal("member \(quoted(name)) occurs twice")
                }
                skipWhitespace(bytes)
                guard skip(UInt8(ascii: ":"), bytes) else { throw refusal("expected : after a member name") }
                try scanValue(bytes)
                skipWhitespace(bytes)
            } while skip(UInt8(ascii: ","), bytes)
            guard skip(UInt8(ascii: "}"), bytes) else { throw refusal("expected , or } after a member") }
        }
        leave(node)
    }

    private mutating func enter(_ kind: JSONNode.Kind) throws(JOSEError) -> Int {
        depth += 1
        guard depth <= maximumDepth else {
            throw JOSEError(.tooLarge, reason: "JSON: nested deeper than \(maximumDepth) at byte \(position - start)")
        }
        position += 1
        nodes.append(JSONNode(kind, next: 0))
        return nodes.count - 1
    }

    private mutating func leave(_ node: Int) {
        depth -= 1
        nodes[node].next = UInt32(truncatingIfNeeded: nodes.count)
    }

    // MARK: Strings

    private mutating func scanText(_ bytes: Span<UInt8>) throws(JOSEError) {
        let first = position + 1
        var place = PlainText.end(in: bytes, from: first, to: end)
        var isASCII = true
        while place < end, bytes[place] >= 0x80 {
            isASCII = false
            place = PlainText.end(in: bytes, from: place + 1, to: end)
        }
        position = place
        guard place < end else { throw refusal("a string does not end") }
        guard bytes[place] == UInt8(ascii: "\"") else {
            guard bytes[place] == UInt8(ascii: "\\") else {
                throw refusal("a string holds an unescaped control character")
            }
            return try scanEscapedText(bytes, from: first)
        }
        guard isASCII || isUTF8(copy(bytes, first..<place)) else { throw refusal("a string is not valid UTF-8") }
        nodes.append(JSONNode(textFrom: first, to: place, next: nodes.count + 1))
        position = place + 1
    }

    private mutating func scanEscapedText(_ bytes: Span<UInt8>, from first: Int) throws(JOSEError) {
        var decoded = copy(bytes, first..<position)
        while position < end {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard isUTF8(decoded) else { throw refusal("a string is not valid UTF-8") }
                nodes.append(JSONNode(.decodedText, bits: UInt64(decodedTexts.count), next: nodes.count + 1))
                decodedTexts.append(decoded)
                return
            case UInt8(ascii: "\\"): try scanEscape(into: &decoded, bytes)
            case 0x00..<0x20: throw refusal("a string holds an unescaped control character")
            default: decoded.append(byte)
            }
        }
        throw refusal("a string does not end")
    }

    private mutating func scanEscape(into decoded: inout [UInt8], _ bytes: Span<UInt8>) throws(JOSEError) {
        guard position < end else { throw refusal("a string does not end") }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): decoded.append(byte)
        case UInt8(ascii: "b"): decoded.append(0x08)
        case UInt8(ascii: "f"): decoded.append(0x0C)
        case UInt8(ascii: "n"): decoded.append(0x0A)
        case UInt8(ascii: "r"): decoded.append(0x0D)
        case UInt8(ascii: "t"): decoded.append(0x09)
        case UInt8(ascii: "u"): decoded += Array(String(try scanUnicodeEscape(bytes)).utf8)
        default: throw refusal("an unknown escape in a string")
        }
    }

    private mutating func scanUnicodeEscape(_ bytes: Span<UInt8>) throws(JOSEError) -> Unicode.Scalar {
        let first = try scanHexQuad(bytes)
        if let scalar = Unicode.Scalar(first) { return scalar }
        // RFC 8259 §8.2 leaves a lone surrogate unpredictable, so it is refused.
        guard (0xD800...0xDBFF).contains(first), skip(UInt8(ascii: "\\"), bytes), skip(UInt8(ascii: "u"), bytes) else {
            throw refusal("a lone surrogate in a string")
        }
        let second = try scanHexQuad(bytes)
        guard (0xDC00...0xDFFF).contains(second),
            let scalar = Unicode.Scalar(0x1_0000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw refusal("a lone surrogate in a string") }
        return scalar
    }

    private mutating func scanHexQuad(_ bytes: Span<UInt8>) throws(JOSEError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Character(Unicode.Scalar(peek(bytes))).hexDigitValue else {
                throw refusal("expected four hexadecimal digits after \\u")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    // MARK: Numbers

    private mutating func scanNumber(_ bytes: Span<UInt8>) throws(JOSEError) {
        let first = position
        let isNegative = skip(UInt8(ascii: "-"), bytes)
        // Counted downwards, because the least integer has no positive twin.
        var negated: Int64 = 0
        var fits = true
        // RFC 8259 §6: "Leading zeros are not allowed."
        if !skip(UInt8(ascii: "0"), bytes) {
            var place = position
            while place < end, case let digit = bytes[place] &- UInt8(ascii: "0"), digit < 10 {
                let (tenfold, overflow) = negated.multipliedReportingOverflow(by: 10)
                let (sum, borrow) = tenfold.subtractingReportingOverflow(Int64(digit))
                fits = fits && !overflow && !borrow
                negated = sum
                place += 1
            }
            guard place > position else { throw refusal("expected a digit") }
            position = place
        }
        switch peek(bytes) {
        case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"): return try scanFraction(bytes, from: first)
        default: break
        }
        guard fits, isNegative || negated != .min else { throw refusal("an integer does not fit 64 bits") }
        let value = isNegative ? negated : -negated
        nodes.append(JSONNode(.integer, bits: UInt64(bitPattern: value), next: nodes.count + 1))
    }

    private mutating func scanFraction(_ bytes: Span<UInt8>, from first: Int) throws(JOSEError) {
        if skip(UInt8(ascii: "."), bytes) { try skipDigits(bytes) }
        let mantissa = copy(bytes, first..<position)
        if skip(UInt8(ascii: "e"), bytes) || skip(UInt8(ascii: "E"), bytes) {
            _ = skip(UInt8(ascii: "+"), bytes) || skip(UInt8(ascii: "-"), bytes)
            try skipDigits(bytes)
        }
        let isWrittenZero = !mantissa.contains { (UInt8(ascii: "1")...UInt8(ascii: "9")).contains($0) }
        guard let value = Double(String(decoding: copy(bytes, first..<position), as: UTF8.self)),
            value.isFinite, !value.isZero || isWrittenZero
        else { throw refusal("a number does not fit a double") }
        nodes.append(JSONNode(.number, bits: value.bitPattern, next: nodes.count + 1))
    }

    private mutating func skipDigits(_ bytes: Span<UInt8>) throws(JOSEError) {
        let first = position
        while (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(peek(bytes)) { position += 1 }
        guard position > first else { throw refusal("expected a digit") }
    }

    // MARK: Bytes

    /// The byte here, or NUL, which no JSON text may hold outside its strings, at the end.
    private func peek(_ bytes: Span<UInt8>) -> UInt8 {
        position < end ? bytes[position] : 0
    }

    private mutating func skip(_ byte: UInt8, _ bytes: Span<UInt8>) -> Bool {
        guard peek(bytes) == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipWhitespace(_ bytes: Span<UInt8>) {
        while position < end {
            switch bytes[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }

    private func copy(_ bytes: Span<UInt8>, _ range: Range<Int>) -> [UInt8] {
        range.map { bytes[$0] }
    }

    private func isUTF8(_ text: [UInt8]) -> Bool {
        String(validating: text, as: UTF8.self) != nil
    }

    fileprivate func text(of node: JSONNode, _ bytes: Span<UInt8>) -> [UInt8] {
        node.kind == .decodedText ? decodedTexts[Int(node.bits)] : copy(bytes, node.range)
    }

    private func refusal(_ reason: String) -> JOSEError {
        JOSEError(.malformed, reason: "JSON: \(reason) (byte \(position - start))")
    }
}

/// The names of one object seen so far.
///
/// Few names are compared in turn; many go through a hash table, so that an object
/// of thousands of members does not cost their square.
private struct MemberNames {
    private static let comparedInTurn = 16
    private var count = 0
    /// One bit for each kind of name that came: most names need no comparison.
    private var seen: UInt64 = 0
    private var hashed: Set<[UInt8]> = []

    /// Remembers the name at the node `name` of the object at `object`; false if it was there.
    mutating func insert(_ name: Int, after object: Int, in scanner: JSONScanner, _ bytes: Span<UInt8>) -> Bool {
        count += 1
        guard count <= Self.comparedInTurn else {
            if hashed.isEmpty { hashed = Set(names(before: name, of: object, in: scanner, bytes)) }
            return hashed.insert(scanner.text(of: scanner.nodes[name], bytes)).inserted
        }
        let node = scanner.nodes[name]
        // A name with escapes could be any name.
        let bit: UInt64 = node.kind == .text ? 1 << Self.bucket(node.range, bytes) : .max
        defer { seen |= bit }
        guard seen & bit != 0 else { return true }
        let text = scanner.text(of: node, bytes)
        return !names(before: name, of: object, in: scanner, bytes).contains(text)
    }

    private static func bucket(_ range: Range<Int>, _ bytes: Span<UInt8>) -> UInt64 {
        guard let last = range.last else { return 0 }
        return UInt64(bytes[range.lowerBound] &* 31 ^ bytes[last] &* 7 ^ UInt8(truncatingIfNeeded: range.count) &* 13)
            & 63
    }

    private func names(
        before name: Int,
        of object: Int,
        in scanner: JSONScanner,
        _ bytes: Span<UInt8>
    ) -> [[UInt8]] {
        var names: [[UInt8]] = []
        var position = object + 1
        while position < name {
            names.append(scanner.text(of: scanner.nodes[position], bytes))
            position = Int(scanner.nodes[position + 1].next)
        }
        return names
    }
}
