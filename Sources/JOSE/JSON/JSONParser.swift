/// Reads one JSON value out of bytes, front to back, each byte once.
struct JSONParser {
    private let bytes: [UInt8]
    private let maximumDepth: Int
    private var position = 0
    private var depth = 0

    static func parse(_ bytes: [UInt8], limits: ParsingLimits) throws(JOSEError) -> JSON {
        guard bytes.count <= limits.maximumBytes else {
            throw JOSEError(.tooLarge, reason: "JSON: \(bytes.count) bytes, the limit is \(limits.maximumBytes)")
        }
        var parser = JSONParser(bytes: bytes, maximumDepth: limits.maximumDepth)
        let value = try parser.parseValue()
        parser.skipWhitespace()
        guard parser.position == bytes.count else { throw parser.refusal("expected the end after the value") }
        return value
    }

    private init(bytes: [UInt8], maximumDepth: Int) {
        self.bytes = bytes
        self.maximumDepth = maximumDepth
    }

    // MARK: Values

    private mutating func parseValue() throws(JOSEError) -> JSON {
        skipWhitespace()
        guard let byte = peek() else { throw refusal("expected a value") }
        switch byte {
        case UInt8(ascii: "{"): return .object(try parseObject())
        case UInt8(ascii: "["): return .array(try parseArray())
        case UInt8(ascii: "\""): return .string(try parseString())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try parseNumber()
        case UInt8(ascii: "t"): return try parseLiteral("true", as: .bool(true))
        case UInt8(ascii: "f"): return try parseLiteral("false", as: .bool(false))
        case UInt8(ascii: "n"): return try parseLiteral("null", as: .null)
        default: throw refusal("expected a value")
        }
    }

    private mutating func parseLiteral(_ literal: StaticString, as value: JSON) throws(JOSEError) -> JSON {
        for expected in literal.description.utf8 {
            guard peek() == expected else { throw refusal("expected \(literal)") }
            position += 1
        }
        return value
    }

    private mutating func parseArray() throws(JOSEError) -> [JSON] {
        try enter()
        var elements: [JSON] = []
        skipWhitespace()
        if !skip(UInt8(ascii: "]")) {
            repeat {
                elements.append(try parseValue())
                skipWhitespace()
            } while skip(UInt8(ascii: ","))
            guard skip(UInt8(ascii: "]")) else { throw refusal("expected , or ] after an element") }
        }
        depth -= 1
        return elements
    }

    private mutating func parseObject() throws(JOSEError) -> JSONObject {
        try enter()
        var members: [(name: String, value: JSON)] = []
        var names = MemberNames()
        skipWhitespace()
        if !skip(UInt8(ascii: "}")) {
            repeat {
                skipWhitespace()
                guard peek() == UInt8(ascii: "\"") else { throw refusal("expected a member name") }
                let name = try parseString()
                // RFC 7515 §4: "The Header Parameter names within the JOSE Header MUST be unique"; RFC 7519 §4 says the
                // same of claims, RFC 7517 §4 of JWK members.
                guard names.insert(name, among: members) else { throw refusal("member \(quoted(name)) occurs twice") }
                skipWhitespace()
                guard skip(UInt8(ascii: ":")) else { throw refusal("expected : after a member name") }
                members.append((name, try parseValue()))
                skipWhitespace()
            } while skip(UInt8(ascii: ","))
            guard skip(UInt8(ascii: "}")) else { throw refusal("expected , or } after a member") }
        }
        depth -= 1
        return JSONObject(uniqueMembers: members)
    }

    private mutating func enter() throws(JOSEError) {
        depth += 1
        guard depth <= maximumDepth else {
            throw JOSEError(.tooLarge, reason: "JSON: nested deeper than \(maximumDepth) at byte \(position)")
        }
        position += 1
    }

    // MARK: Strings

    private mutating func parseString() throws(JOSEError) -> String {
        position += 1
        let start = position
        while let byte = peek(), byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 {
            position += 1
        }
        if peek() == UInt8(ascii: "\"") {
            let text = String(validating: bytes[start..<position], as: UTF8.self)
            position += 1
            guard let text else { throw refusal("a string is not valid UTF-8") }
            return text
        }
        return try parseEscapedString(prefix: bytes[start..<position])
    }

    private mutating func parseEscapedString(prefix: ArraySlice<UInt8>) throws(JOSEError) -> String {
        var decoded = Array(prefix)
        while let byte = peek() {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: decoded, as: UTF8.self) else {
                    throw refusal("a string is not valid UTF-8")
                }
                return text
            case UInt8(ascii: "\\"): try parseEscape(into: &decoded)
            case 0x00..<0x20: throw refusal("a string holds an unescaped control character")
            default: decoded.append(byte)
            }
        }
        throw refusal("a string does not end")
    }

    private mutating func parseEscape(into decoded: inout [UInt8]) throws(JOSEError) {
        guard let byte = peek() else { throw refusal("a string does not end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): decoded.append(byte)
        case UInt8(ascii: "b"): decoded.append(0x08)
        case UInt8(ascii: "f"): decoded.append(0x0C)
        case UInt8(ascii: "n"): decoded.append(0x0A)
        case UInt8(ascii: "r"): decoded.append(0x0D)
        case UInt8(ascii: "t"): decoded.append(0x09)
        case UInt8(ascii: "u"): decoded += Array(String(try parseUnicodeEscape()).utf8)
        default: throw refusal("an unknown escape in a string")
        }
    }

    private mutating func parseUnicodeEscape() throws(JOSEError) -> Unicode.Scalar {
        let first = try parseHexQuad()
        if let scalar = Unicode.Scalar(first) { return scalar }
        // RFC 8259 §8.2 leaves a lone surrogate unpredictable, so it is refused.
        guard (0xD800...0xDBFF).contains(first), skip(UInt8(ascii: "\\")), skip(UInt8(ascii: "u")) else {
            throw refusal("a lone surrogate in a string")
        }
        let second = try parseHexQuad()
        guard (0xDC00...0xDFFF).contains(second),
            let scalar = Unicode.Scalar(0x1_0000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw refusal("a lone surrogate in a string") }
        return scalar
    }

    private mutating func parseHexQuad() throws(JOSEError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw refusal("expected four hexadecimal digits after \\u")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    // MARK: Numbers

    private mutating func parseNumber() throws(JOSEError) -> JSON {
        let start = position
        _ = skip(UInt8(ascii: "-"))
        // RFC 8259 §6: "Leading zeros are not allowed."
        if !skip(UInt8(ascii: "0")) { try skipDigits() }
        var isInteger = true
        if skip(UInt8(ascii: ".")) {
            isInteger = false
            try skipDigits()
        }
        if skip(UInt8(ascii: "e")) || skip(UInt8(ascii: "E")) {
            isInteger = false
            _ = skip(UInt8(ascii: "+")) || skip(UInt8(ascii: "-"))
            try skipDigits()
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isInteger {
            guard let value = Int64(text) else { throw refusal("an integer does not fit 64 bits") }
            return .integer(value)
        }
        guard let value = Double(text), value.isFinite, !value.isZero || isWrittenZero(text) else {
            throw refusal("a number does not fit a double")
        }
        return .number(value)
    }

    private func isWrittenZero(_ text: String) -> Bool {
        text.utf8.prefix { $0 | 0x20 != UInt8(ascii: "e") }.allSatisfy { !(0x31...0x39).contains($0) }
    }

    private mutating func skipDigits() throws(JOSEError) {
        let start = position
        while let byte = peek(), (0x30...0x39).contains(byte) { position += 1 }
        guard position > start else { throw refusal("expected a digit") }
    }

    // MARK: Bytes

    private func peek() -> UInt8? {
        position < bytes.count ? bytes[position] : nil
    }

    private mutating func skip(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipWhitespace() {
        while let byte = peek(), byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private func refusal(_ reason: String) -> JOSEError {
        JOSEError(.malformed, reason: "JSON: \(reason) (byte \(position))")
    }
}

/// The names of one object seen so far.
///
/// Few names are compared in turn; many go through a hash table, so that an object
/// of thousands of members does not cost their square.
private struct MemberNames {
    private static let comparedInTurn = 16
    private var hashed: Set<[UInt8]> = []

    /// Remembers `name`; false if it was there.
    mutating func insert(_ name: String, among members: [(name: String, value: JSON)]) -> Bool {
        guard members.count >= Self.comparedInTurn else {
            return !members.contains { isSameText($0.name, name) }
        }
        if hashed.isEmpty { hashed = Set(members.map { Array($0.name.utf8) }) }
        return hashed.insert(Array(name.utf8)).inserted
    }
}
